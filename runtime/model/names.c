#include <model/names.h>

#include <base/memory.h>
#include <model/json.h>
#include <stdlib.h>

/* Offsets first: the bytes move while they grow. */
static struct leat_name *add_names(struct leat_bytes *bytes, const struct leat_field *fields, uint32_t count)
{
    struct leat_name *names = leat_calloc(count ? count : 1, sizeof *names);
    for (uint32_t i = 0; i < count; i++) {
        size_t from = bytes->len;
        leat_bytes_put(bytes, ',');
        leat_json_string(bytes, fields[i].name, strlen(fields[i].name));
        leat_bytes_put(bytes, ':');
        names[i] = (struct leat_name){(const char *)(uintptr_t)from, (uint32_t)(bytes->len - from)};
    }
    return names;
}

static void settle_names(const struct leat_bytes *bytes, struct leat_name *names, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        names[i].text = (const char *)bytes->data + (uintptr_t)names[i].text;
}

static struct leat_names *make_names(const struct leat_schema *schema)
{
    struct leat_names *names = leat_calloc(1, sizeof *names);
    leat_bytes_init(&names->bytes, SIZE_MAX);
    names->schema = schema;
    names->fields = add_names(&names->bytes, schema->fields, schema->field_count);
    names->source = add_names(&names->bytes, schema->source_fields, schema->source_count);
    settle_names(&names->bytes, names->fields, schema->field_count);
    settle_names(&names->bytes, names->source, schema->source_count);
    return names;
}

const struct leat_names *leat_names_of(struct leat_names_cache *cache, const struct leat_schema *schema)
{
    if (cache->last && cache->last->schema == schema)
        return cache->last;
    struct leat_names *names = leat_table_get(&cache->table, &schema, sizeof schema);
    if (!names) {
        names = make_names(schema);
        leat_table_set(&cache->table, &schema, sizeof schema, names);
    }
    cache->last = names;
    return names;
}

static void put_fields(const struct leat_name *fields, uint32_t count, const struct leat_value *row,
                       struct leat_bytes *out)
{
    bool is_first = true;
    if (row->type != LEAT_STRUCT) {
        leat_json_value(out, row);
        return;
    }
    leat_bytes_put(out, '{');
    for (uint32_t i = 0; i < count && i < row->len; i++) {
        if (row->as.items[i].type == LEAT_ABSENT)
            continue;
        leat_name_put(out, &fields[i], is_first);
        leat_json_value(out, &row->as.items[i]);
        is_first = false;
    }
    leat_bytes_put(out, '}');
}

void leat_names_put_row(const struct leat_names *names, const struct leat_value *row, struct leat_bytes *out)
{
    put_fields(names->fields, names->schema->field_count, row, out);
}

void leat_names_put_source(const struct leat_names *names, const struct leat_value *source, struct leat_bytes *out)
{
    put_fields(names->source, names->schema->source_count, source, out);
}

void leat_names_put_key(const struct leat_names *names, const struct leat_value *key, struct leat_bytes *out)
{
    const struct leat_schema *schema = names->schema;
    if (key->type != LEAT_STRUCT) {
        leat_json_value(out, key);
        return;
    }
    leat_bytes_put(out, '{');
    for (uint32_t i = 0; i < schema->key_count && i < key->len; i++) {
        leat_name_put(out, &names->fields[schema->keys[i]], i == 0);
        leat_json_value(out, &key->as.items[i]);
    }
    leat_bytes_put(out, '}');
}

static void free_names(void *value)
{
    struct leat_names *names = value;
    leat_bytes_fini(&names->bytes);
    free(names->fields);
    free(names->source);
    free(names);
}

void leat_names_fini(struct leat_names_cache *cache)
{
    leat_table_fini(&cache->table, free_names);
    cache->last = NULL;
}
