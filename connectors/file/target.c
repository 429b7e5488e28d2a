#include <file/target.h>

#include <base/assert.h>
#include <base/clock.h>
#include <base/crc32c.h>
#include <base/hash.h>
#include <base/memory.h>
#include <base/os.h>
#include <base/wire.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#define MARK_LAYOUT 1
#define MARK_BYTES 4096               /* of one slot */
#define TAIL_BYTES 4096               /* that the mark's CRC covers */
#define UNSETTLED_MOST ((uint64_t)1 << 30) /* one settle never writes more: see sink.c */
#define FORGET_BYTES ((size_t)1 << 20) /* written at once: its pages are not kept, others can use them */
#define PARTS_MOST 256                 /* of one pwritev */
#define SLICES_KEEP 4096               /* of a list that was longer once */

char *target_closed_path(const char *path, uint64_t first_offset, unsigned further)
{
    char number[16] = "";
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    const char *dot = strrchr(name, '.');
    size_t stem = dot && dot > name ? (size_t)(dot - path) : strlen(path);
    if (further > 0)
        snprintf(number, sizeof number, "_%u", further);
    return leat_format_dup("%.*s-%020llu%s%s", (int)stem, path, (unsigned long long)first_offset, number, path + stem);
}

struct target *target_new(const char *path)
{
    struct target *target = leat_calloc(1, sizeof *target);
    const char *slash = strrchr(path, '/');
    int dir = slash ? (int)(slash + 1 - path) : 0;
    target->path = leat_strdup(path);
    target->mark_path = leat_format_dup("%.*s.%s.leat", dir, path, path + dir);
    target->fd = target->slots.fd = -1;
    target->mark.first_offset = UINT64_MAX;
    return target;
}

void target_free(struct target *target)
{
    if (target->fd >= 0)
        leat_os->close(target->fd);
    slots_close(&target->slots);
    free(target->lines.slices);
    free(target->frozen.lines.slices);
    free(target->path);
    free(target->mark_path);
    free(target);
}

/* ---- the mark ---- */

static void encode_mark(const struct target_mark *mark, struct leat_bytes *out)
{
    leat_bytes_u32(out, MARK_LAYOUT);
    leat_bytes_u32(out, mark->is_closing);
    leat_bytes_u64(out, mark->connector);
    leat_bytes_u64(out, mark->size);
    leat_bytes_u32(out, mark->tail_crc);
    leat_bytes_u32(out, mark->place_count);
    leat_bytes_u64(out, mark->first_offset);
    leat_bytes_u64(out, (uint64_t)mark->opened_us);
    for (uint32_t i = 0; i < mark->place_count; i++) {
        leat_bytes_u64(out, mark->places[i].split);
        leat_bytes_add(out, &mark->places[i].cursor, sizeof(struct leat_cursor));
    }
}

static bool decode_mark(const struct leat_bytes *bytes, struct target_mark *mark)
{
    struct leat_cut cut = leat_cut(bytes->data, bytes->len);
    uint32_t layout = leat_cut_u32(&cut);
    mark->is_closing = leat_cut_u32(&cut) != 0;
    mark->connector = leat_cut_u64(&cut);
    mark->size = leat_cut_u64(&cut);
    mark->tail_crc = leat_cut_u32(&cut);
    mark->place_count = leat_cut_u32(&cut);
    mark->first_offset = leat_cut_u64(&cut);
    mark->opened_us = (int64_t)leat_cut_u64(&cut);
    if (layout != MARK_LAYOUT || mark->place_count > TARGET_SPLITS_MAX)
        return false;
    for (uint32_t i = 0; i < mark->place_count; i++) {
        mark->places[i].split = leat_cut_u64(&cut);
        const uint8_t *cursor = leat_cut_bytes(&cut, sizeof(struct leat_cursor));
        if (cursor)
            memcpy(&mark->places[i].cursor, cursor, sizeof(struct leat_cursor));
    }
    return !cut.is_bad;
}

static enum leat_status tail_crc(const struct target *target, uint64_t size, uint32_t *crc, struct leat_error *err)
{
    uint8_t tail[TAIL_BYTES];
    size_t len = size < sizeof tail ? (size_t)size : sizeof tail;
    ssize_t have = leat_os_pread_all(leat_os, target->fd, tail, len, (off_t)(size - len));
    if (have < 0)
        return file_failed(target->path, "read", err);
    *crc = leat_crc32c(0, tail, (size_t)have);
    return LEAT_OK;
}

static enum leat_status write_mark(struct target *target, const struct target_mark *mark, struct leat_error *err)
{
    struct leat_bytes bytes;
    leat_bytes_init(&bytes, MARK_BYTES - SLOTS_HEAD);
    encode_mark(mark, &bytes);
    leat_assert(!bytes.is_over);
    enum leat_status status = slots_write(&target->slots, target->mark_path, bytes.data, bytes.len, err);
    leat_bytes_fini(&bytes);
    return status;
}

/* ---- the names of closed files ---- */

/* EEXIST, ENOENT, or why that cannot be told. */
static int look_for(const char *path)
{
    struct stat st;
    return leat_os->stat(path, &st) == 0 ? EEXIST : errno;
}

static int look_for_closed(const char *path)
{
    char *packed = leat_format_dup("%s.gz", path);
    int found = look_for(path); /* first: the packer makes the other one before it removes this one */
    if (found == ENOENT)
        found = look_for(packed);
    free(packed);
    return found;
}

/* Gives the file the first free name: rename(2) would destroy the file that has the name already. */
static enum leat_status give_closed_name(const struct target *target, char **closed, struct leat_error *err)
{
    uint64_t first_offset = target->mark.first_offset;
    unsigned further = 0;
    int found;
    *closed = target_closed_path(target->path, first_offset, further);
    while ((found = look_for_closed(*closed)) == EEXIST) {
        free(*closed);
        *closed = target_closed_path(target->path, first_offset, ++further);
    }
    errno = found;
    if (found == ENOENT && leat_os->rename(target->path, *closed) == 0 && leat_os_sync_parent(leat_os, *closed))
        return LEAT_OK;
    free(*closed);
    *closed = NULL;
    return file_failed(target->path, "rename", err);
}

/* ---- opening ---- */

static enum leat_status open_data(struct target *target, struct leat_error *err)
{
    target->fd = leat_os->open(target->path, O_RDWR | O_CREAT, 0644);
    if (target->fd < 0)
        return file_failed(target->path, "open", err);
    return leat_os_sync_parent(leat_os, target->path) ? LEAT_OK : file_failed(target->path, "make durable", err);
}

/* The places stay: what was written before the file was closed is not wanted again. */
static enum leat_status begin_empty(struct target *target, struct leat_error *err)
{
    struct target_mark *mark = &target->mark;
    mark->size = mark->tail_crc = 0;
    mark->is_closing = false;
    mark->first_offset = UINT64_MAX;
    mark->opened_us = 0;
    enum leat_status status = write_mark(target, mark, err);
    if (status == LEAT_OK)
        status = slots_sync(&target->slots, target->mark_path, err);
    return status == LEAT_OK ? open_data(target, err) : status;
}

/* A new file: its mark comes first, so that no byte is ever without one. */
static enum leat_status open_new(struct target *target, struct leat_error *err)
{
    struct stat st;
    if (leat_os->stat(target->path, &st) == 0 && st.st_size > 0)
        return leat_fail(err, LEAT_STOP,
                         "%s is there, but not its mark %s: this sink did not write it; move it away, or choose another path",
                         target->path, target->mark_path);
    return begin_empty(target, err);
}

/* Cuts what was written after the last settle, if all else is as the mark says. */
static enum leat_status cut_tail(struct target *target, struct leat_error *err)
{
    const struct target_mark *mark = &target->mark;
    struct stat st;
    uint32_t crc;
    if (leat_os->fstat(target->fd, &st) != 0)
        return file_failed(target->path, "look at", err);
    uint64_t size = (uint64_t)st.st_size;
    if (size < mark->size)
        return leat_fail(err, LEAT_STOP,
                         "%s has %llu bytes, but %llu were written and synced: somebody cut it, or it was restored from a "
                         "backup; restore it together with %s, or move both away to write it anew",
                         target->path, (unsigned long long)size, (unsigned long long)mark->size, target->mark_path);
    if (size - mark->size > UNSETTLED_MOST)
        return leat_fail(err, LEAT_STOP, "%s is %llu bytes longer than its mark says: somebody else writes to it",
                         target->path, (unsigned long long)(size - mark->size));
    enum leat_status status = tail_crc(target, mark->size, &crc, err);
    if (status != LEAT_OK)
        return status;
    if (crc != mark->tail_crc)
        return leat_fail(err, LEAT_STOP,
                         "%s was changed by somebody else: the bytes before %llu are not what was written; move it and %s "
                         "away, or restore both",
                         target->path, (unsigned long long)mark->size, target->mark_path);
    if (size > mark->size && leat_os->ftruncate(target->fd, (off_t)mark->size) != 0)
        return file_failed(target->path, "cut", err);
    return LEAT_OK;
}

/* A crash came between the settle that closes the file and its new name. */
static enum leat_status finish_closing(struct target *target, struct leat_error *err)
{
    struct stat st;
    char *closed = NULL;
    enum leat_status status = LEAT_OK;
    if (leat_os->stat(target->path, &st) == 0 && st.st_size > 0) {
        target->fd = leat_os->open(target->path, O_RDWR, 0);
        status = target->fd < 0 ? file_failed(target->path, "open", err) : cut_tail(target, err);
        if (target->fd >= 0)
            leat_os->close(target->fd);
        target->fd = -1;
        if (status == LEAT_OK)
            status = give_closed_name(target, &closed, err);
    }
    free(closed);
    return status == LEAT_OK ? begin_empty(target, err) : status;
}

static enum leat_status open_known(struct target *target, const char *connector, struct leat_error *err)
{
    const struct target_mark *mark = &target->mark;
    struct stat st;
    if (mark->connector != leat_hash(connector, strlen(connector), 0))
        return leat_fail(err, LEAT_STOP, "%s is written by another sink than %s (see %s): give each a path of its own",
                         target->path, connector, target->mark_path);
    if (mark->is_closing)
        return finish_closing(target, err);
    if (mark->size > 0 && leat_os->stat(target->path, &st) != 0 && errno == ENOENT)
        return leat_fail(err, LEAT_STOP,
                         "%s is gone, though %llu bytes were written and synced: bring it back, or move %s away too to "
                         "begin a new file",
                         target->path, (unsigned long long)mark->size, target->mark_path);
    enum leat_status status = open_data(target, err);
    return status == LEAT_OK ? cut_tail(target, err) : status;
}

static enum leat_status make_parent(const struct target *target, struct leat_error *err)
{
    const char *slash = strrchr(target->path, '/');
    if (!slash || slash == target->path)
        return LEAT_OK;
    char *dir = leat_strndup(target->path, (size_t)(slash - target->path));
    enum leat_status status = leat_os_make_dirs(leat_os, dir) ? LEAT_OK : file_failed(dir, "make the directory", err);
    free(dir);
    return status;
}

/* ---- behind `leat recover` ---- */

static bool is_ahead(const struct target_mark *mark, const struct target_lost *lost, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t k = 0; k < mark->place_count; k++)
            if (mark->places[k].split == lost[i].split && leat_cursor_compare(&mark->places[k].cursor, &lost[i].cursor) > 0)
                return true;
    return false;
}

static enum leat_status cannot_go_back(const struct target *target, struct leat_error *err)
{
    return leat_fail(err, LEAT_STOP,
                     "%s was closed in the moment of the crash, with records that come again, as the sink's mark does not tell of them: "
                     "move %s away, and they are written into a new file, too",
                     target->path, target->mark_path);
}

/* A settle writes each file's mark once, and then the sink's: the version before is what the sink's mark speaks of. */
static enum leat_status go_back(struct target *target, const struct target_lost *lost, uint32_t count, struct leat_error *err)
{
    struct leat_bytes payload;
    struct stat st;
    bool is_moved = target->mark.is_closing && leat_os->stat(target->path, &st) != 0;
    leat_bytes_init(&payload, MARK_BYTES);
    target->mark = (struct target_mark){0};
    enum leat_status status = slots_before(&target->slots, target->mark_path, &payload, err);
    if (status == LEAT_OK &&
        (is_moved || payload.len == 0 || !decode_mark(&payload, &target->mark) || is_ahead(&target->mark, lost, count)))
        status = cannot_go_back(target, err);
    if (status == LEAT_OK)
        status = write_mark(target, &target->mark, err);
    if (status == LEAT_OK)
        status = slots_sync(&target->slots, target->mark_path, err);
    leat_bytes_fini(&payload);
    return status;
}

enum leat_status target_open(struct target *target, const char *connector, const struct target_lost *lost, uint32_t lost_count,
                             struct leat_error *err)
{
    struct leat_bytes payload;
    enum leat_status status = make_parent(target, err);
    if (status != LEAT_OK)
        return status;
    leat_bytes_init(&payload, MARK_BYTES);
    status = slots_open(&target->slots, target->mark_path, MARK_BYTES, &payload, err);
    if (status == LEAT_OK && payload.len == 0) {
        target->mark.connector = leat_hash(connector, strlen(connector), 0);
        status = open_new(target, err);
    } else if (status == LEAT_OK && !decode_mark(&payload, &target->mark)) {
        status = leat_fail(err, LEAT_STOP, "%s is of a version that this program does not know", target->mark_path);
    } else if (status == LEAT_OK) {
        if (is_ahead(&target->mark, lost, lost_count))
            status = go_back(target, lost, lost_count, err);
        if (status == LEAT_OK)
            status = open_known(target, connector, err);
    }
    leat_bytes_fini(&payload);
    return status;
}

/* ---- adding ---- */

static struct target_place *find_place(const struct target *target, uint64_t split)
{
    for (uint32_t i = 0; i < target->mark.place_count; i++)
        if (target->mark.places[i].split == split)
            return (struct target_place *)&target->mark.places[i];
    return NULL;
}

void target_send_back(struct target *target, uint64_t was, uint64_t split)
{
    struct target_place *place = find_place(target, split) ? NULL : find_place(target, was);
    if (!place)
        return;
    place->split = split;
    memset(&place->cursor, 0, sizeof place->cursor);
}

bool target_wants(const struct target *target, uint64_t split, const struct leat_cursor *cursor)
{
    const struct target_place *place = find_place(target, split);
    return !place || memcmp(cursor->bytes, place->cursor.bytes, cursor->len) > 0;
}

static void add_slice(struct target_lines *lines, struct target_slice line)
{
    struct target_slice *last = lines->count > 0 ? &lines->slices[lines->count - 1] : NULL;
    lines->bytes += line.len;
    if (last && last->at + last->len == line.at) {
        last->len += line.len;
        return;
    }
    if (lines->count == lines->cap) {
        lines->cap = lines->cap ? 2 * lines->cap : 16;
        lines->slices = leat_realloc(lines->slices, lines->cap * sizeof *lines->slices);
    }
    lines->slices[lines->count++] = line;
}

static void clear_lines(struct target_lines *lines)
{
    if (lines->cap > SLICES_KEEP) {
        free(lines->slices);
        *lines = (struct target_lines){0};
    }
    lines->count = 0;
    lines->bytes = 0;
}

enum leat_status target_add(struct target *target, uint64_t split, const struct leat_cursor *cursor,
                            uint64_t offset, struct target_slice line, struct leat_error *err)
{
    struct target_mark *mark = &target->mark;
    struct target_place *place = find_place(target, split);
    if (!place && mark->place_count == TARGET_SPLITS_MAX)
        return leat_fail(err, LEAT_STOP, "%s would take records of more than %d logs: put {topic} into the path",
                         target->path, TARGET_SPLITS_MAX);
    if (!place) {
        place = &mark->places[mark->place_count++];
        place->split = split;
    }
    place->cursor = *cursor;
    target->is_dirty = true;
    if (line.len == 0)
        return LEAT_OK;
    if (mark->first_offset == UINT64_MAX) {
        mark->first_offset = offset;
        mark->opened_us = leat_wall_us();
    }
    add_slice(&target->lines, line);
    mark->size += line.len;
    return LEAT_OK;
}

void target_freeze(struct target *target, bool is_closing)
{
    leat_assert(target->frozen.lines.count == 0);
    struct target_lines spare = target->frozen.lines;
    target->frozen.lines = target->lines;
    target->lines = spare;
    target->frozen.mark = target->mark;
    target->frozen.mark.is_closing = is_closing;
    target->is_dirty = false;
}

/* ---- settling ---- */

enum leat_status target_write(struct target *target, uint8_t *bytes, struct leat_error *err)
{
    const struct target_lines *lines = &target->frozen.lines;
    uint64_t at = target->frozen.mark.size - lines->bytes;
    struct iovec parts[PARTS_MOST];
    for (uint32_t i = 0; i < lines->count;) {
        off_t to = (off_t)at;
        int count = 0;
        for (; i < lines->count && count < PARTS_MOST; i++, count++) {
            parts[count] = (struct iovec){bytes + lines->slices[i].at, lines->slices[i].len};
            at += lines->slices[i].len;
        }
        if (!leat_os_pwritev_all(leat_os, target->fd, parts, count, to))
            return file_failed(target->path, "write", err);
    }
    return LEAT_OK;
}

enum leat_status target_sync(struct target *target, struct leat_error *err)
{
    size_t len = target->frozen.lines.bytes;
    if (len == 0)
        return LEAT_OK; /* records that gave no line */
    if (leat_os->fdatasync(target->fd) != 0)
        return file_failed(target->path, "sync", err);
    if (!file_is_still_there(target->fd, target->path)) /* nobody may see us go on where nothing is found */
        return leat_fail(err, LEAT_STOP,
                         "%s was deleted or moved while it was written: bring it back, or move %s away too to begin a new file; "
                         "files that were closed by rotation may be taken away at any time",
                         target->path, target->mark_path);
    if (len >= FORGET_BYTES)
        leat_os->fadvise(target->fd, (off_t)(target->frozen.mark.size - len), (off_t)len, POSIX_FADV_DONTNEED);
    return LEAT_OK;
}

enum leat_status target_mark(struct target *target, struct leat_error *err)
{
    struct target_mark *mark = &target->frozen.mark;
    enum leat_status status = tail_crc(target, mark->size, &mark->tail_crc, err);
    return status == LEAT_OK ? write_mark(target, mark, err) : status;
}

enum leat_status target_mark_sync(struct target *target, struct leat_error *err)
{
    clear_lines(&target->frozen.lines);
    return slots_sync(&target->slots, target->mark_path, err);
}

static enum leat_status settle_closing(struct target *target, uint8_t *bytes, struct leat_error *err)
{
    target_freeze(target, true);
    enum leat_status status = target_write(target, bytes, err);
    if (status == LEAT_OK)
        status = target_sync(target, err);
    if (status == LEAT_OK)
        status = target_mark(target, err);
    return status == LEAT_OK ? target_mark_sync(target, err) : status;
}

enum leat_status target_rotate(struct target *target, uint8_t *bytes, char **closed, struct leat_error *err)
{
    leat_assert(target->mark.size > 0 && target->mark.first_offset != UINT64_MAX);
    enum leat_status status = settle_closing(target, bytes, err);
    if (status != LEAT_OK)
        return status;
    leat_os->close(target->fd);
    target->fd = -1;
    status = give_closed_name(target, closed, err);
    if (status == LEAT_OK)
        status = begin_empty(target, err);
    if (status != LEAT_OK) {
        free(*closed);
        *closed = NULL;
    }
    return status;
}
