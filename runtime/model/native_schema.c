/* native_schema.c - schemas as bytes; the format is in native.c. */
#include <model/native.h>

#define FIELD_LEAST 8 /* bytes of the shortest field: bounds what a false count can make us allocate */

static void put_text(struct leat_bytes *out, const char *text)
{
    size_t len = text ? strlen(text) : 0;
    leat_bytes_varint(out, len);
    leat_bytes_add(out, text, len);
}

static void put_fields(struct leat_bytes *out, const struct leat_field *fields, uint32_t count)
{
    leat_bytes_varint(out, count);
    for (uint32_t i = 0; i < count; i++) {
        const struct leat_field *field = &fields[i];
        const uint8_t fixed[4] = {field->type, field->meaning, field->flags, field->scale};
        leat_bytes_add(out, fixed, sizeof fixed);
        leat_bytes_varint(out, field->width);
        put_text(out, field->name);
        put_text(out, field->native);
        put_text(out, field->labels);
    }
}

void leat_native_put_schema(struct leat_bytes *out, const struct leat_schema *schema)
{
    put_text(out, schema->connector);
    put_text(out, schema->space);
    put_text(out, schema->name);
    put_fields(out, schema->fields, schema->field_count);
    leat_bytes_varint(out, schema->key_count);
    for (uint32_t i = 0; i < schema->key_count; i++)
        leat_bytes_varint(out, schema->keys[i]);
    put_fields(out, schema->source_fields, schema->source_count);
}

/* A terminated copy; text with a zero byte in it is no name of ours. */
static const char *get_text(struct leat_cut *cut, struct leat_arena *arena)
{
    uint64_t len = leat_cut_varint(cut);
    const uint8_t *text = leat_cut_bytes(cut, len);
    if (!text || memchr(text, 0, (size_t)len)) {
        cut->is_bad = true;
        return "";
    }
    return leat_arena_copy(arena, text, (size_t)len);
}

static uint32_t get_count(struct leat_cut *cut, size_t least)
{
    uint64_t count = leat_cut_varint(cut);
    if (count > leat_cut_left(cut) / least) {
        cut->is_bad = true;
        return 0;
    }
    return (uint32_t)count;
}

static struct leat_field *get_fields(struct leat_cut *cut, struct leat_arena *arena, uint32_t *count)
{
    *count = get_count(cut, FIELD_LEAST);
    struct leat_field *fields = leat_arena_zeroed(arena, *count * sizeof *fields);
    for (uint32_t i = 0; i < *count && !cut->is_bad; i++) {
        struct leat_field *field = &fields[i];
        field->type = leat_cut_u8(cut);
        field->meaning = leat_cut_u8(cut);
        field->flags = leat_cut_u8(cut);
        field->scale = leat_cut_u8(cut);
        uint64_t width = leat_cut_varint(cut);
        field->width = (uint32_t)width;
        field->name = get_text(cut, arena);
        field->native = get_text(cut, arena);
        field->labels = get_text(cut, arena);
        if (field->type >= LEAT_TYPE_COUNT || width > UINT32_MAX)
            cut->is_bad = true;
    }
    return fields;
}

static uint32_t *get_keys(struct leat_cut *cut, struct leat_arena *arena, uint32_t field_count,
                          uint32_t *count)
{
    *count = get_count(cut, 1);
    uint32_t *keys = leat_arena_zeroed(arena, *count * sizeof *keys);
    for (uint32_t i = 0; i < *count; i++) {
        uint64_t key = leat_cut_varint(cut);
        if (key >= field_count)
            cut->is_bad = true;
        else
            keys[i] = (uint32_t)key;
    }
    return keys;
}

const struct leat_schema *leat_native_get_schema(struct leat_cut *cut)
{
    struct leat_arena arena;
    leat_arena_init(&arena, 0);
    struct leat_schema content = {0};
    content.connector = get_text(cut, &arena);
    content.space = get_text(cut, &arena);
    content.name = get_text(cut, &arena);
    content.fields = get_fields(cut, &arena, &content.field_count);
    content.keys = get_keys(cut, &arena, content.field_count, &content.key_count);
    content.source_fields = get_fields(cut, &arena, &content.source_count);
    if (content.source_count > LEAT_SOURCE_FIELDS_MAX)
        cut->is_bad = true;
    const struct leat_schema *schema = cut->is_bad ? NULL : leat_schema(&content);
    leat_arena_fini(&arena);
    return schema;
}
