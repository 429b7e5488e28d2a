#include <kit/os_calls.h>

#include <base/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define PARTS_MOST 1024

const char *const os_call_names[OS_CALLS] = {
    "open",      "close", "read",      "write",     "pread",        "pwrite",   "pwritev",
    "fdatasync", "fsync", "ftruncate", "fallocate", "write_behind", "fadvise",  "fstat",
    "stat",      "lstat", "statvfs",   "statfs",    "rename",       "unlink",   "chmod",
    "mkdir",     "rmdir", "lock",      "opendir",   "readdir",      "closedir",
};

static struct os_calls *calls; /* the one in use */

#define CALLER __builtin_return_address(0)

static bool takes_room(enum os_call call)
{
    return call == OS_WRITE || call == OS_FALLOCATE || call == OS_MKDIR;
}

static int ask(enum os_call call, bool changes, const void *caller)
{
    if (calls->is_dead)
        return EIO;
    int order = calls->before ? calls->before(calls->arg, call, changes, caller) : OS_GO_ON;
    if (order <= 0 && calls->is_full && takes_room(call))
        order = ENOSPC;
    if (order <= 0 && calls->has_no_fallocate && call == OS_FALLOCATE)
        order = EOPNOTSUPP;
    return order;
}

static void tell(enum os_call call)
{
    int error = errno;
    if (calls->after && !calls->is_dead)
        calls->after(calls->arg, call);
    errno = error;
}

/* For all that return -1 where they fail. */
#define ASKED(type, call, changes, what)                                                           \
    do {                                                                                           \
        int order = ask(call, changes, CALLER);                                                    \
        if (order > 0) {                                                                           \
            errno = order;                                                                         \
            return -1;                                                                             \
        }                                                                                          \
        type result = (what);                                                                      \
        tell(call);                                                                                \
        return result;                                                                             \
    } while (0)

static size_t part_of(size_t len, int order)
{
    size_t part = order == OS_ONE_BYTE  ? 1
                  : order == OS_HALF    ? len / 2
                  : order == OS_BUT_ONE ? len - 1
                                        : len;
    return part > 0 || len == 0 ? part : 1;
}

#define MOVED(call, changes, what)                                                                 \
    do {                                                                                           \
        int order = ask(call, changes, CALLER);                                                    \
        if (order > 0) {                                                                           \
            errno = order;                                                                         \
            return -1;                                                                             \
        }                                                                                          \
        len = part_of(len, order);                                                                 \
        ssize_t result = (what);                                                                   \
        tell(call);                                                                                \
        return result;                                                                             \
    } while (0)

static ssize_t calls_read(int fd, void *to, size_t len)
{
    MOVED(OS_READ, false, calls->under->read(fd, to, len));
}

static ssize_t calls_write(int fd, const void *from, size_t len)
{
    MOVED(OS_WRITE, true, calls->under->write(fd, from, len));
}

static ssize_t calls_pread(int fd, void *to, size_t len, off_t at)
{
    MOVED(OS_PREAD, false, calls->under->pread(fd, to, len, at));
}

static ssize_t calls_pwrite(int fd, const void *from, size_t len, off_t at)
{
    MOVED(OS_PWRITE, true, calls->under->pwrite(fd, from, len, at));
}

/* The parts that hold the first `len` bytes, the last of them perhaps cut. */
static int cut_parts(const struct iovec *parts, int count, size_t len, struct iovec *cut)
{
    int kept = 0;
    leat_assert(count <= PARTS_MOST);
    for (int i = 0; i < count && len > 0; i++) {
        cut[kept] = parts[i];
        if (cut[kept].iov_len > len)
            cut[kept].iov_len = len;
        len -= cut[kept++].iov_len;
    }
    return kept;
}

static ssize_t calls_pwritev(int fd, const struct iovec *parts, int count, off_t at)
{
    struct iovec cut[PARTS_MOST];
    int order = ask(OS_PWRITEV, true, CALLER);
    if (order > 0) {
        errno = order;
        return -1;
    }
    size_t len = 0;
    for (int i = 0; i < count; i++)
        len += parts[i].iov_len;
    int kept = cut_parts(parts, count, part_of(len, order), cut);
    ssize_t result = calls->under->pwritev(fd, cut, kept, at);
    tell(OS_PWRITEV);
    return result;
}

static int calls_open(const char *path, int flags, mode_t mode)
{
    int order = ask(OS_OPEN, (flags & (O_CREAT | O_TRUNC)) != 0, CALLER);
    if (order > 0) {
        errno = order;
        return -1;
    }
    int fd = calls->under->open(path, flags, mode);
    calls->open_count += fd >= 0;
    tell(OS_OPEN);
    return fd;
}

/* The descriptor is gone, whatever close() says. */
static int calls_close(int fd)
{
    int order = ask(OS_CLOSE, false, CALLER);
    int result = calls->under->close(fd);
    calls->open_count--;
    tell(OS_CLOSE);
    if (order > 0)
        errno = order;
    return order > 0 ? -1 : result;
}

static int calls_fdatasync(int fd)
{
    ASKED(int, OS_FDATASYNC, true, calls->leaves_out_syncs ? 0 : calls->under->fdatasync(fd));
}

static int calls_fsync(int fd)
{
    ASKED(int, OS_FSYNC, true, calls->leaves_out_syncs ? 0 : calls->under->fsync(fd));
}

static int calls_ftruncate(int fd, off_t len)
{
    ASKED(int, OS_FTRUNCATE, true, calls->under->ftruncate(fd, len));
}

static int calls_fallocate(int fd, int mode, off_t at, off_t len)
{
    ASKED(int, OS_FALLOCATE, true, calls->under->fallocate(fd, mode, at, len));
}

static int calls_write_behind(int fd, off_t at, off_t len)
{
    ASKED(int, OS_WRITE_BEHIND, false,
          calls->under->write_behind ? calls->under->write_behind(fd, at, len) : 0);
}

static int calls_fadvise(int fd, off_t at, off_t len, int advice)
{
    ASKED(int, OS_FADVISE, false,
          calls->under->fadvise ? calls->under->fadvise(fd, at, len, advice) : 0);
}

static int calls_fstat(int fd, struct stat *st)
{
    ASKED(int, OS_FSTAT, false, calls->under->fstat(fd, st));
}

static int calls_stat(const char *path, struct stat *st)
{
    ASKED(int, OS_STAT, false, calls->under->stat(path, st));
}

static int calls_lstat(const char *path, struct stat *st)
{
    ASKED(int, OS_LSTAT, false, calls->under->lstat(path, st));
}

/* Free space is what the test says, not what this machine has. */
static int say_room(struct statvfs *st)
{
    *st = (struct statvfs){
        .f_bsize = 4096, .f_frsize = 4096, .f_bavail = calls->is_full ? 0 : (fsblkcnt_t)1 << 30};
    return 0;
}

static int calls_statvfs(const char *path, struct statvfs *st)
{
    (void)path;
    ASKED(int, OS_STATVFS, false, say_room(st));
}

static int calls_statfs(const char *path, struct statfs *st)
{
    ASKED(int, OS_STATFS, false, calls->under->statfs(path, st));
}

static int calls_rename(const char *from, const char *to)
{
    ASKED(int, OS_RENAME, true, calls->under->rename(from, to));
}

static int calls_unlink(const char *path)
{
    ASKED(int, OS_UNLINK, true, calls->under->unlink(path));
}

static int calls_chmod(const char *path, mode_t mode)
{
    ASKED(int, OS_CHMOD, true, calls->under->chmod(path, mode));
}

static int calls_mkdir(const char *path, mode_t mode)
{
    ASKED(int, OS_MKDIR, true, calls->under->mkdir(path, mode));
}

static int calls_rmdir(const char *path)
{
    ASKED(int, OS_RMDIR, true, calls->under->rmdir(path));
}

static int calls_lock(int fd, bool is_exclusive)
{
    ASKED(int, OS_LOCK, false, calls->under->lock(fd, is_exclusive));
}

static DIR *calls_opendir(const char *path)
{
    int order = ask(OS_OPENDIR, false, CALLER);
    if (order > 0) {
        errno = order;
        return NULL;
    }
    DIR *dir = calls->under->opendir(path);
    calls->open_count += dir != NULL;
    tell(OS_OPENDIR);
    return dir;
}

static struct dirent *calls_readdir(DIR *dir)
{
    int order = ask(OS_READDIR, false, CALLER);
    if (order > 0) {
        errno = order;
        return NULL;
    }
    struct dirent *entry = calls->under->readdir(dir);
    tell(OS_READDIR);
    return entry;
}

static int calls_closedir(DIR *dir)
{
    int order = ask(OS_CLOSEDIR, false, CALLER);
    int result = calls->under->closedir(dir);
    calls->open_count--;
    tell(OS_CLOSEDIR);
    if (order > 0)
        errno = order;
    return order > 0 ? -1 : result;
}

const struct leat_os *os_calls_use(struct os_calls *use)
{
    static struct leat_os table;
    calls = use;
    table = *use->under;
    table.open = calls_open;
    table.close = calls_close;
    table.read = calls_read;
    table.write = calls_write;
    table.pread = calls_pread;
    table.pwrite = calls_pwrite;
    table.pwritev = calls_pwritev;
    table.fdatasync = calls_fdatasync;
    table.fsync = calls_fsync;
    table.ftruncate = calls_ftruncate;
    table.fallocate = calls_fallocate;
    table.write_behind = calls_write_behind;
    table.fadvise = calls_fadvise;
    table.fstat = calls_fstat;
    table.stat = calls_stat;
    table.lstat = calls_lstat;
    table.statvfs = calls_statvfs;
    table.statfs = calls_statfs;
    table.rename = calls_rename;
    table.unlink = calls_unlink;
    table.chmod = calls_chmod;
    table.mkdir = calls_mkdir;
    table.rmdir = calls_rmdir;
    table.lock = calls_lock;
    table.opendir = calls_opendir;
    table.readdir = calls_readdir;
    table.closedir = calls_closedir;
    return &table;
}
