#include <mysql/extent.h>

#include <base/assert.h>
#include <base/hash.h>
#include <base/memory.h>
#include <model/batch.h>
#include <mysql/columns.h>
#include <stdlib.h>

/* ---- keys ---- */

static bool is_comparable_field(const struct leat_field *field)
{
    switch (field->type) {
    case LEAT_INT64:
    case LEAT_UINT64:
    case LEAT_DATE:
    case LEAT_TIME:
    case LEAT_DATETIME:
    case LEAT_TIMESTAMP:
        return true;
    case LEAT_BYTES:
        return strncmp(field->native, "binary", 6) == 0 ||
               strncmp(field->native, "varbinary", 9) == 0;
    default:
        return false;
    }
}

static uint64_t order_of(const struct extent *extent, const struct table *table)
{
    uint64_t order = 0;
    for (uint32_t i = 0; i < extent->key_count; i++) {
        const struct column *column = &table->columns[extent->keys[i]];
        if (is_comparable_field(&table->schema->fields[extent->keys[i]]))
            continue;
        order = leat_hash(column->data_type, strlen(column->data_type), order);
        order = leat_hash(&column->collation, sizeof column->collation, order);
    }
    return order;
}

static void find_keys(struct extent *extent, const struct table *table)
{
    extent->key_count = 0;
    for (uint32_t i = 0; i < table->column_count; i++) {
        uint32_t place = table->columns[i].key_place;
        if (place == 0 || place > EXTENT_KEYS_MAX)
            continue;
        extent->keys[place - 1] = i;
        extent->key_count = place > extent->key_count ? place : extent->key_count;
    }
    extent->has_ranges = extent->is_comparable = extent->key_count > 0;
    for (uint32_t i = 0; i < extent->key_count; i++) {
        extent->has_ranges =
            extent->has_ranges && columns_orders_by_text(&table->columns[extent->keys[i]]);
        extent->is_comparable =
            extent->is_comparable && is_comparable_field(&table->schema->fields[extent->keys[i]]);
    }
    extent->has_ranges = extent->has_ranges && !form_hides_key(table); /* a range's ends are stored with the position */
    extent->order = order_of(extent, table);
    extent->schema = table->schema;
}

static struct extent_part *add_part(struct extent *extent, struct extent_key *from,
                                    struct extent_key *to)
{
    struct extent_part *part = leat_calloc(1, sizeof *part);
    *part = (struct extent_part){.from = from, .to = to, .next = extent->parts};
    extent->parts = part;
    return part;
}

void extent_init(struct extent *extent, const struct table *table)
{
    leat_assert(table->is_known);
    *extent = (struct extent){.key_count = 0};
    find_keys(extent, table);
    add_part(extent, NULL, NULL);
}

static void free_part(struct extent_part *part)
{
    extent_key_free(part->from);
    extent_key_free(part->to);
    free(part);
}

void extent_fini(struct extent *extent)
{
    while (extent->parts) {
        struct extent_part *part = extent->parts;
        extent->parts = part->next;
        free_part(part);
    }
}

static bool is_same_name(const struct leat_schema *a, uint32_t i, const struct leat_schema *b,
                         uint32_t k)
{
    return strcmp(a->fields[i].name, b->fields[k].name) == 0 &&
           a->fields[i].type == b->fields[k].type;
}

bool extent_follow(struct extent *extent, const struct table *table)
{
    struct extent now;
    if (table->schema == extent->schema)
        return true;
    extent_init(&now, table);
    bool is_same = now.key_count == extent->key_count && now.has_ranges == extent->has_ranges;
    for (uint32_t i = 0; is_same && i < now.key_count; i++)
        is_same = is_same_name(extent->schema, extent->keys[i], now.schema, now.keys[i]);
    if (is_same) {
        memcpy(extent->keys, now.keys, sizeof now.keys);
        extent->is_comparable = now.is_comparable;
        extent->schema = now.schema;
    }
    extent_fini(&now);
    return is_same;
}

static struct extent_key *make_key(const struct leat_value *texts, const struct leat_value *values,
                                   uint32_t count)
{
    size_t bytes = sizeof(struct extent_key) + 2 * count * sizeof *texts;
    for (uint32_t i = 0; i < count; i++)
        bytes += texts[i].len;
    struct extent_key *key = leat_malloc(bytes);
    key->count = count;
    key->texts = (struct leat_value *)(key + 1);
    key->values = key->texts + count;
    char *to = (char *)(key->values + count);
    for (uint32_t i = 0; i < count; i++) {
        key->texts[i] = texts[i];
        key->texts[i].as.text = memcpy(to, texts[i].as.text, texts[i].len);
        key->values[i] = values[i];
        if (values[i].type == LEAT_BYTES)
            key->values[i].as.text = to; /* binary columns come as they are */
        else if (values[i].type == LEAT_TEXT || values[i].type == LEAT_DECIMAL ||
                 values[i].type == LEAT_JSON)
            key->values[i] = leat_value_null(); /* such keys are not compared */
        to += texts[i].len;
    }
    return key;
}

struct extent_key *extent_key_new(const struct extent *extent, const struct leat_value *texts)
{
    struct leat_value values[EXTENT_KEYS_MAX], spelt[EXTENT_KEYS_MAX];
    struct leat_batch *room = leat_batch_new(4096, 1);
    bool is_good = true;
    for (uint32_t i = 0; is_good && i < extent->key_count; i++) {
        const struct leat_field *field = &extent->schema->fields[extent->keys[i]];
        is_good = (texts[i].type == LEAT_TEXT || texts[i].type == LEAT_BYTES) &&
                  columns_value(field, texts[i].as.text, texts[i].len, room, &values[i]);
        spelt[i] = texts[i];
        spelt[i].type = field->type == LEAT_BYTES ? LEAT_BYTES : LEAT_TEXT;
    }
    struct extent_key *key = is_good ? make_key(spelt, values, extent->key_count) : NULL;
    leat_batch_free(room);
    return key;
}

void extent_key_free(struct extent_key *key)
{
    free(key);
}

struct extent_key *extent_key_dup(const struct extent_key *key)
{
    return key ? make_key(key->texts, key->values, key->count) : NULL;
}

/* ---- order ---- */

static int compare_numbers(int64_t a, int64_t b)
{
    return a < b ? -1 : a > b;
}

static int compare_bytes(const struct leat_value *a, const struct leat_value *b)
{
    size_t len = a->len < b->len ? a->len : b->len;
    int order = len ? memcmp(a->as.bytes, b->as.bytes, len) : 0;
    return order != 0 ? order : a->len < b->len ? -1 : a->len > b->len;
}

static int compare(const struct leat_value *a, const struct leat_value *b)
{
    if (a->type == LEAT_UINT64 && b->type == LEAT_UINT64)
        return a->as.u < b->as.u ? -1 : a->as.u > b->as.u;
    if (a->type == LEAT_BYTES && b->type == LEAT_BYTES)
        return compare_bytes(a, b);
    if (a->type == LEAT_TIMESTAMP &&
        ((a->flags ^ b->flags) & LEAT_VALUE_ZERO)) /* 0000-00-00 is before 1970 */
        return a->flags & LEAT_VALUE_ZERO ? -1 : 1;
    return compare_numbers(a->as.i, b->as.i);
}

int extent_compare(const struct extent *extent, const struct extent_key *a,
                   const struct extent_key *b)
{
    int order = 0;
    for (uint32_t i = 0; order == 0 && i < extent->key_count; i++)
        order = compare(&a->values[i], &b->values[i]);
    return order;
}

int extent_compare_cells(const struct extent *extent, const struct leat_value *cells,
                         const struct extent_key *key)
{
    int order = 0;
    for (uint32_t i = 0; order == 0 && i < extent->key_count; i++)
        order = compare(&cells[extent->keys[i]], &key->values[i]);
    return order;
}

bool extent_part_has(const struct extent *extent, const struct extent_part *part,
                     const struct leat_value *cells)
{
    if (part->to && extent_compare_cells(extent, cells, part->to) > 0)
        return false;
    return !part->from || extent_compare_cells(extent, cells, part->from) > 0;
}

/* ---- what is read ---- */

bool extent_is_read(const struct extent *extent, const struct leat_value *cells)
{
    if (!extent->parts)
        return true;
    if (!extent->has_ranges) /* all is read at once */
        return false;
    if (!extent->is_comparable)
        return extent->has_begun;
    for (const struct extent_part *part = extent->parts; part; part = part->next)
        if (extent_part_has(extent, part, cells))
            return false;
    return true;
}

bool extent_is_whole(const struct extent *extent)
{
    return !extent->parts;
}

struct extent_part *extent_take(struct extent *extent)
{
    struct extent_part *part = extent->parts;
    while (part && part->is_taken)
        part = part->next;
    if (part)
        part->is_taken = true;
    return part;
}

void extent_split(struct extent *extent, struct extent_part *part, struct extent_key *at)
{
    struct extent_part *first = add_part(extent, part->from, at);
    first->is_planned = true;
    part->from = extent_key_dup(at);
    part->is_taken = false;
}

void extent_note(struct extent *extent, struct extent_part *part, const struct extent_key *to)
{
    if (to) {
        extent_key_free(part->from);
        part->from = extent_key_dup(to);
        return;
    }
    struct extent_part **at = &extent->parts;
    while (*at != part)
        at = &(*at)->next;
    *at = part->next;
    free_part(part);
}

/* ---- positions ---- */

static bool load_key(const struct extent *extent, const struct leat_value *value,
                     struct extent_key **key)
{
    *key = NULL;
    if (!value || value->type == LEAT_NULL)
        return true;
    if (value->type != LEAT_ARRAY || value->len != extent->key_count)
        return false;
    *key = extent_key_new(extent, value->as.items);
    return *key != NULL;
}

static bool has_names(const struct extent *extent, const struct leat_value *names)
{
    if (!names || names->type != LEAT_ARRAY || names->len != extent->key_count)
        return false;
    for (uint32_t i = 0; i < names->len; i++) {
        const char *name = extent->schema->fields[extent->keys[i]].name;
        const struct leat_value *other = &names->as.items[i];
        if (other->type != LEAT_TEXT || other->len != strlen(name) ||
            memcmp(other->as.text, name, other->len) != 0)
            return false;
    }
    return true;
}

static bool load_part(struct extent *extent, const struct leat_value *value)
{
    struct extent_key *from, *to;
    if (value->type != LEAT_ARRAY || value->len != 2 ||
        !load_key(extent, &value->as.items[0], &from))
        return false;
    bool is_good = load_key(extent, &value->as.items[1], &to);
    add_part(extent, from, to);
    return is_good;
}

bool extent_load(struct extent *extent, const struct leat_value *value)
{
    const struct leat_value *left = leat_map_get(value, "left"), *order = leat_map_get(value, "order");
    if (order && (order->type != LEAT_INT64 || (uint64_t)order->as.i != extent->order))
        return false;
    if (!extent->has_ranges || !has_names(extent, leat_map_get(value, "key")) || !left ||
        left->type != LEAT_ARRAY)
        return false;
    extent_fini(extent);
    extent->has_begun = true;
    bool is_good = true;
    for (uint32_t i = left->len; is_good && i > 0; i--)
        is_good = load_part(extent, &left->as.items[i - 1]);
    return is_good;
}

static struct leat_value key_value(const struct extent_key *key)
{
    return key ? leat_value_items(LEAT_ARRAY, key->texts, key->count) : leat_value_null();
}

static struct leat_value left_value(const struct extent *extent, struct leat_batch *batch)
{
    uint32_t count = 0;
    for (const struct extent_part *part = extent->parts; part; part = part->next)
        count++;
    struct leat_value *items = leat_batch_alloc(batch, (count + 1) * sizeof *items);
    uint32_t at = 0;
    for (const struct extent_part *part = extent->parts; part; part = part->next) {
        struct leat_value *ends = leat_batch_alloc(batch, 2 * sizeof *ends);
        ends[0] = key_value(part->from);
        ends[1] = key_value(part->to);
        items[at++] = leat_value_items(LEAT_ARRAY, ends, 2);
    }
    return leat_value_items(LEAT_ARRAY, items, count);
}

void extent_store(const struct extent *extent, struct leat_value *pairs, struct leat_batch *batch)
{
    struct leat_value *names = leat_batch_alloc(batch, (extent->key_count + 1) * sizeof *names);
    for (uint32_t i = 0; i < extent->key_count; i++)
        names[i] = leat_value_string(extent->schema->fields[extent->keys[i]].name);
    pairs[0] = leat_value_string("key");
    pairs[1] = leat_value_items(LEAT_ARRAY, names, extent->key_count);
    pairs[2] = leat_value_string("left");
    pairs[3] = left_value(extent, batch);
    pairs[4] = leat_value_string("order");
    pairs[5] = leat_value_int((int64_t)extent->order);
}
