#include <file/slots.h>

#include <base/assert.h>
#include <base/crc32c.h>
#include <base/memory.h>
#include <base/os.h>
#include <base/wire.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

static const char magic[8] = {'L', 'E', 'A', 'T', 'S', 'L', 'O', 'T'};

enum leat_status file_failed(const char *path, const char *what, struct leat_error *err)
{
    int error = errno;
    if (error == ENOSPC || error == EDQUOT)
        return leat_fail_as(err, LEAT_RETRY, LEAT_CAUSE_DISK, "%s: cannot %s: %s; free some space, it goes on by itself",
                            path, what, strerror(error));
    return leat_fail_as(err, LEAT_STOP, leat_os_cause(error), "%s: cannot %s: %s", path, what, strerror(error));
}

bool file_is_still_there(int fd, const char *path)
{
    struct stat ours, there;
    return leat_os->fstat(fd, &ours) == 0 && leat_os->stat(path, &there) == 0 && ours.st_ino == there.st_ino &&
           ours.st_dev == there.st_dev;
}

static uint32_t checksum(const uint8_t *slot, size_t len)
{
    return leat_crc32c(leat_crc32c(0, slot + 8, 12), slot + SLOTS_HEAD, len);
}

/* Sequence of a whole slot, or 0. */
static uint64_t slot_sequence(const uint8_t *slot, size_t size, size_t *len)
{
    if (size < SLOTS_HEAD || memcmp(slot, magic, sizeof magic) != 0)
        return 0;
    *len = leat_get_u32(slot + 16);
    if (*len > size - SLOTS_HEAD || leat_get_u32(slot + 20) != checksum(slot, *len))
        return 0;
    return leat_get_u64(slot + 8);
}

static enum leat_status pick_newest(struct slots *slots, const char *path, const uint8_t *bytes, size_t have,
                                    struct leat_bytes *payload, struct leat_error *err)
{
    for (size_t at = 0; at < have; at += slots->slot_bytes) {
        size_t len = 0, size = have - at < slots->slot_bytes ? have - at : slots->slot_bytes;
        uint64_t sequence = slot_sequence(bytes + at, size, &len);
        if (sequence <= slots->sequence)
            continue;
        slots->sequence = sequence;
        leat_bytes_clear(payload);
        leat_bytes_add(payload, bytes + at + SLOTS_HEAD, len);
    }
    /* Only the very first write, to slot A, may be torn without another version beside it. */
    if (slots->sequence == 0 && have > slots->slot_bytes)
        return leat_fail(err, LEAT_STOP,
                         "%s: neither of its two versions is whole: the disk is failing, or somebody wrote to it; "
                         "restore it, or move it and the files that it speaks of away",
                         path);
    return LEAT_OK;
}

static enum leat_status read_slots(struct slots *slots, const char *path, struct leat_bytes *payload,
                                   struct leat_error *err)
{
    uint8_t *bytes = leat_malloc(2 * slots->slot_bytes);
    ssize_t have = leat_os_pread_all(leat_os, slots->fd, bytes, 2 * slots->slot_bytes, 0);
    enum leat_status status = have < 0 ? file_failed(path, "read", err)
                                       : pick_newest(slots, path, bytes, (size_t)have, payload, err);
    free(bytes);
    return status;
}

enum leat_status slots_open(struct slots *slots, const char *path, size_t slot_bytes, struct leat_bytes *payload,
                            struct leat_error *err)
{
    *slots = (struct slots){.fd = leat_os->open(path, O_RDWR | O_CREAT, 0600), .slot_bytes = slot_bytes};
    leat_bytes_clear(payload);
    if (slots->fd < 0)
        return file_failed(path, "open", err);
    enum leat_status status = read_slots(slots, path, payload, err);
    if (status == LEAT_OK && leat_os->lock(slots->fd, true) != 0)
        status = errno == EAGAIN ? leat_fail(err, LEAT_FENCED, "%s is held by another process, or by another sink of this one: give each sink "
                                                           "a `path` of its own", path)
                                 : file_failed(path, "lock", err);
    if (status == LEAT_OK && slots->sequence == 0 && !leat_os_sync_parent(leat_os, path))
        status = file_failed(path, "make durable", err);
    if (status == LEAT_OK && !leat_os_read_afresh(leat_os, slots->fd)) /* what the last process wrote, and saw no sync of */
        status = file_failed(path, "sync", err);
    if (status == LEAT_OK) { /* what was read before the lock may be old */
        slots->sequence = 0;
        status = read_slots(slots, path, payload, err);
    }
    if (status != LEAT_OK)
        slots_close(slots);
    return status;
}

enum leat_status slots_peek(const char *path, size_t slot_bytes, struct leat_bytes *payload, struct leat_error *err)
{
    struct slots slots = {.fd = leat_os->open(path, O_RDONLY, 0), .slot_bytes = slot_bytes};
    leat_bytes_clear(payload);
    if (slots.fd < 0)
        return errno == ENOENT ? LEAT_OK : file_failed(path, "open", err);
    enum leat_status status = read_slots(&slots, path, payload, err);
    slots_close(&slots);
    return status;
}

enum leat_status slots_before(const struct slots *slots, const char *path, struct leat_bytes *payload, struct leat_error *err)
{
    uint8_t *slot = leat_malloc(slots->slot_bytes);
    off_t at = slots->sequence % 2 == 1 ? (off_t)slots->slot_bytes : 0; /* the one that slots_write() takes next */
    ssize_t have = leat_os_pread_all(leat_os, slots->fd, slot, slots->slot_bytes, at);
    enum leat_status status = have < 0 ? file_failed(path, "read", err) : LEAT_OK;
    size_t len = 0;
    leat_bytes_clear(payload);
    if (have > 0 && slot_sequence(slot, (size_t)have, &len) + 1 == slots->sequence)
        leat_bytes_add(payload, slot + SLOTS_HEAD, len);
    free(slot);
    return status;
}

enum leat_status slots_write(struct slots *slots, const char *path, const void *payload, size_t len,
                             struct leat_error *err)
{
    leat_assert(slots->fd >= 0 && len <= slots->slot_bytes - SLOTS_HEAD);
    uint64_t sequence = slots->sequence + 1;
    uint8_t *slot = leat_malloc(SLOTS_HEAD + len);
    memcpy(slot, magic, sizeof magic);
    leat_set_u64(slot + 8, sequence);
    leat_set_u32(slot + 16, (uint32_t)len);
    memcpy(slot + SLOTS_HEAD, payload, len);
    leat_set_u32(slot + 20, checksum(slot, len));
    off_t at = sequence % 2 == 1 ? 0 : (off_t)slots->slot_bytes;
    bool is_done = leat_os_pwrite_all(leat_os, slots->fd, slot, SLOTS_HEAD + len, at);
    free(slot);
    if (!is_done)
        return file_failed(path, "write", err);
    slots->sequence = sequence;
    return LEAT_OK;
}

enum leat_status slots_sync(struct slots *slots, const char *path, struct leat_error *err)
{
    if (leat_os->fdatasync(slots->fd) != 0)
        return file_failed(path, "sync", err);
    if (!file_is_still_there(slots->fd, path))
        return leat_fail(err, LEAT_STOP, "%s was deleted or moved while it was written: bring it back, with all that lay beside it", path);
    return LEAT_OK;
}

void slots_close(struct slots *slots)
{
    if (slots->fd >= 0)
        leat_os->close(slots->fd);
    slots->fd = -1;
}
