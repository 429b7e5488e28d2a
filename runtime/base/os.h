/* os.h - every file and socket system call, and where chance comes from, behind one table: the seam for fault
 * tests, for the simulator (a fake disk, the same in each run of a seed) and for crash points.
 *
 * Each returns what the call returns, with errno; EINTR is retried inside. Code of Leat calls these as
 * leat_os->pwrite(...), never the libc function. `leat_os` points to the real table unless a test changed it
 * (before threads start, or per object where a module takes a table, as commitlog does).
 */
#ifndef LEAT_BASE_OS_H
#define LEAT_BASE_OS_H

#include <leat/error.h>
#include <dirent.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/vfs.h>

struct leat_os {
    int (*open)(const char *path, int flags, mode_t mode); /* O_CLOEXEC is added */
    int (*close)(int fd);
    ssize_t (*read)(int fd, void *to, size_t len);
    ssize_t (*write)(int fd, const void *from, size_t len);
    ssize_t (*pread)(int fd, void *to, size_t len, off_t at);
    ssize_t (*pwrite)(int fd, const void *from, size_t len, off_t at);
    ssize_t (*pwritev)(int fd, const struct iovec *parts, int count, off_t at);
    int (*fdatasync)(int fd);
    int (*fsync)(int fd);
    int (*ftruncate)(int fd, off_t len);
    int (*fallocate)(int fd, int mode, off_t at, off_t len);
    int (*write_behind)(int fd, off_t at, off_t len); /* sync_file_range(2): begins to write, waits for nothing */
    int (*fadvise)(int fd, off_t at, off_t len, int advice); /* posix_fadvise(3) */
    int (*fstat)(int fd, struct stat *st);
    int (*stat)(const char *path, struct stat *st);
    int (*lstat)(const char *path, struct stat *st);
    int (*statvfs)(const char *path, struct statvfs *st);
    int (*statfs)(const char *path, struct statfs *st); /* for its type */
    int (*rename)(const char *from, const char *to);
    int (*unlink)(const char *path);
    int (*chmod)(const char *path, mode_t mode);
    int (*mkdir)(const char *path, mode_t mode);
    int (*rmdir)(const char *path);
    int (*lock)(int fd, bool is_exclusive); /* OFD lock of the whole file, no waiting; EAGAIN: held */
    DIR *(*opendir)(const char *path);
    struct dirent *(*readdir)(DIR *dir);
    int (*closedir)(DIR *dir);
    int (*socket)(int domain, int type, int protocol);
    int (*connect)(int fd, const struct sockaddr *to, socklen_t len);
    int (*bind)(int fd, const struct sockaddr *at, socklen_t len);
    int (*listen)(int fd, int backlog);
    int (*accept)(int fd, struct sockaddr *from, socklen_t *len);
    int (*shutdown)(int fd, int how);
    ssize_t (*send)(int fd, const void *from, size_t len, int flags);
    ssize_t (*recv)(int fd, void *to, size_t len, int flags);
    int (*poll)(struct pollfd *fds, nfds_t count, int timeout_ms);
    ssize_t (*getrandom)(void *to, size_t len);
    pid_t (*getpid)(void);
};

extern const struct leat_os leat_os_real;
extern const struct leat_os *leat_os;

/* Helpers over a table. All or an error: short transfers go on. */
bool leat_os_write_all(const struct leat_os *os, int fd, const void *from, size_t len);
bool leat_os_pwrite_all(const struct leat_os *os, int fd, const void *from, size_t len, off_t at);
/* The same of several parts; `parts` is used up. */
bool leat_os_pwritev_all(const struct leat_os *os, int fd, struct iovec *parts, int count, off_t at);
/* Bytes read (fewer only at the end of the file), or -1. */
ssize_t leat_os_pread_all(const struct leat_os *os, int fd, void *to, size_t len, off_t at);
/* fsync of the directory that holds `path`. */
bool leat_os_sync_parent(const struct leat_os *os, const char *path);
/* Random bytes. */
void leat_os_random(const struct leat_os *os, void *to, size_t len);
/* What is read next of the file is what the disk has: dirty pages are synced, then all are forgotten. After a failed sync
 * the page cache shows, as clean, what never came to the disk; and on ext4 such a page is not mended by writing it again:
 * where the place was preallocated, the next sync says OK, and the data is zeros after a reboot. */
bool leat_os_read_afresh(const struct leat_os *os, int fd);
/* mkdir -p with 0700. */
bool leat_os_make_dirs(const struct leat_os *os, const char *path);
/* Whole file into memory of the caller (leat_malloc, terminated); false with errno; EFBIG beyond max. */
bool leat_os_read_file(const struct leat_os *os, const char *path, size_t max, char **text, size_t *len);
/* Writes tmp, syncs, renames, syncs the directory. */
bool leat_os_replace_file(const struct leat_os *os, const char *path, const void *bytes, size_t len,
                          mode_t mode);
/* DISK for ENOSPC, EDQUOT, EIO, EROFS; OTHER else. */
enum leat_cause leat_os_cause(int error);
/* ENOSPC, EDQUOT: what goes by once somebody makes room. */
bool leat_os_is_no_room(int error);

#endif
