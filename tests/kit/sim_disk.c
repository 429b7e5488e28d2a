#include <kit/sim_disk.h>

#include <base/assert.h>
#include <base/crc32c.h>
#include <base/memory.h>
#include <errno.h>
#include <fcntl.h>
#include <kit/random.h>
#include <stdlib.h>
#include <string.h>

#define FD_FIRST (1 << 20) /* no descriptor of the kernel's */
#define FDS_MOST 64
#define SECTOR ((uint64_t)512)

struct inode {
    struct inode *next; /* of all that ever were */
    bool is_dir, is_locked;
    uint64_t size, disk_size; /* in cache; on the platter */
    uint8_t *cache, *disk;    /* cap bytes; zeros behind the size */
    bool *is_dirty;           /* by sector */
    uint64_t cap;             /* a multiple of SECTOR */
};

struct name {
    char *path;
    struct inode *inode;
};

struct names {
    struct name *items;
    size_t count;
};

enum change_kind { CREATE, RENAME, UNLINK };

struct change { /* of a directory that was not synced since */
    enum change_kind kind;
    char *path, *from;
    struct inode *inode;
};

struct handle {
    struct inode *inode;
    char *path;
    uint64_t at;
    bool has_lock;
};

struct listing { /* stands for a DIR */
    struct dirent entry;
    char *path;
    size_t index;
};

struct sim_disk {
    struct kit_random random, chance; /* what the disk does; what getrandom() gives */
    struct inode *inodes;
    struct names cached, lasting;
    struct change *changes;
    size_t change_count;
    struct handle handles[FDS_MOST];
    uint32_t cut_in, fail_in; /* calls; 0: not */
    int fail_with;
    bool is_off;
};

static struct sim_disk *disk; /* the one in use */

static int fail(int error)
{
    errno = error;
    return -1;
}

/* ---- names ---- */

static struct inode *names_find(const struct names *names, const char *path)
{
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->items[i].path, path) == 0)
            return names->items[i].inode;
    return NULL;
}

static void names_remove(struct names *names, const char *path)
{
    for (size_t i = 0; i < names->count; i++) {
        if (strcmp(names->items[i].path, path) == 0) {
            free(names->items[i].path);
            names->items[i] = names->items[--names->count];
            return;
        }
    }
}

static void names_set(struct names *names, const char *path, struct inode *inode)
{
    names_remove(names, path);
    names->items = leat_realloc(names->items, (names->count + 1) * sizeof *names->items);
    names->items[names->count++] = (struct name){leat_strdup(path), inode};
}

static void names_clear(struct names *names)
{
    while (names->count > 0)
        free(names->items[--names->count].path);
    free(names->items);
    names->items = NULL;
}

static void apply(struct names *names, const struct change *change)
{
    if (change->kind == UNLINK) {
        names_remove(names, change->path);
        return;
    }
    if (change->kind == RENAME)
        names_remove(names, change->from);
    names_set(names, change->path, change->inode);
}

static void note(enum change_kind kind, const char *path, const char *from, struct inode *inode)
{
    disk->changes = leat_realloc(disk->changes, (disk->change_count + 1) * sizeof *disk->changes);
    struct change *change = &disk->changes[disk->change_count++];
    *change = (struct change){kind, leat_strdup(path), from ? leat_strdup(from) : NULL, inode};
    apply(&disk->cached, change);
}

static bool is_child(const char *dir, const char *path)
{
    size_t len = strlen(dir);
    return strncmp(dir, path, len) == 0 && path[len] == '/' && !strchr(path + len + 1, '/');
}

/* Changes in `dir` (NULL: in all) come to the platter, each by `chance` of 100, and are forgotten. */
static void settle_names(const char *dir, uint32_t chance)
{
    size_t kept = 0;
    for (size_t i = 0; i < disk->change_count; i++) {
        struct change *change = &disk->changes[i];
        if (dir && !is_child(dir, change->path)) {
            disk->changes[kept++] = *change;
            continue;
        }
        if (kit_below(&disk->random, 100) < chance)
            apply(&disk->lasting, change);
        free(change->path);
        free(change->from);
    }
    disk->change_count = kept;
}

/* ---- content ---- */

static struct inode *inode_new(bool is_dir)
{
    struct inode *inode = leat_calloc(1, sizeof *inode);
    inode->is_dir = is_dir;
    inode->next = disk->inodes;
    disk->inodes = inode;
    return inode;
}

static void reserve(struct inode *inode, uint64_t size)
{
    if (size <= inode->cap)
        return;
    uint64_t cap = inode->cap ? inode->cap : SECTOR;
    while (cap < size)
        cap *= 2;
    inode->cache = leat_realloc(inode->cache, cap);
    inode->disk = leat_realloc(inode->disk, cap);
    inode->is_dirty = leat_realloc(inode->is_dirty, cap / SECTOR);
    memset(inode->cache + inode->cap, 0, cap - inode->cap);
    memset(inode->disk + inode->cap, 0, cap - inode->cap);
    memset(inode->is_dirty + inode->cap / SECTOR, 0, (cap - inode->cap) / SECTOR);
    inode->cap = cap;
}

static void mark(struct inode *inode, uint64_t from, uint64_t to)
{
    for (uint64_t at = from / SECTOR; at * SECTOR < to; at++)
        inode->is_dirty[at] = true;
}

static void resize(struct inode *inode, uint64_t size)
{
    reserve(inode, size);
    if (size < inode->size) {
        memset(inode->cache + size, 0, inode->size - size);
        mark(inode, size, inode->size);
    }
    inode->size = size;
}

/* What is dirty comes to the platter, each sector by `chance` of 100. */
static void settle_content(struct inode *inode, uint32_t chance)
{
    for (uint64_t at = 0; at < inode->cap / SECTOR; at++) {
        if (inode->is_dirty[at] && kit_below(&disk->random, 100) < chance)
            memcpy(inode->disk + at * SECTOR, inode->cache + at * SECTOR, SECTOR);
        inode->is_dirty[at] = false;
    }
    if (kit_below(&disk->random, 100) < chance)
        inode->disk_size = inode->size;
    if (inode->cap > 0)
        memset(inode->disk + inode->disk_size, 0, inode->cap - inode->disk_size);
}

static uint32_t any_chance(void)
{
    static const uint32_t chances[] = {0, 10, 50, 90, 100};
    return chances[kit_below(&disk->random, 5)];
}

/* ---- faults ---- */

enum fault { GO_ON, FAIL, CUT }; /* CUT: do it, then fail */

/* One more call that changes something. */
static enum fault strike(bool takes_room)
{
    if (disk->is_off) {
        errno = EIO;
        return FAIL;
    }
    if (disk->cut_in > 0 && --disk->cut_in == 0) {
        disk->is_off = true;
        errno = EIO;
        return kit_below(&disk->random, 2) ? CUT : FAIL;
    }
    if (disk->fail_in > 0 && (takes_room || disk->fail_with != ENOSPC) && --disk->fail_in == 0) {
        errno = disk->fail_with;
        return FAIL;
    }
    return GO_ON;
}

static int end(enum fault fault)
{
    return fault == CUT ? fail(EIO) : 0;
}

/* ---- the calls ---- */

static struct handle *handle_of(int fd)
{
    leat_assert(fd >= FD_FIRST && fd < FD_FIRST + FDS_MOST && disk->handles[fd - FD_FIRST].inode);
    return &disk->handles[fd - FD_FIRST];
}

static int open_inode(struct inode *inode, const char *path)
{
    int fd = 0;
    while (fd < FDS_MOST && disk->handles[fd].inode)
        fd++;
    if (fd == FDS_MOST)
        return fail(EMFILE);
    disk->handles[fd] = (struct handle){.inode = inode, .path = leat_strdup(path)};
    return FD_FIRST + fd;
}

static int sim_open(const char *path, int flags, mode_t mode)
{
    struct inode *inode = names_find(&disk->cached, path);
    (void)mode;
    if (disk->is_off)
        return fail(EIO);
    if (!inode && !(flags & O_CREAT))
        return fail(ENOENT);
    if (!inode || (flags & O_TRUNC)) {
        enum fault fault = strike(!inode);
        if (fault == FAIL)
            return -1;
        if (!inode)
            note(CREATE, path, NULL, inode = inode_new(false));
        if (flags & O_TRUNC)
            resize(inode, 0);
        if (fault == CUT)
            return fail(EIO);
    }
    return open_inode(inode, path);
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

static ssize_t sim_pread(int fd, void *to, size_t len, off_t at)
{
    const struct inode *inode = handle_of(fd)->inode;
    uint64_t from = (uint64_t)at;
    if (disk->is_off)
        return fail(EIO);
    if (from >= inode->size)
        return 0;
    if (len > inode->size - from)
        len = (size_t)(inode->size - from);
    memcpy(to, inode->cache + from, len);
    return (ssize_t)len;
}

static ssize_t put(struct inode *inode, const void *from, size_t len, off_t at)
{
    uint64_t begin = (uint64_t)at, last = begin + len;
    if (len == 0)
        return 0;
    reserve(inode, last);
    memcpy(inode->cache + begin, from, len);
    mark(inode, begin, last);
    if (last > inode->size)
        inode->size = last;
    return (ssize_t)len;
}

/* A write that a fault strikes is half done. */
static ssize_t sim_pwrite(int fd, const void *from, size_t len, off_t at)
{
    enum fault fault = strike(true);
    if (fault == GO_ON)
        return put(handle_of(fd)->inode, from, len, at);
    int error = errno;
    put(handle_of(fd)->inode, from, kit_below(&disk->random, (uint32_t)len + 1), at);
    return fail(error);
}

static ssize_t sim_pwritev(int fd, const struct iovec *parts, int count, off_t at)
{
    enum fault fault = strike(true);
    int error = errno, whole = fault == GO_ON ? count : (int)kit_below(&disk->random, (uint32_t)count + 1);
    ssize_t done = 0;
    for (int i = 0; i < whole; i++)
        done += put(handle_of(fd)->inode, parts[i].iov_base, parts[i].iov_len, at + done);
    if (fault == GO_ON && count > 1 && !kit_below(&disk->random, 8)) /* short, which is no fault */
        return done - (ssize_t)parts[count - 1].iov_len > 0 ? done - (ssize_t)parts[count - 1].iov_len : done;
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
    bool is_cut = disk->is_off;
    if (fault == FAIL && is_cut)
        return -1; /* nothing came of it: all is as dirty as before */
    if (handle->inode->is_dir && fault != FAIL)
        settle_names(handle->path, 100);
    else if (!handle->inode->is_dir)
        settle_content(handle->inode, fault == FAIL ? any_chance() : 100);
    return fault == FAIL ? fail(EIO) : end(fault);
}

static int sim_ftruncate(int fd, off_t len)
{
    enum fault fault = strike(false);
    if (fault == FAIL)
        return -1;
    resize(handle_of(fd)->inode, (uint64_t)len);
    return end(fault);
}

static int sim_fallocate(int fd, int mode, off_t at, off_t len)
{
    struct inode *inode = handle_of(fd)->inode;
    enum fault fault = strike(true);
    (void)mode;
    if (fault == FAIL)
        return -1;
    if ((uint64_t)(at + len) > inode->size)
        resize(inode, (uint64_t)(at + len));
    return end(fault);
}

static int stat_inode(const struct inode *inode, struct stat *st)
{
    if (disk->is_off)
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
    return stat_inode(names_find(&disk->cached, path), st);
}

static int sim_rename(const char *from, const char *to)
{
    struct inode *inode = names_find(&disk->cached, from);
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
    if (!names_find(&disk->cached, path))
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
    if (names_find(&disk->cached, path))
        return fail(EEXIST);
    enum fault fault = strike(true);
    if (fault == FAIL)
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
    if (disk->is_off || !names_find(&disk->cached, path)) {
        errno = disk->is_off ? EIO : ENOENT;
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
    while (listing->index < disk->cached.count) {
        const char *path = disk->cached.items[listing->index++].path;
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
        ((uint8_t *)to)[i] = (uint8_t)kit_random(&disk->chance);
    return (ssize_t)len;
}

static pid_t sim_getpid(void)
{
    return 4711;
}

static const struct leat_os sim_os = {
    .open = sim_open, .close = sim_close, .read = sim_read, .write = sim_write, .pread = sim_pread,
    .pwrite = sim_pwrite, .pwritev = sim_pwritev, .fdatasync = sim_sync, .fsync = sim_sync,
    .ftruncate = sim_ftruncate, .fallocate = sim_fallocate, .fstat = sim_fstat, .stat = sim_stat, .lstat = sim_stat,
    .rename = sim_rename, .unlink = sim_unlink, .mkdir = sim_mkdir, .lock = sim_lock, .opendir = sim_opendir,
    .readdir = sim_readdir, .closedir = sim_closedir, .getrandom = sim_getrandom, .getpid = sim_getpid,
};

const struct leat_os *sim_disk_os(void)
{
    return &sim_os;
}

/* ---- life ---- */

struct sim_disk *sim_disk_new(uint64_t seed)
{
    leat_assert(!disk);
    disk = leat_calloc(1, sizeof *disk);
    disk->random.state = seed;
    disk->chance.state = ~seed;
    note(CREATE, "/d", NULL, inode_new(true));
    settle_names(NULL, 100);
    return disk;
}

void sim_disk_free(struct sim_disk *old)
{
    leat_assert(old == disk);
    settle_names(NULL, 0);
    free(disk->changes);
    names_clear(&disk->cached);
    names_clear(&disk->lasting);
    for (struct inode *inode = disk->inodes, *next; inode; inode = next) {
        next = inode->next;
        free(inode->cache);
        free(inode->disk);
        free(inode->is_dirty);
        free(inode);
    }
    free(disk);
    disk = NULL;
}

void sim_disk_cut_at(struct sim_disk *of, uint32_t calls)
{
    of->cut_in = calls;
}

void sim_disk_fail_at(struct sim_disk *of, uint32_t calls, int error)
{
    of->fail_in = calls;
    of->fail_with = error;
}

bool sim_disk_is_off(const struct sim_disk *of)
{
    return of->is_off;
}

static bool has_parent(const struct names *names, const char *path)
{
    char *parent = leat_strndup(path, (size_t)(strrchr(path, '/') - path));
    bool is_there = parent[0] == '\0' || names_find(names, parent);
    free(parent);
    return is_there;
}

/* What stood in a directory that is lost is lost with it. */
static void drop_unreachable(struct names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        if (!has_parent(names, names->items[i].path)) {
            names_remove(names, names->items[i].path);
            i = (size_t)-1; /* others may have hung on it */
        }
    }
}

static void lose_cache(void)
{
    settle_names(NULL, any_chance());
    drop_unreachable(&disk->lasting);
    for (struct inode *inode = disk->inodes; inode; inode = inode->next) {
        settle_content(inode, any_chance());
        inode->size = inode->disk_size;
        if (inode->cap > 0)
            memcpy(inode->cache, inode->disk, inode->cap);
    }
    names_clear(&disk->cached);
    disk->cached.count = 0;
    for (size_t i = 0; i < disk->lasting.count; i++)
        names_set(&disk->cached, disk->lasting.items[i].path, disk->lasting.items[i].inode);
}

void sim_disk_restart(struct sim_disk *of, bool machine_went_down)
{
    leat_assert(of == disk);
    for (int fd = 0; fd < FDS_MOST; fd++)
        if (disk->handles[fd].inode)
            sim_close(FD_FIRST + fd);
    if (machine_went_down)
        lose_cache();
    disk->is_off = false;
    disk->cut_in = disk->fail_in = 0;
}

bool sim_disk_rot(struct sim_disk *of, const char *path, uint64_t at)
{
    struct inode *inode = names_find(&of->cached, path);
    if (!inode || at >= inode->size)
        return false;
    inode->cache[at] ^= 0x10;
    inode->disk[at] ^= 0x10;
    return true;
}

static uint32_t digest_names(uint32_t crc, const struct names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        const struct inode *inode = names->items[i].inode;
        crc = leat_crc32c(crc, names->items[i].path, strlen(names->items[i].path));
        crc = leat_crc32c(crc, &inode->size, sizeof inode->size);
        crc = leat_crc32c(crc, inode->cache, inode->cap);
        crc = leat_crc32c(crc, inode->disk, inode->cap);
    }
    return crc;
}

uint32_t sim_disk_digest(const struct sim_disk *of)
{
    return digest_names(digest_names(0, &of->cached), &of->lasting);
}
