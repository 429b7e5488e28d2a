#include <model/lost.h>

#include <string.h>

static const char reason[] = "lost: `leat log salvage` found nothing of it";

void leat_lost_put(struct leat_batch *batch, struct leat_record *rec, uint64_t first, uint64_t count, int64_t time_us)
{
    struct leat_value *pairs = leat_batch_alloc(batch, 6 * sizeof *pairs);
    pairs[0] = leat_value_string("offset");
    pairs[1] = leat_value_uint(first);
    pairs[2] = leat_value_string("count");
    pairs[3] = count == LEAT_LOST_UNKNOWN ? leat_value_null() : leat_value_uint(count);
    pairs[4] = leat_value_string("reason");
    pairs[5] = leat_value_string(reason);
    rec->op = LEAT_GAP;
    rec->offset = first;
    rec->time_us = time_us;
    rec->key = leat_value_null();
    rec->value = leat_value_items(LEAT_MAP, pairs, 3);
}

bool leat_lost_get(const struct leat_record *rec, uint64_t *first, uint64_t *count)
{
    const struct leat_value *value = &rec->value;
    if (rec->op != LEAT_GAP || value->type != LEAT_MAP || value->len != 3)
        return false;
    const struct leat_value *why = &value->as.items[5], *how_many = &value->as.items[3];
    if (why->type != LEAT_TEXT || why->len != sizeof reason - 1 || memcmp(why->as.text, reason, why->len) != 0)
        return false;
    *first = value->as.items[1].as.u;
    *count = how_many->type == LEAT_NULL ? LEAT_LOST_UNKNOWN : how_many->as.u;
    return true;
}
