#include <model/iso.h>

#include <base/number.h>

static char *put_two(char *at, int32_t v)
{
    at[0] = (char)('0' + v / 10);
    at[1] = (char)('0' + v % 10);
    return at + 2;
}

/* At least two digits (hours), or four (years): more where there are more. */
static char *put_wide(char *at, int32_t v, int32_t ten_power)
{
    for (; v < ten_power && ten_power > 1; ten_power /= 10)
        *at++ = '0';
    return at + leat_print_u64(at, (uint64_t)v);
}

static char *put_date(char *at, const struct leat_parts *parts)
{
    if (parts->year < 0)
        *at++ = '-';
    at = put_wide(at, parts->year < 0 ? -parts->year : parts->year, 1000);
    *at++ = '-';
    at = put_two(at, parts->month);
    *at++ = '-';
    return put_two(at, parts->day);
}

static char *put_clock(char *at, const struct leat_parts *parts, unsigned digits)
{
    at = put_wide(at, parts->hour, 10);
    *at++ = ':';
    at = put_two(at, parts->minute);
    *at++ = ':';
    at = put_two(at, parts->second);
    if (digits == 0)
        return at;
    *at++ = '.';
    put_two(put_two(put_two(at, parts->us / 10000), parts->us / 100 % 100), parts->us % 100);
    return at + (digits > 6 ? 6 : digits);
}

static bool take_parts(const struct leat_value *value, struct leat_parts *parts)
{
    if (value->type == LEAT_TIMESTAMP && (value->flags & LEAT_VALUE_ZERO)) {
        *parts = (struct leat_parts){0};
        return true;
    }
    return leat_value_parts(value, parts);
}

static size_t print(char *out, enum leat_type type, const struct leat_parts *parts, unsigned digits)
{
    char *at = out;
    if (type != LEAT_TIME)
        at = put_date(at, parts);
    else if (parts->is_negative)
        *at++ = '-';
    if (type == LEAT_DATE)
        return (size_t)(at - out);
    if (type != LEAT_TIME)
        *at++ = 'T';
    at = put_clock(at, parts, digits);
    if (type == LEAT_TIMESTAMP)
        *at++ = 'Z';
    return (size_t)(at - out);
}

size_t leat_iso_print(char out[LEAT_ISO_MAX], const struct leat_value *value)
{
    struct leat_parts parts;
    return take_parts(value, &parts) ? print(out, (enum leat_type)value->type, &parts, value->aux) : 0;
}

size_t leat_iso_print_short(char out[LEAT_ISO_MAX], const struct leat_value *value)
{
    struct leat_parts parts;
    unsigned digits = 6;
    if (!take_parts(value, &parts))
        return 0;
    if (parts.us == 0)
        digits = 0;
    for (int32_t us = parts.us; digits > 0 && us % 10 == 0; us /= 10)
        digits--;
    return print(out, (enum leat_type)value->type, &parts, digits);
}
