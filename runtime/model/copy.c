#include <model/batch.h>

static const struct leat_value *copy_items(struct leat_arena *arena, const struct leat_value *items,
                                           size_t count)
{
    if (count == 0)
        return NULL;
    struct leat_value *copy = leat_arena_alloc(arena, count * sizeof *copy);
    for (size_t i = 0; i < count; i++)
        copy[i] = leat_value_copy(arena, &items[i]);
    return copy;
}

struct leat_value leat_value_copy(struct leat_arena *arena, const struct leat_value *value)
{
    struct leat_value copy = *value;
    switch (value->type) {
    case LEAT_DECIMAL:
    case LEAT_TEXT:
    case LEAT_BYTES:
    case LEAT_JSON:
        copy.as.text = value->len > 0 ? leat_arena_copy(arena, value->as.text, value->len) : "";
        break;
    case LEAT_ARRAY:
    case LEAT_STRUCT:
        copy.as.items = copy_items(arena, value->as.items, value->len);
        break;
    case LEAT_MAP:
        copy.as.items = copy_items(arena, value->as.items, (size_t)value->len * 2);
        break;
    default:
        break;
    }
    return copy;
}
