/* clang-format off */
/* index.c - the index of a segment on disk, version 2. Little-endian; varints are LEB128 (base/wire.h).
 *
 *   <20-digit base LSN>.idx   "LEATIDX2" | CRC u32 of the head | length of the head u32 | head | lists
 *
 *   head, all varints; what is marked u32 fits in 32 bits:
 *       base                          LSN where the segment begins
 *       end                           LSN behind the last frame that is noted here, or behind its hole
 *       salt                          of the segment, u32
 *       first time, last time         commit times of the first and the last frame, us; both 0: there is no frame
 *       frames                        that hold records, u32
 *       length of the times | times   bytes, and these: see below
 *       count                         how many topics follow
 *       topics                        one after the other, by id from 0 on; 0 stands for gap frames
 *
 *   topic, where the segment does not know it:
 *       0
 *   topic, else:
 *       1 + frames                    that hold it, u32
 *       offset                        that is its next one where the segment begins
 *       bytes                         of its records before the segment, since ever
 *     and, where frames > 0:
 *       end offset - offset           how far it comes in here
 *       bytes                         of its records in here
 *       first time - the head's       commit time of the first frame that holds it, us
 *       last time - first time        of the last one
 *       length of its list            bytes, u32
 *       CRC of its list               u32
 *
 *   times:  {LSN - that of the one before, / 8 | time - that of the one before}
 *           of the first frame, and then of each that begins 256 KiB or more behind the one that was taken last;
 *           the first one counts from base and from time 0
 *
 *   lists:  those of all topics with frames, by id, the first right behind the head, nothing between them
 *   list:   {LSN - that of the one before, / 8 | 2 * records + jump | where jump is 1: how many offsets are left out before it}
 *           of each frame that holds the topic; the first one counts from base and from the topic's offset there
 *
 * Whoever wants one topic of thousands reads the head and that topic's list. A clean stop leaves an index of the newest
 * segment too, which then holds its first part.
 */
/* clang-format on */
#include <commitlog/inside.h>

#include <base/crc32c.h>
#include <base/memory.h>
#include <base/plant.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

static const char index_magic[8] = {'L', 'E', 'A', 'T', 'I', 'D', 'X', '2'};
#define START      16 /* what stands before the head */
#define FIRST_READ ((size_t)16 << 10)
#define HEAD_MOST  ((size_t)1 << 30)

/* ---- writing ---- */

static void put_share(struct leat_bytes *out, const struct segment_index *index, uint32_t id)
{
    struct topic_share *share = &index->shares[id];
    const struct frame_list *list = &index->lists[id];
    leat_bytes_varint(out, share->is_begun ? (uint64_t)share->frames + 1 : 0);
    if (!share->is_begun)
        return;
    leat_bytes_varint(out, share->begin);
    leat_bytes_varint(out, share->before_bytes);
    if (share->frames == 0)
        return;
    share->list_len = (uint32_t)list->len;
    share->list_crc = leat_crc32c(0, list->bytes, list->len);
    leat_bytes_varint(out, share->end - share->begin);
    leat_bytes_varint(out, share->bytes);
    leat_bytes_varint(out, (uint64_t)(share->first_us - index->first_us));
    leat_bytes_varint(out, (uint64_t)(share->last_us - share->first_us));
    leat_bytes_varint(out, share->list_len);
    leat_bytes_varint(out, share->list_crc);
}

static void put_head(struct leat_bytes *out, const struct segment_index *index)
{
    leat_bytes_varint(out, index->base);
    leat_bytes_varint(out, index->end);
    leat_bytes_varint(out, index->salt);
    leat_bytes_varint(out, (uint64_t)index->first_us);
    leat_bytes_varint(out, (uint64_t)index->last_us);
    leat_bytes_varint(out, index->frame_count);
    leat_bytes_varint(out, index->times.len);
    leat_bytes_add(out, index->times.data, index->times.len);
    uint32_t count = index->share_count;
    while (count > 0 && !index->shares[count - 1].is_begun)
        count--;
    leat_bytes_varint(out, count);
    for (uint32_t i = 0; i < count; i++)
        put_share(out, index, i);
}

void index_encode(const struct segment_index *index, struct leat_bytes *out)
{
    leat_bytes_add(out, index_magic, sizeof index_magic);
    leat_bytes_u64(out, 0);
    put_head(out, index);
    if (out->is_over)
        return;
    size_t head = out->len - START;
    leat_set_u32(out->data + 8, leat_crc32c(0, out->data + START, head));
    leat_set_u32(out->data + 12, (uint32_t)head);
    for (uint32_t i = 0; i < index->share_count; i++) {
        index->shares[i].list_at = out->len;
        leat_bytes_add(out, index->lists[i].bytes, index->lists[i].len);
    }
}

bool index_store(struct leat_log *log, uint64_t base, const struct leat_bytes *bytes)
{
    char *path = segment_path(log, base, "idx");
    bool is_done =
        !bytes->is_over && leat_os_replace_file(log->os, path, bytes->data, bytes->len, 0600);
    free(path);
    return is_done;
}

enum index_match index_compare(struct leat_log *log, const struct segment_index *index)
{
    struct leat_bytes bytes;
    char *path = segment_path(log, index->base, "idx"), *text = NULL;
    size_t len = 0;
    leat_bytes_init(&bytes, INDEX_MOST);
    index_encode(index, &bytes);
    bool is_there = leat_os_read_file(log->os, path, INDEX_MOST, &text, &len);
    bool is_same = is_there && len == bytes.len && memcmp(text, bytes.data, len) == 0;
    free(text);
    free(path);
    leat_bytes_fini(&bytes);
    return is_same ? INDEX_SAME : is_there ? INDEX_OTHER : INDEX_MISSING;
}

/* ---- reading ---- */

static void get_share(struct leat_cut *cut, struct segment_index *index, uint64_t *list_at)
{
    struct topic_share *share = &index->shares[index->share_count++];
    uint64_t frames = leat_cut_varint(cut);
    share->is_begun = frames > 0;
    share->frames = frames > 0 ? (uint32_t)(frames - 1) : 0;
    if (frames == 0)
        return;
    share->begin = share->end = leat_cut_varint(cut);
    share->before_bytes = leat_cut_varint(cut);
    if (share->frames == 0)
        return;
    share->end += leat_cut_varint(cut);
    share->bytes = leat_cut_varint(cut);
    share->first_us = index->first_us + (int64_t)leat_cut_varint(cut);
    share->last_us = share->first_us + (int64_t)leat_cut_varint(cut);
    share->list_len = (uint32_t)leat_cut_varint(cut);
    share->list_crc = (uint32_t)leat_cut_varint(cut);
    share->list_at = *list_at;
    *list_at += share->list_len;
}

static bool get_head(struct leat_cut *cut, struct segment_index *index, uint64_t list_at)
{
    index->base = leat_cut_varint(cut);
    index->end = leat_cut_varint(cut);
    index->salt = (uint32_t)leat_cut_varint(cut);
    index->first_us = (int64_t)leat_cut_varint(cut);
    index->last_us = (int64_t)leat_cut_varint(cut);
    index->frame_count = (uint32_t)leat_cut_varint(cut);
    uint64_t len = leat_cut_varint(cut);
    const uint8_t *times = leat_cut_bytes(cut, len);
    uint64_t count = leat_cut_varint(cut);
    if (cut->is_bad || count > leat_cut_left(cut))
        return false;
    leat_bytes_add(&index->times, times, len);
    index->shares = leat_calloc(count ? count : 1, sizeof *index->shares);
    for (uint64_t i = 0; i < count && !cut->is_bad; i++)
        get_share(cut, index, &list_at);
    index->memory = sizeof *index + len + count * sizeof *index->shares;
    return !cut->is_bad && leat_cut_left(cut) == 0 && !index->times.is_over;
}

/* Start and head into `bytes`. */
static bool read_head(struct leat_log *log, int fd, struct leat_bytes *bytes)
{
    if (!leat_bytes_reserve(bytes, FIRST_READ))
        return false;
    ssize_t have = leat_os_pread_all(log->os, fd, bytes->data, FIRST_READ, 0);
    if (have < START || memcmp(bytes->data, index_magic, sizeof index_magic) != 0)
        return false;
    uint32_t crc = leat_get_u32(bytes->data + 8);
    uint64_t len = leat_get_u32(bytes->data + 12), whole = START + len,
             at = (uint64_t)have < whole ? (uint64_t)have : whole;
    bytes->len = at;
    struct stat st;
    if (whole > at && (log->os->fstat(fd, &st) != 0 || (uint64_t)st.st_size < whole ||
                       !leat_bytes_reserve(bytes, whole - at)))
        return false;
    if (whole > at && leat_os_pread_all(log->os, fd, bytes->data + at, whole - at, (off_t)at) !=
                          (ssize_t)(whole - at))
        return false;
    bytes->len = whole;
    return leat_crc32c(0, bytes->data + START, len) == crc || leat_planted("trust_index");
}

static bool read_bytes(struct leat_log *log, int fd, const struct topic_share *share,
                       uint8_t *bytes)
{
    return leat_os_pread_all(log->os, fd, bytes, share->list_len, (off_t)share->list_at) ==
               (ssize_t)share->list_len &&
           (leat_crc32c(0, bytes, share->list_len) == share->list_crc || leat_planted("trust_index"));
}

static void find_last(struct leat_log *log, struct segment_index *index, uint32_t id)
{
    struct frame_walk walk;
    struct frame_list *list = &index->lists[id];
    *list = (struct frame_list){.bytes = list->bytes,
                                .len = list->len,
                                .cap = list->len,
                                .lsn = index->base,
                                .offset = index->shares[id].begin};
    if (!index_walk(log, index, id, &walk))
        return;
    while (index_walk_next(&walk)) {
        list->lsn = walk.entry.lsn;
        list->offset = walk.entry.offset + walk.entry.count;
    }
    index_walk_end(&walk);
}

static void find_last_time(struct segment_index *index)
{
    struct leat_cut cut = leat_cut(index->times.data, index->times.len);
    index->times_lsn = index->base;
    while (leat_cut_left(&cut) > 0 && !cut.is_bad) {
        index->times_lsn += leat_cut_varint(&cut) * 8;
        index->times_us += (int64_t)leat_cut_varint(&cut);
    }
}

/* All lists too, so that notes can go on from here. */
static bool read_lists(struct leat_log *log, int fd, struct segment_index *index)
{
    bool is_good = true;
    index->lists = leat_calloc(index->share_count ? index->share_count : 1, sizeof *index->lists);
    find_last_time(index);
    for (uint32_t i = 0; i < index->share_count && is_good; i++) {
        struct frame_list *list = &index->lists[i];
        list->len = index->shares[i].list_len;
        list->bytes = list->len ? leat_malloc(list->len) : NULL;
        is_good = list->len == 0 || read_bytes(log, fd, &index->shares[i], list->bytes);
        if (is_good)
            find_last(log, index, i);
    }
    return is_good;
}

struct segment_index *index_read(struct leat_log *log, uint64_t base, uint64_t end, uint32_t salt,
                                 bool with_lists)
{
    struct segment_index *index = index_new(base, salt);
    struct leat_bytes bytes;
    char *path = segment_path(log, base, "idx");
    int fd = log->os->open(path, O_RDONLY, 0);
    free(path);
    leat_bytes_init(&bytes, HEAD_MOST);
    bool is_good = fd >= 0 && read_head(log, fd, &bytes);
    if (is_good) {
        struct leat_cut cut = leat_cut(bytes.data + START, bytes.len - START);
        is_good = get_head(&cut, index, bytes.len) && index->base == base &&
                  (end == 0 || index->end == end || leat_planted("old_index")) && (salt == 0 || index->salt == salt);
    }
    if (is_good && with_lists)
        is_good = read_lists(log, fd, index);
    if (fd >= 0)
        log->os->close(fd);
    leat_bytes_fini(&bytes);
    if (is_good)
        return index;
    index_free(index);
    return NULL;
}

bool index_walk(struct leat_log *log, const struct segment_index *index, uint32_t id,
                struct frame_walk *walk)
{
    const struct topic_share *share = index_share(index, id);
    *walk = (struct frame_walk){.entry.lsn = index->base};
    if (!share || share->frames == 0)
        return true;
    walk->entry.offset = share->begin;
    if (index->lists) {
        walk->cut = leat_cut(index->lists[id].bytes, index->lists[id].len);
        return true;
    }
    char *path = segment_path(log, index->base, "idx");
    int fd = log->os->open(path, O_RDONLY, 0);
    free(path);
    walk->own = leat_malloc(share->list_len);
    walk->cut = leat_cut(walk->own, share->list_len);
    bool is_good = fd >= 0 && read_bytes(log, fd, share, walk->own);
    if (fd >= 0)
        log->os->close(fd);
    if (!is_good)
        index_walk_end(walk);
    return is_good;
}
