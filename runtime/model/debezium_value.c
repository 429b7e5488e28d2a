#include <model/debezium_value.h>

#include <base/number.h>
#include <base/text.h>
#include <model/iso.h>
#include <model/json.h>

static void put(struct leat_bytes *out, const char *text)
{
    leat_bytes_add(out, text, strlen(text));
}

static void put_i64(struct leat_bytes *out, int64_t v)
{
    if (leat_bytes_reserve(out, LEAT_NUMBER_MAX))
        out->len += leat_print_i64((char *)out->data + out->len, v);
}

static void put_quoted_base64(struct leat_bytes *out, const void *bytes, size_t len)
{
    leat_bytes_put(out, '"');
    leat_base64_encode(out, bytes, len);
    leat_bytes_put(out, '"');
}

/* ---- decimals ---- */

#define DIGITS_MOST 77 /* below 2^256; MySQL's longest DECIMAL has 65 */
#define LIMBS 8        /* of 32 bits */

/* The digits of the unscaled value, without leading zeros, or -1: it does not fit. */
static int take_digits(const struct leat_value *value, unsigned scale, char digits[DIGITS_MOST])
{
    unsigned fraction = 0;
    bool is_fraction = false;
    int count = 0;
    for (uint32_t i = 0; i < value->len || fraction < scale; i++) {
        char c = i < value->len ? value->as.text[i] : '0';
        is_fraction = is_fraction || i >= value->len;
        if (c == '.')
            is_fraction = true;
        if (c < '0' || c > '9')
            continue;
        if (is_fraction && fraction++ >= scale) {
            if (c != '0')
                return -1;
        } else if (count > 0 || c != '0') {
            if (count == DIGITS_MOST)
                return -1;
            digits[count++] = c;
        }
    }
    return count;
}

static void to_limbs(const char *digits, int count, uint32_t limbs[LIMBS])
{
    memset(limbs, 0, LIMBS * sizeof *limbs);
    for (int at = 0; at < count;) {
        uint64_t carry = 0, factor = 1; /* nine digits at once */
        for (int end = at + 9; at < end && at < count; at++) {
            carry = carry * 10 + (uint64_t)(digits[at] - '0');
            factor *= 10;
        }
        for (int k = 0; k < LIMBS; k++) {
            carry += limbs[k] * factor;
            limbs[k] = (uint32_t)carry;
            carry >>= 32;
        }
    }
}

/* As BigInteger.toByteArray(): the fewest bytes that hold the sign. */
static void put_big_integer(struct leat_bytes *out, const uint8_t *bytes, size_t len)
{
    while (len > 1 && ((bytes[0] == 0 && !(bytes[1] & 0x80)) || (bytes[0] == 0xff && (bytes[1] & 0x80)))) {
        bytes++;
        len--;
    }
    put_quoted_base64(out, bytes, len);
}

static void put_long_decimal(struct leat_bytes *out, const char *digits, int count, bool is_negative)
{
    uint32_t limbs[LIMBS];
    uint8_t bytes[LIMBS * 4 + 1];
    bool is_zero = count == 0;
    to_limbs(digits, count, limbs);
    uint64_t carry = is_negative; /* two's complement: all bits turned, plus one */
    for (int k = 0; k < LIMBS; k++) {
        uint64_t limb = is_negative ? (uint64_t)~limbs[k] + carry : limbs[k];
        carry = is_negative ? limb >> 32 : 0;
        for (int b = 0; b < 4; b++)
            bytes[LIMBS * 4 - (4 * k + b)] = (uint8_t)(limb >> (8 * b));
    }
    bytes[0] = is_negative && !is_zero ? 0xff : 0;
    put_big_integer(out, bytes, sizeof bytes);
}

static bool put_unscaled(struct leat_bytes *out, const struct leat_value *value, unsigned scale)
{
    char digits[DIGITS_MOST];
    bool is_negative = value->len > 0 && value->as.text[0] == '-';
    int count = take_digits(value, scale, digits);
    if (count < 0)
        return false;
    if (count > 18) {
        put_long_decimal(out, digits, count, is_negative);
        return true;
    }
    uint64_t v = 0;
    uint8_t bytes[8];
    for (int i = 0; i < count; i++)
        v = v * 10 + (uint64_t)(digits[i] - '0');
    v = is_negative ? -v : v;
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(v >> (56 - 8 * i));
    put_big_integer(out, bytes, sizeof bytes);
    return true;
}

static bool put_decimal(struct leat_bytes *out, const struct leat_value *value, const struct leat_field *field,
                        const struct leat_debezium_modes *modes)
{
    double number;
    bool is_string = modes->decimals == LEAT_DECIMALS_STRING || field->type != LEAT_DECIMAL;
    if (modes->decimals == LEAT_DECIMALS_NUMERIC) {
        leat_json_value(out, value);
    } else if (modes->decimals == LEAT_DECIMALS_DOUBLE && leat_parse_double(value->as.text, value->len, &number)) {
        struct leat_value rounded = leat_value_double(number);
        leat_json_value(out, &rounded);
    } else if (is_string) {
        leat_json_string(out, value->as.text, value->len);
    } else {
        return put_unscaled(out, value, field->scale);
    }
    return true;
}

static void put_bigint(struct leat_bytes *out, uint64_t v, const struct leat_debezium_modes *modes)
{
    char text[LEAT_NUMBER_MAX];
    struct leat_value value = leat_value_text(text, leat_print_u64(text, v));
    bool is_number = modes->bigints == LEAT_BIGINTS_EXACT || modes->decimals == LEAT_DECIMALS_NUMERIC;
    if (modes->bigints == LEAT_BIGINTS_LONG)
        put_i64(out, (int64_t)v);
    else if (is_number)
        leat_bytes_add(out, text, value.len);
    else
        put_unscaled(out, &value, 0);
}

/* ---- dates ---- */

/* Nanoseconds may be more than 64 bits hold. */
static void put_ns(struct leat_bytes *out, int64_t us)
{
    put_i64(out, us);
    if (us != 0)
        put(out, "000");
}

static int64_t floor_ms(int64_t us)
{
    return (us - (us % 1000 + 1000) % 1000) / 1000;
}

/* Of what has no zone itself, as if UTC. */
static void put_iso(struct leat_bytes *out, const struct leat_value *value)
{
    if (!leat_bytes_reserve(out, LEAT_ISO_MAX + 3))
        return;
    char *to = (char *)out->data + out->len;
    size_t len = leat_iso_print_short(to + 1, value);
    to[0] = to[len + 2] = '"';
    to[len + 1] = 'Z';
    out->len += len + 3;
}

static void put_time(struct leat_bytes *out, const struct leat_value *value, const struct leat_debezium_modes *modes)
{
    switch (modes->times) {
    case LEAT_TIMES_CONNECT:
        put_i64(out, floor_ms(value->as.i));
        break;
    case LEAT_TIMES_ISO:
        put_iso(out, value);
        break;
    case LEAT_TIMES_NANO:
        put_ns(out, value->as.i);
        break;
    default:
        put_i64(out, value->as.i);
    }
}

static bool is_date(const struct leat_parts *parts)
{
    static const uint8_t days[] = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (parts->month < 1 || parts->month > 12 || parts->day < 1)
        return false;
    bool is_leap = parts->year % 4 == 0 && (parts->year % 100 != 0 || parts->year % 400 == 0);
    return parts->day <= days[parts->month] + (is_leap && parts->month == 2);
}

static void put_no_date(struct leat_bytes *out, const struct leat_field *field, const char *epoch)
{
    put(out, field->flags & LEAT_FIELD_REQUIRED ? epoch : "null");
}

static void put_date(struct leat_bytes *out, const struct leat_value *value, const struct leat_field *field,
                     const struct leat_debezium_modes *modes)
{
    struct leat_parts parts;
    bool is_iso = modes->times == LEAT_TIMES_ISO;
    if (!leat_value_parts(value, &parts) || !is_date(&parts))
        put_no_date(out, field, is_iso ? "\"1970-01-01Z\"" : "0");
    else if (is_iso)
        put_iso(out, value);
    else
        put_i64(out, leat_days_from_date(parts.year, parts.month, parts.day));
}

static void put_datetime(struct leat_bytes *out, const struct leat_value *value, const struct leat_field *field,
                         const struct leat_debezium_modes *modes)
{
    struct leat_parts parts;
    unsigned digits = field->type == LEAT_DATETIME ? field->scale : value->aux;
    bool is_iso = modes->times == LEAT_TIMES_ISO;
    if (!leat_value_parts(value, &parts) || !is_date(&parts)) {
        put_no_date(out, field, is_iso ? "\"1970-01-01T00:00:00Z\"" : "0");
        return;
    }
    int64_t us = leat_parts_to_us(&parts);
    bool is_ms = modes->times == LEAT_TIMES_CONNECT || (modes->times == LEAT_TIMES_ADAPTIVE && digits <= 3);
    if (is_iso)
        put_iso(out, value);
    else if (modes->times == LEAT_TIMES_NANO)
        put_ns(out, us);
    else
        put_i64(out, is_ms ? floor_ms(us) : us);
}

static void put_timestamp(struct leat_bytes *out, const struct leat_value *value, const struct leat_field *field)
{
    if (value->flags & LEAT_VALUE_ZERO) {
        put_no_date(out, field, "\"1970-01-01T00:00:00Z\"");
        return;
    }
    if (!leat_bytes_reserve(out, LEAT_ISO_MAX + 2))
        return;
    char *to = (char *)out->data + out->len;
    size_t len = leat_iso_print_short(to + 1, value);
    to[0] = to[len + 1] = '"';
    out->len += len + 2;
}

/* ---- bits and bytes ---- */

static void put_bits(struct leat_bytes *out, const struct leat_value *value, const struct leat_field *field)
{
    uint8_t bytes[8];
    size_t len = field->width > 0 && field->width <= 64 ? (field->width + 7) / 8 : sizeof bytes;
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(value->as.u >> (8 * i));
    if (field->width == 1)
        put(out, value->as.u ? "true" : "false");
    else
        put_quoted_base64(out, bytes, len);
}

static void put_double(struct leat_bytes *out, const uint8_t *bytes, bool is_little)
{
    uint64_t bits = 0;
    double v;
    for (int i = 0; i < 8; i++)
        bits = bits << 8 | bytes[is_little ? 7 - i : i];
    memcpy(&v, &bits, 8);
    struct leat_value value = leat_value_double(v);
    leat_json_value(out, &value);
}

/* WKB of a point: byte order (1: little-endian), type 1 in four bytes, x, y. */
static void put_point(struct leat_bytes *out, const uint8_t *wkb, size_t len)
{
    if (len != 21 || wkb[0] > 1 || wkb[wkb[0] ? 1 : 4] != 1)
        return;
    put(out, "\"x\":");
    put_double(out, wkb + 5, wkb[0]);
    put(out, ",\"y\":");
    put_double(out, wkb + 13, wkb[0]);
    leat_bytes_put(out, ',');
}

static void put_geometry(struct leat_bytes *out, const struct leat_value *value, const struct leat_field *field)
{
    const uint8_t *wkb = value->as.bytes;
    size_t len = value->len;
    uint32_t srid = 0;
    if (len >= 4) {
        srid = wkb[0] | (uint32_t)wkb[1] << 8 | (uint32_t)wkb[2] << 16 | (uint32_t)wkb[3] << 24;
        wkb += 4;
        len -= 4;
    }
    leat_bytes_put(out, '{');
    if (strncmp(field->native, "point", 5) == 0)
        put_point(out, wkb, len);
    put(out, "\"wkb\":");
    put_quoted_base64(out, wkb, len);
    put(out, ",\"srid\":");
    if (srid)
        put_i64(out, srid);
    else
        put(out, "null");
    leat_bytes_put(out, '}');
}

static void put_vector(struct leat_bytes *out, const struct leat_value *value)
{
    leat_bytes_put(out, '[');
    for (uint32_t at = 0; at + 4 <= value->len; at += 4) {
        float f;
        memcpy(&f, value->as.bytes + at, 4);
        struct leat_value number = leat_value_double((double)f);
        number.flags = LEAT_VALUE_SINGLE;
        if (at > 0)
            leat_bytes_put(out, ',');
        leat_json_value(out, &number);
    }
    leat_bytes_put(out, ']');
}

static void put_text_of_bytes(struct leat_bytes *out, const struct leat_value *value, int64_t mode)
{
    static const char digits[] = "0123456789abcdef";
    size_t from = out->len;
    leat_bytes_put(out, '"');
    if (mode != LEAT_BINARY_HEX)
        leat_base64_encode(out, value->as.bytes, value->len);
    else if (leat_bytes_reserve(out, 2 * (size_t)value->len))
        for (uint32_t i = 0; i < value->len; i++) {
            out->data[out->len++] = (uint8_t)digits[value->as.bytes[i] >> 4];
            out->data[out->len++] = (uint8_t)digits[value->as.bytes[i] & 15];
        }
    for (size_t i = from; mode == LEAT_BINARY_URL_SAFE && i < out->len; i++)
        out->data[i] = out->data[i] == '+' ? '-' : out->data[i] == '/' ? '_' : out->data[i];
    leat_bytes_put(out, '"');
}

static void put_bytes(struct leat_bytes *out, const struct leat_value *value, const struct leat_field *field,
                      const struct leat_debezium_modes *modes)
{
    if (field->meaning == LEAT_GEOMETRY)
        put_geometry(out, value, field);
    else if (field->meaning == LEAT_VECTOR)
        put_vector(out, value);
    else
        put_text_of_bytes(out, value, modes->binary);
}

static void put_uint(struct leat_bytes *out, const struct leat_value *value, const struct leat_field *field,
                     const struct leat_debezium_modes *modes)
{
    if (field->meaning == LEAT_BIT)
        put_bits(out, value, field);
    else if (leat_is_bigint_unsigned(field))
        put_bigint(out, value->as.u, modes);
    else
        leat_json_value(out, value);
}

bool leat_debezium_value(struct leat_bytes *out, const struct leat_value *value, const struct leat_field *field,
                         const struct leat_debezium_modes *modes)
{
    switch (value->type) {
    case LEAT_TEXT:
    case LEAT_JSON:
        leat_json_string(out, value->as.text, value->len);
        break;
    case LEAT_INT64:
        if (leat_is_bigint_unsigned(field) && value->as.i >= 0)
            put_bigint(out, (uint64_t)value->as.i, modes);
        else
            put_i64(out, value->as.i);
        break;
    case LEAT_UINT64:
        put_uint(out, value, field, modes);
        break;
    case LEAT_TIME:
        put_time(out, value, modes);
        break;
    case LEAT_DECIMAL:
        return put_decimal(out, value, field, modes);
    case LEAT_DATE:
        put_date(out, value, field, modes);
        break;
    case LEAT_DATETIME:
        put_datetime(out, value, field, modes);
        break;
    case LEAT_TIMESTAMP:
        put_timestamp(out, value, field);
        break;
    case LEAT_BYTES:
        put_bytes(out, value, field, modes);
        break;
    default:
        leat_json_value(out, value);
    }
    return true;
}
