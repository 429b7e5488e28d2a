/* schema.c - schemas, each content once, for the life of the process.
 *
 * The native bytes of a schema are its identity: they are the key of the table, and their hash is the
 * schema's hash, the same in every process. */
#include <base/arena.h>
#include <base/assert.h>
#include <base/hash.h>
#include <base/thread.h>
#include <model/native.h>

static struct {
    struct leat_lock lock;
    struct leat_table table;
    struct leat_arena arena;
} schemas = {.lock = LEAT_LOCK("schemas", LEAT_RANK_INTERN)};

static const char *keep_text(const char *text)
{
    return text && text[0] ? leat_arena_strdup(&schemas.arena, text) : "";
}

static const struct leat_field *keep_fields(const struct leat_field *fields, uint32_t count)
{
    struct leat_field *kept = leat_arena_alloc(&schemas.arena, count * sizeof *kept);
    for (uint32_t i = 0; i < count; i++) {
        kept[i] = fields[i];
        kept[i].name = keep_text(fields[i].name);
        kept[i].native = keep_text(fields[i].native);
        kept[i].labels = keep_text(fields[i].labels);
    }
    return kept;
}

static const uint32_t *keep_keys(const uint32_t *keys, uint32_t count)
{
    uint32_t *kept = leat_arena_alloc(&schemas.arena, count * sizeof *kept);
    if (count > 0)
        memcpy(kept, keys, count * sizeof *kept);
    return kept;
}

/* Under the lock. */
static struct leat_schema *add(const struct leat_schema *content, const struct leat_bytes *identity)
{
    struct leat_schema *schema = leat_arena_alloc(&schemas.arena, sizeof *schema);
    *schema = (struct leat_schema){
        .hash = leat_hash(identity->data, identity->len, 0),
        .connector = keep_text(content->connector),
        .space = keep_text(content->space),
        .name = keep_text(content->name),
        .fields = keep_fields(content->fields, content->field_count),
        .field_count = content->field_count,
        .keys = keep_keys(content->keys, content->key_count),
        .key_count = content->key_count,
        .source_fields = keep_fields(content->source_fields, content->source_count),
        .source_count = content->source_count,
    };
    leat_table_set(&schemas.table, identity->data, identity->len, schema);
    return schema;
}

const struct leat_schema *leat_schema(const struct leat_schema *content)
{
    leat_assert(content->source_count <= LEAT_SOURCE_FIELDS_MAX);
    for (uint32_t i = 0; i < content->key_count; i++)
        leat_assert(content->keys[i] < content->field_count);

    struct leat_bytes identity;
    leat_bytes_init(&identity, SIZE_MAX);
    leat_native_put_schema(&identity, content);
    leat_lock_take(&schemas.lock);
    struct leat_schema *schema = leat_table_get(&schemas.table, identity.data, identity.len);
    if (!schema && schemas.table.count < LEAT_SCHEMA_MAX)
        schema = add(content, &identity);
    leat_lock_give(&schemas.lock);
    leat_bytes_fini(&identity);
    return schema;
}

int32_t leat_schema_find(const struct leat_schema *schema, const char *name, size_t len)
{
    for (uint32_t i = 0; i < schema->field_count; i++) {
        const char *field = schema->fields[i].name;
        if (strnlen(field, len + 1) == len && memcmp(field, name, len) == 0)
            return (int32_t)i;
    }
    return -1;
}
