#include <commitlog/inside.h>

#include <base/assert.h>
#include <base/crc32c.h>
#include <base/memory.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

/* Index file: "LEATIDX1" | CRC u32 of the rest | varints: base, end, first and last time, shares {id, first, count,
 * first LSN - base, bytes, first and last time}. */
static const char index_magic[8] = {'L', 'E', 'A', 'T', 'I', 'D', 'X', '1'};
#define INDEX_MOST ((size_t)256 << 20)

char *segment_path(const struct leat_log *log, uint64_t base, const char *ext)
{
    return leat_format_dup("%s/segments/%020llu.%s", log->dir, (unsigned long long)base, ext);
}

struct segment *segment_add(struct leat_log *log, uint64_t base)
{
    log->segments = leat_realloc(log->segments, (log->segment_count + 1) * sizeof *log->segments);
    struct segment *segment = &log->segments[log->segment_count++];
    *segment = (struct segment){.base = base, .end = base + SEGMENT_HEADER};
    return segment;
}

void segment_clear(struct segment *segment)
{
    free(segment->shares);
    segment->shares = NULL;
    segment->share_count = 0;
    segment->first_us = segment->last_us = 0;
}

struct segment *segment_of(struct leat_log *log, uint64_t lsn)
{
    size_t low = 0, high = log->segment_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (log->segments[middle].base <= lsn)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 ? &log->segments[low - 1] : NULL;
}

static struct topic_share *share_of(struct segment *segment, uint32_t id)
{
    uint32_t low = 0, high = segment->share_count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (segment->shares[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < segment->share_count && segment->shares[low].id == id)
        return &segment->shares[low];
    segment->shares = leat_realloc(segment->shares, (segment->share_count + 1) * sizeof *segment->shares);
    memmove(&segment->shares[low + 1], &segment->shares[low], (segment->share_count - low) * sizeof *segment->shares);
    segment->share_count++;
    segment->shares[low] = (struct topic_share){.id = id};
    return &segment->shares[low];
}

void segment_note(struct segment *segment, uint64_t lsn, uint64_t bytes, int64_t time_us, const struct leat_log_part *part)
{
    struct topic_share *share = share_of(segment, part->topic_id);
    if (share->count == 0) {
        share->first = part->base_offset;
        share->first_lsn = lsn;
        share->first_us = time_us;
    }
    share->count = part->base_offset + part->count - share->first;
    share->bytes += bytes;
    share->last_us = time_us;
}

/* ---- listing ---- */

static int by_base(const void *a, const void *b)
{
    uint64_t x = ((const struct segment *)a)->base, y = ((const struct segment *)b)->base;
    return x < y ? -1 : x > y;
}

static bool parse_name(const char *name, uint64_t *base)
{
    char *end;
    if (strlen(name) != 24 || strcmp(name + 20, ".seg") != 0)
        return false;
    *base = strtoull(name, &end, 10);
    return end == name + 20;
}

/* Fills in what the header says. A header that is not whole: LEAT_STOP, but for the newest segment, which a crash may
 * have left half made: that one is `*is_torn`. */
static enum leat_status read_head(struct leat_log *log, struct segment *segment, bool *is_torn, struct leat_error *err)
{
    uint8_t bytes[SEGMENT_HEADER];
    struct segment_head head;
    struct stat st;
    char *path = segment_path(log, segment->base, "seg");
    int fd = log->os->open(path, O_RDONLY, 0);
    ssize_t have = fd < 0 ? -1 : leat_os_pread_all(log->os, fd, bytes, sizeof bytes, 0);
    enum leat_status status = LEAT_OK;
    *is_torn = false;
    if (have < 0 || log->os->fstat(fd, &st) != 0) {
        status = leat_fail_as(err, LEAT_STOP, leat_os_cause(errno), "%s: %s", path, strerror(errno));
    } else if (have < SEGMENT_HEADER || !segment_head_get(bytes, &head) || head.base != segment->base) {
        *is_torn = true;
    } else if (memcmp(&head.log, &log->uuid, sizeof head.log) != 0) {
        status = leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_DAMAGED, "%s belongs to another log", path);
    } else {
        segment->salt = head.salt;
        segment->fold_lsn = head.fold_lsn;
        segment->size = (uint64_t)st.st_size;
    }
    if (fd >= 0)
        log->os->close(fd);
    free(path);
    return status;
}

static enum leat_status list_names(struct leat_log *log, struct leat_error *err)
{
    char *path = leat_format_dup("%s/segments", log->dir);
    DIR *dir = log->os->opendir(path);
    enum leat_status status = LEAT_OK;
    uint64_t base;
    if (!dir)
        status = leat_fail_as(err, LEAT_STOP, leat_os_cause(errno), "%s: %s", path, strerror(errno));
    for (struct dirent *entry; dir && (entry = log->os->readdir(dir));) {
        struct segment *known = parse_name(entry->d_name, &base) ? segment_of(log, base) : NULL;
        if (parse_name(entry->d_name, &base) && (!known || known->base != base)) {
            segment_add(log, base);
            qsort(log->segments, log->segment_count, sizeof *log->segments, by_base);
        }
    }
    if (dir)
        log->os->closedir(dir);
    free(path);
    return status;
}

/* The header is synced before the first frame is written: where it is torn, nothing can follow it. */
static bool has_content(const struct leat_log *log, uint64_t base)
{
    static const uint8_t zeros[FRAME_HEADER];
    uint8_t bytes[FRAME_HEADER];
    uint64_t durable = 0, fold, sequence;
    char *path = segment_path(log, base, "seg");
    int fd = log->os->open(path, O_RDONLY, 0);
    free(path);
    ssize_t have = fd < 0 ? 0 : leat_os_pread_all(log->os, fd, bytes, sizeof bytes, SEGMENT_HEADER);
    if (fd >= 0)
        log->os->close(fd);
    return (have > 0 && memcmp(bytes, zeros, (size_t)have) != 0) ||
           (hint_read(log, &durable, &fold, &sequence) && durable > base);
}

enum leat_status segments_list(struct leat_log *log, struct leat_error *err)
{
    enum leat_status status = list_names(log, err);
    for (size_t i = 0; status == LEAT_OK && i < log->segment_count; i++) {
        struct segment *segment = &log->segments[i];
        bool is_torn = false;
        if (segment->salt == 0)
            status = read_head(log, segment, &is_torn, err);
        if (status != LEAT_OK)
            break;
        if (is_torn && (i + 1 < log->segment_count || has_content(log, segment->base)))
            return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_DAMAGED, "log %s: segment %020llu has a damaged header; see `leat log verify`",
                                log->name, (unsigned long long)segment->base);
        if (is_torn) { /* a crash left it half made */
            log->has_torn = true;
            log->torn_base = segment->base;
            segment_clear(segment);
            log->segment_count--;
            break;
        }
        if (i > 0)
            log->segments[i - 1].end = segment->base;
    }
    return status;
}

/* ---- the index of a sealed segment; a clean stop leaves one of the newest too, which then holds its first part ---- */

static void index_put(struct leat_bytes *out, const struct segment *segment)
{
    leat_bytes_varint(out, segment->base);
    leat_bytes_varint(out, segment->end);
    leat_bytes_varint(out, (uint64_t)segment->first_us);
    leat_bytes_varint(out, (uint64_t)segment->last_us);
    leat_bytes_varint(out, segment->share_count);
    for (uint32_t i = 0; i < segment->share_count; i++) {
        const struct topic_share *share = &segment->shares[i];
        leat_bytes_varint(out, share->id);
        leat_bytes_varint(out, share->first);
        leat_bytes_varint(out, share->count);
        leat_bytes_varint(out, share->first_lsn - segment->base);
        leat_bytes_varint(out, share->bytes);
        leat_bytes_varint(out, (uint64_t)share->first_us);
        leat_bytes_varint(out, (uint64_t)share->last_us);
    }
}

void segment_index_write(struct leat_log *log, const struct segment *segment)
{
    struct leat_bytes out;
    leat_bytes_init(&out, INDEX_MOST);
    leat_bytes_add(&out, index_magic, sizeof index_magic);
    leat_bytes_u32(&out, 0);
    index_put(&out, segment);
    if (!out.is_over) {
        leat_set_u32(out.data + 8, leat_crc32c(0, out.data + 12, out.len - 12));
        char *path = segment_path(log, segment->base, "idx");
        leat_os_replace_file(log->os, path, out.data, out.len, 0600);
        free(path);
    }
    leat_bytes_fini(&out);
}

static bool index_get(struct leat_cut *cut, struct segment *segment)
{
    uint64_t base = leat_cut_varint(cut), end = leat_cut_varint(cut);
    segment->first_us = (int64_t)leat_cut_varint(cut);
    segment->last_us = (int64_t)leat_cut_varint(cut);
    uint64_t count = leat_cut_varint(cut);
    bool is_sealed = segment->end > base + SEGMENT_HEADER;
    if (cut->is_bad || base != segment->base || (is_sealed && end != segment->end) || count > leat_cut_left(cut))
        return false;
    segment->end = end;
    segment->shares = leat_calloc(count ? count : 1, sizeof *segment->shares);
    for (uint64_t i = 0; i < count; i++) {
        struct topic_share *share = &segment->shares[segment->share_count++];
        share->id = (uint32_t)leat_cut_varint(cut);
        share->first = leat_cut_varint(cut);
        share->count = leat_cut_varint(cut);
        share->first_lsn = base + leat_cut_varint(cut);
        share->bytes = leat_cut_varint(cut);
        share->first_us = (int64_t)leat_cut_varint(cut);
        share->last_us = (int64_t)leat_cut_varint(cut);
    }
    return !cut->is_bad;
}

bool segment_index_read(struct leat_log *log, struct segment *segment)
{
    char *path = segment_path(log, segment->base, "idx"), *text = NULL;
    size_t len = 0;
    bool is_good = leat_os_read_file(log->os, path, INDEX_MOST, &text, &len) && len >= 12 &&
                   memcmp(text, index_magic, sizeof index_magic) == 0 &&
                   leat_get_u32(text + 8) == leat_crc32c(0, text + 12, len - 12);
    if (is_good) {
        struct leat_cut cut = leat_cut(text + 12, len - 12);
        is_good = index_get(&cut, segment);
    }
    if (!is_good)
        segment_clear(segment);
    free(text);
    free(path);
    return is_good;
}
