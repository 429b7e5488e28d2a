/* file.c - one followed file. */
#include <base/arena.h>
#include <base/assert.h>
#include <base/crc32c.h>
#include <base/memory.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <tail/tail.h>

enum { CHUNK = 128 * 1024, SMALL_CHUNK = 16 * 1024 };

struct tail_file *tail_file_new(const char *path, const char *origin, const struct stat *st)
{
    struct tail_file *file = leat_calloc(1, sizeof *file);
    file->path = leat_strdup(path);
    file->origin = leat_strdup(origin);
    file->fd = -1;
    file->device = file->stored_device = st->st_dev;
    file->inode = st->st_ino;
    file->size = (uint64_t)st->st_size;
    file->let_go = LEAT_NEVER;
    return file;
}

void tail_file_free(struct tail_file *file)
{
    if (file->fd >= 0)
        leat_os->close(file->fd);
    free(file->path);
    free(file->origin);
    free(file);
}

static bool open_file(struct tail_file *file)
{
    if (file->fd >= 0)
        return true;
    file->fd = leat_os->open(file->path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
    struct stat st;
    if (file->fd >= 0 && leat_os->fstat(file->fd, &st) == 0 && st.st_ino == file->inode && st.st_dev == file->device)
        return true;
    if (file->fd >= 0) { /* renamed under our hands: discovery finds it under its new name */
        leat_os->close(file->fd);
        file->fd = -1;
        errno = ENOENT;
    }
    return false;
}

void tail_file_hold(struct tail_file *file)
{
    (void)open_file(file);
}

/* OTHER: the file is shorter. */
static enum tail_likeness head_of(int fd, uint32_t len, struct tail_head *head)
{
    uint8_t bytes[TAIL_HEAD_MAX];
    leat_assert(len <= sizeof bytes);
    ssize_t have = leat_os_pread_all(leat_os, fd, bytes, len, 0);
    if (have != (ssize_t)len)
        return have < 0 ? TAIL_UNREADABLE : TAIL_OTHER;
    *head = (struct tail_head){leat_crc32c(0, bytes, len), len};
    return TAIL_SAME;
}

enum tail_likeness tail_file_likeness(struct tail_file *file)
{
    struct tail_head now;
    struct stat st;
    if (!open_file(file) || leat_os->fstat(file->fd, &st) != 0)
        return TAIL_UNREADABLE;
    if ((uint64_t)st.st_size < file->offset)
        return TAIL_OTHER;
    enum tail_likeness likeness = head_of(file->fd, file->head.len, &now);
    return likeness == TAIL_SAME && now.crc != file->head.crc ? TAIL_OTHER : likeness;
}

/* ---- lines ---- */

/* What the lines of one turn share. */
struct turn {
    struct tail *tail;
    struct tail_file *file;
    struct leat_batch *batch;
    struct leat_value path; /* in the batch: the file may be renamed or forgotten before the batch is written */
    int64_t now_us;
};

static void add_line(const struct turn *turn, const char *line, size_t len, uint64_t at)
{
    const struct tail *tail = turn->tail;
    struct leat_batch *batch = turn->batch;
    if (len > 0 && line[len - 1] == '\r')
        len--;
    uint32_t fields = tail->schema->field_count;
    struct leat_value *items = leat_batch_alloc(batch, (fields + 2) * sizeof *items);
    items[0] = leat_value_text(line, len);
    if (fields > 1)
        items[1] = turn->path;
    items[fields] = turn->path;
    items[fields + 1] = leat_value_int((int64_t)at);
    struct leat_record *rec = leat_batch_add(batch);
    rec->topic = tail->topic;
    rec->schema = tail->schema;
    rec->time_us = turn->now_us;
    rec->op = LEAT_CREATE;
    rec->key = leat_value_null();
    rec->value = leat_value_items(LEAT_STRUCT, items, fields);
    rec->source = leat_value_items(LEAT_STRUCT, items + fields, 2);
}

/* Whole lines of `chunk` become records; returns the bytes used. One does in any case: where a process has hundreds of tasks,
 * the chunk alone may be all that a batch is to hold. */
static size_t add_lines(const struct turn *turn, const char *chunk, size_t len)
{
    size_t used = 0;
    while (used < len && (leat_batch_count(turn->batch) == 0 || !leat_batch_is_full(turn->batch))) {
        const char *end = memchr(chunk + used, '\n', len - used);
        if (!end)
            break;
        add_line(turn, chunk + used, (size_t)(end - chunk) - used, turn->file->offset + used);
        used = (size_t)(end - chunk) + 1;
    }
    return used;
}

/* The first bytes count as soon as they were read as lines. */
static bool keep_head(struct tail_file *file)
{
    uint32_t len = file->offset < TAIL_HEAD_MAX ? (uint32_t)file->offset : TAIL_HEAD_MAX;
    return len == file->head.len || head_of(file->fd, len, &file->head) != TAIL_UNREADABLE;
}

static enum leat_status cannot_read(struct tail_file *file, struct leat_error *err)
{
    return leat_fail(err, LEAT_RETRY, "%s: cannot be read at byte %llu: %s", file->path,
                     (unsigned long long)file->offset, strerror(errno));
}

/* Began anew under the same identity, by truncation or because the inode was given to another file. */
static void begin_anew(struct tail *tail, struct tail_file *file)
{
    leat_say(LEAT_WARNING, leat_task_name(tail->task),
             "%s: was truncated or replaced; reading it from its start. Lines that were cut before they were read are lost: rotate by rename, not by copytruncate",
             file->path);
    file->offset = 0;
    file->head = (struct tail_head){0, 0};
    file->is_moved = true;
}

enum leat_status tail_file_read(struct tail *tail, struct tail_file *file, struct leat_batch *batch, bool is_final,
                                bool *more, struct leat_error *err)
{
    *more = false;
    if (!open_file(file))
        return errno == ENOENT ? LEAT_OK : cannot_read(file, err);
    enum tail_likeness likeness = tail_file_likeness(file);
    if (likeness == TAIL_UNREADABLE)
        return cannot_read(file, err);
    if (likeness == TAIL_OTHER)
        begin_anew(tail, file);
    const struct turn turn = {tail, file, batch,
                              leat_value_string(leat_batch_copy(batch, file->path, strlen(file->path) + 1)), leat_wall_us()};
    bool is_empty = leat_batch_count(batch) == 0;
    size_t room = tail->is_narrow ? SMALL_CHUNK : CHUNK;
    for (;;) {
        char *chunk = leat_batch_alloc(batch, room);
        tail->is_narrow = tail->is_narrow || (is_empty && leat_batch_is_full(batch));
        ssize_t got = leat_os_pread_all(leat_os, file->fd, chunk, room, (off_t)file->offset);
        if (got < 0)
            return cannot_read(file, err);
        size_t used = add_lines(&turn, chunk, (size_t)got);
        bool is_at_end = (size_t)got < room;
        if (used == 0 && (size_t)got >= (size_t)tail->max_line) { /* a line without end: cut where the limit is */
            used = (size_t)tail->max_line;
            add_line(&turn, chunk, used, file->offset);
        } else if (used == 0 && !is_at_end && (is_empty || !leat_batch_is_full(batch))) {
            room *= 2; /* the line is longer than the chunk */
            continue;
        } else if (used < (size_t)got && is_at_end && is_final && !memchr(chunk + used, '\n', (size_t)got - used)) {
            add_line(&turn, chunk + used, (size_t)got - used, file->offset + used);
            used = (size_t)got;
        }
        file->offset += used;
        file->is_moved |= used > 0;
        *more = !is_at_end || leat_batch_is_full(batch);
        return keep_head(file) ? LEAT_OK : cannot_read(file, err);
    }
}

/* ---- position ---- */

struct leat_value tail_file_key(uint64_t device, uint64_t inode, struct leat_value items[3])
{
    items[0] = leat_value_string("file");
    items[1] = leat_value_int((int64_t)device);
    items[2] = leat_value_int((int64_t)inode);
    return leat_value_items(LEAT_ARRAY, items, 3);
}

void tail_file_remove(const struct tail_file *file, struct leat_batch *batch)
{
    struct leat_value parts[3], nothing = leat_value_null();
    struct leat_value key = tail_file_key(file->stored_device, file->inode, parts);
    leat_batch_position(batch, &key, &nothing);
}

void tail_file_store(struct tail_file *file, struct leat_batch *batch)
{
    struct leat_value parts[3];
    if (!file->is_moved)
        return;
    file->is_moved = false;
    if (file->stored_device != file->device)
        tail_file_remove(file, batch);
    file->stored_device = file->device;
    struct leat_value key = tail_file_key(file->device, file->inode, parts);
    struct leat_value pairs[] = {
        leat_value_string("path"),   leat_value_string(file->path),
        leat_value_string("offset"), leat_value_int((int64_t)file->offset),
        leat_value_string("head"),   leat_value_int(file->head.crc),
        leat_value_string("head_len"), leat_value_int(file->head.len),
        leat_value_string("origin"), leat_value_string(file->origin),
    };
    struct leat_value value = leat_value_items(LEAT_MAP, pairs, strcmp(file->path, file->origin) == 0 ? 4 : 5);
    leat_batch_position(batch, &key, &value);
}
