#include <model/json.h>

#include <base/memory.h>
#include <base/number.h>
#include <base/text.h>
#include <model/json_scan.h>
#include <stdlib.h>

#define DEPTH_MOST 512
#define EXPONENT_MOST 400 /* of numbers that no double can hold: as many zeros may become part of the text */

struct reader {
    const char *text, *at, *end;
    bool borrow;
    struct leat_arena *arena; /* NULL: nothing is built, only looked at */
    struct leat_value *stack; /* members of the arrays and objects that are open */
    size_t count, cap;
    unsigned depth;
    const char *trouble; /* NULL: none yet */
};

static bool fail(struct reader *reader, const char *what)
{
    if (!reader->trouble)
        reader->trouble = what;
    return false;
}

static void skip_space(struct reader *reader)
{
    while (reader->at < reader->end &&
           (*reader->at == ' ' || *reader->at == '\n' || *reader->at == '\t' || *reader->at == '\r'))
        reader->at++;
}

static void push(struct reader *reader, struct leat_value value)
{
    if (!reader->arena)
        return;
    if (reader->count == reader->cap) {
        reader->cap = reader->cap ? reader->cap * 2 : 64;
        reader->stack = leat_realloc(reader->stack, reader->cap * sizeof *reader->stack);
    }
    reader->stack[reader->count++] = value;
}

/* ---- strings ---- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_hex4(struct reader *reader, uint32_t *code)
{
    *code = 0;
    if (reader->end - reader->at < 4)
        return fail(reader, "\\u wants four hexadecimal digits");
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(*reader->at);
        if (digit < 0)
            return fail(reader, "\\u wants four hexadecimal digits");
        *code = *code << 4 | (uint32_t)digit;
        reader->at++;
    }
    return true;
}

static char *put_utf8(char *to, uint32_t code)
{
    if (code < 0x80) {
        *to++ = (char)code;
    } else if (code < 0x800) {
        *to++ = (char)(0xc0 | code >> 6);
        *to++ = (char)(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        *to++ = (char)(0xe0 | code >> 12);
        *to++ = (char)(0x80 | (code >> 6 & 0x3f));
        *to++ = (char)(0x80 | (code & 0x3f));
    } else {
        *to++ = (char)(0xf0 | code >> 18);
        *to++ = (char)(0x80 | (code >> 12 & 0x3f));
        *to++ = (char)(0x80 | (code >> 6 & 0x3f));
        *to++ = (char)(0x80 | (code & 0x3f));
    }
    return to;
}

/* Behind \u: one code point, of two surrogates where the first is a high one. */
static bool read_unicode(struct reader *reader, char **to)
{
    uint32_t code, low;
    if (!read_hex4(reader, &code))
        return false;
    if (code >= 0xdc00 && code <= 0xdfff)
        return fail(reader, "a low surrogate without a high one before it");
    if (code >= 0xd800 && code <= 0xdbff) {
        if (reader->end - reader->at < 2 || reader->at[0] != '\\' || reader->at[1] != 'u')
            return fail(reader, "a high surrogate without a low one after it");
        reader->at += 2;
        if (!read_hex4(reader, &low))
            return false;
        if (low < 0xdc00 || low > 0xdfff)
            return fail(reader, "a high surrogate without a low one after it");
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    *to = put_utf8(*to, code);
    return true;
}

static bool read_escape(struct reader *reader, char **to)
{
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    if (reader->at == reader->end)
        return fail(reader, "the string has no end");
    char c = *reader->at++;
    if (c == 'u')
        return read_unicode(reader, to);
    const char *found = c ? strchr(letters, c) : NULL;
    if (!found)
        return fail(reader, "no such escape");
    *(*to)++ = meanings[found - letters];
    return true;
}

/* The end of the string's text, or NULL; tells what it has in it. */
static const char *find_end(struct reader *reader, bool *has_escapes, bool *has_high)
{
    const char *at = reader->at;
    *has_escapes = *has_high = false;
    while ((at += leat_json_plain_run(at, (size_t)(reader->end - at))) < reader->end) {
        unsigned char c = (unsigned char)*at;
        if (c == '"')
            return at;
        if (c < 0x20) {
            reader->at = at;
            fail(reader, "a control character must be escaped");
            return NULL;
        }
        if (c == '\\') {
            *has_escapes = true;
            if (++at == reader->end)
                break;
        } else {
            *has_high = true;
        }
        at++;
    }
    fail(reader, "the string has no end");
    return NULL;
}

/* No escape is longer than what it stands for, so `room` for the text as it is written will do. */
static bool unescape(struct reader *reader, const char *end, char *room, size_t *len)
{
    char *to = room, scratch[4];
    while (reader->at < end) {
        char c = *reader->at++, *one = room ? to : scratch;
        if (c != '\\')
            *one++ = c;
        else if (!read_escape(reader, &one))
            return false;
        to = room ? one : to;
    }
    *len = (size_t)(to - room);
    return true;
}

static bool read_string(struct reader *reader, struct leat_value *value)
{
    bool has_escapes, has_high;
    reader->at++;
    const char *from = reader->at, *end = find_end(reader, &has_escapes, &has_high);
    if (!end)
        return false;
    size_t len = (size_t)(end - from);
    if (len > UINT32_MAX)
        return fail(reader, "the string is longer than 4 GiB");
    if (has_high && !leat_is_utf8(from, len))
        return fail(reader, "the string is no UTF-8");
    if (has_escapes) {
        char *room = reader->arena ? leat_arena_alloc(reader->arena, len + 1) : NULL;
        if (!unescape(reader, end, room, &len))
            return false;
        from = room;
    } else if (!reader->borrow && reader->arena) {
        from = leat_arena_copy(reader->arena, from, len);
    }
    reader->at = end + 1;
    *value = leat_value_text(from, len);
    return true;
}

/* ---- numbers ---- */

static size_t digits_run(struct reader *reader)
{
    const char *from = reader->at;
    while (reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9')
        reader->at++;
    return (size_t)(reader->at - from);
}

struct number { /* as it is spelt: [-]whole[.fraction][e exponent] */
    const char *text;
    size_t len, whole, fraction;
    int exponent; /* cut at +-99999 */
    bool has_exponent;
};

static bool scan_exponent(struct reader *reader, struct number *number)
{
    bool is_negative = false;
    reader->at++;
    if (reader->at < reader->end && (*reader->at == '+' || *reader->at == '-'))
        is_negative = *reader->at++ == '-';
    const char *digits = reader->at, *end = digits + digits_run(reader);
    if (digits == end)
        return fail(reader, "an exponent wants a digit");
    for (; digits < end && number->exponent < 10000; digits++)
        number->exponent = number->exponent * 10 + (*digits - '0');
    if (is_negative)
        number->exponent = -number->exponent;
    number->has_exponent = true;
    return true;
}

static bool scan_number(struct reader *reader, struct number *number)
{
    *number = (struct number){.text = reader->at};
    if (*reader->at == '-')
        reader->at++;
    bool is_zero = reader->at < reader->end && *reader->at == '0';
    number->whole = digits_run(reader);
    if (number->whole == 0 || (is_zero && number->whole > 1))
        return fail(reader, is_zero ? "a number must not begin with 0" : "a number wants a digit");
    if (reader->at < reader->end && *reader->at == '.') {
        reader->at++;
        number->fraction = digits_run(reader);
        if (number->fraction == 0)
            return fail(reader, "a point wants a digit after it");
    }
    if (reader->at < reader->end && (*reader->at | 0x20) == 'e' && !scan_exponent(reader, number))
        return false;
    number->len = (size_t)(reader->at - number->text);
    return true;
}

/* The digits without sign, point and leading zeros, and where among them the point stands: 0.012e5 is "12" and 4.
 * Zero has none. */
static size_t take_digits(const struct number *number, char *digits, long *point)
{
    const char *at = number->text + (*number->text == '-');
    size_t count = 0, all = number->whole + number->fraction;
    *point = (long)number->whole + number->exponent;
    for (size_t i = 0; i < all; i++, at++) {
        at += *at == '.';
        if (count == 0 && *at == '0')
            --*point;
        else
            digits[count++] = *at;
    }
    return count;
}

#define DIGITS_MOST 64 /* far more than a double's shortest text has */

static bool is_same_value(const struct number *a, const struct number *b)
{
    char a_digits[DIGITS_MOST], b_digits[DIGITS_MOST];
    long a_point, b_point;
    if (a->whole + a->fraction > DIGITS_MOST)
        return false;
    size_t a_count = take_digits(a, a_digits, &a_point), b_count = take_digits(b, b_digits, &b_point);
    while (a_count > 0 && a_digits[a_count - 1] == '0')
        a_count--;
    while (b_count > 0 && b_digits[b_count - 1] == '0')
        b_count--;
    return a_count == b_count && memcmp(a_digits, b_digits, a_count) == 0 && (a_count == 0 || a_point == b_point);
}

/* The double, if it stands for the very digits that were written: in the same spelling, or with an exponent, where
 * spellings differ, in the same value. */
static bool is_exact_double(const struct number *number, double *v)
{
    char text[LEAT_NUMBER_MAX];
    struct number shortest;
    if (!leat_parse_double(number->text, number->len, v))
        return false;
    size_t len = leat_print_double(text, *v);
    if (!number->has_exponent)
        return len == number->len && memcmp(text, number->text, len) == 0;
    struct reader reader = {.at = text, .end = text + len};
    return scan_number(&reader, &shortest) && is_same_value(number, &shortest);
}

/* Digits with the point where the exponent puts it. */
static bool read_decimal(struct reader *reader, const struct number *number, struct leat_value *value)
{
    long point, scale = (long)number->fraction - number->exponent;
    if (labs((long)number->exponent) > EXPONENT_MOST)
        return fail(reader, "the number is out of range");
    if (scale > UINT16_MAX)
        return fail(reader, "the number has too many digits");
    char *digits = leat_arena_alloc(reader->arena, number->len);
    char *text = leat_arena_alloc(reader->arena, number->len + EXPONENT_MOST + 3), *to = text;
    long count = (long)take_digits(number, digits, &point);
    if (*number->text == '-')
        *to++ = '-';
    if (point <= 0)
        *to++ = '0';
    for (long i = 0; i < point; i++)
        *to++ = i < count ? digits[i] : '0';
    if (scale > 0)
        *to++ = '.';
    for (long i = point; i < point + scale; i++)
        *to++ = i >= 0 && i < count ? digits[i] : '0';
    *value = leat_value_text(text, (size_t)(to - text));
    value->type = LEAT_DECIMAL;
    value->aux = (uint16_t)(scale > 0 ? scale : 0);
    return true;
}

static bool read_number(struct reader *reader, struct leat_value *value)
{
    struct number number;
    int64_t i;
    uint64_t u;
    double f;
    if (!scan_number(reader, &number))
        return false;
    bool is_integer = number.fraction == 0 && !number.has_exponent;
    if (!reader->arena)
        *value = leat_value_null();
    else if (is_integer && leat_parse_i64(number.text, number.len, &i))
        *value = leat_value_int(i);
    else if (is_integer && leat_parse_u64(number.text, number.len, &u))
        *value = leat_value_uint(u);
    else if (!is_integer && is_exact_double(&number, &f))
        *value = leat_value_double(f);
    else
        return read_decimal(reader, &number, value);
    return true;
}

/* ---- the rest ---- */

static bool read_value(struct reader *reader, struct leat_value *value);

static bool read_word(struct reader *reader, const char *word, struct leat_value meaning, struct leat_value *value)
{
    size_t len = strlen(word);
    if ((size_t)(reader->end - reader->at) < len || memcmp(reader->at, word, len) != 0)
        return fail(reader, "no JSON value");
    reader->at += len;
    *value = meaning;
    return true;
}

/* Members since `from` become the arena's. */
static struct leat_value close_members(struct reader *reader, enum leat_type type, size_t from)
{
    size_t count = reader->count - from;
    if (!reader->arena)
        return leat_value_null();
    struct leat_value *items = leat_arena_alloc(reader->arena, count * sizeof *items);
    if (count > 0)
        memcpy(items, reader->stack + from, count * sizeof *items);
    reader->count = from;
    return leat_value_items(type, items, type == LEAT_MAP ? count / 2 : count);
}

static bool read_member(struct reader *reader, bool is_object)
{
    struct leat_value value;
    if (is_object) {
        skip_space(reader);
        if (reader->at == reader->end || *reader->at != '"')
            return fail(reader, "a member's name wants a string");
        if (!read_string(reader, &value))
            return false;
        push(reader, value);
        skip_space(reader);
        if (reader->at == reader->end || *reader->at++ != ':')
            return fail(reader, "a member's name wants a colon after it");
    }
    if (!read_value(reader, &value))
        return false;
    push(reader, value);
    return true;
}

static bool read_members(struct reader *reader, bool is_object, struct leat_value *value)
{
    char close = is_object ? '}' : ']';
    size_t from = reader->count;
    if (++reader->depth > DEPTH_MOST)
        return fail(reader, "it is nested deeper than 512 levels");
    reader->at++;
    skip_space(reader);
    if (reader->at < reader->end && *reader->at == close) {
        reader->at++;
    } else {
        for (;;) {
            if (!read_member(reader, is_object))
                return false;
            skip_space(reader);
            char c = reader->at < reader->end ? *reader->at++ : '\0';
            if (c == close)
                break;
            if (c != ',')
                return fail(reader, is_object ? "an object wants , or }" : "an array wants , or ]");
        }
    }
    reader->depth--;
    *value = close_members(reader, is_object ? LEAT_MAP : LEAT_ARRAY, from);
    return true;
}

static bool read_value(struct reader *reader, struct leat_value *value)
{
    skip_space(reader);
    if (reader->at == reader->end)
        return fail(reader, "a value is missing");
    switch (*reader->at) {
    case '{':
        return read_members(reader, true, value);
    case '[':
        return read_members(reader, false, value);
    case '"':
        return read_string(reader, value);
    case 't':
        return read_word(reader, "true", leat_value_bool(true), value);
    case 'f':
        return read_word(reader, "false", leat_value_bool(false), value);
    case 'n':
        return read_word(reader, "null", leat_value_null(), value);
    default:
        if (*reader->at == '-' || (*reader->at >= '0' && *reader->at <= '9'))
            return read_number(reader, value);
        return fail(reader, "no JSON value");
    }
}

bool leat_json_is_valid(const char *text, size_t len)
{
    struct leat_value value;
    struct reader reader = {.text = text, .at = text, .end = text + len};
    bool is_good = read_value(&reader, &value);
    skip_space(&reader);
    return is_good && reader.at == reader.end;
}

enum leat_status leat_json_read(const char *text, size_t len, bool borrow, struct leat_arena *arena,
                                struct leat_value *value, struct leat_error *err)
{
    struct reader reader = {.text = text, .at = text, .end = text + len, .borrow = borrow, .arena = arena};
    bool is_good = read_value(&reader, value);
    skip_space(&reader);
    if (is_good && reader.at != reader.end)
        is_good = fail(&reader, "something follows the value");
    free(reader.stack);
    if (is_good)
        return LEAT_OK;
    return leat_fail(err, LEAT_REJECT, "no JSON at byte %zu: %s", (size_t)(reader.at - text), reader.trouble);
}
