#include <model/iso.h>

#include <stdio.h>

static char *put_digits(char *at, uint32_t v, int digits)
{
    for (int i = digits - 1; i >= 0; i--) {
        at[i] = (char)('0' + v % 10);
        v /= 10;
    }
    return at + digits;
}

static char *put_date(char *at, const struct leat_parts *parts)
{
    at = put_digits(at, (uint32_t)parts->year, 4);
    *at++ = '-';
    at = put_digits(at, (uint32_t)parts->month, 2);
    *at++ = '-';
    return put_digits(at, (uint32_t)parts->day, 2);
}

static char *put_clock(char *at, const struct leat_parts *parts, unsigned digits)
{
    at = put_digits(at, (uint32_t)parts->hour, parts->hour > 99 ? 3 : 2);
    *at++ = ':';
    at = put_digits(at, (uint32_t)parts->minute, 2);
    *at++ = ':';
    at = put_digits(at, (uint32_t)parts->second, 2);
    if (digits == 0)
        return at;
    *at++ = '.';
    put_digits(at, (uint32_t)parts->us, 6);
    return at + (digits > 6 ? 6 : digits);
}

static size_t print(char *out, const struct leat_value *value, unsigned digits)
{
    struct leat_parts parts;
    char *at = out;
    if (!leat_value_parts(value, &parts))
        return 0;
    if (value->type == LEAT_TIMESTAMP && (value->flags & LEAT_VALUE_ZERO))
        parts = (struct leat_parts){0};
    if (value->type != LEAT_TIME)
        at = put_date(at, &parts);
    else if (parts.is_negative)
        *at++ = '-';
    if (value->type == LEAT_DATE)
        return (size_t)(at - out);
    if (value->type != LEAT_TIME)
        *at++ = 'T';
    at = put_clock(at, &parts, digits);
    if (value->type == LEAT_TIMESTAMP)
        *at++ = 'Z';
    return (size_t)(at - out);
}

size_t leat_iso_print(char out[LEAT_ISO_MAX], const struct leat_value *value)
{
    return print(out, value, value->aux);
}

size_t leat_iso_print_short(char out[LEAT_ISO_MAX], const struct leat_value *value)
{
    struct leat_parts parts;
    unsigned digits = 6;
    if (!leat_value_parts(value, &parts))
        return 0;
    for (int32_t us = parts.us; digits > 0 && us % 10 == 0; us /= 10)
        digits--;
    return print(out, value, digits);
}
