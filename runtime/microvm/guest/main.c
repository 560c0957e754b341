/* Process 1 of the machine: boots it, then does what the host asks until the host ends it. */
#define _GNU_SOURCE
#include "agent.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_POLLS 1024
/* Milliseconds. */
#define LOOK_AGAIN 250

/* Milliseconds of the kernel before this process. */
static long long kernel_took;

static void handle(struct request *request) {
  if (strcmp(text_of(request, 0), "hello") == 0) {
    /* A host that is new here: what was said to an earlier one is of no use to it. */
    channel_reset(line_of(request->id));
    process_forget_host(line_of(request->id));
    answer_begin(request->id, "ok");
    answer_word(text_of(request, 1), request->count > 1 ? request->words[1].size : 0);
    answer_end();
    return;
  }
  if (strcmp(text_of(request, 0), "began") == 0) {
    answer_begin(request->id, "ok");
    answer_number(kernel_took);
    answer_end();
    return;
  }
  if (process_handle(request) || files_handle(request) || system_handle(request)) return;
  errno = ENOSYS;
  answer_error(request->id, text_of(request, 0));
}

static int watch_children(void) {
  sigset_t children;
  sigemptyset(&children);
  sigaddset(&children, SIGCHLD);
  sigprocmask(SIG_BLOCK, &children, NULL);
  return signalfd(-1, &children, SFD_NONBLOCK | SFD_CLOEXEC);
}

static void reap(int signals) {
  struct signalfd_siginfo info;
  pid_t pid;
  int status;
  while (read(signals, &info, sizeof info) > 0) continue;
  while ((pid = waitpid(-1, &status, WNOHANG)) > 0) process_ended(pid, status);
}

static short look_at(int line) {
  struct pollfd port = {channel_fd(line), POLLIN, 0};
  return poll(&port, 1, 0) > 0 ? port.revents : 0;
}

static _Noreturn void serve(void) {
  static int hung_up[LINES];
  static struct pollfd polls[MAX_POLLS];
  int signals = watch_children();
  signal(SIGPIPE, SIG_IGN);
  channel_open();
  for (;;) {
    int count = 0, absent = 0;
    for (int line = 0; line < LINES; line++) polls[count++] = (struct pollfd){channel_fd(line), channel_events(line), 0};
    polls[count++] = (struct pollfd){signals, POLLIN, 0};
    count += process_poll(polls + count, MAX_POLLS - count);
    /* A line without a host is always "hung up": it is looked at now and then. */
    for (int line = 0; line < LINES; line++)
      if (hung_up[line]) polls[line].fd = -1, absent = 1;
    int happened = poll(polls, count, absent ? LOOK_AGAIN : -1);
    if (happened < 0) continue;
    if (polls[LINES].revents) reap(signals);
    process_ready(polls + LINES + 1, count - LINES - 1);
    for (int line = 0; line < LINES; line++) {
      if (hung_up[line]) polls[line].revents = look_at(line);
      int heard = channel_ready(line, polls[line].revents, handle);
      /* Its end can be read all the time. */
      hung_up[line] = (polls[line].revents & POLLHUP) && !heard;
    }
  }
}

int main(int count, char **words) {
  const char *name = count > 0 ? words[0] : "";
  if (strcmp(name, "pause") == 0) return pause_main();
  if (count == 4 && strcmp(name, "fill") == 0) return fill_main(words[1], words[2], words[3]);
  if (strcmp(name, "attach") == 0 || strcmp(name, "bind-inside") == 0 || strcmp(name, "detach") == 0)
    return volumes_main(count, words);
  if (getpid() != 1) return 2;
  kernel_took = steady_microseconds() / 1000;
  boot();
  serve();
}
