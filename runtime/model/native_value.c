/* native_value.c - values as bytes; the format is in native.c. */
#include <model/native_value.h>

enum tag {
    TAG_ABSENT,
    TAG_NULL,
    TAG_FALSE,
    TAG_TRUE,
    TAG_DOUBLE,
    TAG_FLOAT,
    TAG_DECIMAL,
    TAG_TEXT,
    TAG_BYTES,
    TAG_DATE,
    TAG_DATE_LONG,
    TAG_TIME,
    TAG_DATETIME,
    TAG_TIMESTAMP,
    TAG_JSON,
    TAG_ARRAY,
    TAG_STRUCT,
    TAG_MAP,
    TAG_WITH,
    TAG_INT = 0x20,        /* + bytes */
    TAG_UINT = 0x30,       /* + bytes */
    TAG_INT_SMALL = 0x40,  /* + value */
    TAG_TEXT_SHORT = 0x80, /* + length */
};

#define INT_SMALL_END 0x40
#define TEXT_SHORT_END 0x80
#define DATE_END (1 << 24)

#define TIME_WHOLE 0x10 /* in the second byte of a time: counts seconds */
#define DIGITS_SHIFT 5
#define DIGITS_END 7
#define SECOND_US 1000000
#define DATETIME_SECOND_SHIFT 20

#define DECIMAL_LEN 31 /* of the second byte of a decimal; scale above it, 7: both follow as varints */
#define DECIMAL_SCALE_SHIFT 5
#define DECIMAL_LONG 0xe0

/* ---- room ---- */

#define WITH_TEXT (1u << LEAT_DECIMAL | 1u << LEAT_TEXT | 1u << LEAT_BYTES | 1u << LEAT_JSON)
#define WITH_ITEMS (1u << LEAT_ARRAY | 1u << LEAT_STRUCT | 1u << LEAT_MAP)

static size_t room_items(const struct leat_value *items, size_t count, size_t room, unsigned depth);

static size_t room_inside(const struct leat_value *value, size_t room, unsigned depth)
{
    if (!(WITH_ITEMS >> value->type & 1) || room == SIZE_MAX)
        return room;
    if (depth == LEAT_NATIVE_DEPTH)
        return SIZE_MAX;
    return room_items(value->as.items, (size_t)value->len << (value->type == LEAT_MAP), room, depth + 1);
}

/* A row is walked once, without a branch; again where something in it has items of its own. */
static size_t room_items(const struct leat_value *items, size_t count, size_t room, unsigned depth)
{
    uint32_t types = 0;
    for (size_t i = 0; i < count; i++) {
        types |= 1u << items[i].type;
        room += items[i].len & (0 - (WITH_TEXT >> items[i].type & 1));
    }
    room += count * LEAT_NATIVE_SCALAR;
    for (size_t i = 0; types & WITH_ITEMS && i < count; i++)
        room = room_inside(&items[i], room, depth);
    return room;
}

size_t leat_native_room(const struct leat_value *value)
{
    return room_items(value, 1, 0, 0);
}

size_t leat_native_room_of(const struct leat_value *items, size_t count, size_t room)
{
    return room == SIZE_MAX ? room : room_items(items, count, room, 1);
}

/* ---- writing ---- */

static unsigned bytes_of(uint64_t v)
{
    return v ? (71 - (unsigned)__builtin_clzll(v)) / 8 : 0;
}

/* The low `n` bytes; the eight that are stored are within the room of a scalar. */
static uint8_t *write_le(uint8_t *p, uint64_t v, unsigned n)
{
    leat_set_u64(p, v);
    return p + n;
}

static uint8_t *write_int(uint8_t *p, uint8_t tag, uint64_t v)
{
    unsigned n = bytes_of(v);
    *p++ = (uint8_t)(tag + n);
    return write_le(p, v, n);
}

/* Most texts are short: two pieces, which overlap, are sooner there than a call. */
static uint8_t *write_run(uint8_t *p, const void *bytes, size_t len)
{
    const uint8_t *from = bytes;
    if (len > 32) {
        memcpy(p, from, len);
    } else if (len >= 16) {
        memcpy(p, from, 16);
        memcpy(p + len - 16, from + len - 16, 16);
    } else if (len >= 8) {
        memcpy(p, from, 8);
        memcpy(p + len - 8, from + len - 8, 8);
    } else {
        for (size_t i = 0; i < len; i++)
            p[i] = from[i];
    }
    return p + len;
}

static uint8_t *write_long(uint8_t *p, uint8_t tag, const struct leat_value *value)
{
    *p++ = tag;
    p = leat_set_varint(p, value->len);
    return write_run(p, value->as.text, value->len);
}

/* The tag says that what follows has other flags and another aux than its form implies. */
static uint8_t *write_with(uint8_t *p, const struct leat_value *value)
{
    *p++ = TAG_WITH;
    *p++ = value->flags;
    return leat_set_varint(p, value->aux);
}

static uint8_t *write_float(uint8_t *p, const struct leat_value *value)
{
    float single = (float)value->as.f;
    double back = single;
    bool is_single = value->flags == LEAT_VALUE_SINGLE && value->aux == 0 &&
                     memcmp(&back, &value->as.f, sizeof back) == 0;
    if (is_single) {
        *p++ = TAG_FLOAT;
        memcpy(p, &single, sizeof single);
        return p + sizeof single;
    }
    if (value->flags || value->aux)
        p = write_with(p, value);
    *p++ = TAG_DOUBLE;
    memcpy(p, &value->as.f, sizeof value->as.f);
    return p + sizeof value->as.f;
}

static uint8_t *write_decimal(uint8_t *p, const struct leat_value *value)
{
    if (value->flags)
        p = write_with(p, value);
    *p++ = TAG_DECIMAL;
    if (value->len <= DECIMAL_LEN && value->aux < 7) {
        *p++ = (uint8_t)((uint32_t)value->aux << DECIMAL_SCALE_SHIFT | value->len);
    } else {
        *p++ = DECIMAL_LONG;
        p = leat_set_varint(p, value->aux);
        p = leat_set_varint(p, value->len);
    }
    return write_run(p, value->as.text, value->len);
}

static uint8_t *write_time(uint8_t *p, uint8_t tag, const struct leat_value *value)
{
    uint8_t form = 0;
    if (value->flags || value->aux >= DIGITS_END)
        p = write_with(p, value);
    else
        form = (uint8_t)(value->aux << DIGITS_SHIFT);
    int64_t v = value->as.i;
    if (tag == TAG_DATETIME) {
        if ((v & ((1 << DATETIME_SECOND_SHIFT) - 1)) == 0) {
            form |= TIME_WHOLE;
            v >>= DATETIME_SECOND_SHIFT;
        }
    } else if (v % SECOND_US == 0) {
        form |= TIME_WHOLE;
        v /= SECOND_US;
    }
    uint64_t u = leat_zigzag(v);
    unsigned n = bytes_of(u);
    *p++ = tag;
    *p++ = (uint8_t)(form | n);
    return write_le(p, u, n);
}

static uint8_t *write_date(uint8_t *p, const struct leat_value *value)
{
    bool is_short = value->as.i >= 0 && value->as.i < DATE_END;
    *p++ = is_short ? TAG_DATE : TAG_DATE_LONG;
    return write_le(p, value->as.u, is_short ? 3 : 8);
}

static uint8_t *write_items(uint8_t *p, uint8_t tag, const struct leat_value *value)
{
    *p++ = tag;
    p = leat_set_varint(p, value->len);
    return leat_native_write_items(p, value->as.items, (size_t)value->len << (value->type == LEAT_MAP));
}

/* Types whose form implies neither flags nor aux. */
static uint8_t *write_plain(uint8_t *p, const struct leat_value *value)
{
    switch (value->type) {
    case LEAT_NULL:
        *p++ = TAG_NULL;
        return p;
    case LEAT_BOOL:
        *p++ = value->as.b ? TAG_TRUE : TAG_FALSE;
        return p;
    case LEAT_INT64:
        if (value->as.u >= INT_SMALL_END)
            return write_int(p, TAG_INT, leat_zigzag(value->as.i));
        *p++ = (uint8_t)(TAG_INT_SMALL + value->as.u);
        return p;
    case LEAT_UINT64:
        return write_int(p, TAG_UINT, value->as.u);
    case LEAT_TEXT:
        if (value->len >= TEXT_SHORT_END)
            return write_long(p, TAG_TEXT, value);
        *p++ = (uint8_t)(TAG_TEXT_SHORT + value->len);
        return write_run(p, value->as.text, value->len);
    case LEAT_BYTES:
        return write_long(p, TAG_BYTES, value);
    case LEAT_JSON:
        return write_long(p, TAG_JSON, value);
    case LEAT_DATE:
        return write_date(p, value);
    case LEAT_ARRAY:
        return write_items(p, TAG_ARRAY, value);
    case LEAT_STRUCT:
        return write_items(p, TAG_STRUCT, value);
    case LEAT_MAP:
        return write_items(p, TAG_MAP, value);
    default:
        *p++ = TAG_ABSENT;
        return p;
    }
}

uint8_t *leat_native_write(uint8_t *p, const struct leat_value *value)
{
    switch (value->type) {
    case LEAT_FLOAT64:
        return write_float(p, value);
    case LEAT_DECIMAL:
        return write_decimal(p, value);
    case LEAT_TIME:
        return write_time(p, TAG_TIME, value);
    case LEAT_DATETIME:
        return write_time(p, TAG_DATETIME, value);
    case LEAT_TIMESTAMP:
        return write_time(p, TAG_TIMESTAMP, value);
    default:
        if (value->flags || value->aux)
            p = write_with(p, value);
        return write_plain(p, value);
    }
}

uint8_t *leat_native_write_items(uint8_t *p, const struct leat_value *items, size_t count)
{
    for (size_t i = 0; i < count; i++)
        p = leat_native_write(p, &items[i]);
    return p;
}

void leat_native_put_value(struct leat_bytes *out, const struct leat_value *value)
{
    size_t room = leat_native_room(value);
    if (room == SIZE_MAX)
        out->is_over = true;
    else if (leat_bytes_reserve(out, room))
        out->len = (size_t)(leat_native_write(out->data + out->len, value) - out->data);
}

/* ---- reading ---- */

struct leat_native_in leat_native_in(struct leat_cut *cut, struct leat_arena *arena, bool borrow)
{
    return (struct leat_native_in){cut, arena, borrow, leat_cut_left(cut), 0};
}

struct leat_value *leat_native_items(struct leat_native_in *in, uint64_t count)
{
    if (in->cut->is_bad || count > in->items_left) {
        in->cut->is_bad = true;
        return NULL;
    }
    in->items_left -= (size_t)count;
    return leat_arena_alloc(in->arena, ((size_t)count + !count) * sizeof(struct leat_value));
}

static uint64_t take_le(struct leat_cut *cut, unsigned n)
{
    if (leat_cut_left(cut) < 8 || cut->is_bad)
        return n > 0 ? leat_cut_le(cut, n) : 0;
    uint64_t v = leat_get_u64(cut->at);
    cut->at += n;
    return n < 8 ? v & (((uint64_t)1 << 8 * n) - 1) : v;
}

static void take_run(struct leat_native_in *in, struct leat_value *value, uint8_t type, uint64_t len)
{
    const uint8_t *bytes = leat_cut_bytes(in->cut, len);
    if (!bytes || len > UINT32_MAX) {
        in->cut->is_bad = true;
        return;
    }
    value->type = type;
    value->len = (uint32_t)len;
    value->as.bytes = bytes;
    if (!in->borrow && in->arena)
        value->as.text = leat_arena_copy(in->arena, bytes, (size_t)len);
}

static void take_decimal(struct leat_native_in *in, struct leat_value *value)
{
    uint8_t form = leat_cut_u8(in->cut);
    uint64_t scale = form >> DECIMAL_SCALE_SHIFT;
    uint64_t len = form & DECIMAL_LEN;
    if (form >= DECIMAL_LONG) {
        scale = leat_cut_varint(in->cut);
        len = leat_cut_varint(in->cut);
    }
    if (scale > UINT16_MAX)
        in->cut->is_bad = true;
    take_run(in, value, LEAT_DECIMAL, len);
    value->aux = (uint16_t)scale;
}

static void take_time(struct leat_native_in *in, struct leat_value *value, uint8_t type)
{
    uint8_t form = leat_cut_u8(in->cut);
    unsigned n = form & 15;
    if (n > 8) {
        in->cut->is_bad = true;
        return;
    }
    uint64_t v = (uint64_t)leat_unzigzag(take_le(in->cut, n));
    if (form & TIME_WHOLE)
        v = type == LEAT_DATETIME ? v << DATETIME_SECOND_SHIFT : v * SECOND_US;
    value->type = type;
    value->aux = form >> DIGITS_SHIFT;
    value->as.u = v;
}

static void take_items(struct leat_native_in *in, struct leat_value *value, uint8_t type)
{
    uint64_t members = leat_cut_varint(in->cut);
    uint64_t count = members << (type == LEAT_MAP);
    if (members > UINT32_MAX / 2 || in->depth == LEAT_NATIVE_DEPTH) {
        in->cut->is_bad = true;
        return;
    }
    struct leat_value passed;
    struct leat_value *items = in->arena ? leat_native_items(in, count) : NULL;
    in->depth++;
    for (uint64_t i = 0; i < count && !in->cut->is_bad; i++)
        leat_native_take(in, items ? &items[i] : &passed);
    in->depth--;
    *value = leat_value_items(type, items, (size_t)members);
}

static void take_with(struct leat_native_in *in, struct leat_value *value)
{
    uint8_t flags = leat_cut_u8(in->cut);
    uint64_t aux = leat_cut_varint(in->cut);
    if (aux > UINT16_MAX || (leat_cut_left(in->cut) > 0 && *in->cut->at == TAG_WITH)) {
        in->cut->is_bad = true;
        return;
    }
    leat_native_take(in, value);
    value->flags = flags;
    value->aux = (uint16_t)aux;
}

static void take_double(struct leat_cut *cut, struct leat_value *value)
{
    value->type = LEAT_FLOAT64;
    value->as.u = leat_cut_u64(cut);
}

static void take_float(struct leat_cut *cut, struct leat_value *value)
{
    uint32_t bits = leat_cut_u32(cut);
    float single;
    memcpy(&single, &bits, sizeof single);
    *value = leat_value_double(single);
    value->flags = LEAT_VALUE_SINGLE;
}

static void take_date(struct leat_cut *cut, struct leat_value *value, unsigned bytes)
{
    value->type = LEAT_DATE;
    value->as.u = take_le(cut, bytes);
}

static void take_number(struct leat_cut *cut, struct leat_value *value, uint8_t tag)
{
    unsigned n = tag & 15;
    if (n > 8) {
        cut->is_bad = true;
        return;
    }
    uint64_t v = take_le(cut, n);
    *value = tag < TAG_UINT ? leat_value_int(leat_unzigzag(v)) : leat_value_uint(v);
}

static void take_tagged(struct leat_native_in *in, struct leat_value *value, uint8_t tag)
{
    switch (tag) {
    case TAG_ABSENT: return;
    case TAG_NULL: *value = leat_value_null(); return;
    case TAG_FALSE:
    case TAG_TRUE: *value = leat_value_bool(tag == TAG_TRUE); return;
    case TAG_DOUBLE: take_double(in->cut, value); return;
    case TAG_FLOAT: take_float(in->cut, value); return;
    case TAG_DECIMAL: take_decimal(in, value); return;
    case TAG_TEXT: take_run(in, value, LEAT_TEXT, leat_cut_varint(in->cut)); return;
    case TAG_BYTES: take_run(in, value, LEAT_BYTES, leat_cut_varint(in->cut)); return;
    case TAG_JSON: take_run(in, value, LEAT_JSON, leat_cut_varint(in->cut)); return;
    case TAG_DATE: take_date(in->cut, value, 3); return;
    case TAG_DATE_LONG: take_date(in->cut, value, 8); return;
    case TAG_TIME: take_time(in, value, LEAT_TIME); return;
    case TAG_DATETIME: take_time(in, value, LEAT_DATETIME); return;
    case TAG_TIMESTAMP: take_time(in, value, LEAT_TIMESTAMP); return;
    case TAG_ARRAY: take_items(in, value, LEAT_ARRAY); return;
    case TAG_STRUCT: take_items(in, value, LEAT_STRUCT); return;
    case TAG_MAP: take_items(in, value, LEAT_MAP); return;
    case TAG_WITH: take_with(in, value); return;
    default: in->cut->is_bad = true; return;
    }
}

void leat_native_take(struct leat_native_in *in, struct leat_value *value)
{
    *value = (struct leat_value){0};
    uint8_t tag = leat_cut_u8(in->cut);
    if (tag >= TAG_TEXT_SHORT)
        take_run(in, value, LEAT_TEXT, tag - TAG_TEXT_SHORT);
    else if (tag >= TAG_INT_SMALL)
        *value = leat_value_int(tag - TAG_INT_SMALL);
    else if (tag >= TAG_INT)
        take_number(in->cut, value, tag);
    else
        take_tagged(in, value, tag);
    if (in->cut->is_bad)
        *value = (struct leat_value){0};
}

bool leat_native_get_value(struct leat_cut *cut, struct leat_arena *arena, struct leat_value *value)
{
    struct leat_native_in in = leat_native_in(cut, arena, false);
    leat_native_take(&in, value);
    return !cut->is_bad;
}
