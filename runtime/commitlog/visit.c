#include <commitlog/visit.h>

#include <stdlib.h>

static void visit_topics(struct leat_cut *cut, const struct visitor *visitor)
{
    for (uint64_t left = leat_cut_varint(cut); left > 0 && !cut->is_bad; left--) {
        uint32_t id = (uint32_t)leat_cut_varint(cut);
        int32_t partition = (int32_t)leat_cut_varint(cut);
        uint64_t len = leat_cut_varint(cut);
        const uint8_t *name = leat_cut_bytes(cut, len);
        if (!name || id == 0 || len > 255)
            cut->is_bad = true;
        else if (visitor->topic)
            visitor->topic(visitor->arg, id, partition, (const char *)name, len);
    }
}

static void visit_parts(struct leat_cut *cut, const struct visitor *visitor)
{
    for (uint64_t left = leat_cut_varint(cut); left > 0 && !cut->is_bad; left--) {
        struct leat_log_part part;
        part.topic_id = (uint32_t)leat_cut_varint(cut);
        part.base_offset = leat_cut_varint(cut);
        part.count = (uint32_t)leat_cut_varint(cut);
        cut->is_bad = cut->is_bad || part.topic_id == 0;
        if (!cut->is_bad && visitor->part)
            visitor->part(visitor->arg, &part);
    }
}

static void visit_audience(struct leat_cut *cut, const struct visitor *visitor)
{
    uint64_t len = leat_cut_varint(cut);
    const char *name = (const char *)leat_cut_bytes(cut, len);
    if (name && len > 0 && visitor->audience)
        visitor->audience(visitor->arg, name, len);
}

static void visit_consumers(struct leat_cut *cut, const struct visitor *visitor)
{
    for (uint64_t left = leat_cut_varint(cut); left > 0 && !cut->is_bad; left--) {
        uint64_t len = leat_cut_varint(cut);
        const char *name = (const char *)leat_cut_bytes(cut, len);
        uint64_t lsn = leat_cut_varint(cut);
        if (!cut->is_bad && visitor->consumer)
            visitor->consumer(visitor->arg, name, len, lsn);
    }
}

static void visit_state(struct leat_cut *cut, const struct visitor *visitor)
{
    for (uint64_t left = leat_cut_varint(cut); left > 0 && !cut->is_bad; left--) {
        uint64_t key_len = leat_cut_varint(cut);
        const uint8_t *key = leat_cut_bytes(cut, key_len);
        uint64_t marked = leat_cut_varint(cut);
        uint64_t len = marked > 0 ? marked - 1 : 0;
        const uint8_t *value = leat_cut_bytes(cut, len);
        if (!cut->is_bad && visitor->state)
            visitor->state(visitor->arg, key, key_len, value, len, marked > 0);
    }
}

static void visit_lineage(struct leat_cut *cut, const struct visitor *visitor)
{
    for (uint64_t left = leat_cut_varint(cut); left > 0 && !cut->is_bad; left--) {
        struct leat_uuid uuid;
        const uint8_t *bytes = leat_cut_bytes(cut, sizeof uuid.bytes);
        uint64_t first = leat_cut_varint(cut);
        if (cut->is_bad)
            return;
        memcpy(uuid.bytes, bytes, sizeof uuid.bytes);
        if (visitor->incarnation)
            visitor->incarnation(visitor->arg, &uuid, first >> 1);
    }
}

static void visit_nexts(struct leat_cut *cut, const struct visitor *visitor)
{
    uint64_t count = leat_cut_varint(cut);
    for (uint64_t id = 1; id <= count && !cut->is_bad; id++) {
        uint64_t next = leat_cut_varint(cut);
        if (next > 0) {
            leat_cut_varint(cut); /* bytes */
            leat_cut_varint(cut); /* time of the first record, */
            leat_cut_varint(cut); /* and of the last */
        }
        if (!cut->is_bad && visitor->next)
            visitor->next(visitor->arg, (uint32_t)id, next);
    }
}

static bool visit_gap(const struct frame_head *head, const uint8_t *body, const struct visitor *visitor)
{
    struct gap gap = {0};
    bool is_good = gap_read(head, body, &gap);
    struct leat_cut cut = leat_cut(body, head->body_len);
    leat_cut_varint(&cut);
    leat_cut_varint(&cut);
    visit_topics(&cut, visitor);
    for (uint32_t i = 0; is_good && visitor->lost && i < gap.lost_count; i++)
        visitor->lost(visitor->arg, &gap.lost[i]);
    free(gap.lost);
    return is_good && !cut.is_bad;
}

bool trailer_visit(const struct frame_head *head, const uint8_t *body, const struct visitor *visitor)
{
    if (head->kind == KIND_GAP)
        return visit_gap(head, body, visitor);
    struct leat_cut cut = leat_cut(body + head->stream_len, head->body_len - head->stream_len);
    visit_topics(&cut, visitor);
    visit_parts(&cut, visitor);
    visit_audience(&cut, visitor);
    visit_consumers(&cut, visitor);
    visit_state(&cut, visitor);
    if (head->kind == KIND_DATA)
        return !cut.is_bad && leat_cut_left(&cut) == 0;
    visit_lineage(&cut, visitor);
    visit_nexts(&cut, visitor);
    return !cut.is_bad && leat_cut_left(&cut) == 0;
}
