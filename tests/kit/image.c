#include <kit/image.h>

#include <base/assert.h>
#include <base/memory.h>
#include <errno.h>
#include <fcntl.h>
#include <kit/random.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILES_MOST 1024
#define FDS_MOST 256
#define FD_FIRST 1000

struct content {
    uint8_t *bytes;
    size_t len, cap;
};

struct file {
    char *path;
    struct content now, kept;
    bool is_dir, is_there, was_there, is_changed;
};

static struct {
    struct file *files; /* by path */
    size_t count;
    struct kit_random random;
    struct {
        struct file *file;
        off_t at; /* of read() and write() */
        bool is_open;
    } fds[FDS_MOST];
} image;

struct listing {
    char *path;
    size_t at;
    struct dirent entry;
};

static int refuse(int error)
{
    errno = error;
    return -1;
}

/* ---- files ---- */

static struct file *find(const char *path)
{
    for (size_t i = 0; i < image.count; i++)
        if (image.files[i].is_there && strcmp(image.files[i].path, path) == 0)
            return &image.files[i];
    return NULL;
}

/* Slots stay where they are, since descriptors point to them; one that was there at image_keep() keeps its slot. */
static struct file *make(const char *path, bool is_dir)
{
    struct file *file = NULL;
    for (size_t i = 0; i < image.count && !file; i++)
        if (strcmp(image.files[i].path, path) == 0)
            file = &image.files[i];
    if (!file) {
        leat_assert(image.count < FILES_MOST);
        file = &image.files[image.count++];
        *file = (struct file){.path = leat_strdup(path)};
    }
    file->is_there = file->is_changed = true;
    file->is_dir = is_dir;
    file->now.len = 0;
    return file;
}

static void resize(struct file *file, size_t len)
{
    struct content *now = &file->now;
    if (len > now->cap) {
        now->cap = (len * 5 / 4 + 4095) & ~(size_t)4095;
        now->bytes = leat_realloc(now->bytes, now->cap);
    }
    if (len > now->len)
        memset(now->bytes + now->len, 0, len - now->len);
    now->len = len;
    file->is_changed = true;
}

static void copy(struct content *to, const struct content *from)
{
    if (to->cap < from->len) {
        to->cap = from->len;
        to->bytes = leat_realloc(to->bytes, to->cap);
    }
    if (from->len > 0)
        memcpy(to->bytes, from->bytes, from->len);
    to->len = from->len;
}

/* ---- the table ---- */

static struct file *file_of(int fd)
{
    leat_assert(fd >= FD_FIRST && fd < FD_FIRST + FDS_MOST && image.fds[fd - FD_FIRST].is_open);
    return image.fds[fd - FD_FIRST].file;
}

static int img_open(const char *path, int flags, mode_t mode)
{
    (void)mode;
    struct file *file = find(path);
    if (!file && !(flags & O_CREAT))
        return refuse(ENOENT);
    if (!file)
        file = make(path, false);
    if (flags & O_TRUNC)
        resize(file, 0);
    for (int i = 0; i < FDS_MOST; i++) {
        if (image.fds[i].is_open)
            continue;
        image.fds[i].is_open = true;
        image.fds[i].file = file;
        image.fds[i].at = 0;
        return FD_FIRST + i;
    }
    return refuse(EMFILE);
}

static int img_close(int fd)
{
    file_of(fd);
    image.fds[fd - FD_FIRST].is_open = false;
    return 0;
}

static ssize_t img_pread(int fd, void *to, size_t len, off_t at)
{
    const struct content *now = &file_of(fd)->now;
    size_t left = (size_t)at < now->len ? now->len - (size_t)at : 0;
    len = len < left ? len : left;
    if (len > 0)
        memcpy(to, now->bytes + at, len);
    return (ssize_t)len;
}

static ssize_t img_pwrite(int fd, const void *from, size_t len, off_t at)
{
    struct file *file = file_of(fd);
    if ((size_t)at + len > file->now.len)
        resize(file, (size_t)at + len);
    if (len > 0)
        memcpy(file->now.bytes + at, from, len);
    file->is_changed = true;
    return (ssize_t)len;
}

static ssize_t img_pwritev(int fd, const struct iovec *parts, int count, off_t at)
{
    ssize_t done = 0;
    for (int i = 0; i < count; i++)
        done += img_pwrite(fd, parts[i].iov_base, parts[i].iov_len, at + done);
    return done;
}

static ssize_t img_read(int fd, void *to, size_t len)
{
    off_t *at = &image.fds[fd - FD_FIRST].at;
    ssize_t done = img_pread(fd, to, len, *at);
    *at += done;
    return done;
}

static ssize_t img_write(int fd, const void *from, size_t len)
{
    off_t *at = &image.fds[fd - FD_FIRST].at;
    ssize_t done = img_pwrite(fd, from, len, *at);
    *at += done;
    return done;
}

static int img_sync(int fd)
{
    file_of(fd);
    return 0;
}

static int img_ftruncate(int fd, off_t len)
{
    resize(file_of(fd), (size_t)len);
    return 0;
}

static int img_fallocate(int fd, int mode, off_t at, off_t len)
{
    struct file *file = file_of(fd);
    (void)mode;
    if ((size_t)(at + len) > file->now.len)
        resize(file, (size_t)(at + len));
    return 0;
}

static int img_fadvise(int fd, off_t at, off_t len, int advice)
{
    (void)fd, (void)at, (void)len, (void)advice;
    return 0;
}

static int img_write_behind(int fd, off_t at, off_t len)
{
    return img_fadvise(fd, at, len, 0);
}

static int stat_file(const struct file *file, struct stat *st)
{
    if (!file)
        return refuse(ENOENT);
    *st = (struct stat){.st_mode = file->is_dir ? S_IFDIR | 0700 : S_IFREG | 0600, .st_size = (off_t)file->now.len};
    return 0;
}

static int img_fstat(int fd, struct stat *st)
{
    return stat_file(file_of(fd), st);
}

static int img_stat(const char *path, struct stat *st)
{
    return stat_file(find(path), st);
}

static int img_statvfs(const char *path, struct statvfs *st)
{
    (void)path;
    *st = (struct statvfs){.f_bavail = 1 << 30, .f_frsize = 4096};
    return 0;
}

static int img_unlink(const char *path)
{
    struct file *file = find(path);
    if (!file)
        return refuse(ENOENT);
    file->is_there = false;
    file->is_changed = true;
    return 0;
}

static int img_rename(const char *from, const char *to)
{
    struct file *file = find(from);
    if (!file)
        return refuse(ENOENT);
    struct file *made = find(to) ? find(to) : make(to, file->is_dir);
    copy(&made->now, &file->now);
    made->is_changed = true;
    for (int i = 0; i < FDS_MOST; i++)
        if (image.fds[i].is_open && image.fds[i].file == file)
            image.fds[i].file = made;
    return img_unlink(from);
}

static int img_mkdir(const char *path, mode_t mode)
{
    (void)mode;
    if (find(path))
        return refuse(EEXIST);
    make(path, true);
    return 0;
}

static int img_lock(int fd, bool is_exclusive)
{
    (void)is_exclusive;
    return img_sync(fd);
}

static DIR *img_opendir(const char *path)
{
    if (!find(path)) {
        errno = ENOENT;
        return NULL;
    }
    struct listing *listing = leat_calloc(1, sizeof *listing);
    listing->path = leat_strdup(path);
    return (DIR *)listing;
}

static struct dirent *img_readdir(DIR *dir)
{
    struct listing *listing = (struct listing *)dir;
    size_t len = strlen(listing->path);
    errno = 0;
    while (listing->at < image.count) {
        const struct file *file = &image.files[listing->at++];
        const char *name = file->path + len + 1;
        if (!file->is_there || strlen(file->path) <= len || strncmp(file->path, listing->path, len) != 0 ||
            file->path[len] != '/' || strchr(name, '/'))
            continue;
        snprintf(listing->entry.d_name, sizeof listing->entry.d_name, "%s", name);
        return &listing->entry;
    }
    return NULL;
}

static int img_closedir(DIR *dir)
{
    struct listing *listing = (struct listing *)dir;
    free(listing->path);
    free(listing);
    return 0;
}

/* The same numbers in every run. */
static ssize_t img_getrandom(void *to, size_t len)
{
    for (size_t i = 0; i < len; i += 8) {
        uint64_t random = kit_random(&image.random);
        memcpy((uint8_t *)to + i, &random, len - i < 8 ? len - i : 8);
    }
    return (ssize_t)len;
}

static pid_t img_getpid(void)
{
    return 4711;
}

static const struct leat_os table = {
    .open = img_open, .close = img_close, .read = img_read, .write = img_write, .pread = img_pread,
    .pwrite = img_pwrite, .pwritev = img_pwritev, .fdatasync = img_sync, .fsync = img_sync,
    .ftruncate = img_ftruncate, .fallocate = img_fallocate, .write_behind = img_write_behind, .fadvise = img_fadvise,
    .fstat = img_fstat, .stat = img_stat, .lstat = img_stat, .statvfs = img_statvfs, .rename = img_rename,
    .unlink = img_unlink, .mkdir = img_mkdir, .lock = img_lock, .opendir = img_opendir, .readdir = img_readdir,
    .closedir = img_closedir, .getrandom = img_getrandom, .getpid = img_getpid,
};

const struct leat_os *image_os(void)
{
    return &table;
}

/* ---- the test's side ---- */

void image_new(void)
{
    leat_assert(!image.files);
    image.files = leat_calloc(FILES_MOST, sizeof *image.files);
    make("/d", true);
}

void image_free(void)
{
    for (size_t i = 0; i < image.count; i++) {
        free(image.files[i].path);
        free(image.files[i].now.bytes);
        free(image.files[i].kept.bytes);
    }
    free(image.files);
    memset(&image, 0, sizeof image);
}

void image_keep(void)
{
    for (size_t i = 0; i < image.count; i++) {
        struct file *file = &image.files[i];
        copy(&file->kept, &file->now);
        file->was_there = file->is_there;
        file->is_changed = false;
    }
}

void image_back(void)
{
    memset(image.fds, 0, sizeof image.fds);
    for (size_t i = 0; i < image.count; i++) {
        struct file *file = &image.files[i];
        if (!file->is_changed)
            continue;
        copy(&file->now, &file->kept);
        file->is_there = file->was_there;
        file->is_changed = false;
    }
}

uint8_t *image_bytes(const char *path, size_t *len)
{
    struct file *file = find(path);
    if (!file)
        return NULL;
    file->is_changed = true;
    *len = file->now.len;
    return file->now.bytes;
}

static const struct file *find_kept(const char *path)
{
    for (size_t i = 0; i < image.count; i++)
        if (image.files[i].was_there && strcmp(image.files[i].path, path) == 0)
            return &image.files[i];
    return NULL;
}

const uint8_t *image_kept(const char *path, size_t *len)
{
    const struct file *file = find_kept(path);
    *len = file ? file->kept.len : 0;
    return file ? file->kept.bytes : NULL;
}

bool image_is_changed(const char *path)
{
    const struct file *kept = find_kept(path), *now = find(path);
    return kept != now || (now && now->is_changed);
}

void image_resize(const char *path, size_t len)
{
    resize(find(path), len);
}

void image_remove(const char *path)
{
    leat_assert(img_unlink(path) == 0);
}

void image_put(const char *path, const void *bytes, size_t len)
{
    struct file *file = make(path, false);
    resize(file, len);
    if (len > 0)
        memcpy(file->now.bytes, bytes, len);
}

const char *image_name(const char *prefix, size_t at)
{
    const char *last = "";
    for (size_t left = at + 1; left > 0; left--) {
        const char *best = NULL;
        for (size_t i = 0; i < image.count; i++) {
            const char *path = image.files[i].path;
            if (image.files[i].is_there && strncmp(path, prefix, strlen(prefix)) == 0 && strcmp(path, last) > 0 &&
                (!best || strcmp(path, best) < 0))
                best = path;
        }
        if (!best)
            return NULL;
        last = best;
    }
    return last;
}
