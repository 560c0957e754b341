/* From the kernel's first process to a machine in which containers can run. */
#define _GNU_SOURCE
#include "agent.h"
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The kernel's console tells why, and process 1's end is the machine's. */
static void fail(const char *what) {
  fprintf(stderr, "longshore: %s: %s\n", what, strerror(errno));
  exit(1);
}

static void must_mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data) {
  mkdir(target, 0755);
  if (mount(source, target, type, flags, data) != 0) fail(target);
}

static void must_write(const char *path, const char *text) {
  int file = open(path, O_WRONLY | O_CLOEXEC);
  if (file < 0 || write(file, text, strlen(text)) < 0) fail(path);
  close(file);
}

/* The file system that the kernel unpacked cannot be left with pivot_root, which container runtimes use. */
static void leave_rootfs(void) {
  mkdir("/newroot", 0755);
  if (mount("/", "/newroot", NULL, MS_BIND, NULL) != 0 || chdir("/newroot") != 0 ||
      mount(".", "/", NULL, MS_MOVE, NULL) != 0 || chroot(".") != 0 || chdir("/") != 0)
    fail("/newroot");
}

int load_module(const char *path) {
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return -1;
  int failed = syscall(SYS_finit_module, file, "", 0) != 0 && errno != EEXIST;
  int error = errno;
  close(file);
  errno = error;
  return failed ? -1 : 0;
}

/* /modules/list names them in their order. */
static void load_modules(void) {
  char name[256], path[300];
  FILE *list = fopen("/modules/list", "re");
  if (!list) fail("/modules/list");
  while (fscanf(list, "%255s", name) == 1) {
    snprintf(path, sizeof path, "/modules/%s", name);
    if (load_module(path) != 0) fail(path);
  }
  fclose(list);
}

static void bring_loopback_up(void) {
  struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
  int any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (any < 0 || ioctl(any, SIOCSIFFLAGS, &request) != 0) fail("lo");
  close(any);
}

void boot(void) {
  leave_rootfs();
  must_mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
  must_mount("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
  must_mount("devtmpfs", "/dev", "devtmpfs", MS_NOSUID, "mode=0755");
  must_mount("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "mode=0620,ptmxmode=0666");
  must_mount("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755");
  must_mount("cgroup2", "/sys/fs/cgroup", "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
  load_modules();
  mkdir("/sys/fs/cgroup/agent", 0755);
  must_write("/sys/fs/cgroup/agent/cgroup.procs", "1");
  must_write("/sys/fs/cgroup/cgroup.subtree_control", "+cpu +memory +pids +io");
  mkdir("/sys/fs/cgroup/task", 0755);
  must_write("/sys/fs/cgroup/task/cgroup.subtree_control", "+cpu +memory +pids +io");
  must_write("/proc/self/oom_score_adj", "-1000");
  /* What a container may raise its own limits to. */
  struct rlimit files = {1048576, 1048576};
  setrlimit(RLIMIT_NOFILE, &files);
  /* The machine's size says nothing here: control groups limit processes and memory. */
  struct rlimit processes = {RLIM_INFINITY, RLIM_INFINITY};
  setrlimit(RLIMIT_NPROC, &processes);
  must_write("/proc/sys/vm/overcommit_memory", "1");
  bring_loopback_up();
  setenv("PATH", "/bin", 1);
}
