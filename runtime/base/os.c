#include <base/os.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>

/* glibc's TEMP_FAILURE_RETRY is for long only. */
#define AGAIN_ON_EINTR(type, call)                  \
    do {                                            \
        type result;                                \
        do                                          \
            result = (call);                        \
        while (result == -1 && errno == EINTR);     \
        return result;                              \
    } while (0)

static int os_open(const char *path, int flags, mode_t mode)
{
    AGAIN_ON_EINTR(int, open(path, flags | O_CLOEXEC, mode));
}
/* Not retried: the descriptor is gone on Linux, whatever close() says. */
static int os_close(int fd)
{
    return close(fd);
}
static ssize_t os_read(int fd, void *to, size_t len)
{
    AGAIN_ON_EINTR(ssize_t, read(fd, to, len));
}
static ssize_t os_write(int fd, const void *from, size_t len)
{
    AGAIN_ON_EINTR(ssize_t, write(fd, from, len));
}
static ssize_t os_pread(int fd, void *to, size_t len, off_t at)
{
    AGAIN_ON_EINTR(ssize_t, pread(fd, to, len, at));
}
static ssize_t os_pwrite(int fd, const void *from, size_t len, off_t at)
{
    AGAIN_ON_EINTR(ssize_t, pwrite(fd, from, len, at));
}
static ssize_t os_pwritev(int fd, const struct iovec *parts, int count, off_t at)
{
    AGAIN_ON_EINTR(ssize_t, pwritev(fd, parts, count, at));
}
static int os_fdatasync(int fd)
{
    AGAIN_ON_EINTR(int, fdatasync(fd));
}
static int os_fsync(int fd)
{
    AGAIN_ON_EINTR(int, fsync(fd));
}
static int os_ftruncate(int fd, off_t len)
{
    AGAIN_ON_EINTR(int, ftruncate(fd, len));
}
static int os_fallocate(int fd, int mode, off_t at, off_t len)
{
    AGAIN_ON_EINTR(int, fallocate(fd, mode, at, len));
}
static int os_write_behind(int fd, off_t at, off_t len)
{
    return sync_file_range(fd, at, len, SYNC_FILE_RANGE_WRITE);
}
static int os_fadvise(int fd, off_t at, off_t len, int advice)
{
    return posix_fadvise(fd, at, len, advice);
}
static int os_fstat(int fd, struct stat *st)
{
    return fstat(fd, st);
}
static int os_stat(const char *path, struct stat *st)
{
    return stat(path, st);
}
static int os_lstat(const char *path, struct stat *st)
{
    return lstat(path, st);
}
static int os_statvfs(const char *path, struct statvfs *st)
{
    AGAIN_ON_EINTR(int, statvfs(path, st));
}
static int os_statfs(const char *path, struct statfs *st)
{
    AGAIN_ON_EINTR(int, statfs(path, st));
}
static int os_rename(const char *from, const char *to)
{
    return rename(from, to);
}
static int os_unlink(const char *path)
{
    return unlink(path);
}
static int os_chmod(const char *path, mode_t mode)
{
    return chmod(path, mode);
}
static int os_mkdir(const char *path, mode_t mode)
{
    return mkdir(path, mode);
}
static int os_rmdir(const char *path)
{
    return rmdir(path);
}
static int os_lock(int fd, bool is_exclusive)
{
    struct flock whole = {.l_type = is_exclusive ? F_WRLCK : F_RDLCK, .l_whence = SEEK_SET};
    int result = fcntl(fd, F_OFD_SETLK, &whole);
    if (result == -1 && errno == EACCES)
        errno = EAGAIN;
    return result;
}
static DIR *os_opendir(const char *path)
{
    return opendir(path);
}
static struct dirent *os_readdir(DIR *dir)
{
    errno = 0;
    return readdir(dir);
}
static int os_closedir(DIR *dir)
{
    return closedir(dir);
}
static int os_socket(int domain, int type, int protocol)
{
    return socket(domain, type | SOCK_CLOEXEC, protocol);
}
/* Interrupted, it goes on by itself: the caller polls for its end, as with EINPROGRESS. */
static int os_connect(int fd, const struct sockaddr *to, socklen_t len)
{
    int result = connect(fd, to, len);
    if (result == -1 && errno == EINTR)
        errno = EINPROGRESS;
    return result;
}
static int os_bind(int fd, const struct sockaddr *at, socklen_t len)
{
    return bind(fd, at, len);
}
static int os_listen(int fd, int backlog)
{
    return listen(fd, backlog);
}
static int os_accept(int fd, struct sockaddr *from, socklen_t *len)
{
    AGAIN_ON_EINTR(int, accept4(fd, from, len, SOCK_CLOEXEC));
}
static int os_shutdown(int fd, int how)
{
    return shutdown(fd, how);
}
static ssize_t os_send(int fd, const void *from, size_t len, int flags)
{
    AGAIN_ON_EINTR(ssize_t, send(fd, from, len, flags | MSG_NOSIGNAL));
}
static ssize_t os_recv(int fd, void *to, size_t len, int flags)
{
    AGAIN_ON_EINTR(ssize_t, recv(fd, to, len, flags));
}
/* Not retried: the caller has a deadline to look at. EINTR reads as "nothing yet". */
static int os_poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
    int result = poll(fds, count, timeout_ms);
    return result == -1 && errno == EINTR ? 0 : result;
}
static ssize_t os_getrandom(void *to, size_t len)
{
    AGAIN_ON_EINTR(ssize_t, getrandom(to, len, 0));
}
static pid_t os_getpid(void)
{
    return getpid();
}

const struct leat_os leat_os_real = {
    .open = os_open,
    .close = os_close,
    .read = os_read,
    .write = os_write,
    .pread = os_pread,
    .pwrite = os_pwrite,
    .pwritev = os_pwritev,
    .fdatasync = os_fdatasync,
    .fsync = os_fsync,
    .ftruncate = os_ftruncate,
    .fallocate = os_fallocate,
    .write_behind = os_write_behind,
    .fadvise = os_fadvise,
    .fstat = os_fstat,
    .stat = os_stat,
    .lstat = os_lstat,
    .statvfs = os_statvfs,
    .statfs = os_statfs,
    .rename = os_rename,
    .unlink = os_unlink,
    .chmod = os_chmod,
    .mkdir = os_mkdir,
    .rmdir = os_rmdir,
    .lock = os_lock,
    .opendir = os_opendir,
    .readdir = os_readdir,
    .closedir = os_closedir,
    .socket = os_socket,
    .connect = os_connect,
    .bind = os_bind,
    .listen = os_listen,
    .accept = os_accept,
    .shutdown = os_shutdown,
    .send = os_send,
    .recv = os_recv,
    .poll = os_poll,
    .getrandom = os_getrandom,
    .getpid = os_getpid,
};
const struct leat_os *leat_os = &leat_os_real;
