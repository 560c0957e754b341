/*
 * Loaded into the monitor of a restored machine, whose memory is a private copy of a file that many share. QEMU opens it
 * for writing without a need; it must not be able to, because what it wrote all others would read.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Under each name that the C library has for it. */
static int open_it(const char *path, int flags, mode_t mode) {
  if (strcmp(path, "/snapshot/memory") == 0) flags = (flags & ~O_ACCMODE) | O_RDONLY;
  return syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

#define OPEN(name)                                                          \
  int name(const char *path, int flags, ...) {                              \
    va_list rest;                                                           \
    va_start(rest, flags);                                                  \
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
    va_end(rest);                                                           \
    return open_it(path, flags, mode);                                      \
  }

OPEN(open)
OPEN(open64)

int __open_2(const char *path, int flags) { return open_it(path, flags, 0); }
int __open64_2(const char *path, int flags) { return open_it(path, flags, 0); }
