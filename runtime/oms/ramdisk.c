#include <oms/ramdisk.h>

#include <base/assert.h>
#include <base/memory.h>
#include <base/thread.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FD_FIRST (1 << 20) /* no descriptor of the kernel's */
#define FDS_MOST 4096
#define CAP_STEP ((uint64_t)1 << 20) /* files double up to here, then grow by this much */

struct file {
    struct file *next;
    char *path;
    bool is_dir, is_locked, is_unlinked;
    uint8_t *data;
    uint64_t len, cap, size; /* bytes with memory; the file's size, zeros behind len */
    uint32_t users;
    struct ramdisk *owner;
};

struct ramdisk {
    char dir[32];
    uint64_t most_bytes, used_bytes;
};

struct handle {
    struct file *file;
    uint64_t at;
    bool has_lock;
};

struct listing { /* stands for a DIR */
    struct dirent entry;
    char *path;
    uint32_t index;
};

static struct leat_lock lock = LEAT_LOCK("ramdisk", LEAT_RANK_INTERN);
static struct file *files;
static struct handle handles[FDS_MOST];
static struct ramdisk *ramdisks[64];
static uint32_t made;

static int fail(int error)
{
    errno = error;
    return -1;
}

static struct file *find(const char *path)
{
    for (struct file *file = files; file; file = file->next)
        if (!file->is_unlinked && strcmp(file->path, path) == 0)
            return file;
    return NULL;
}

static struct ramdisk *owner_of(const char *path)
{
    for (size_t i = 0; i < sizeof ramdisks / sizeof *ramdisks; i++) {
        size_t len = ramdisks[i] ? strlen(ramdisks[i]->dir) : 0;
        if (len > 0 && strncmp(path, ramdisks[i]->dir, len) == 0 && (path[len] == '/' || path[len] == '\0'))
            return ramdisks[i];
    }
    return NULL;
}

static struct file *make(const char *path, bool is_dir)
{
    struct file *file = leat_calloc(1, sizeof *file);
    file->path = leat_strdup(path);
    file->is_dir = is_dir;
    file->owner = owner_of(path);
    file->next = files;
    files = file;
    return file;
}

static void drop_if_unused(struct file *file)
{
    if (file->users > 0 || !file->is_unlinked)
        return;
    for (struct file **at = &files; *at; at = &(*at)->next) {
        if (*at == file) {
            *at = file->next;
            break;
        }
    }
    if (file->owner)
        file->owner->used_bytes -= file->cap;
    free(file->data);
    free(file->path);
    free(file);
}

static bool reserve(struct file *file, uint64_t len)
{
    if (len <= file->cap)
        return true;
    uint64_t cap = file->cap ? file->cap : 4096;
    while (cap < len && cap < CAP_STEP)
        cap *= 2;
    if (cap < len)
        cap = (len + CAP_STEP - 1) & ~(CAP_STEP - 1);
    if (file->owner && file->owner->used_bytes + cap - file->cap > file->owner->most_bytes)
        return false;
    if (file->owner)
        file->owner->used_bytes += cap - file->cap;
    file->data = leat_realloc(file->data, cap);
    file->cap = cap;
    return true;
}

static struct handle *handle_of(int fd)
{
    leat_assert(fd >= FD_FIRST && fd < FD_FIRST + FDS_MOST && handles[fd - FD_FIRST].file);
    return &handles[fd - FD_FIRST];
}

/* ---- the calls; each is locked by its wrapper below ---- */

static int do_open(const char *path, int flags)
{
    struct file *file = find(path);
    int fd = 0;
    if (!file && !(flags & O_CREAT))
        return fail(ENOENT);
    while (fd < FDS_MOST && handles[fd].file)
        fd++;
    if (fd == FDS_MOST)
        return fail(EMFILE);
    if (!file)
        file = make(path, false);
    if (flags & O_TRUNC)
        file->len = file->size = 0;
    file->users++;
    handles[fd] = (struct handle){.file = file};
    return FD_FIRST + fd;
}

static int do_close(int fd)
{
    struct handle *handle = handle_of(fd);
    struct file *file = handle->file;
    if (handle->has_lock)
        file->is_locked = false;
    *handle = (struct handle){0};
    file->users--;
    drop_if_unused(file);
    return 0;
}

static ssize_t do_pread(int fd, void *to, size_t len, off_t at)
{
    const struct file *file = handle_of(fd)->file;
    uint64_t from = (uint64_t)at;
    if (from >= file->size)
        return 0;
    if (len > file->size - from)
        len = (size_t)(file->size - from);
    size_t kept = from < file->len ? (size_t)(file->len - from) : 0;
    if (kept > len)
        kept = len;
    if (kept > 0)
        memcpy(to, file->data + from, kept);
    memset((uint8_t *)to + kept, 0, len - kept);
    return (ssize_t)len;
}

static ssize_t do_pwrite(int fd, const void *from, size_t len, off_t at)
{
    struct file *file = handle_of(fd)->file;
    uint64_t begin = (uint64_t)at, end = begin + len;
    if (!reserve(file, end))
        return fail(ENOSPC);
    if (begin > file->len)
        memset(file->data + file->len, 0, begin - file->len);
    memcpy(file->data + begin, from, len);
    if (end > file->len)
        file->len = end;
    if (end > file->size)
        file->size = end;
    return (ssize_t)len;
}

static ssize_t do_pwritev(int fd, const struct iovec *parts, int count, off_t at)
{
    ssize_t done = 0;
    for (int i = 0; i < count; i++) {
        ssize_t n = do_pwrite(fd, parts[i].iov_base, parts[i].iov_len, at + done);
        if (n < 0)
            return done > 0 ? done : n;
        done += n;
    }
    return done;
}

static int do_truncate(int fd, off_t len)
{
    struct file *file = handle_of(fd)->file;
    file->size = (uint64_t)len;
    if (file->len > file->size)
        file->len = file->size;
    return 0;
}

static int do_stat(const struct file *file, struct stat *st)
{
    if (!file)
        return fail(ENOENT);
    *st = (struct stat){0};
    st->st_mode = file->is_dir ? S_IFDIR | 0700 : S_IFREG | 0600;
    st->st_size = (off_t)file->size;
    return 0;
}

static int do_rename(const char *from, const char *to)
{
    struct file *file = find(from), *old = find(to);
    if (!file)
        return fail(ENOENT);
    if (old) {
        old->is_unlinked = true;
        drop_if_unused(old);
    }
    free(file->path);
    file->path = leat_strdup(to);
    return 0;
}

static int do_unlink(const char *path)
{
    struct file *file = find(path);
    if (!file)
        return fail(ENOENT);
    file->is_unlinked = true;
    drop_if_unused(file);
    return 0;
}

static int do_mkdir(const char *path)
{
    if (find(path))
        return fail(EEXIST);
    make(path, true);
    return 0;
}

static int do_lock(int fd)
{
    struct handle *handle = handle_of(fd);
    if (handle->file->is_locked && !handle->has_lock)
        return fail(EAGAIN);
    handle->file->is_locked = handle->has_lock = true;
    return 0;
}

/* The `index`th entry right under `dir`. */
static const char *entry_of(const char *dir, uint32_t index)
{
    size_t len = strlen(dir);
    for (struct file *file = files; file; file = file->next) {
        const char *name = file->path + len + 1;
        if (file->is_unlinked || strncmp(file->path, dir, len) != 0 || file->path[len] != '/' || strchr(name, '/'))
            continue;
        if (index-- == 0)
            return name;
    }
    return NULL;
}

#define LOCKED(type, call)          \
    do {                            \
        leat_lock_take(&lock);      \
        type result = (call);       \
        leat_lock_give(&lock);      \
        return result;              \
    } while (0)

static int ram_open(const char *path, int flags, mode_t mode)
{
    (void)mode;
    LOCKED(int, do_open(path, flags));
}
static int ram_close(int fd)
{
    LOCKED(int, do_close(fd));
}
static ssize_t ram_pread(int fd, void *to, size_t len, off_t at)
{
    LOCKED(ssize_t, do_pread(fd, to, len, at));
}
static ssize_t ram_pwrite(int fd, const void *from, size_t len, off_t at)
{
    LOCKED(ssize_t, do_pwrite(fd, from, len, at));
}
static ssize_t ram_pwritev(int fd, const struct iovec *parts, int count, off_t at)
{
    LOCKED(ssize_t, do_pwritev(fd, parts, count, at));
}
static ssize_t ram_read(int fd, void *to, size_t len)
{
    leat_lock_take(&lock);
    ssize_t n = do_pread(fd, to, len, (off_t)handle_of(fd)->at);
    handle_of(fd)->at += (uint64_t)n;
    leat_lock_give(&lock);
    return n;
}
static ssize_t ram_write(int fd, const void *from, size_t len)
{
    leat_lock_take(&lock);
    ssize_t n = do_pwrite(fd, from, len, (off_t)handle_of(fd)->at);
    if (n > 0)
        handle_of(fd)->at += (uint64_t)n;
    leat_lock_give(&lock);
    return n;
}
static int ram_sync(int fd)
{
    (void)fd;
    return 0;
}
static int ram_ftruncate(int fd, off_t len)
{
    LOCKED(int, do_truncate(fd, len));
}
static int ram_fallocate(int fd, int mode, off_t at, off_t len)
{
    (void)mode;
    leat_lock_take(&lock);
    struct file *file = handle_of(fd)->file;
    if ((uint64_t)(at + len) > file->size)
        file->size = (uint64_t)(at + len);
    leat_lock_give(&lock);
    return 0;
}
static int ram_fstat(int fd, struct stat *st)
{
    LOCKED(int, do_stat(handle_of(fd)->file, st));
}
static int ram_stat(const char *path, struct stat *st)
{
    LOCKED(int, do_stat(find(path), st));
}
static int ram_statvfs(const char *path, struct statvfs *st)
{
    leat_lock_take(&lock);
    const struct ramdisk *ramdisk = owner_of(path);
    *st = (struct statvfs){.f_bsize = 4096, .f_frsize = 4096};
    if (ramdisk) {
        st->f_blocks = ramdisk->most_bytes / st->f_frsize;
        st->f_bfree = st->f_bavail = (ramdisk->most_bytes - ramdisk->used_bytes) / st->f_frsize;
    }
    leat_lock_give(&lock);
    return ramdisk ? 0 : fail(ENOENT);
}
static int ram_rename(const char *from, const char *to)
{
    LOCKED(int, do_rename(from, to));
}
static int ram_unlink(const char *path)
{
    LOCKED(int, do_unlink(path));
}
static int ram_mkdir(const char *path, mode_t mode)
{
    (void)mode;
    LOCKED(int, do_mkdir(path));
}
static int ram_lock(int fd, bool is_exclusive)
{
    (void)is_exclusive;
    LOCKED(int, do_lock(fd));
}
static DIR *ram_opendir(const char *path)
{
    leat_lock_take(&lock);
    bool is_there = find(path) != NULL;
    leat_lock_give(&lock);
    if (!is_there) {
        errno = ENOENT;
        return NULL;
    }
    struct listing *listing = leat_calloc(1, sizeof *listing);
    listing->path = leat_strdup(path);
    return (DIR *)listing;
}
static struct dirent *ram_readdir(DIR *dir)
{
    struct listing *listing = (struct listing *)dir;
    leat_lock_take(&lock);
    const char *name = entry_of(listing->path, listing->index++);
    if (name)
        snprintf(listing->entry.d_name, sizeof listing->entry.d_name, "%s", name);
    leat_lock_give(&lock);
    errno = 0;
    return name ? &listing->entry : NULL;
}
static int ram_closedir(DIR *dir)
{
    struct listing *listing = (struct listing *)dir;
    free(listing->path);
    free(listing);
    return 0;
}
static int ram_fadvise(int fd, off_t at, off_t len, int advice)
{
    (void)fd, (void)at, (void)len, (void)advice;
    return 0;
}
static ssize_t ram_getrandom(void *to, size_t len)
{
    return leat_os_real.getrandom(to, len);
}
static pid_t ram_getpid(void)
{
    return leat_os_real.getpid();
}

static const struct leat_os ram_os = {
    .open = ram_open, .close = ram_close, .read = ram_read, .write = ram_write, .pread = ram_pread,
    .pwrite = ram_pwrite, .pwritev = ram_pwritev, .fdatasync = ram_sync, .fsync = ram_sync,
    .ftruncate = ram_ftruncate, .fallocate = ram_fallocate, .fadvise = ram_fadvise, .fstat = ram_fstat, .stat = ram_stat, .lstat = ram_stat,
    .statvfs = ram_statvfs,
    .rename = ram_rename, .unlink = ram_unlink, .mkdir = ram_mkdir, .lock = ram_lock, .opendir = ram_opendir,
    .readdir = ram_readdir, .closedir = ram_closedir, .getrandom = ram_getrandom, .getpid = ram_getpid,
};

const struct leat_os *ramdisk_os(void)
{
    return &ram_os;
}

struct ramdisk *ramdisk_new(uint64_t most_bytes)
{
    struct ramdisk *ramdisk = leat_calloc(1, sizeof *ramdisk);
    ramdisk->most_bytes = most_bytes;
    leat_lock_take(&lock);
    size_t at = 0;
    while (at < sizeof ramdisks / sizeof *ramdisks && ramdisks[at])
        at++;
    leat_assert(at < sizeof ramdisks / sizeof *ramdisks);
    snprintf(ramdisk->dir, sizeof ramdisk->dir, "/ram%u", made++);
    ramdisks[at] = ramdisk;
    make(ramdisk->dir, true);
    leat_lock_give(&lock);
    return ramdisk;
}

const char *ramdisk_dir(const struct ramdisk *ramdisk)
{
    return ramdisk->dir;
}

void ramdisk_free(struct ramdisk *ramdisk)
{
    size_t len = strlen(ramdisk->dir);
    leat_lock_take(&lock);
    for (struct file *file = files, *next; file; file = next) {
        next = file->next;
        if (file->owner == ramdisk && (file->path[len] == '/' || file->path[len] == '\0')) {
            leat_assert(file->users == 0);
            file->is_unlinked = true;
            drop_if_unused(file);
        }
    }
    for (size_t i = 0; i < sizeof ramdisks / sizeof *ramdisks; i++)
        if (ramdisks[i] == ramdisk)
            ramdisks[i] = NULL;
    leat_lock_give(&lock);
    free(ramdisk);
}
