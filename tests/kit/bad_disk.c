/* bad_disk - a library to be preloaded: from the moment that a file exists, one call fails on paths that hold a text.
 *
 *   LEAT_BAD_DISK="fdatasync segments/ EIO" LEAT_BAD_WHEN=/tmp/x/bad LD_PRELOAD=.../libbad_disk.so leat run
 *
 * Calls: fdatasync fsync pwritev pwrite pread ftruncate fallocate rename. Errors: EIO ENOSPC EDQUOT, or SHORT: writes
 * and reads move half of what was asked for, and every second one is interrupted (EINTR) instead. Each failure adds
 * a line to LEAT_BAD_WHEN, so that who made it sees how often.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

enum fault { NONE, FAILS, SHORT };

static int error_of(const char *name)
{
    return strcmp(name, "ENOSPC") == 0 ? ENOSPC : strcmp(name, "EDQUOT") == 0 ? EDQUOT : EIO;
}

/* By the system call itself: it is in use here, and no fault strikes it. */
static bool note(const char *when)
{
    int fd = open(when, O_WRONLY | O_APPEND);
    bool is_there = fd >= 0;
    if (is_there) {
        is_there = write(fd, "failed\n", 7) == 7;
        close(fd);
    }
    return is_there;
}

static enum fault strikes(const char *call, const char *path)
{
    static __thread bool was_interrupted;
    const char *what = getenv("LEAT_BAD_DISK"), *when = getenv("LEAT_BAD_WHEN");
    char wanted[32], part[200], error[16];
    if (!what || !when || sscanf(what, "%31s %199s %15s", wanted, part, error) != 3)
        return NONE;
    if (strcmp(call, wanted) != 0 || !strstr(path, part) || access(when, F_OK) != 0 || !note(when))
        return NONE;
    if (strcmp(error, "SHORT") == 0) {
        was_interrupted = !was_interrupted;
        errno = EINTR;
        return was_interrupted ? FAILS : SHORT;
    }
    errno = error_of(error);
    return FAILS;
}

static enum fault strikes_fd(const char *call, int fd)
{
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, path, sizeof path - 1);
    path[len > 0 ? len : 0] = '\0';
    return strikes(call, path);
}

/* Names with and without 64: which of them a program calls is its build's affair. */
#define REAL(type, name, ...)                                                                                          \
    static type (*real)(__VA_ARGS__);                                                                                  \
    if (!real)                                                                                                         \
    *(void **)&real = dlsym(RTLD_NEXT, name)

#define SYNC(name)                                                                                                     \
    int name(int fd);                                                                                                  \
    int name(int fd)                                                                                                   \
    {                                                                                                                  \
        REAL(int, #name, int);                                                                                         \
        return strikes_fd(#name, fd) ? -1 : real(fd);                                                                  \
    }
SYNC(fdatasync)
SYNC(fsync)

#define PWRITEV(name)                                                                                                  \
    ssize_t name(int fd, const struct iovec *parts, int count, off_t at);                                              \
    ssize_t name(int fd, const struct iovec *parts, int count, off_t at)                                               \
    {                                                                                                                  \
        REAL(ssize_t, #name, int, const struct iovec *, int, off_t);                                                   \
        enum fault fault = strikes_fd("pwritev", fd);                                                                  \
        struct iovec first = {parts[0].iov_base, (parts[0].iov_len + 1) / 2};                                                \
        return fault == FAILS ? -1 : fault == SHORT ? real(fd, &first, 1, at) : real(fd, parts, count, at);            \
    }
PWRITEV(pwritev)
PWRITEV(pwritev64)

#define MOVE(name, call, bytes)                                                                                        \
    ssize_t name(int fd, bytes data, size_t len, off_t at);                                                            \
    ssize_t name(int fd, bytes data, size_t len, off_t at)                                                             \
    {                                                                                                                  \
        REAL(ssize_t, #name, int, bytes, size_t, off_t);                                                               \
        enum fault fault = strikes_fd(call, fd);                                                                       \
        return fault == FAILS ? -1 : real(fd, data, fault == SHORT ? (len + 1) / 2 : len, at);                               \
    }
MOVE(pwrite, "pwrite", const void *)
MOVE(pwrite64, "pwrite", const void *)
MOVE(pread, "pread", void *)
MOVE(pread64, "pread", void *)

#define RESIZE(name, call, ...)                                                                                        \
    int name(int fd, __VA_ARGS__);                                                                                     \
    int name(int fd, __VA_ARGS__)

RESIZE(ftruncate, "ftruncate", off_t len)
{
    REAL(int, "ftruncate", int, off_t);
    return strikes_fd("ftruncate", fd) ? -1 : real(fd, len);
}
RESIZE(ftruncate64, "ftruncate", off_t len)
{
    REAL(int, "ftruncate64", int, off_t);
    return strikes_fd("ftruncate", fd) ? -1 : real(fd, len);
}
RESIZE(fallocate, "fallocate", int mode, off_t at, off_t len)
{
    REAL(int, "fallocate", int, int, off_t, off_t);
    return strikes_fd("fallocate", fd) ? -1 : real(fd, mode, at, len);
}
RESIZE(fallocate64, "fallocate", int mode, off_t at, off_t len)
{
    REAL(int, "fallocate64", int, int, off_t, off_t);
    return strikes_fd("fallocate", fd) ? -1 : real(fd, mode, at, len);
}

int rename(const char *from, const char *to)
{
    REAL(int, "rename", const char *, const char *);
    return strikes("rename", to) ? -1 : real(from, to);
}
