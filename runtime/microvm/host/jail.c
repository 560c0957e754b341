/*
 * Runs a virtual machine's monitor with no more than it needs: a user of its own, a root with the programs and files
 * named here, a network namespace that holds nothing (its tap device is open already), and no way to get more.
 *
 *   jail --uid N [--also GROUP] --root FOLDER [--tap NAME [--bridge NAME]] [--group FILE]... [--bind FROM:TO]... [--share FROM:TO]...
 *        [--listen PATH:FD]... [--folder FD]... [--server WORD]... [--brief PARENT] -- PROGRAM ARGUMENT...
 *   jail --tsc
 *
 * --bind is read-only, --share is not. FD of the tap is 10. A --brief one ends with its parent, whose id is PARENT. With
 * --tsc it prints the frequency of the processor's counter in kHz, which a guest without other clocks has to be told.
 *
 * The words of --server are a program that serves the machine the folders open as --folder, which it sees as /folders/0,
 * /folders/1 and so on, and nothing else of the host. It listens on descriptor 41; the monitor has the other end, which
 * is 40. It keeps root's rights over files. It and the monitor end together.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <linux/sockios.h>

#define TAP_FD 10
#define CLIENT_FD 40
#define SERVER_FD 41
#define MAX_WORDS 32
#define MAX_FOLDERS 32
/* <linux/mount.h> and <sys/mount.h> do not always go together. */
#define CLONE_TREE 1
#define EMPTY_PATH 0x1000
#define RECURSIVE 0x8000
#define MOVE_EMPTY_PATH 4

static _Noreturn void fail(const char *what) {
  fprintf(stderr, "jail: %s: %s\n", what, strerror(errno));
  exit(125);
}

/* The clock and the counter at one moment: of many readings the one that was interrupted least. */
static void read_both(uint64_t *nanoseconds, uint64_t *counter) {
  uint64_t shortest = UINT64_MAX;
  for (int tries = 0; tries < 1000; tries++) {
    struct timespec now;
    uint64_t before = __builtin_ia32_rdtsc();
    clock_gettime(CLOCK_MONOTONIC_RAW, &now);
    uint64_t taken = __builtin_ia32_rdtsc() - before;
    if (taken >= shortest) continue;
    shortest = taken;
    *nanoseconds = now.tv_sec * 1000000000ull + now.tv_nsec;
    *counter = before + taken / 2;
  }
}

static int print_tsc(void) {
  uint64_t from, to, start, end;
  read_both(&from, &start);
  usleep(200000);
  read_both(&to, &end);
  printf("%llu\n", (unsigned long long)((end - start) * 1000000 / (to - from)));
  return 0;
}

/* The device is gone with the monitor. It is on the bridge and up before anybody speaks through it. */
static void open_tap(const char *name, const char *bridge) {
  struct ifreq tap = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
  struct ifreq port = {.ifr_flags = 0};
  int file = open("/dev/net/tun", O_RDWR);
  int any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  snprintf(tap.ifr_name, IFNAMSIZ, "%s", name);
  if (file < 0 || any < 0 || ioctl(file, TUNSETIFF, &tap) != 0) fail(name);
  if (bridge) {
    snprintf(port.ifr_name, IFNAMSIZ, "%s", bridge);
    port.ifr_ifindex = if_nametoindex(name);
    if (ioctl(any, SIOCBRADDIF, &port) != 0) fail(bridge);
  }
  tap.ifr_flags = IFF_UP | IFF_RUNNING;
  if (ioctl(any, SIOCSIFFLAGS, &tap) != 0) fail(name);
  close(any);
  if (dup2(file, TAP_FD) < 0) fail(name);
  close(file);
}

/* PATH:FD. The socket belongs to root: the monitor only answers on it. */
static void listen_on(char *words) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  char *colon = strrchr(words, ':');
  if (!colon) fail(words);
  *colon = 0;
  snprintf(address.sun_path, sizeof address.sun_path, "%s", words);
  unlink(words);
  int listener = socket(AF_UNIX, SOCK_STREAM, 0);
  if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 1) != 0)
    fail(words);
  if (dup2(listener, atoi(colon + 1)) < 0) fail(words);
  close(listener);
}

static void join_group(const char *file) {
  char pid[16];
  int size = snprintf(pid, sizeof pid, "%d", getpid());
  int procs = open(file, O_WRONLY | O_CLOEXEC);
  if (procs < 0 || write(procs, pid, size) != size) fail(file);
  close(procs);
}

/* FROM:TO, TO below the new root. */
static void bind_into(const char *root, char *words, unsigned long flags) {
  char target[4096];
  struct stat info;
  char *colon = strrchr(words, ':');
  if (!colon) fail(words);
  *colon = 0;
  snprintf(target, sizeof target, "%s%s", root, colon + 1);
  for (char *slash = strchr(target + strlen(root) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
    *slash = 0;
    mkdir(target, 0755);
    *slash = '/';
  }
  if (stat(words, &info) != 0) fail(words);
  if (S_ISDIR(info.st_mode)) mkdir(target, 0755);
  else close(open(target, O_CREAT | O_WRONLY | O_CLOEXEC, 0444));
  if (mount(words, target, NULL, MS_BIND | MS_REC, NULL) != 0 ||
      mount(NULL, target, NULL, MS_BIND | MS_REMOUNT | MS_NOSUID | flags, NULL) != 0)
    fail(words);
}

/* An empty root in namespaces of our own. */
static void make_root(const char *root) {
  if (unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS) != 0) fail("namespaces");
  if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) fail("/");
  if (mount("tmpfs", root, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=64k") != 0) fail(root);
}

static void bind_all(const char *root, char **words, int count, const char *option, unsigned long flags) {
  for (int at = 1; at + 1 < count; at += 2)
    if (strcmp(words[at], option) == 0) bind_into(root, words[at + 1], flags);
}

static void enter(const char *root) {
  if (chdir(root) != 0 || syscall(SYS_pivot_root, ".", ".") != 0 || umount2(".", MNT_DETACH) != 0 || chdir("/") != 0)
    fail(root);
  if (mount(NULL, "/", NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID, NULL) != 0) fail("/");
}

static void become(uid_t uid, gid_t also) {
  if (setgroups(also ? 1 : 0, &also) != 0 || setresgid(uid, uid, uid) != 0 || setresuid(uid, uid, uid) != 0) fail("user");
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) fail("privileges");
}

/* Two ends of a connection that nobody else can make: one listens, the other is connected already. */
static void connect_ends(void) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  socklen_t size = sizeof address;
  int server = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
  if (server < 0 || client < 0 || bind(server, (struct sockaddr *)&address, sizeof address.sun_family) != 0 ||
      listen(server, 1) != 0 || getsockname(server, (struct sockaddr *)&address, &size) != 0 ||
      connect(client, (struct sockaddr *)&address, size) != 0 || dup2(server, SERVER_FD) < 0 ||
      dup2(client, CLIENT_FD) < 0)
    fail("server");
  close(server);
  close(client);
}

/* What is mounted at and below a folder that is open, to be mounted elsewhere; only possible where it was opened. */
static int tree_of(const char *descriptor) {
  int folder = atoi(descriptor);
  int tree = syscall(SYS_open_tree, folder, "", CLONE_TREE | O_CLOEXEC | EMPTY_PATH | RECURSIVE);
  if (tree < 0) fail("folder");
  /* It leads to all that lies above it. */
  close(folder);
  return tree;
}

static void mount_tree(int tree, const char *root, int index) {
  char target[4096];
  snprintf(target, sizeof target, "%s/folders", root);
  mkdir(target, 0755);
  snprintf(target, sizeof target, "%s/folders/%d", root, index);
  if (mkdir(target, 0755) != 0 || syscall(SYS_move_mount, tree, "", AT_FDCWD, target, MOVE_EMPTY_PATH) != 0 ||
      mount(NULL, target, NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
      mount(NULL, target, NULL, MS_BIND | MS_REMOUNT | MS_NOSUID | MS_NODEV, NULL) != 0)
    fail("folder");
}

static void end_with(pid_t parent) {
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent) exit(125);
}

/* A guest whose server is gone would wait for it for ever. Returns in the process that becomes the server. */
static void keep_together(pid_t monitor) {
  pid_t self = getpid(), server = fork();
  if (server == 0) return end_with(self);
  for (int file = 3; file < 256; file++) close(file);
  int status = 0;
  if (server > 0) waitpid(server, &status, 0);
  if (getppid() == monitor) {
    fprintf(stderr, "the server of its directories ended (%s %d)\n", WIFSIGNALED(status) ? "signal" : "code",
            WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    kill(monitor, SIGKILL);
  }
  exit(0);
}

/* The program that serves folders, in a process of its own. */
static void start_server(const char *root, char **words, int count) {
  char *program[MAX_WORDS + 1] = {NULL}, processes[] = "/proc:/proc";
  int trees[MAX_FOLDERS], size = 0, folders = 0;
  pid_t parent = getpid();
  for (int at = 1; at + 1 < count; at += 2)
    if (strcmp(words[at], "--server") == 0 && size < MAX_WORDS) program[size++] = words[at + 1];
  if (size == 0) return;
  connect_ends();
  pid_t child = fork();
  if (child < 0) fail(program[0]);
  if (child > 0) {
    close(SERVER_FD);
    return;
  }
  end_with(parent);
  keep_together(parent);
  /* Nobody may read what it says any more. */
  signal(SIGPIPE, SIG_IGN);
  close(CLIENT_FD);
  for (int at = 1; at + 1 < count && folders < MAX_FOLDERS; at += 2)
    if (strcmp(words[at], "--folder") == 0) trees[folders++] = tree_of(words[at + 1]);
  make_root(root);
  bind_all(root, words, count, "--bind", MS_RDONLY);
  bind_into(root, processes, 0);
  for (int index = 0; index < folders; index++) mount_tree(trees[index], root, index);
  enter(root);
  execv(program[0], program);
  fail(program[0]);
}

int main(int count, char **words) {
  const char *root = NULL, *tap = NULL, *bridge = NULL;
  uid_t uid = 0;
  gid_t also = 0;
  pid_t parent = 0;
  int at = 1;
  if (count == 2 && strcmp(words[1], "--tsc") == 0) return print_tsc();
  /* First what concerns the host, then what needs the new root. */
  for (; at + 1 < count && strcmp(words[at], "--") != 0; at += 2) {
    if (strcmp(words[at], "--uid") == 0) uid = strtoul(words[at + 1], NULL, 10);
    else if (strcmp(words[at], "--also") == 0) also = strtoul(words[at + 1], NULL, 10);
    else if (strcmp(words[at], "--root") == 0) root = words[at + 1];
    else if (strcmp(words[at], "--tap") == 0) tap = words[at + 1];
    else if (strcmp(words[at], "--bridge") == 0) bridge = words[at + 1];
    else if (strcmp(words[at], "--group") == 0) join_group(words[at + 1]);
    else if (strcmp(words[at], "--brief") == 0) parent = strtoul(words[at + 1], NULL, 10);
  }
  if (!root || uid == 0 || at + 1 >= count) return fprintf(stderr, "jail: --root, --uid and a program are needed\n"), 125;
  start_server(root, words, at);
  /* Before their numbers are given to others. */
  for (int each = 1; each + 1 < at; each += 2)
    if (strcmp(words[each], "--folder") == 0) close(atoi(words[each + 1]));
  for (int each = 1; each + 1 < at; each += 2)
    if (strcmp(words[each], "--listen") == 0) listen_on(words[each + 1]);
  if (tap) open_tap(tap, bridge);
  make_root(root);
  bind_all(root, words, at, "--bind", MS_RDONLY);
  bind_all(root, words, at, "--share", 0);
  enter(root);
  become(uid, also);
  /* What was asked for before is forgotten with a change of the user. */
  if (parent) end_with(parent);
  execv(words[at + 1], words + at + 1);
  fail(words[at + 1]);
}
