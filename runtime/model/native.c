/* native.c - the record format of the commit log, number LEAT_NATIVE_FORMAT.
 *
 * Little-endian. A varint is LEB128 (base/wire.h), signed ones are zigzag. Texts carry no terminator.
 *
 *   stream    records, one after the other: those of one frame, in source order
 *   record    varint  size of all that follows, so that one can go past it (not always in its shortest form)
 *             u8      op          u8  flags (enum leat_record_flag)
 *             varint  topic slot in the frame's table
 *             varint  schema id, 0: none
 *             u32     key hash: of the key written as a value, low half; without a key, of the topic's name
 *             svarint time, microseconds after the record before; the first: after a base that the frame knows
 *             u16     form: how the parts below are written
 *                       bits 0-1  key      0 absent   1 whole   2 fields of value   3 fields of before
 *                       bits 2-3  source   0 as in the record before   1 difference   2 whole
 *                       bits 4-5  value    0 absent   1 NULL   2 row   3 whole
 *                       bits 6-8  before   0 absent   1 NULL   2 row   3 whole   4 difference from value
 *                       bit  9    headers follow, whole
 *             source, value, before, key, headers
 *
 *   whole       a value, see below
 *   row         the values of all fields of the schema, without the STRUCT around them
 *   fields of   nothing: the row's key fields, in key order, are the key
 *   difference  of before: a bit for each member of value (bit 0 of byte 0 is the first), 1 where before differs,
 *               then the values that differ
 *               of source: varint count of members, a bit for each, then the values that differ from the member
 *               in the same place of the source before (none there: ABSENT). Where both are INT64, or both UINT64,
 *               the value is what was added (UINT64: zigzag), modulo 2^64. Only sources of at most 64
 *               members, none of them nested, are remembered and written so; after any other, nothing is.
 *
 * Whoever goes past a record reads it up to its source, which the next one may build on.
 *
 *   value     u8 tag, then by tag
 *     00 ABSENT  01 NULL  02 false  03 true
 *     04 FLOAT64: 8 bytes           05 FLOAT64 with flag SINGLE: 4 bytes
 *     06 DECIMAL: u8 scale << 5 | length, text; from scale 7 or length 32 on: u8 e0, varint scale, varint length
 *     07 TEXT, 08 BYTES, 0e JSON: varint length, bytes
 *     09 DATE: 3 bytes              0a DATE beyond 24 bits: 8 bytes
 *     0b TIME, 0c DATETIME, 0d TIMESTAMP: u8 n | whole << 4 | fraction digits << 5, then n bytes, zigzag. whole: what
 *        is written counts seconds (TIME, TIMESTAMP: a million us; DATETIME: without the 20 bits of us)
 *     0f ARRAY, 10 STRUCT: varint members, values     11 MAP: varint pairs, key, value, key, value ...
 *     12 u8 flags, varint aux, then a value that gets them: for all that its own form cannot say
 *     20+n INT64: n bytes, zigzag   30+n UINT64: n bytes     n = 0..8, as few as hold it
 *     40..7f INT64 0..63            80..ff TEXT of 0..127 bytes
 *
 *   schema    text connector, text space, text name, fields, varint keys, varint index of each, source fields
 *     text    varint length, bytes
 *     fields  varint count; each: u8 type, u8 meaning, u8 flags, u8 scale, varint width, text name, text native,
 *             text labels
 *
 * The bytes are under the frame's CRC. Decoders refuse what is not this format, but do not trust it any further:
 * lengths, counts and depth are checked, texts are taken as they are.
 */
#include <base/assert.h>
#include <base/hash.h>
#include <model/native_value.h>

enum key_form { KEY_ABSENT, KEY_WHOLE, KEY_OF_VALUE, KEY_OF_BEFORE };
enum source_form { SOURCE_SAME, SOURCE_DIFFERENCE, SOURCE_WHOLE };
enum row_form { ROW_ABSENT, ROW_NULL, ROW_FIELDS, ROW_WHOLE, ROW_DIFFERENCE };

#define SOURCE_SHIFT 2
#define VALUE_SHIFT 4
#define BEFORE_SHIFT 6
#define HEADERS_SHIFT 9
#define FORM_END (1 << 10)

#define HEAD_ROOM 48   /* size, op, flags, slot, schema, hash, time, form */
#define SOURCE_ROOM 18 /* count and bits */
#define SHORT_SIZE (1 << 14) /* two bytes hold a size below */
#define LONG_SIZE ((uint64_t)1 << 35) /* five bytes */

static bool is_plain_struct(const struct leat_value *value)
{
    return value->type == LEAT_STRUCT && value->flags == 0 && value->aux == 0;
}

/* ---- source ---- */

/* What the next record may build on; both sides decide it by the same rule. */
static bool is_remembered(const struct leat_value *source)
{
    if (!is_plain_struct(source) || source->len > LEAT_SOURCE_FIELDS_MAX)
        return false;
    bool has_items = false;
    for (uint32_t i = 0; i < source->len; i++)
        has_items |= source->as.items[i].type >= LEAT_ARRAY;
    return !has_items;
}

/* True where `value` is written as what was added to `before`. */
static bool is_counted(const struct leat_value *before, const struct leat_value *value)
{
    return before->type == value->type &&
           (value->type == LEAT_INT64 || value->type == LEAT_UINT64) && value->flags == 0 &&
           value->aux == 0 && before->flags == 0 && before->aux == 0;
}

static uint8_t *write_changed(uint8_t *p, const struct leat_value *before,
                              const struct leat_value *value)
{
    if (!is_counted(before, value))
        return leat_native_write(p, value);
    uint64_t added = value->as.u - before->as.u;
    struct leat_value difference = value->type == LEAT_INT64
                                       ? leat_value_int((int64_t)added)
                                       : leat_value_uint(leat_zigzag((int64_t)added));
    return leat_native_write(p, &difference);
}

/* Bit for bit the same, so the same content: true of most fields, whose text the source has written once for many records. */
static bool is_same(const struct leat_value *a, const struct leat_value *b)
{
    return memcmp(a, b, sizeof *a) == 0 || leat_value_equal(a, b);
}

/* What is not as `before` (NULL: there is none) has it; returns NULL where nothing is. */
static uint8_t *write_source_difference(uint8_t *p, const struct leat_value *before, const struct leat_value *source)
{
    static const struct leat_value absent = {0};
    uint32_t before_count = before ? before->len : 0;
    p = leat_set_varint(p, source->len);
    uint8_t *bits = p;
    size_t bits_len = (source->len + 7) / 8;
    memset(bits, 0, bits_len);
    p += bits_len;
    for (uint32_t i = 0; i < source->len; i++) {
        const struct leat_value *was = i < before_count ? &before->as.items[i] : &absent;
        if (is_same(was, &source->as.items[i]))
            continue;
        bits[i / 8] |= (uint8_t)(1 << i % 8);
        p = write_changed(p, was, &source->as.items[i]);
    }
    bool is_as_before = before && source->len == before_count && p == bits + bits_len;
    return is_as_before ? NULL : p;
}

static uint8_t *write_source(uint8_t *p, struct leat_native_writer *writer, const struct leat_value *source,
                             unsigned *form)
{
    const struct leat_value *before = writer->remembers ? &writer->previous->source : NULL;
    writer->remembers = is_remembered(source);
    if (!writer->remembers) {
        *form |= SOURCE_WHOLE << SOURCE_SHIFT;
        return leat_native_write(p, source);
    }
    uint8_t *end = write_source_difference(p, before, source);
    *form |= (unsigned)(end ? SOURCE_DIFFERENCE : SOURCE_SAME) << SOURCE_SHIFT;
    return end ? end : p;
}

static void take_source_difference(struct leat_native_reader *reader, struct leat_native_in *in)
{
    static const struct leat_value absent = {0};
    uint64_t count = leat_cut_varint(in->cut);
    if (count > LEAT_SOURCE_FIELDS_MAX)
        in->cut->is_bad = true;
    const uint8_t *bits = leat_cut_bytes(in->cut, (count + 7) / 8);
    for (uint32_t i = 0; bits && i < count; i++) {
        struct leat_value was = i < reader->source_count ? reader->source[i] : absent;
        reader->source[i] = was;
        if (!(bits[i / 8] >> i % 8 & 1))
            continue;
        struct leat_value *value = &reader->source[i];
        leat_native_take(in, value);
        if (value->type >= LEAT_ARRAY)
            in->cut->is_bad = true;
        if (is_counted(&was, value))
            value->as.u = was.as.u + (value->type == LEAT_INT64
                                          ? value->as.u
                                          : (uint64_t)leat_unzigzag(value->as.u));
    }
    reader->source_count = in->cut->is_bad ? 0 : (uint32_t)count;
}

/* The remembered source as a value of the record's own. */
static void copy_source(const struct leat_native_reader *reader, const struct leat_native_in *in,
                        struct leat_value *source)
{
    uint32_t count = reader->source_count;
    struct leat_value *items = leat_arena_alloc(in->arena, (count + !count) * sizeof *items);
    for (uint32_t i = 0; i < count; i++)
        items[i] = in->borrow ? reader->source[i] : leat_value_copy(in->arena, &reader->source[i]);
    *source = leat_value_items(LEAT_STRUCT, items, count);
}

/* `source` NULL: only passes over it. */
static void take_source(struct leat_native_reader *reader, struct leat_native_in *in, unsigned form,
                        struct leat_value *source)
{
    /* What is remembered points into the frame; the records get copies where they cannot. */
    struct leat_native_in passing = leat_native_in(in->cut, NULL, true);
    struct leat_value passed;
    switch (form >> SOURCE_SHIFT & 3) {
    case SOURCE_WHOLE:
        reader->source_count = 0;
        leat_native_take(source ? in : &passing, source ? source : &passed);
        return;
    case SOURCE_DIFFERENCE:
        take_source_difference(reader, &passing);
        break;
    case SOURCE_SAME:
        break;
    default:
        in->cut->is_bad = true;
    }
    if (source && !in->cut->is_bad)
        copy_source(reader, in, source);
}

/* ---- rows and keys ---- */

static unsigned row_form_of(const struct leat_value *row, const struct leat_schema *schema)
{
    if (row->flags == 0 && row->aux == 0) {
        if (row->type == LEAT_ABSENT)
            return ROW_ABSENT;
        if (row->type == LEAT_NULL)
            return ROW_NULL;
        if (row->type == LEAT_STRUCT && schema && row->len == schema->field_count)
            return ROW_FIELDS;
    }
    return ROW_WHOLE;
}

static uint8_t *write_row(uint8_t *p, const struct leat_value *row, unsigned form)
{
    if (form == ROW_WHOLE)
        return leat_native_write(p, row);
    if (form == ROW_FIELDS)
        p = leat_native_write_items(p, row->as.items, row->len);
    return p;
}

static uint8_t *write_row_difference(uint8_t *p, const struct leat_value *value,
                                     const struct leat_value *before)
{
    uint8_t *bits = p;
    size_t bits_len = ((size_t)value->len + 7) / 8;
    memset(bits, 0, bits_len);
    p += bits_len;
    for (uint32_t i = 0; i < value->len; i++) {
        if (is_same(&value->as.items[i], &before->as.items[i]))
            continue;
        bits[i / 8] |= (uint8_t)(1 << i % 8);
        p = leat_native_write(p, &before->as.items[i]);
    }
    return p;
}

static bool is_key_of(const struct leat_value *key, const struct leat_value *row,
                      const struct leat_schema *schema)
{
    if (!is_plain_struct(key) || key->len != schema->key_count)
        return false;
    for (uint32_t i = 0; i < key->len; i++)
        if (!is_same(&key->as.items[i], &row->as.items[schema->keys[i]]))
            return false;
    return true;
}

static unsigned key_form_of(const struct leat_record *rec, unsigned value_form)
{
    if (rec->key.type == LEAT_ABSENT && rec->key.flags == 0 && rec->key.aux == 0)
        return KEY_ABSENT;
    if (value_form == ROW_FIELDS && is_key_of(&rec->key, &rec->value, rec->schema))
        return KEY_OF_VALUE;
    if (row_form_of(&rec->before, rec->schema) == ROW_FIELDS &&
        is_key_of(&rec->key, &rec->before, rec->schema))
        return KEY_OF_BEFORE;
    return KEY_WHOLE;
}

static void take_fields(struct leat_native_in *in, uint32_t count, struct leat_value *row)
{
    struct leat_value *items = leat_native_items(in, count);
    if (!items)
        return;
    for (uint32_t i = 0; i < count; i++)
        leat_native_take(in, &items[i]);
    *row = leat_value_items(LEAT_STRUCT, items, count);
}

static void take_row_difference(struct leat_native_in *in, const struct leat_value *value,
                                struct leat_value *before)
{
    const uint8_t *bits = NULL;
    if (value->type == LEAT_STRUCT)
        bits = leat_cut_bytes(in->cut, ((uint64_t)value->len + 7) / 8);
    if (!bits) {
        in->cut->is_bad = true;
        return;
    }
    struct leat_value *items =
        leat_arena_alloc(in->arena, (value->len + (size_t)!value->len) * sizeof *items);
    for (uint32_t i = 0; i < value->len; i++) {
        if (bits[i / 8] >> i % 8 & 1)
            leat_native_take(in, &items[i]);
        else
            items[i] = value->as.items[i];
    }
    *before = leat_value_items(LEAT_STRUCT, items, value->len);
}

/* `value` is what a difference differs from. */
static void take_row(struct leat_native_in *in, unsigned form, const struct leat_schema *schema,
                     const struct leat_value *value, struct leat_value *row)
{
    *row = (struct leat_value){0};
    if (form == ROW_NULL)
        *row = leat_value_null();
    else if (form == ROW_FIELDS && schema)
        take_fields(in, schema->field_count, row);
    else if (form == ROW_WHOLE)
        leat_native_take(in, row);
    else if (form == ROW_DIFFERENCE && value)
        take_row_difference(in, value, row);
    else if (form != ROW_ABSENT)
        in->cut->is_bad = true;
}

static void take_key_of(struct leat_native_in *in, const struct leat_value *row,
                        const struct leat_schema *schema, struct leat_value *key)
{
    if (!schema || !is_plain_struct(row) || row->len != schema->field_count) {
        in->cut->is_bad = true;
        return;
    }
    uint32_t count = schema->key_count;
    struct leat_value *items = leat_arena_alloc(in->arena, (count + !count) * sizeof *items);
    for (uint32_t i = 0; i < count; i++)
        items[i] = row->as.items[schema->keys[i]];
    *key = leat_value_items(LEAT_STRUCT, items, count);
}

static void take_key(struct leat_native_in *in, unsigned form, struct leat_record *rec)
{
    rec->key = (struct leat_value){0};
    if ((form & 3) == KEY_WHOLE)
        leat_native_take(in, &rec->key);
    else if ((form & 3) == KEY_OF_VALUE)
        take_key_of(in, &rec->value, rec->schema, &rec->key);
    else if ((form & 3) == KEY_OF_BEFORE)
        take_key_of(in, &rec->before, rec->schema, &rec->key);
}

/* ---- records ---- */

static size_t part_room(const struct leat_value *part, size_t room)
{
    return leat_native_room_of(part, 1, room + part->len / 8);
}

static size_t record_room(const struct leat_record *rec)
{
    size_t room = HEAD_ROOM + SOURCE_ROOM;
    const struct leat_value *parts[] = {&rec->key, &rec->value, &rec->before, &rec->headers,
                                        &rec->source};
    for (size_t i = 0; i < sizeof parts / sizeof *parts && room < LONG_SIZE; i++)
        room = part_room(parts[i], room);
    return room;
}

/* The key's bytes stand at `scratch`, which is written over afterwards. */
static uint32_t hash_key(const struct leat_record *rec, uint8_t *scratch)
{
    if (rec->key.type == LEAT_ABSENT || rec->key.type == LEAT_NULL) {
        leat_assert(rec->topic);
        return (uint32_t)leat_hash(rec->topic->name, rec->topic->name_len, 0);
    }
    size_t len = (size_t)(leat_native_write(scratch, &rec->key) - scratch);
    return (uint32_t)leat_hash(scratch, len, 0);
}

static uint8_t *write_parts(uint8_t *p, struct leat_native_writer *writer,
                            const struct leat_record *rec)
{
    uint8_t *form_at = p;
    unsigned value_form = row_form_of(&rec->value, rec->schema);
    unsigned before_form = row_form_of(&rec->before, rec->schema);
    if (is_plain_struct(&rec->value) && is_plain_struct(&rec->before) &&
        rec->value.len == rec->before.len)
        before_form = ROW_DIFFERENCE;
    unsigned form = key_form_of(rec, value_form) | value_form << VALUE_SHIFT | before_form << BEFORE_SHIFT;

    p = write_source(p + 2, writer, &rec->source, &form);
    p = write_row(p, &rec->value, value_form);
    p = before_form == ROW_DIFFERENCE ? write_row_difference(p, &rec->value, &rec->before)
                                      : write_row(p, &rec->before, before_form);
    if ((form & 3) == KEY_WHOLE)
        p = leat_native_write(p, &rec->key);
    if (rec->headers.type != LEAT_ABSENT) {
        form |= 1 << HEADERS_SHIFT;
        p = leat_native_write(p, &rec->headers);
    }
    leat_set_u16(form_at, (uint16_t)form);
    return p;
}

/* A varint of exactly `width` bytes. */
static void set_size(uint8_t *p, size_t size, unsigned width)
{
    for (unsigned i = 0; i + 1 < width; i++, size >>= 7)
        p[i] = (uint8_t)(size | 0x80);
    leat_assert(size < 0x80);
    p[width - 1] = (uint8_t)size;
}

void leat_native_put_record(struct leat_native_writer *writer, struct leat_bytes *out,
                            struct leat_record *rec, uint32_t topic_slot, uint32_t schema_id)
{
    leat_assert((schema_id == 0) == (rec->schema == NULL));
    size_t room = record_room(rec);
    if (room >= LONG_SIZE) {
        out->is_over = true;
        return;
    }
    if (!leat_bytes_reserve(out, room))
        return;
    uint8_t *start = out->data + out->len;
    unsigned width = room < SHORT_SIZE ? 2 : 5;
    rec->key_hash = hash_key(rec, start);

    uint8_t *p = start + width;
    *p++ = rec->op;
    *p++ = rec->flags;
    p = leat_set_varint(p, topic_slot);
    p = leat_set_varint(p, schema_id);
    leat_set_u32(p, rec->key_hash);
    int64_t before_us = writer->previous ? writer->previous->time_us : writer->base_us;
    p = leat_set_varint(p + 4, leat_zigzag((int64_t)((uint64_t)rec->time_us - (uint64_t)before_us)));
    p = write_parts(p, writer, rec);

    leat_assert((size_t)(p - start) <= room);
    set_size(start, (size_t)(p - start) - width, width);
    out->len += (size_t)(p - start);
    writer->previous = rec;
}

bool leat_native_next(struct leat_native_reader *reader, struct leat_cut *stream,
                      struct leat_native_head *head)
{
    (void)reader;
    if (stream->is_bad || leat_cut_left(stream) == 0)
        return false;
    uint64_t size = leat_cut_varint(stream);
    const uint8_t *bytes = leat_cut_bytes(stream, size);
    if (!bytes)
        return false;
    head->body = leat_cut(bytes, (size_t)size);
    head->op = leat_cut_u8(&head->body);
    head->flags = leat_cut_u8(&head->body);
    uint64_t slot = leat_cut_varint(&head->body);
    uint64_t schema_id = leat_cut_varint(&head->body);
    head->topic_slot = (uint32_t)slot;
    head->schema_id = (uint32_t)schema_id;
    head->key_hash = leat_cut_u32(&head->body);
    if (head->body.is_bad || slot > UINT32_MAX || schema_id > UINT32_MAX)
        stream->is_bad = true;
    return !stream->is_bad;
}

/* `last_us` counts from base_us, so that a zeroed reader is ready. */
static unsigned take_time_and_form(struct leat_native_reader *reader, struct leat_cut *body)
{
    int64_t after = leat_unzigzag(leat_cut_varint(body));
    reader->last_us = (int64_t)((uint64_t)reader->last_us + (uint64_t)after);
    unsigned form = leat_cut_u16(body);
    if (form >= FORM_END)
        body->is_bad = true;
    return form;
}

bool leat_native_read(struct leat_native_reader *reader, struct leat_native_head *head,
                      struct leat_arena *arena, bool borrow, struct leat_record *rec)
{
    struct leat_cut *body = &head->body;
    unsigned form = take_time_and_form(reader, body);
    struct leat_native_in in = leat_native_in(body, arena, borrow);
    rec->op = head->op;
    rec->flags = head->flags;
    rec->key_hash = head->key_hash;
    rec->time_us = (int64_t)((uint64_t)reader->base_us + (uint64_t)reader->last_us);
    rec->headers = (struct leat_value){0};
    take_source(reader, &in, form, &rec->source);
    take_row(&in, form >> VALUE_SHIFT & 3, rec->schema, NULL, &rec->value);
    take_row(&in, form >> BEFORE_SHIFT & 7, rec->schema, &rec->value, &rec->before);
    take_key(&in, form, rec);
    if (form >> HEADERS_SHIFT & 1)
        leat_native_take(&in, &rec->headers);
    return !body->is_bad && leat_cut_left(body) == 0;
}

bool leat_native_skip(struct leat_native_reader *reader, struct leat_native_head *head,
                      const struct leat_schema *schema)
{
    (void)schema;
    unsigned form = take_time_and_form(reader, &head->body);
    struct leat_native_in in = leat_native_in(&head->body, NULL, true);
    take_source(reader, &in, form, NULL);
    return !head->body.is_bad;
}
