/* Files and mounts. */
#define _GNU_SOURCE
#include "agent.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Leaves room for the rest of an answer. */
#define MAX_READ (MAX_PAYLOAD - 256)

int make_directories(const char *path, mode_t mode) {
  char part[4096];
  if (snprintf(part, sizeof part, "%s", path) >= (int)sizeof part) return errno = ENAMETOOLONG, -1;
  for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
    *slash = 0;
    if (mkdir(part, 0755) != 0 && errno != EEXIST) return -1;
    *slash = '/';
  }
  if (mkdir(part, mode) == 0) return chmod(part, mode);
  return errno == EEXIST ? 0 : -1;
}

/* path, mode, data, "append" or nothing */
static int write_file(const struct request *request) {
  int append = strcmp(text_of(request, 4), "append") == 0;
  int file = open(text_of(request, 1), O_WRONLY | O_CREAT | O_CLOEXEC | (append ? O_APPEND : O_TRUNC),
                  (mode_t)number_of(request, 2));
  if (file < 0) return -1;
  const struct word *data = &request->words[3];
  ssize_t written = request->count > 3 ? write(file, data->bytes, data->size) : 0;
  int error = errno;
  close(file);
  errno = written < 0 ? error : ENOSPC;
  return request->count > 3 && written != (ssize_t)data->size ? -1 : 0;
}

/* What a path leads to when `root` is the root: no link leads out of it. */
static int open_inside(const char *root, const char *path, int flags) {
  int folder = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return -1;
  struct open_how how = {.flags = flags | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
  int file = syscall(SYS_openat2, folder, path, &how, sizeof how);
  int error = errno;
  close(folder);
  errno = error;
  return file;
}

static void answer_contents(ticket id, int file, const char *path, off_t from) {
  static char data[MAX_READ];
  size_t size = 0;
  ssize_t got = -1;
  if (file >= 0 && from > 0) lseek(file, from, SEEK_SET);
  while (file >= 0 && size < sizeof data && (got = read(file, data + size, sizeof data - size)) > 0) size += got;
  if (got < 0) {
    answer_error(id, path);
  } else {
    answer_begin(id, "ok");
    answer_word(data, size);
    answer_end();
  }
  if (file >= 0) close(file);
}

/*
 * What is at the path is copied, in a process of its own because it may take long. The mark beside the destination says
 * that it was done: nothing is copied twice.
 */
int fill_main(const char *root, const char *path, const char *to) {
  char mark[4096];
  snprintf(mark, sizeof mark, "%s.filled", to);
  if (access(mark, F_OK) == 0) return 0;
  int source = open_inside(root, path, O_RDONLY | O_DIRECTORY | O_NONBLOCK);
  int target = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (target < 0 || (source >= 0 && copy_tree(source, target) != 0)) {
    perror(path);
    return 1;
  }
  return open(mark, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) < 0;
}

/* Takes its time in a process of its own; what is absent is a success. */
static int remove_it(const char *path) {
  static unsigned count;
  char trash[4096];
  snprintf(trash, sizeof trash, "%s.removed-%u", path, count++);
  if (rename(path, trash) != 0) return errno == ENOENT ? 0 : -1;
  if (fork() == 0) _exit(remove_tree(AT_FDCWD, trash) != 0);
  return 0;
}

/* A folder that lies in `root`, made where it is missing with those above it. */
static int open_folder_inside(const char *root, const char *path) {
  int folder = open_inside(root, path, O_PATH | O_DIRECTORY);
  if (folder >= 0 || errno != ENOENT) return folder;
  char above[4096];
  snprintf(above, sizeof above, "%s", path);
  char *slash = strrchr(above, '/');
  if (!slash || !slash[1]) return errno = EINVAL, -1;
  *slash = 0;
  int parent = open_folder_inside(root, above[0] ? above : "/");
  if (parent < 0) return -1;
  if (mkdirat(parent, slash + 1, 0755) != 0 && errno != EEXIST) return close(parent), -1;
  close(parent);
  return open_inside(root, path, O_PATH | O_DIRECTORY);
}

/* root, path, mode, data, "append" or nothing: what is at the path is replaced, a link too. */
static int write_inside(const struct request *request) {
  char path[4096];
  snprintf(path, sizeof path, "%s", text_of(request, 2));
  char *slash = strrchr(path, '/');
  if (!slash || !slash[1] || request->count < 5) return errno = EINVAL, -1;
  *slash = 0;
  int folder = open_folder_inside(text_of(request, 1), path[0] ? path : "/");
  if (folder < 0) return -1;
  int append = strcmp(text_of(request, 5), "append") == 0;
  if (!append) unlinkat(folder, slash + 1, 0);
  mode_t mode = number_of(request, 3);
  int file = openat(folder, slash + 1, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC | (append ? O_APPEND : O_EXCL), mode);
  const struct word *data = &request->words[4];
  int failed = file < 0 || write(file, data->bytes, data->size) != (ssize_t)data->size || fchmod(file, mode) != 0;
  if (file >= 0) close(file);
  close(folder);
  return failed ? -1 : 0;
}

static int mount_it(const struct request *request) {
  const char *type = text_of(request, 3), *data = text_of(request, 5);
  return mount(text_of(request, 1), text_of(request, 2), *type ? type : NULL, (unsigned long)number_of(request, 4),
               *data ? data : NULL);
}

static int unmount_it(const char *path) {
  return umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0 || errno == EINVAL || errno == ENOENT ? 0 : -1;
}

int files_handle(struct request *request) {
  const char *verb = text_of(request, 0), *path = text_of(request, 1);
  int failed;
  if (strcmp(verb, "read") == 0) {
    answer_contents(request->id, open(path, O_RDONLY | O_CLOEXEC), path, number_of(request, 2));
    return 1;
  }
  if (strcmp(verb, "read-inside") == 0) {
    answer_contents(request->id, open_inside(path, text_of(request, 2), O_RDONLY | O_NONBLOCK), text_of(request, 2),
                    number_of(request, 3));
    return 1;
  }
  if (strcmp(verb, "mkdir") == 0) failed = make_directories(path, (mode_t)number_of(request, 2));
  else if (strcmp(verb, "write") == 0) failed = write_file(request);
  else if (strcmp(verb, "write-inside") == 0) failed = write_inside(request);
  else if (strcmp(verb, "mount") == 0) failed = mount_it(request);
  else if (strcmp(verb, "unmount") == 0) failed = unmount_it(path);
  else if (strcmp(verb, "remove") == 0) failed = remove_it(path);
  else if (strcmp(verb, "rmdir") == 0) failed = rmdir(path) == 0 || errno == ENOENT ? 0 : -1;
  else return 0;
  if (failed) answer_error(request->id, path);
  else answer_ok(request->id);
  return 1;
}
