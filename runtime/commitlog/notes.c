/* notes.c - taking down what a segment holds, frame by frame. */
#include <commitlog/inside.h>

#include <base/assert.h>
#include <base/memory.h>
#include <stdlib.h>

#define TIMES_EVERY ((uint64_t)256 << 10)
#define TIMES_MOST  ((size_t)64 << 20)
#define ENTRY_MOST  ((size_t)3 * LEAT_VARINT_MAX)

struct segment_index *index_new(uint64_t base, uint32_t salt)
{
    struct segment_index *index = leat_calloc(1, sizeof *index);
    index->base = base;
    index->end = base + SEGMENT_HEADER;
    index->salt = salt;
    index->times_lsn = base;
    leat_bytes_init(&index->times, TIMES_MOST);
    return index;
}

void index_drop_lists(struct segment_index *index)
{
    for (uint32_t i = 0; index->lists && i < index->share_count; i++)
        free(index->lists[i].bytes);
    free(index->lists);
    index->lists = NULL;
}

void index_free(struct segment_index *index)
{
    if (!index)
        return;
    index_drop_lists(index);
    free(index->shares);
    leat_bytes_fini(&index->times);
    free(index);
}

static struct topic_share *share_at(struct segment_index *index, uint32_t id)
{
    if (id < index->share_count)
        return &index->shares[id];
    uint32_t count = id + 1 < 2 * index->share_count ? 2 * index->share_count : id + 1;
    index->shares = leat_realloc(index->shares, count * sizeof *index->shares);
    index->lists = leat_realloc(index->lists, count * sizeof *index->lists);
    for (uint32_t i = index->share_count; i < count; i++) {
        index->shares[i] = (struct topic_share){0};
        index->lists[i] = (struct frame_list){.lsn = index->base};
    }
    index->share_count = count;
    return &index->shares[id];
}

void index_begin(struct segment_index *index, uint32_t id, uint64_t offset, uint64_t bytes_before)
{
    struct topic_share *share = share_at(index, id);
    leat_assert(share->frames == 0);
    share->begin = share->end = offset;
    share->before_bytes = bytes_before;
    share->is_begun = true;
    index->lists[id].offset = offset;
}

void index_frame(struct segment_index *index, uint64_t lsn, int64_t time_us, bool has_records)
{
    if (index->first_us == 0)
        index->first_us = time_us;
    index->last_us = time_us;
    index->frame_count += has_records;
    if (index->times.len > 0 && lsn - index->times_lsn < TIMES_EVERY)
        return;
    leat_bytes_varint(&index->times, (lsn - index->times_lsn) / 8);
    leat_bytes_varint(&index->times, (uint64_t)(time_us - index->times_us));
    index->times_lsn = lsn;
    index->times_us = time_us;
}

/* {place - place of the entry before, in units of 8} {2 * records + 1 where offsets were jumped
 * over} [{how many}] */
static void add_entry(struct frame_list *list, uint64_t lsn, uint64_t offset, uint64_t count)
{
    if (list->cap - list->len < ENTRY_MOST) {
        list->cap = list->cap * 2 + ENTRY_MOST;
        list->bytes = leat_realloc(list->bytes, list->cap);
    }
    bool has_jump = offset != list->offset;
    uint8_t *at = leat_set_varint(list->bytes + list->len, (lsn - list->lsn) / 8);
    at = leat_set_varint(at, count << 1 | has_jump);
    if (has_jump)
        at = leat_set_varint(at, offset - list->offset);
    list->len = (size_t)(at - list->bytes);
    list->lsn = lsn;
    list->offset = offset + count;
}

void index_part(struct segment_index *index, uint64_t lsn, int64_t time_us,
                const struct leat_log_part *part, uint64_t bytes)
{
    struct topic_share *share = share_at(index, part->topic_id);
    if (!share->is_begun)
        index_begin(index, part->topic_id, part->base_offset, 0);
    add_entry(&index->lists[part->topic_id], lsn, part->base_offset, part->count);
    share->frames++;
    share->end = part->base_offset + part->count;
    share->bytes += bytes;
    share->last_us = time_us;
    if (share->first_us == 0)
        share->first_us = time_us;
}

static void begin_topic(void *arg, uint32_t id, uint64_t offset, uint64_t bytes)
{
    index_begin(arg, id, offset, bytes);
}

void index_note(struct segment_index *index, const struct frame_head *head, const uint8_t *body)
{
    struct trailer_part_list parts = {0};
    const uint8_t *audience;
    size_t len;
    uint64_t records = 0;
    if (head->kind == KIND_FOLD && head->lsn == index->base + SEGMENT_HEADER)
        index->is_complete = trailer_each_topic(head, body, begin_topic, index);
    if (!trailer_read(head, body, &parts, &audience, &len))
        parts.count = 0;
    index_frame(index, head->lsn, head->time_us, parts.count > 0);
    if (head->kind == KIND_GAP)
        index_part(index, head->lsn, head->time_us, &(struct leat_log_part){.topic_id = INDEX_GAPS},
                   0);
    for (uint32_t i = 0; i < parts.count; i++)
        records += parts.items[i].count;
    for (uint32_t i = 0; i < parts.count && topic_is_possible(parts.items[i].topic_id, head); i++)
        index_part(index, head->lsn, head->time_us, &parts.items[i],
                   trailer_share(head->stream_len, parts.items[i].count, records));
    free(parts.items);
}

uint64_t index_at_time(const struct segment_index *index, int64_t time_us)
{
    struct leat_cut cut = leat_cut(index->times.data, index->times.len);
    uint64_t lsn = index->base, found = index->base;
    int64_t at_us = 0;
    while (leat_cut_left(&cut) > 0) {
        lsn += leat_cut_varint(&cut) * 8;
        at_us += (int64_t)leat_cut_varint(&cut);
        if (cut.is_bad || at_us >= time_us)
            break;
        found = lsn;
    }
    return found;
}

bool index_walk_next(struct frame_walk *walk)
{
    if (leat_cut_left(&walk->cut) == 0)
        return false;
    uint64_t step = leat_cut_varint(&walk->cut), count = leat_cut_varint(&walk->cut);
    walk->entry.lsn += step * 8;
    walk->entry.offset += walk->entry.count;
    if (count & 1)
        walk->entry.offset += leat_cut_varint(&walk->cut);
    walk->entry.count = count >> 1;
    return !walk->cut.is_bad;
}

void index_walk_end(struct frame_walk *walk)
{
    free(walk->own);
    walk->own = NULL;
}
