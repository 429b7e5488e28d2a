/* power_disk.c - a disk that tells on what it was given, and fails when it is told to.
 *
 *   power_disk MOUNTPOINT IMAGE SHARED TAPE
 *
 * Shows a file system of one file, MOUNTPOINT/disk, whose bytes are those of IMAGE: for a loop device to stand on. Each
 * write and each flush (fsync) goes onto TAPE in the order in which it was answered ("-": onto none), so that every
 * state which a power cut can leave may be made of IMAGE's first content, the tape up to some flush, and any choice of
 * the writes behind it. One thread serves: nothing overtakes anything. While SHARED says so, writes that touch its
 * ranges are answered with EIO and do not happen; flushes too.
 */
#define FUSE_USE_VERSION 31

#include "power_shared.h"

#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static struct {
    int image;
    FILE *tape;
    struct power_shared *shared;
} disk;

static bool is_failing(enum power_failing what)
{
    return __atomic_load_n(&disk.shared->failing, __ATOMIC_ACQUIRE) & what;
}

static bool is_bad_place(uint64_t from, uint64_t to)
{
    for (uint32_t i = 0; i < disk.shared->range_count; i++)
        if (from < disk.shared->ranges[i].to && to > disk.shared->ranges[i].from)
            return true;
    return false;
}

static struct power_event arrived(enum power_kind kind, uint64_t at, uint32_t len)
{
    return (struct power_event){.kind = kind, .at = at, .len = len,
                                .acked = __atomic_load_n(&disk.shared->acked, __ATOMIC_ACQUIRE),
                                .begun = __atomic_load_n(&disk.shared->begun, __ATOMIC_ACQUIRE)};
}

static bool record(const struct power_event *event, const void *bytes)
{
    return !disk.tape || (fwrite(event, sizeof *event, 1, disk.tape) == 1 &&
                          (event->len == 0 || fwrite(bytes, event->len, 1, disk.tape) == 1));
}

static int disk_write(const char *path, const char *bytes, size_t len, off_t at, struct fuse_file_info *file)
{
    (void)path, (void)file;
    struct power_event event = arrived(POWER_WRITE, (uint64_t)at, (uint32_t)len);
    if (is_failing(POWER_FAIL_WRITES) && is_bad_place((uint64_t)at, (uint64_t)at + len)) {
        disk.shared->failed++;
        return -EIO;
    }
    disk.shared->writes++;
    if (pwrite(disk.image, bytes, len, at) != (ssize_t)len || !record(&event, bytes))
        return -ENOSPC; /* of the machine that the test runs on */
    return (int)len;
}

static int disk_fsync(const char *path, int is_data_only, struct fuse_file_info *file)
{
    (void)path, (void)is_data_only, (void)file;
    struct power_event event = arrived(POWER_FLUSH, 0, 0);
    if (is_failing(POWER_FAIL_FLUSHES)) {
        disk.shared->failed++;
        return -EIO;
    }
    disk.shared->flushes++;
    return record(&event, NULL) ? 0 : -ENOSPC;
}

static int disk_read(const char *path, char *bytes, size_t len, off_t at, struct fuse_file_info *file)
{
    (void)path, (void)file;
    ssize_t have = pread(disk.image, bytes, len, at);
    return have < 0 ? -errno : (int)have;
}

static int disk_open(const char *path, struct fuse_file_info *file)
{
    if (strcmp(path, "/disk") != 0)
        return -ENOENT;
    file->direct_io = 1; /* the kernel keeps nothing of it: what a loop device writes arrives here */
    return 0;
}

static int disk_getattr(const char *path, struct stat *st, struct fuse_file_info *file)
{
    (void)file;
    *st = (struct stat){.st_mode = S_IFDIR | 0700, .st_nlink = 2};
    if (strcmp(path, "/") == 0)
        return 0;
    if (strcmp(path, "/disk") != 0)
        return -ENOENT;
    if (fstat(disk.image, st) != 0)
        return -errno;
    st->st_mode = S_IFREG | 0600;
    return 0;
}

static int disk_readdir(const char *path, void *list, fuse_fill_dir_t fill, off_t at, struct fuse_file_info *file,
                        enum fuse_readdir_flags flags)
{
    (void)path, (void)at, (void)file, (void)flags;
    return fill(list, "disk", NULL, 0, 0) ? -ENOMEM : 0;
}

static const struct fuse_operations operations = {.getattr = disk_getattr, .readdir = disk_readdir, .open = disk_open,
                                                  .read = disk_read, .write = disk_write, .fsync = disk_fsync};

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "power_disk MOUNTPOINT IMAGE SHARED TAPE\n");
        return 2;
    }
    int shared = open(argv[3], O_RDWR | O_CLOEXEC);
    bool is_taped = strcmp(argv[4], "-") != 0;
    disk.image = open(argv[2], O_RDWR | O_CLOEXEC);
    disk.tape = is_taped ? fopen(argv[4], "wbe") : NULL;
    disk.shared = mmap(NULL, sizeof *disk.shared, PROT_READ | PROT_WRITE, MAP_SHARED, shared, 0);
    if (disk.image < 0 || disk.shared == MAP_FAILED || (is_taped && !disk.tape)) {
        perror("power_disk");
        return 1;
    }
    char *options[] = {argv[0], "-f", "-s", argv[1], NULL};
    int status = fuse_main(4, options, &operations, NULL);
    return disk.tape && fclose(disk.tape) != 0 ? 1 : status;
}
