#include <kit/sim_inside.h>

#include <base/assert.h>
#include <base/memory.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

struct listing { /* stands for a DIR */
    struct dirent entry;
    char *path;
    size_t index;
};

static int fail(int error)
{
    errno = error;
    return -1;
}

static int end(enum fault fault)
{
    return fault == CUT ? fail(EIO) : 0;
}

static struct handle *handle_of(int fd)
{
    leat_assert(fd >= FD_FIRST && fd < FD_FIRST + FDS_MOST && sim_disk->handles[fd - FD_FIRST].inode);
    return &sim_disk->handles[fd - FD_FIRST];
}

static int open_inode(struct inode *inode, const char *path, int flags)
{
    int fd = 0;
    while (fd < FDS_MOST && sim_disk->handles[fd].inode)
        fd++;
    if (fd == FDS_MOST)
        return fail(EMFILE);
    sim_disk->handles[fd] = (struct handle){.inode = inode, .path = leat_strdup(path), .is_direct = flags & O_DIRECT};
    return FD_FIRST + fd;
}

static int sim_open(const char *path, int flags, mode_t mode)
{
    struct inode *inode = names_find(&sim_disk->cached, path);
    (void)mode;
    if (sim_disk->is_off)
        return fail(EIO);
    if (!inode && !(flags & O_CREAT))
        return fail(ENOENT);
    if (!inode || (flags & O_TRUNC)) {
        enum fault fault = strike(!inode);
        if (fault == FAIL || (!inode && !has_room(SECTOR)))
            return -1;
        if (!inode)
            note(CREATE, path, NULL, inode = inode_new(false));
        if (flags & O_TRUNC)
            inode_resize(inode, 0);
        if (fault == CUT)
            return fail(EIO);
    }
    return open_inode(inode, path, flags);
}

static int sim_close(int fd)
{
    struct handle *handle = handle_of(fd);
    if (handle->has_lock)
        handle->inode->is_locked = false;
    free(handle->path);
    *handle = (struct handle){0};
    return 0;
}

/* What is dirty goes to the platter first, as the kernel does; then the platter is what is read. */
static ssize_t read_direct(struct inode *inode, void *to, size_t len, uint64_t from)
{
    if (len % SECTOR || from % SECTOR || (uintptr_t)to % SECTOR)
        return fail(EINVAL);
    settle_content(inode, 100);
    memcpy(to, inode->disk + from, len < inode->size - from ? len : inode->size - from);
    return (ssize_t)(len < inode->size - from ? len : inode->size - from);
}

static ssize_t sim_pread(int fd, void *to, size_t len, off_t at)
{
    const struct handle *handle = handle_of(fd);
    struct inode *inode = handle->inode;
    uint64_t from = (uint64_t)at;
    if (sim_disk->is_off)
        return fail(EIO);
    if (from >= inode->size || len == 0)
        return 0;
    if (!strike_read(inode, from, from + len))
        return -1;
    if (handle->is_direct)
        return read_direct(inode, to, len, from);
    if (len > inode->size - from)
        len = (size_t)(inode->size - from);
    memcpy(to, inode->cache + from, len);
    return (ssize_t)len;
}

static bool has_room_for(const struct inode *inode, uint64_t end)
{
    return end <= inode->size || has_room(end - inode->size);
}

/* A write that a fault strikes is half done. */
static ssize_t sim_pwrite(int fd, const void *from, size_t len, off_t at)
{
    struct inode *inode = handle_of(fd)->inode;
    enum fault fault = strike(true);
    if (fault == GO_ON)
        return has_room_for(inode, (uint64_t)at + len) ? inode_put(inode, from, len, (uint64_t)at) : -1;
    int error = errno;
    inode_put(inode, from, kit_below(&sim_disk->random, (uint32_t)len + 1), (uint64_t)at);
    return fail(error);
}

static ssize_t put_parts(struct inode *inode, const struct iovec *parts, int count, uint64_t at)
{
    ssize_t done = 0;
    for (int i = 0; i < count; i++)
        done += inode_put(inode, parts[i].iov_base, parts[i].iov_len, at + (uint64_t)done);
    return done;
}

static ssize_t sim_pwritev(int fd, const struct iovec *parts, int count, off_t at)
{
    struct inode *inode = handle_of(fd)->inode;
    enum fault fault = strike(true);
    int error = errno, whole = count;
    if (fault != GO_ON)
        whole = (int)kit_below(&sim_disk->random, (uint32_t)count + 1);
    else if (count > 1 && !kit_below(&sim_disk->random, 8)) /* short, which is no fault */
        whole = 1 + (int)kit_below(&sim_disk->random, (uint32_t)count - 1);
    uint64_t len = 0;
    for (int i = 0; i < whole; i++)
        len += parts[i].iov_len;
    if (fault == GO_ON && !has_room_for(inode, (uint64_t)at + len))
        return -1;
    ssize_t done = put_parts(inode, parts, whole, (uint64_t)at);
    return fault == GO_ON ? done : fail(error);
}

static ssize_t sim_read(int fd, void *to, size_t len)
{
    struct handle *handle = handle_of(fd);
    ssize_t n = sim_pread(fd, to, len, (off_t)handle->at);
    handle->at += n > 0 ? (uint64_t)n : 0;
    return n;
}

static ssize_t sim_write(int fd, const void *from, size_t len)
{
    struct handle *handle = handle_of(fd);
    ssize_t n = sim_pwrite(fd, from, len, (off_t)handle->at);
    handle->at += n > 0 ? (uint64_t)n : 0;
    return n;
}

static int sim_sync(int fd)
{
    struct handle *handle = handle_of(fd);
    enum fault fault = strike(false);
    bool is_cut = sim_disk->is_off;
    if (fault == FAIL && is_cut)
        return -1; /* nothing came of it: all is as dirty as before */
    if (handle->inode->is_dir && fault != FAIL)
        settle_names(handle->path, 100);
    else if (!handle->inode->is_dir && fault == FAIL)
        settle_failed(handle->inode, any_chance());
    else if (!handle->inode->is_dir)
        settle_content(handle->inode, 100);
    return fault == FAIL ? fail(EIO) : end(fault);
}

static int sim_ftruncate(int fd, off_t len)
{
    enum fault fault = strike(false);
    if (fault == FAIL)
        return -1;
    inode_resize(handle_of(fd)->inode, (uint64_t)len);
    return end(fault);
}

static int sim_fallocate(int fd, int mode, off_t at, off_t len)
{
    struct inode *inode = handle_of(fd)->inode;
    enum fault fault = strike(true);
    (void)mode;
    if (fault == FAIL)
        return -1;
    if (!has_room_for(inode, (uint64_t)(at + len)))
        return -1;
    if ((uint64_t)(at + len) > inode->size)
        inode_resize(inode, (uint64_t)(at + len));
    return end(fault);
}

static int sim_fadvise(int fd, off_t at, off_t len, int advice)
{
    (void)at, (void)len;
    if (advice == POSIX_FADV_DONTNEED)
        inode_drop_pages(handle_of(fd)->inode);
    return 0;
}

static int stat_inode(const struct inode *inode, struct stat *st)
{
    if (sim_disk->is_off)
        return fail(EIO);
    if (!inode)
        return fail(ENOENT);
    *st = (struct stat){.st_mode = inode->is_dir ? S_IFDIR | 0700 : S_IFREG | 0600, .st_size = (off_t)inode->size};
    return 0;
}

static int sim_fstat(int fd, struct stat *st)
{
    return stat_inode(handle_of(fd)->inode, st);
}

static int sim_stat(const char *path, struct stat *st)
{
    return stat_inode(names_find(&sim_disk->cached, path), st);
}

static int sim_statvfs(const char *path, struct statvfs *st)
{
    uint64_t used = sim_used();
    if (sim_disk->is_off)
        return fail(EIO);
    if (!names_find(&sim_disk->cached, path))
        return fail(ENOENT);
    *st = (struct statvfs){.f_bsize = SECTOR, .f_frsize = SECTOR, .f_blocks = UINT32_MAX, .f_bfree = UINT32_MAX, .f_bavail = UINT32_MAX};
    if (sim_disk->room > 0)
        st->f_bfree = st->f_bavail = used < sim_disk->room ? (sim_disk->room - used) / SECTOR : 0;
    return 0;
}

static int sim_rename(const char *from, const char *to)
{
    struct inode *inode = names_find(&sim_disk->cached, from);
    if (!inode)
        return fail(ENOENT);
    enum fault fault = strike(false);
    if (fault == FAIL)
        return -1;
    note(RENAME, to, from, inode);
    return end(fault);
}

static int sim_unlink(const char *path)
{
    if (!names_find(&sim_disk->cached, path))
        return fail(ENOENT);
    enum fault fault = strike(false);
    if (fault == FAIL)
        return -1;
    note(UNLINK, path, NULL, NULL);
    return end(fault);
}

static int sim_mkdir(const char *path, mode_t mode)
{
    (void)mode;
    if (names_find(&sim_disk->cached, path))
        return fail(EEXIST);
    enum fault fault = strike(true);
    if (fault == FAIL || !has_room(SECTOR))
        return -1;
    note(CREATE, path, NULL, inode_new(true));
    return end(fault);
}

static int sim_lock(int fd, bool is_exclusive)
{
    struct handle *handle = handle_of(fd);
    (void)is_exclusive;
    if (handle->inode->is_locked && !handle->has_lock)
        return fail(EAGAIN);
    handle->inode->is_locked = handle->has_lock = true;
    return 0;
}

static DIR *sim_opendir(const char *path)
{
    if (sim_disk->is_off || !names_find(&sim_disk->cached, path)) {
        errno = sim_disk->is_off ? EIO : ENOENT;
        return NULL;
    }
    struct listing *listing = leat_calloc(1, sizeof *listing);
    listing->path = leat_strdup(path);
    return (DIR *)listing;
}

static struct dirent *sim_readdir(DIR *dir)
{
    struct listing *listing = (struct listing *)dir;
    errno = 0;
    while (listing->index < sim_disk->cached.count) {
        const char *path = sim_disk->cached.items[listing->index++].path;
        if (!is_child(listing->path, path))
            continue;
        snprintf(listing->entry.d_name, sizeof listing->entry.d_name, "%s", strrchr(path, '/') + 1);
        return &listing->entry;
    }
    return NULL;
}

static int sim_closedir(DIR *dir)
{
    struct listing *listing = (struct listing *)dir;
    free(listing->path);
    free(listing);
    return 0;
}

static ssize_t sim_getrandom(void *to, size_t len)
{
    for (size_t i = 0; i < len; i++)
        ((uint8_t *)to)[i] = (uint8_t)kit_random(&sim_disk->chance);
    return (ssize_t)len;
}

static pid_t sim_getpid(void)
{
    return 4711;
}

static const struct leat_os sim_os = {
    .open = sim_open, .close = sim_close, .read = sim_read, .write = sim_write, .pread = sim_pread,
    .pwrite = sim_pwrite, .pwritev = sim_pwritev, .fdatasync = sim_sync, .fsync = sim_sync,
    .ftruncate = sim_ftruncate, .fallocate = sim_fallocate, .fadvise = sim_fadvise, .fstat = sim_fstat, .stat = sim_stat, .lstat = sim_stat,
    .statvfs = sim_statvfs,    .rename = sim_rename, .unlink = sim_unlink, .mkdir = sim_mkdir, .lock = sim_lock, .opendir = sim_opendir,
    .readdir = sim_readdir, .closedir = sim_closedir, .getrandom = sim_getrandom, .getpid = sim_getpid,
};

const struct leat_os *sim_disk_os(void)
{
    return &sim_os;
}

