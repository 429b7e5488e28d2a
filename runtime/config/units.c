/* units.c - sizes and times as people write them. */
#include <config/units.h>

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

struct unit {
    const char *name;
    int64_t worth;
    bool is_printed;
};

/* Each list from the largest unit that is printed to the smallest. */
static const struct unit sizes[] = {
    {"TiB", INT64_C(1) << 40, true}, {"GiB", INT64_C(1) << 30, true}, {"MiB", INT64_C(1) << 20, true},
    {"KiB", INT64_C(1) << 10, true}, {"B", 1, true},                  {"kB", 1000, false},
    {"MB", 1000000, false},          {"GB", 1000000000, false},       {"TB", 1000000000000, false},
    {NULL, 0, false}};

static const struct unit times[] = {
    {"d", INT64_C(86400000000), true}, {"h", INT64_C(3600000000), true}, {"min", 60000000, true},
    {"s", 1000000, true},              {"ms", 1000, true},               {"us", 1, true},
    {"m", 60000000, false},            {"w", INT64_C(604800000000), false},
    {NULL, 0, false}};

static enum leat_unit_answer parse(const char *text, const struct unit *units, int64_t *value)
{
    __extension__ typedef unsigned __int128 wide;
    wide whole = 0, scale = 1;
    const char *at = text;
    if (*at < '0' || *at > '9')
        return LEAT_UNIT_NO_NUMBER;
    for (; *at >= '0' && *at <= '9'; at++) {
        whole = whole * 10 + (unsigned)(*at - '0');
        if (whole > INT64_MAX)
            return LEAT_UNIT_TOO_LARGE;
    }
    if (*at == '.' && at[1] >= '0' && at[1] <= '9') {
        for (at++; *at >= '0' && *at <= '9'; at++) {
            if (scale == 1000000000)
                continue; /* finer than any unit */
            whole = whole * 10 + (unsigned)(*at - '0');
            scale *= 10;
        }
    }
    while (*at == ' ')
        at++;
    if (!*at && whole != 0)
        return LEAT_UNIT_MISSING;
    if (!*at) {
        *value = 0;
        return LEAT_UNIT_OK;
    }
    for (; units->name; units++) {
        if (strcmp(units->name, at) != 0)
            continue;
        const wide worth = (uint64_t)units->worth;
        whole = whole * worth / scale;
        if (whole > INT64_MAX)
            return LEAT_UNIT_TOO_LARGE;
        *value = (int64_t)whole;
        return LEAT_UNIT_OK;
    }
    return LEAT_UNIT_UNKNOWN;
}

static const char *print(char out[32], const struct unit *units, int64_t value)
{
    if (value == 0)
        return units == sizes ? strcpy(out, "0B") : strcpy(out, "0s");
    while (!units->is_printed || value % units->worth != 0)
        units++;
    snprintf(out, 32, "%" PRId64 "%s", value / units->worth, units->name);
    return out;
}

enum leat_unit_answer leat_parse_size(const char *text, int64_t *bytes)
{
    return parse(text, sizes, bytes);
}

enum leat_unit_answer leat_parse_duration(const char *text, int64_t *us)
{
    return parse(text, times, us);
}

const char *leat_print_size(char out[32], int64_t bytes)
{
    return print(out, sizes, bytes);
}

const char *leat_print_duration(char out[32], int64_t us)
{
    return print(out, times, us);
}
