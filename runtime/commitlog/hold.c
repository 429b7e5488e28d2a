/* hold.c - indexes of sealed segments: read when asked for, kept while there is room, made anew
 * where they are not good.
 *
 * All logs of the process together keep 16 MiB of those that nobody holds; a log makes room among
 * its own. Thus memory does not grow with what a log holds, nor with how many logs there are.
 */
#include <commitlog/inside.h>

#include <base/assert.h>
#include <stdlib.h>

#define KEPT_MOST ((uint64_t)16 << 20)

static uint64_t kept_bytes; /* of the process, atomic */

/* ---- the cache; log->lock held ---- */

static void unkeep(struct leat_log *log, struct segment_index *index)
{
    struct segment_index **at = &log->indexes;
    while (*at != index)
        at = &(*at)->next;
    *at = index->next;
    index->is_kept = false;
    __atomic_sub_fetch(&kept_bytes, index->memory, __ATOMIC_RELAXED);
    if (index->holders == 0)
        index_free(index);
}

static struct segment_index *find_kept(struct leat_log *log, uint64_t base)
{
    struct segment_index *index = log->indexes;
    while (index && index->base != base)
        index = index->next;
    return index;
}

static void make_room(struct leat_log *log)
{
    while (__atomic_load_n(&kept_bytes, __ATOMIC_RELAXED) > KEPT_MOST) {
        struct segment_index *oldest = NULL;
        for (struct segment_index *index = log->indexes; index; index = index->next)
            if (index->holders == 0 && (!oldest || index->used < oldest->used))
                oldest = index;
        if (!oldest)
            return;
        unkeep(log, oldest);
    }
}

/* Takes it over; gives the one that is kept, and held once more: another thread may have been
 * faster. */
static struct segment_index *keep(struct leat_log *log, struct segment_index *index)
{
    struct segment_index *kept = find_kept(log, index->base);
    if (kept) {
        index_free(index);
        index = kept;
    } else {
        index->is_kept = true;
        index->next = log->indexes;
        log->indexes = index;
        __atomic_add_fetch(&kept_bytes, index->memory, __ATOMIC_RELAXED);
    }
    index->holders++;
    index->used = ++log->index_uses;
    make_room(log);
    return index;
}

void index_drop(struct leat_log *log, uint64_t base)
{
    for (struct segment_index *index = log->indexes, *next; index; index = next) {
        next = index->next;
        if (base == UINT64_MAX || index->base == base)
            unkeep(log, index);
    }
}

void index_give(struct leat_log *log, struct segment_index *index)
{
    if (!index)
        return;
    leat_lock_take(&log->lock);
    leat_assert(index->holders > 0);
    index->holders--;
    if (index->holders == 0 && !index->is_kept)
        index_free(index);
    else
        make_room(log);
    leat_lock_give(&log->lock);
}

/* ---- making one anew ---- */

/* From the frames; NULL: they are damaged. */
static struct segment_index *note_all(struct leat_log *log, const struct segment *segment,
                                      struct leat_error *err)
{
    struct segment_index *index = index_new(segment->base, segment->salt);
    struct scan scan;
    struct frame_head head;
    const uint8_t *body;
    enum scan_result result = SCAN_FRAME;
    scan_init(&scan, log);
    scan_seek(&scan, segment->base + SEGMENT_HEADER);
    while (scan.lsn < segment->end && (result = scan_next(&scan, &head, &body, err)) == SCAN_FRAME)
        index_note(index, &head, body);
    index->end = scan.lsn;
    scan_fini(&scan);
    if (index->end == segment->end)
        return index;
    if (result != SCAN_FAILED) /* scan.why is a text that stays */
        damage_fail(log, index->end, 0,
                    result == SCAN_BAD ? scan.why : "the frames end before the segment does", err);
    index_free(index);
    return NULL;
}

/* Without its fold a segment does not say where topics stand that it has no record of: as the next
 * one does. */
static void begin_others(struct leat_log *log, struct segment_index *index)
{
    struct leat_error err;
    struct segment_index *held = index_hold(log, index->end, &err);
    leat_lock_take(&log->lock);
    const struct segment *segment = segment_of(log, index->end);
    const struct segment_index *next = held || !segment ? held : segment->notes;
    for (uint32_t id = 1; next && id <= log->topic_count; id++) {
        const struct topic_share *share = index_share(next, id);
        if (share && !index_share(index, id))
            index_begin(index, id, share->begin, share->before_bytes);
    }
    leat_lock_give(&log->lock);
    index_give(log, held);
}

static bool says_all(struct leat_log *log, const struct segment_index *index)
{
    leat_lock_take(&log->lock);
    uint32_t id = log->topic_count;
    while (id > 0 && index_share(index, id))
        id--;
    leat_lock_give(&log->lock);
    return id == 0;
}

static bool is_still_there(struct leat_log *log, uint64_t base)
{
    leat_lock_take(&log->lock);
    const struct segment *segment = segment_of(log, base);
    bool is_there = segment && segment->base == base;
    leat_lock_give(&log->lock);
    return is_there;
}

/* What cannot be written stays in memory whole. */
static void store(struct leat_log *log, struct segment_index *index)
{
    struct leat_bytes bytes;
    leat_bytes_init(&bytes, INDEX_MOST);
    index_encode(index, &bytes);
    index->memory = bytes.len + index->share_count * (sizeof *index->shares + sizeof *index->lists);
    if (!log->config.is_read_only && index_store(log, index->base, &bytes)) {
        index_drop_lists(index);
        if (!is_still_there(log, index->base)) { /* released meanwhile */
            char *path = segment_path(log, index->base, "idx");
            log->os->unlink(path);
            free(path);
        }
    }
    leat_bytes_fini(&bytes);
}

static struct segment_index *make_anew(struct leat_log *log, const struct segment *segment,
                                       struct leat_error *err)
{
    struct segment_index *index = note_all(log, segment, err);
    if (!index)
        return NULL;
    if (!index->is_complete && !says_all(log, index))
        begin_others(log, index);
    store(log, index);
    return index;
}

/* ---- holding ---- */

static struct segment_index *hold(struct leat_log *log, uint64_t base, bool is_anew,
                                  struct leat_error *err)
{
    leat_lock_take(&log->lock);
    const struct segment *found = segment_of(log, base);
    bool is_sealed = found && found->base == base && !found->notes &&
                     found != &log->segments[log->segment_count - 1];
    struct segment segment = is_sealed ? *found : (struct segment){0};
    struct segment_index *index = is_sealed && !is_anew ? find_kept(log, base) : NULL;
    if (index) {
        index->holders++;
        index->used = ++log->index_uses;
    }
    leat_lock_give(&log->lock);
    if (!is_sealed)
        leat_fail(err, LEAT_STOP, "log %s: segment %020llu is not there", log->name,
                  (unsigned long long)base);
    if (index || !is_sealed)
        return index;
    if (!is_anew)
        index = index_read(log, base, segment.end, segment.salt, false);
    if (!index)
        index = make_anew(log, &segment, err);
    if (!index)
        return NULL;
    leat_lock_take(&log->lock);
    index = keep(log, index);
    leat_lock_give(&log->lock);
    return index;
}

struct segment_index *index_hold(struct leat_log *log, uint64_t base, struct leat_error *err)
{
    return hold(log, base, false, err);
}

struct segment_index *index_distrust(struct leat_log *log, struct segment_index *index)
{
    struct leat_error err;
    uint64_t base = index->base;
    leat_lock_take(&log->lock);
    if (index->is_kept)
        unkeep(log, index);
    leat_lock_give(&log->lock);
    index_give(log, index);
    return hold(log, base, true, &err);
}

void index_seal(struct leat_log *log, uint64_t base)
{
    struct leat_bytes bytes;
    leat_bytes_init(&bytes, INDEX_MOST);
    leat_lock_take(&log->lock);
    index_encode(segment_of(log, base)->notes, &bytes);
    leat_lock_give(&log->lock);
    index_store(log, base, &bytes);
    leat_bytes_fini(&bytes);
    leat_lock_take(&log->lock);
    struct segment *segment = segment_of(log, base);
    index_free(segment->notes);
    segment->notes = NULL;
    leat_lock_give(&log->lock);
}
