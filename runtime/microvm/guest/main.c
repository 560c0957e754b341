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

static void handle(struct request *request) {
  if (strcmp(text_of(request, 0), "hello") == 0) {
    /* A host that is new here: what was said to an earlier one is of no use to it. */
    channel_reset();
    process_forget_host();
    answer_begin(request->id, "ok");
    answer_word(text_of(request, 1), request->count > 1 ? request->words[1].size : 0);
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

static _Noreturn void serve(void) {
  static struct pollfd polls[MAX_POLLS];
  int signals = watch_children();
  signal(SIGPIPE, SIG_IGN);
  channel_open();
  for (;;) {
    polls[0] = (struct pollfd){channel_fd(), channel_events(), 0};
    polls[1] = (struct pollfd){signals, POLLIN, 0};
    int count = process_poll(polls + 2, MAX_POLLS - 2);
    if (poll(polls, count + 2, -1) < 0) continue;
    if (polls[1].revents) reap(signals);
    process_ready(polls + 2, count);
    if (polls[0].revents & (POLLIN | POLLHUP)) channel_ready(polls[0].revents, handle);
    else channel_ready(0, handle);
  }
}

int main(int count, char **words) {
  const char *name = count > 0 ? words[0] : "";
  if (strcmp(name, "pause") == 0) return pause_main();
  if (count == 4 && strcmp(name, "fill") == 0) return fill_main(words[1], words[2], words[3]);
  if (getpid() != 1) return 2;
  boot();
  serve();
}
