/* shape.c - schemas derived from schemas.
 *
 * Every record of a table asks for the same derivation, so the answers are kept: the table's key is the question
 * (what, of which schema, with which argument). Locks of one rank do not nest: the schema itself is
 * interned before the answer is kept. */
#include <base/arena.h>
#include <base/hash.h>
#include <base/memory.h>
#include <base/thread.h>
#include <model/shape.h>
#include <stdlib.h>

#define ANSWERS_MAX (2 * LEAT_SCHEMA_MAX)

enum shape_change { SHAPE_KEEP, SHAPE_ADD, SHAPE_RENAME, SHAPE_LOOSEN };

struct question {
    uint8_t *bytes;
    size_t len;
    uint8_t small[256];
};

static struct {
    struct leat_lock lock;
    struct leat_table table;
} answers = {.lock = LEAT_LOCK("shapes", LEAT_RANK_INTERN)};

static void ask(struct question *q, enum shape_change change, const struct leat_schema *schema,
                uint32_t field, const void *argument, size_t argument_len)
{
    const struct {
        const struct leat_schema *schema;
        uint32_t field, change;
    } fixed = {schema, field, (uint32_t)change};
    q->len = sizeof fixed + argument_len;
    q->bytes = q->len <= sizeof q->small ? q->small : leat_malloc(q->len);
    memcpy(q->bytes, &fixed, sizeof fixed);
    if (argument_len > 0)
        memcpy(q->bytes + sizeof fixed, argument, argument_len);
}

static void forget(struct question *q)
{
    if (q->bytes != q->small)
        free(q->bytes);
}

static const struct leat_schema *known(const struct question *q)
{
    leat_lock_take(&answers.lock);
    const struct leat_schema *schema = leat_table_get(&answers.table, q->bytes, q->len);
    leat_lock_give(&answers.lock);
    return schema;
}

static void learn(const struct question *q, const struct leat_schema *schema)
{
    leat_lock_take(&answers.lock);
    if (schema && answers.table.count < ANSWERS_MAX)
        leat_table_set(&answers.table, q->bytes, q->len, (void *)(uintptr_t)schema);
    leat_lock_give(&answers.lock);
}

/* The schema's content with room for `more` fields, to be changed and interned. */
static struct leat_field *begin(struct leat_arena *arena, const struct leat_schema *schema,
                                struct leat_schema *content, uint32_t more)
{
    leat_arena_init(arena, 0);
    *content = *schema;
    size_t count = (size_t)schema->field_count + more;
    struct leat_field *fields = leat_arena_alloc(arena, (count + !count) * sizeof *fields);
    if (schema->field_count > 0)
        memcpy(fields, schema->fields, schema->field_count * sizeof *fields);
    content->fields = fields;
    return fields;
}

static const struct leat_schema *finish(struct leat_arena *arena, const struct leat_schema *content)
{
    const struct leat_schema *schema = leat_schema(content);
    leat_arena_fini(arena);
    return schema;
}

static bool keeps_keys(const struct leat_schema *schema, const bool *keep)
{
    for (uint32_t i = 0; i < schema->key_count; i++)
        if (!keep[schema->keys[i]])
            return false;
    return true;
}

static const struct leat_schema *make_kept(const struct leat_schema *schema, const bool *keep)
{
    struct leat_arena arena;
    struct leat_schema content;
    struct leat_field *fields = begin(&arena, schema, &content, 0);
    uint32_t *places = leat_arena_alloc(&arena, ((size_t)schema->field_count + 1) * sizeof *places);
    content.field_count = 0;
    for (uint32_t i = 0; i < schema->field_count; i++) {
        places[i] = content.field_count;
        if (keep[i])
            fields[content.field_count++] = schema->fields[i];
    }
    uint32_t *keys = leat_arena_alloc(&arena, ((size_t)schema->key_count + 1) * sizeof *keys);
    for (uint32_t i = 0; i < schema->key_count; i++)
        keys[i] = places[schema->keys[i]];
    content.keys = keys;
    return finish(&arena, &content);
}

const struct leat_schema *leat_shape_keep(const struct leat_schema *schema, const bool *keep)
{
    if (!keeps_keys(schema, keep))
        return NULL;
    struct question q;
    ask(&q, SHAPE_KEEP, schema, 0, keep, schema->field_count * sizeof *keep);
    const struct leat_schema *kept = known(&q);
    if (!kept) {
        kept = make_kept(schema, keep);
        learn(&q, kept);
    }
    forget(&q);
    return kept;
}

static const struct leat_schema *make_longer(const struct leat_schema *schema, const char *name,
                                             size_t len)
{
    struct leat_arena arena;
    struct leat_schema content;
    struct leat_field *fields = begin(&arena, schema, &content, 1);
    fields[content.field_count++] = (struct leat_field){
        .name = leat_arena_copy(&arena, name, len), .type = LEAT_ABSENT, .native = "", .labels = ""};
    return finish(&arena, &content);
}

const struct leat_schema *leat_shape_add(const struct leat_schema *schema, const char *name, size_t len)
{
    if (memchr(name, 0, len))
        return NULL;
    struct question q;
    ask(&q, SHAPE_ADD, schema, 0, name, len);
    const struct leat_schema *longer = known(&q);
    if (!longer) {
        longer = leat_schema_find(schema, name, len) >= 0 ? schema : make_longer(schema, name, len);
        learn(&q, longer);
    }
    forget(&q);
    return longer;
}

static const struct leat_schema *make_renamed(const struct leat_schema *schema, uint32_t field,
                                              const char *name, size_t len)
{
    int32_t holder = leat_schema_find(schema, name, len);
    if (holder >= 0)
        return (uint32_t)holder == field ? schema : NULL;
    struct leat_arena arena;
    struct leat_schema content;
    struct leat_field *fields = begin(&arena, schema, &content, 0);
    fields[field].name = leat_arena_copy(&arena, name, len);
    return finish(&arena, &content);
}

const struct leat_schema *leat_shape_rename(const struct leat_schema *schema, uint32_t field,
                                            const char *name, size_t len)
{
    if (field >= schema->field_count || memchr(name, 0, len))
        return NULL;
    struct question q;
    ask(&q, SHAPE_RENAME, schema, field, name, len);
    const struct leat_schema *renamed = known(&q);
    if (!renamed) {
        renamed = make_renamed(schema, field, name, len);
        learn(&q, renamed);
    }
    forget(&q);
    return renamed;
}

static const struct leat_schema *make_loose(const struct leat_schema *schema, uint32_t field)
{
    struct leat_arena arena;
    struct leat_schema content;
    struct leat_field *fields = begin(&arena, schema, &content, 0);
    fields[field] = (struct leat_field){
        .name = fields[field].name, .type = LEAT_ABSENT, .native = "", .labels = ""};
    return finish(&arena, &content);
}

const struct leat_schema *leat_shape_loosen(const struct leat_schema *schema, uint32_t field)
{
    if (field >= schema->field_count)
        return NULL;
    if (schema->fields[field].type == LEAT_ABSENT)
        return schema;
    struct question q;
    ask(&q, SHAPE_LOOSEN, schema, field, NULL, 0);
    const struct leat_schema *loose = known(&q);
    if (!loose) {
        loose = make_loose(schema, field);
        learn(&q, loose);
    }
    forget(&q);
    return loose;
}
