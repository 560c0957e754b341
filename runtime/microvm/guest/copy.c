/* Trees of files: copied with everything that belongs to them, and removed. Links are never followed. */
#define _GNU_SOURCE
#include "agent.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

static int copy_attributes(int from, int to, const struct stat *info) {
  char names[4096], value[4096];
  ssize_t size = flistxattr(from, names, sizeof names);
  for (char *name = names; size > 0 && name < names + size; name += strlen(name) + 1) {
    ssize_t length = fgetxattr(from, name, value, sizeof value);
    if (length >= 0 && strncmp(name, "trusted.overlay.", 16) != 0) fsetxattr(to, name, value, length, 0);
  }
  struct timespec times[2] = {info->st_atim, info->st_mtim};
  return fchown(to, info->st_uid, info->st_gid) || fchmod(to, info->st_mode & 07777) || futimens(to, times);
}

static int copy_file(int from, int parent, const char *name, const struct stat *info) {
  int to = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (to < 0) return -1;
  ssize_t sent = 1;
  while (sent > 0) sent = sendfile(to, from, NULL, 1 << 20);
  int failed = sent < 0 || copy_attributes(from, to, info);
  close(to);
  return failed ? -1 : 0;
}

/* A link, device, socket or pipe. */
static int copy_other(int folder, int parent, const char *name, const struct stat *info) {
  if (S_ISLNK(info->st_mode)) {
    char target[4096];
    ssize_t size = readlinkat(folder, name, target, sizeof target - 1);
    if (size < 0) return -1;
    target[size] = 0;
    if (symlinkat(target, parent, name) != 0) return -1;
  } else if (mknodat(parent, name, info->st_mode, info->st_rdev) != 0) {
    return -1;
  }
  return fchownat(parent, name, info->st_uid, info->st_gid, AT_SYMLINK_NOFOLLOW);
}

static int copy_entry(int folder, int parent, const char *name) {
  struct stat info;
  if (fstatat(folder, name, &info, AT_SYMLINK_NOFOLLOW) != 0) return -1;
  if (!S_ISDIR(info.st_mode) && !S_ISREG(info.st_mode)) return copy_other(folder, parent, name, &info);
  int from = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  if (from < 0) return -1;
  int failed;
  if (S_ISREG(info.st_mode)) {
    failed = copy_file(from, parent, name, &info);
  } else {
    failed = mkdirat(parent, name, 0700) != 0 && errno != EEXIST;
    int to = failed ? -1 : openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    failed = to < 0 || copy_tree(from, to);
    if (to >= 0) close(to);
  }
  close(from);
  return failed ? -1 : 0;
}

/* Folders become alike, with all that is in them. */
int copy_tree(int from, int to) {
  struct stat info;
  DIR *entries = fdopendir(dup(from));
  if (!entries || fstat(from, &info) != 0) return -1;
  struct dirent *entry;
  int failed = 0;
  while (!failed && (entry = readdir(entries)))
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
      failed = copy_entry(from, to, entry->d_name);
  closedir(entries);
  return failed || copy_attributes(from, to, &info) ? -1 : 0;
}

int remove_tree(int parent, const char *name) {
  if (unlinkat(parent, name, 0) == 0) return 0;
  if (errno != EISDIR && errno != EPERM) return -1;
  int folder = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (folder < 0) return -1;
  DIR *entries = fdopendir(folder);
  struct dirent *entry;
  while (entries && (entry = readdir(entries)))
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) remove_tree(folder, entry->d_name);
  if (entries) closedir(entries);
  return unlinkat(parent, name, AT_REMOVEDIR);
}
