/*
 * File systems that lie outside of the machine. Each step is a program of its own, because a server may not answer: it
 * ends by itself after the seconds that it is given. Exit codes are errno.
 */
#define _GNU_SOURCE
#include "agent.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

static int attach(const char *type, const char *source, const char *options, const char *target) {
  return make_directories(target, 0755) != 0 || mount(source, target, type, MS_NOSUID | MS_NODEV, options) != 0;
}

/* A folder below `root`, to which no link leads, is mounted at `target` too. */
static int bind_inside(const char *root, const char *path, const char *target) {
  char place[64];
  struct open_how how = {.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
                         .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
  int start = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int folder = start < 0 ? -1 : (int)syscall(SYS_openat2, start, path, &how, sizeof how);
  if (folder < 0) return 1;
  snprintf(place, sizeof place, "/proc/self/fd/%d", folder);
  return make_directories(target, 0755) != 0 || mount(place, target, NULL, MS_BIND | MS_REC, NULL) != 0;
}

/* What was written there leaves the machine first. Who still uses it keeps it. */
static int detach(char **paths) {
  int failed = 0;
  for (; *paths; paths++) {
    int folder = open(*paths, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    failed |= folder < 0 || syncfs(folder) != 0;
    if (folder >= 0) close(folder);
    failed |= umount2(*paths, MNT_DETACH | UMOUNT_NOFOLLOW) != 0;
  }
  return failed;
}

int volumes_main(int count, char **words) {
  const char *name = words[0];
  int failed = 1;
  errno = EINVAL;
  if (count < 3) return errno;
  alarm(atoi(words[1]));
  if (strcmp(name, "attach") == 0 && count == 6) failed = attach(words[2], words[3], words[4], words[5]);
  else if (strcmp(name, "bind-inside") == 0 && count == 5) failed = bind_inside(words[2], words[3], words[4]);
  else if (strcmp(name, "detach") == 0) failed = detach(words + 2);
  return failed ? errno : 0;
}
