/*
 * Runs a virtual machine's monitor with no more than it needs: a user of its own, a root with the programs and files
 * named here, a network namespace that holds nothing (its tap device is open already), and no way to get more.
 *
 *   jail --uid N [--also GROUP] --root FOLDER [--tap NAME [--bridge NAME]] [--group FILE]... [--bind FROM:TO]... [--share FROM:TO]...
 *        [--listen PATH:FD]... -- PROGRAM ARGUMENT...
 *   jail --tsc
 *
 * --bind is read-only, --share is not. FD of the tap is 10. With --tsc it prints the frequency of the processor's
 * counter in kHz, which a guest without other clocks has to be told.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
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
#include <time.h>
#include <unistd.h>
#include <linux/sockios.h>

#define TAP_FD 10

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

static void enter(const char *root) {
  if (chdir(root) != 0 || syscall(SYS_pivot_root, ".", ".") != 0 || umount2(".", MNT_DETACH) != 0 || chdir("/") != 0)
    fail(root);
  if (mount(NULL, "/", NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID, NULL) != 0) fail("/");
}

static void become(uid_t uid, gid_t also) {
  if (setgroups(also ? 1 : 0, &also) != 0 || setresgid(uid, uid, uid) != 0 || setresuid(uid, uid, uid) != 0) fail("user");
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) fail("privileges");
}

int main(int count, char **words) {
  const char *root = NULL, *tap = NULL, *bridge = NULL;
  uid_t uid = 0;
  gid_t also = 0;
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
    else if (strcmp(words[at], "--listen") == 0) listen_on(words[at + 1]);
  }
  if (!root || uid == 0 || at + 1 >= count) return fprintf(stderr, "jail: --root, --uid and a program are needed\n"), 125;
  if (tap) open_tap(tap, bridge);
  if (unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS) != 0) fail("namespaces");
  if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) fail("/");
  if (mount("tmpfs", root, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=64k") != 0) fail(root);
  for (int each = 1; each + 1 < at; each += 2) {
    if (strcmp(words[each], "--bind") == 0) bind_into(root, words[each + 1], MS_RDONLY);
    else if (strcmp(words[each], "--share") == 0) bind_into(root, words[each + 1], 0);
  }
  enter(root);
  become(uid, also);
  execv(words[at + 1], words + at + 1);
  fail(words[at + 1]);
}
