/*
 * Processes that the host asked for, by a key of its choice: started, given input, watched to their end. One is either a
 * program of ours, or (option "adopt") what a launcher such as crun leaves running, with its id in a file.
 */
#define _GNU_SOURCE
#include "agent.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

/* A process whose output must not be lost is read no further ahead than this. */
#define HELD_BACK (1u << 20)
#define STRAYS 64

enum state { STARTING, RUNNING, EXITED, FAILED };
static const char *const state_names[] = {"starting", "running", "exited", "failed"};

struct waiter {
  struct waiter *next;
  ticket id;
  uint64_t offset;
};

struct process {
  struct process *next;
  char key[256], pid_file[300], console[108], cgroup[300];
  int adopt, hold, tty, keep_input, own_pids;
  enum state state;
  pid_t pid, launcher, session;
  int code;
  /* launched_at is of the clock that never jumps. */
  long long launched_at, started_at, finished_at;
  /* Ends of ours: -1 when closed. A terminal is both input and output. */
  int in, out, err, terminal, listener;
  int end_of_input;
  struct output *output;
  uint64_t read_up_to;
  ticket spawn_id, input_id;
  char *input;
  size_t input_size, input_done;
  struct waiter *waiters, *readers;
};

static struct process *processes;

/* Ends of processes that nobody knew yet: their launcher's own end comes later. */
static struct {
  pid_t pid;
  int status;
  long long at;
} strays[STRAYS];
static unsigned stray_count;

long long now_microseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec * 1000000ll + now.tv_nsec / 1000;
}

long long steady_microseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000000ll + now.tv_nsec / 1000;
}

static struct process *find(const char *key) {
  for (struct process *process = processes; process; process = process->next)
    if (strcmp(process->key, key) == 0) return process;
  return NULL;
}

static void close_end(int *end) {
  if (*end >= 0) close(*end);
  *end = -1;
}

static int has_output_open(const struct process *process) {
  return process->out >= 0 || process->err >= 0 || process->terminal >= 0 || process->listener >= 0;
}

static int has_ended(const struct process *process) {
  return process->state >= EXITED && !has_output_open(process);
}

static void add_waiter(struct waiter **list, ticket id, uint64_t offset) {
  struct waiter *waiter = malloc(sizeof *waiter);
  if (!waiter) abort();
  *waiter = (struct waiter){*list, id, offset};
  *list = waiter;
}

/* Those of one line, or of all: -1. */
static void drop_waiters(struct waiter **list, int line) {
  while (*list) {
    struct waiter *waiter = *list;
    if (line >= 0 && line_of(waiter->id) != line) {
      list = &waiter->next;
      continue;
    }
    *list = waiter->next;
    free(waiter);
  }
}

static void answer_state(ticket id, const struct process *process) {
  answer_begin(id, "ok");
  answer_text(state_names[process->state]);
  answer_number(process->pid);
  answer_number(process->started_at);
  answer_number(process->code);
  answer_number(process->finished_at);
  answer_end();
}

static void tell_readers(struct process *process) {
  for (struct waiter **at = &process->readers; *at;) {
    struct waiter *reader = *at;
    if (output_answer(process->output, reader->id, reader->offset, has_ended(process))) {
      *at = reader->next;
      free(reader);
    } else {
      at = &reader->next;
    }
  }
}

/* Processes of a control group end with the one that it belongs to. */
static void kill_group(const char *cgroup) {
  char path[330];
  if (!*cgroup) return;
  snprintf(path, sizeof path, "%s/cgroup.kill", cgroup);
  int file = open(path, O_WRONLY | O_CLOEXEC);
  if (file < 0) return;
  if (write(file, "1", 1) < 0) perror(path);
  close(file);
}

static void read_end(struct process *process, int *end, int stream) {
  char data[16384];
  ssize_t got;
  while (*end >= 0 && (got = read(*end, data, sizeof data)) != -1) {
    if (got == 0) close_end(end);
    else output_write(process->output, stream, data, got);
    if (process->hold && process->state < EXITED) return;
  }
  if (*end >= 0 && errno != EAGAIN && errno != EINTR) close_end(end);
}

static void finish(struct process *process, enum state state, int code, long long at) {
  process->state = state;
  process->code = code;
  process->finished_at = at;
  kill_group(process->cgroup);
  read_end(process, &process->out, 1);
  read_end(process, &process->err, 2);
  close_end(&process->out);
  close_end(&process->err);
  close_end(&process->in);
  close_end(&process->listener);
  for (struct waiter *waiter = process->waiters; waiter; waiter = waiter->next) answer_state(waiter->id, process);
  drop_waiters(&process->waiters, -1);
  if (process->input_id) answer_ok(process->input_id);
  process->input_id = 0;
  tell_readers(process);
}

static int code_of(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

/* The launcher has ended: what did it leave? */
static void adopt(struct process *process, int status) {
  FILE *file = status == 0 ? fopen(process->pid_file, "re") : NULL;
  int pid = 0;
  if (file && fscanf(file, "%d", &pid) != 1) pid = 0;
  if (file) fclose(file);
  if (pid > 0) {
    process->pid = pid;
    /* Whoever leads it. */
    process->session = getsid(pid);
    process->state = RUNNING;
    process->started_at = now_microseconds();
  } else {
    finish(process, FAILED, code_of(status), now_microseconds());
  }
  if (process->spawn_id) answer_state(process->spawn_id, process);
  process->spawn_id = 0;
  /* An older one had the same number by chance. */
  for (unsigned at = 0; pid > 0 && at < STRAYS; at++)
    if (strays[at].pid == pid && strays[at].at >= process->launched_at) {
      strays[at].pid = 0;
      finish(process, EXITED, code_of(strays[at].status), now_microseconds());
      return;
    }
}

void process_ended(pid_t pid, int status) {
  for (struct process *process = processes; process; process = process->next) {
    if (process->launcher == pid) {
      process->launcher = 0;
      adopt(process, status);
      return;
    }
    if (process->state == RUNNING && process->pid == pid) {
      finish(process, EXITED, code_of(status), now_microseconds());
      return;
    }
  }
  strays[stray_count % STRAYS].pid = pid;
  strays[stray_count % STRAYS].status = status;
  strays[stray_count % STRAYS].at = steady_microseconds();
  stray_count++;
}

static int has_option(const char *options, const char *name) {
  char padded[256], wanted[64];
  snprintf(padded, sizeof padded, " %s ", options);
  snprintf(wanted, sizeof wanted, " %s ", name);
  return strstr(padded, wanted) != NULL;
}

/* The number after the name of an option; 0: it is absent. */
static unsigned long long number_after(const char *options, const char *name) {
  const char *at = strstr(options, name);
  return at ? strtoull(at + strlen(name), NULL, 10) : 0;
}

static int listen_for_terminal(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
  unlink(path);
  int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 1) != 0) {
    close_end(&listener);
    return -1;
  }
  return listener;
}

/* crun hands over the terminal's other end. */
static void take_terminal(struct process *process) {
  int connection = accept4(process->listener, NULL, NULL, SOCK_CLOEXEC);
  if (connection < 0) return;
  char byte[256], control[CMSG_SPACE(sizeof(int))];
  struct iovec data = {byte, sizeof byte};
  struct msghdr message = {
      .msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  struct cmsghdr *header = recvmsg(connection, &message, MSG_CMSG_CLOEXEC) > 0 ? CMSG_FIRSTHDR(&message) : NULL;
  if (header && header->cmsg_type == SCM_RIGHTS) {
    memcpy(&process->terminal, CMSG_DATA(header), sizeof(int));
    fcntl(process->terminal, F_SETFL, O_NONBLOCK);
  }
  close(connection);
  close_end(&process->listener);
  unlink(process->console);
}

/* Only the agent itself must never be killed for lack of memory. */
static void become_killable(void) {
  int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (file >= 0 && write(file, "0", 1) == 1) close(file);
}

static void run(char **words, int in, int out, int err) {
  become_killable();
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  signal(SIGPIPE, SIG_DFL);
  if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0) _exit(126);
  execvp(words[0], words);
  dprintf(2, "%s: %s\n", words[0], strerror(errno));
  _exit(127);
}

/* Pipes with their other ends for the child: { in, out, err }. */
static int make_pipes(struct process *process, int theirs[3]) {
  int in[2], out[2], err[2];
  theirs[0] = theirs[1] = theirs[2] = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (theirs[0] < 0) return -1;
  if (process->tty) return 0;
  if (pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0) return -1;
  process->out = out[0], theirs[1] = out[1];
  process->err = err[0], theirs[2] = err[1];
  fcntl(process->out, F_SETFL, O_NONBLOCK);
  fcntl(process->err, F_SETFL, O_NONBLOCK);
  if (!process->keep_input) return 0;
  if (pipe2(in, O_CLOEXEC) != 0) return -1;
  close(theirs[0]);
  process->in = in[1], theirs[0] = in[0];
  fcntl(process->in, F_SETFL, O_NONBLOCK);
  return 0;
}

static void close_theirs(struct process *process, int theirs[3]) {
  close(theirs[0]);
  if (process->tty) return;
  close(theirs[1]);
  close(theirs[2]);
}

static int start(struct process *process, const struct request *request, int first) {
  char *words[MAX_WORDS + 1];
  int theirs[3], count = 0;
  for (int at = first; at < request->count; at++) words[count++] = (char *)request->words[at].bytes;
  words[count] = NULL;
  if (count == 0) return errno = EINVAL, -1;
  if (process->tty && (process->listener = listen_for_terminal(process->console)) < 0) return -1;
  if (make_pipes(process, theirs) != 0) return -1;
  unlink(process->pid_file);
  process->launched_at = steady_microseconds();
  pid_t child = process->own_pids ? syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0) : fork();
  if (child == 0) run(words, theirs[0], theirs[1], theirs[2]);
  close_theirs(process, theirs);
  if (child < 0) return -1;
  if (process->adopt) {
    process->launcher = child;
  } else {
    process->pid = child;
    process->state = RUNNING;
    process->started_at = now_microseconds();
  }
  return 0;
}

static void discard(struct process *process) {
  for (struct process **at = &processes; *at; at = &(*at)->next)
    if (*at == process) {
      *at = process->next;
      break;
    }
  int *ends[] = {&process->in, &process->out, &process->err, &process->terminal, &process->listener};
  for (size_t at = 0; at < sizeof ends / sizeof *ends; at++) close_end(ends[at]);
  drop_waiters(&process->waiters, -1);
  drop_waiters(&process->readers, -1);
  if (process->output) output_close(process->output);
  free(process->input);
  free(process);
}

/* key, options, folder of its output, file of its id, socket for its terminal, control group, words of the command */
static void spawn(const struct request *request) {
  struct process *process = find(text_of(request, 1));
  const char *options = text_of(request, 2);
  if (process) {
    /* A call that comes again. */
    if (process->state == STARTING) process->spawn_id = request->id;
    else answer_state(request->id, process);
    return;
  }
  process = calloc(1, sizeof *process);
  if (!process) abort();
  process->in = process->out = process->err = process->terminal = process->listener = -1;
  snprintf(process->key, sizeof process->key, "%s", text_of(request, 1));
  snprintf(process->pid_file, sizeof process->pid_file, "%s", text_of(request, 4));
  snprintf(process->console, sizeof process->console, "%s", text_of(request, 5));
  snprintf(process->cgroup, sizeof process->cgroup, "%s", text_of(request, 6));
  process->adopt = has_option(options, "adopt");
  process->tty = has_option(options, "tty");
  process->hold = has_option(options, "hold");
  process->keep_input = has_option(options, "input");
  process->own_pids = has_option(options, "pids");
  process->output = output_open(text_of(request, 3), number_after(options, "keep="));
  process->next = processes;
  processes = process;
  if (!process->output || start(process, request, 7) != 0) {
    answer_error(request->id, text_of(request, 7));
    discard(process);
    return;
  }
  if (process->adopt) process->spawn_id = request->id;
  else answer_state(request->id, process);
}

/* Output that was kept goes on where it ended. */
static void again(const struct request *request) {
  struct process *process = find(text_of(request, 1));
  if (!process || process->state < EXITED) {
    errno = process ? EBUSY : ESRCH;
    answer_error(request->id, "again");
    return;
  }
  close_end(&process->terminal);
  process->state = STARTING;
  process->pid = 0;
  process->end_of_input = 0;
  if (start(process, request, 2) != 0) {
    int error = errno;
    finish(process, FAILED, 127, now_microseconds());
    errno = error;
    answer_error(request->id, text_of(request, 2));
    return;
  }
  process->spawn_id = request->id;
}

static void pass_input(struct process *process) {
  int *end = process->tty ? &process->terminal : &process->in;
  while (process->input_id && process->input_done < process->input_size) {
    ssize_t sent = *end < 0 ? -1 : write(*end, process->input + process->input_done, process->input_size - process->input_done);
    if (sent < 0 && *end >= 0 && errno == EAGAIN) return;
    /* Nobody reads any more: what comes is dropped. */
    if (sent < 0) break;
    process->input_done += sent;
  }
  if (process->input_id) answer_ok(process->input_id);
  process->input_id = 0;
  if (process->end_of_input && !process->tty) close_end(&process->in);
}

static void take_input(struct process *process, const struct request *request) {
  if (process->input_id) {
    errno = EBUSY;
    answer_error(request->id, "input");
    return;
  }
  if (process->state >= EXITED || request->count < 3) {
    answer_ok(request->id);
    return;
  }
  free(process->input);
  process->input_size = request->words[2].size;
  process->input = malloc(process->input_size + 1);
  if (!process->input) abort();
  memcpy(process->input, request->words[2].bytes, process->input_size);
  process->input_done = 0;
  process->input_id = request->id;
  if (process->state == RUNNING) pass_input(process);
}

static void close_input(struct process *process, ticket id) {
  process->end_of_input = 1;
  if (!process->input_id && !process->tty) close_end(&process->in);
  answer_ok(id);
}

/* Everything that the process started and that did not leave its session. */
static void kill_session(pid_t session) {
  DIR *entries = opendir("/proc");
  struct dirent *entry;
  while (entries && (entry = readdir(entries))) {
    pid_t pid = atoi(entry->d_name);
    if (pid > 1 && getsid(pid) == session) kill(pid, SIGKILL);
  }
  if (entries) closedir(entries);
}

static void send_signal(struct process *process, const struct request *request) {
  int number = number_of(request, 2);
  if (process->state == RUNNING) {
    if (process->session > 1 && strcmp(text_of(request, 3), "session") == 0) kill_session(process->session);
    kill(process->pid, number);
  }
  answer_ok(request->id);
}

static void resize(struct process *process, const struct request *request) {
  struct winsize size = {.ws_col = number_of(request, 2), .ws_row = number_of(request, 3)};
  if (process->terminal >= 0 && ioctl(process->terminal, TIOCSWINSZ, &size) != 0) answer_error(request->id, "resize");
  else answer_ok(request->id);
}

static void list(ticket id) {
  answer_begin(id, "ok");
  for (struct process *process = processes; process; process = process->next) {
    answer_text(process->key);
    answer_text(state_names[process->state]);
    answer_number(process->pid);
    answer_number(process->started_at);
    answer_number(process->code);
    answer_number(process->finished_at);
  }
  answer_end();
}

static void read_output(struct process *process, const struct request *request) {
  uint64_t offset = number_of(request, 2);
  if (offset > process->read_up_to) process->read_up_to = offset;
  if (strcmp(text_of(request, 3), "now") == 0) {
    if (!output_answer(process->output, request->id, offset, 1)) answer_error(request->id, "output");
    return;
  }
  if (!output_answer(process->output, request->id, offset, has_ended(process)))
    add_waiter(&process->readers, request->id, offset);
}

static int handle_known(struct process *process, struct request *request) {
  const char *verb = text_of(request, 0);
  if (strcmp(verb, "state") == 0) answer_state(request->id, process);
  else if (strcmp(verb, "wait") == 0) {
    if (process->state >= EXITED) answer_state(request->id, process);
    else add_waiter(&process->waiters, request->id, 0);
  } else if (strcmp(verb, "output") == 0) read_output(process, request);
  else if (strcmp(verb, "input") == 0) take_input(process, request);
  else if (strcmp(verb, "close-input") == 0) close_input(process, request->id);
  else if (strcmp(verb, "resize") == 0) resize(process, request);
  else if (strcmp(verb, "signal") == 0) send_signal(process, request);
  else if (strcmp(verb, "forget") == 0) {
    discard(process);
    answer_ok(request->id);
  } else return 0;
  return 1;
}

int process_handle(struct request *request) {
  static const char *const verbs[] = {"state", "wait", "output", "input", "close-input", "resize", "signal", "forget"};
  const char *verb = text_of(request, 0);
  if (strcmp(verb, "spawn") == 0) return spawn(request), 1;
  if (strcmp(verb, "again") == 0) return again(request), 1;
  if (strcmp(verb, "list") == 0) return list(request->id), 1;
  struct process *process = find(text_of(request, 1));
  if (process) return handle_known(process, request);
  for (size_t at = 0; at < sizeof verbs / sizeof *verbs; at++)
    if (strcmp(verb, verbs[at]) == 0) {
      errno = ESRCH;
      answer_error(request->id, text_of(request, 1));
      return 1;
    }
  return 0;
}

void process_forget_host(int line) {
  for (struct process *process = processes; process; process = process->next) {
    drop_waiters(&process->waiters, line);
    drop_waiters(&process->readers, line);
    if (line_of(process->spawn_id) == line) process->spawn_id = 0;
    /* What it sent is passed on all the same. */
    if (line_of(process->input_id) == line) process->input_id = 0;
  }
}

static int is_held(const struct process *process) {
  return process->hold && output_size(process->output) > process->read_up_to + HELD_BACK;
}

static int poll_one(struct pollfd *polls, int count, int room, int file, short events) {
  if (file < 0 || events == 0 || count >= room) return count;
  polls[count] = (struct pollfd){file, events, 0};
  return count + 1;
}

int process_poll(struct pollfd *polls, int room) {
  int count = 0;
  for (struct process *process = processes; process; process = process->next) {
    short reading = is_held(process) ? 0 : POLLIN;
    short writing = process->input_id ? POLLOUT : 0;
    count = poll_one(polls, count, room, process->out, reading);
    count = poll_one(polls, count, room, process->err, reading);
    count = poll_one(polls, count, room, process->terminal, reading | writing);
    count = poll_one(polls, count, room, process->in, writing);
    count = poll_one(polls, count, room, process->listener, POLLIN);
  }
  return count;
}

static short happened(const struct pollfd *polls, int count, int file) {
  for (int at = 0; file >= 0 && at < count; at++)
    if (polls[at].fd == file) return polls[at].revents;
  return 0;
}

void process_ready(const struct pollfd *polls, int count) {
  const short readable = POLLIN | POLLHUP | POLLERR;
  for (struct process *process = processes; process; process = process->next) {
    if (happened(polls, count, process->listener)) take_terminal(process);
    if (happened(polls, count, process->out) & readable) read_end(process, &process->out, 1);
    if (happened(polls, count, process->err) & readable) read_end(process, &process->err, 2);
    short terminal = happened(polls, count, process->terminal);
    if (terminal & readable) read_end(process, &process->terminal, 1);
    if ((terminal | happened(polls, count, process->in)) & (POLLOUT | POLLERR)) pass_input(process);
    tell_readers(process);
  }
}
