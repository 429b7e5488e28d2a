/* files.c - the helpers over an os table. */
#include <base/assert.h>
#include <base/memory.h>
#include <base/os.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

/* A write that takes nothing and does not say why would be tried for ever. */
static bool has_taken(ssize_t n)
{
    if (n == 0)
        errno = EIO;
    return n > 0;
}

bool leat_os_write_all(const struct leat_os *os, int fd, const void *from, size_t len)
{
    const char *p = from;
    while (len > 0) {
        ssize_t n = os->write(fd, p, len);
        if (!has_taken(n))
            return false;
        p += n;
        len -= (size_t)n;
    }
    return true;
}

bool leat_os_pwrite_all(const struct leat_os *os, int fd, const void *from, size_t len, off_t at)
{
    const char *p = from;
    while (len > 0) {
        ssize_t n = os->pwrite(fd, p, len, at);
        if (!has_taken(n))
            return false;
        p += n;
        at += n;
        len -= (size_t)n;
    }
    return true;
}

bool leat_os_pwritev_all(const struct leat_os *os, int fd, struct iovec *parts, int count, off_t at)
{
    while (count > 0) {
        ssize_t n = os->pwritev(fd, parts, count, at);
        if (parts->iov_len > 0 ? !has_taken(n) : n < 0)
            return false;
        at += n;
        for (; count > 0 && (size_t)n >= parts->iov_len; parts++, count--)
            n -= (ssize_t)parts->iov_len;
        if (count > 0) {
            parts->iov_base = (char *)parts->iov_base + n;
            parts->iov_len -= (size_t)n;
        }
    }
    return true;
}

ssize_t leat_os_pread_all(const struct leat_os *os, int fd, void *to, size_t len, off_t at)
{
    size_t done = 0;
    while (done < len) {
        ssize_t n = os->pread(fd, (char *)to + done, len - done, at + (off_t)done);
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        done += (size_t)n;
    }
    return (ssize_t)done;
}

void leat_os_random(const struct leat_os *os, void *to, size_t len)
{
    leat_assert(os->getrandom(to, len) == (ssize_t)len);
}

bool leat_os_sync_parent(const struct leat_os *os, const char *path)
{
    const char *slash = strrchr(path, '/');
    char *parent = !slash ? leat_strdup(".") : leat_strndup(path, slash == path ? 1 : (size_t)(slash - path));
    int fd = os->open(parent, O_RDONLY | O_DIRECTORY, 0);
    free(parent);
    if (fd < 0)
        return false;
    bool is_done = os->fsync(fd) == 0;
    int error = errno;
    os->close(fd);
    errno = error;
    return is_done;
}

bool leat_os_read_afresh(const struct leat_os *os, int fd)
{
    if (os->fsync(fd) != 0)
        return false;
    os->fadvise(fd, 0, 0, POSIX_FADV_DONTNEED); /* advice: where there is no such cache, there is nothing to forget */
    return true;
}

/* Each new directory is made to last before the next is put into it. */
static bool make_dir(const struct leat_os *os, const char *path)
{
    struct stat st;
    if (os->mkdir(path, 0700) == 0)
        return leat_os_sync_parent(os, path);
    if (errno != EEXIST || os->stat(path, &st) != 0)
        return false;
    if (S_ISDIR(st.st_mode))
        return true;
    errno = ENOTDIR;
    return false;
}

bool leat_os_make_dirs(const struct leat_os *os, const char *path)
{
    struct stat st;
    if (os->stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return true;
    char *part = leat_strdup(path);
    bool is_done = true;
    for (char *slash = strchr(part + 1, '/'); slash && is_done; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        is_done = make_dir(os, part);
        *slash = '/';
    }
    is_done = is_done && make_dir(os, path);
    int error = errno;
    free(part);
    errno = error;
    return is_done;
}

/* Reads to the end, whatever stat said: files of /proc have no size. */
static bool read_rest(const struct leat_os *os, int fd, size_t max, char **text, size_t *len)
{
    size_t cap = 4096;
    char *bytes = leat_malloc(cap + 1);
    size_t used = 0;
    for (;;) {
        ssize_t n = os->read(fd, bytes + used, cap - used);
        if (n <= 0) {
            if (n == 0)
                break;
            free(bytes);
            return false;
        }
        used += (size_t)n;
        if (used > max) {
            free(bytes);
            errno = EFBIG;
            return false;
        }
        if (used == cap) {
            cap *= 2;
            bytes = leat_realloc(bytes, cap + 1);
        }
    }
    bytes[used] = '\0';
    *text = bytes;
    *len = used;
    return true;
}

bool leat_os_read_file(const struct leat_os *os, const char *path, size_t max, char **text, size_t *len)
{
    int fd = os->open(path, O_RDONLY, 0);
    if (fd < 0)
        return false;
    bool is_done = read_rest(os, fd, max, text, len);
    int error = errno;
    os->close(fd);
    errno = error;
    return is_done;
}

static bool write_synced(const struct leat_os *os, const char *path, const void *bytes, size_t len, mode_t mode)
{
    int fd = os->open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
    if (fd < 0)
        return false;
    bool is_done = leat_os_write_all(os, fd, bytes, len) && os->fsync(fd) == 0;
    int error = errno;
    os->close(fd);
    errno = error;
    return is_done;
}

bool leat_os_replace_file(const struct leat_os *os, const char *path, const void *bytes, size_t len, mode_t mode)
{
    char *tmp = leat_format_dup("%s.tmp", path);
    bool is_done = write_synced(os, tmp, bytes, len, mode) && os->rename(tmp, path) == 0 &&
                   leat_os_sync_parent(os, path);
    int error = errno;
    if (!is_done)
        os->unlink(tmp);
    free(tmp);
    errno = error;
    return is_done;
}

enum leat_cause leat_os_cause(int error)
{
    switch (error) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case EIO:
    case EROFS:
        return LEAT_CAUSE_DISK;
    default:
        return LEAT_CAUSE_OTHER;
    }
}

bool leat_os_is_no_room(int error)
{
    return error == ENOSPC || error == EDQUOT;
}
