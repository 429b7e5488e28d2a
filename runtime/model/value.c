#include <leat/value.h>

#define US_PER_SECOND INT64_C(1000000)
#define US_PER_DAY (86400 * US_PER_SECOND)
#define DAYS_PER_ERA 146097 /* 400 Gregorian years */
#define DAYS_TO_1970 719468 /* from 0000-03-01 */

static bool equal_items(const struct leat_value *a, const struct leat_value *b, size_t count)
{
    if (a == b)
        return true;
    for (size_t i = 0; i < count; i++)
        if (!leat_value_equal(&a[i], &b[i]))
            return false;
    return true;
}

/* Scale, fraction digits and flags are content too: the log leaves out what equals something that it has
 * already written, and must give it back exactly. */
bool leat_value_equal(const struct leat_value *a, const struct leat_value *b)
{
    if (a->type != b->type || a->flags != b->flags || a->aux != b->aux)
        return false;
    switch ((enum leat_type)a->type) {
    case LEAT_ABSENT:
    case LEAT_NULL:
        return true;
    case LEAT_BOOL:
        return a->as.b == b->as.b;
    case LEAT_INT64:
    case LEAT_UINT64:
    case LEAT_FLOAT64: /* by bits: tells -0.0 from 0.0, and NaN is itself */
    case LEAT_DATE:
    case LEAT_TIME:
    case LEAT_DATETIME:
    case LEAT_TIMESTAMP:
        return a->as.u == b->as.u;
    case LEAT_DECIMAL:
    case LEAT_TEXT:
    case LEAT_BYTES:
    case LEAT_JSON:
        return a->len == b->len && (a->len == 0 || memcmp(a->as.text, b->as.text, a->len) == 0);
    case LEAT_ARRAY:
    case LEAT_STRUCT:
        return a->len == b->len && equal_items(a->as.items, b->as.items, a->len);
    case LEAT_MAP:
        return a->len == b->len && equal_items(a->as.items, b->as.items, (size_t)a->len * 2);
    case LEAT_TYPE_COUNT:
        break;
    }
    return false;
}

const struct leat_value *leat_map_get(const struct leat_value *map, const char *key)
{
    if (map->type != LEAT_MAP)
        return NULL;
    size_t len = strlen(key);
    for (size_t i = map->len; i-- > 0;) { /* of duplicates the last one counts */
        const struct leat_value *name = &map->as.items[2 * i];
        if (name->type == LEAT_TEXT && name->len == len &&
            (len == 0 || memcmp(name->as.text, key, len) == 0))
            return name + 1;
    }
    return NULL;
}

/* Counts years from March, so that the leap day is the last day of its year. */
int64_t leat_days_from_date(int32_t year, int32_t month, int32_t day)
{
    int64_t y = (int64_t)year - (month <= 2);
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * DAYS_PER_ERA + day_of_era - DAYS_TO_1970;
}

static void date_from_days(int64_t days, struct leat_parts *parts)
{
    days += DAYS_TO_1970;
    int64_t era = (days >= 0 ? days : days - (DAYS_PER_ERA - 1)) / DAYS_PER_ERA;
    int64_t day_of_era = days - era * DAYS_PER_ERA;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_from_march = (5 * day_of_year + 2) / 153;
    parts->day = (int32_t)(day_of_year - (153 * month_from_march + 2) / 5 + 1);
    parts->month = (int32_t)(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
    parts->year = (int32_t)(year_of_era + era * 400 + (parts->month <= 2));
}

/* `us` is not negative. */
static void clock_from_us(uint64_t us, struct leat_parts *parts)
{
    parts->us = (int32_t)(us % 1000000);
    uint64_t seconds = us / 1000000;
    parts->second = (int32_t)(seconds % 60);
    parts->minute = (int32_t)(seconds / 60 % 60);
    parts->hour = (int32_t)(seconds / 3600);
}

int64_t leat_parts_to_us(const struct leat_parts *parts)
{
    int64_t days = leat_days_from_date(parts->year, parts->month, parts->day);
    int64_t seconds = parts->hour * INT64_C(3600) + parts->minute * INT64_C(60) + parts->second;
    return days * US_PER_DAY + seconds * US_PER_SECOND + parts->us;
}

struct leat_parts leat_us_to_parts(int64_t us)
{
    int64_t days = us / US_PER_DAY;
    int64_t rest = us % US_PER_DAY;
    if (rest < 0) {
        rest += US_PER_DAY;
        days--;
    }
    struct leat_parts parts = {0};
    date_from_days(days, &parts);
    clock_from_us((uint64_t)rest, &parts);
    return parts;
}

static void unpack_date(int64_t date, struct leat_parts *parts)
{
    parts->year = (int32_t)(date >> 9);
    parts->month = (int32_t)(date >> 5 & 15);
    parts->day = (int32_t)(date & 31);
}

static void unpack_datetime(int64_t packed, struct leat_parts *parts)
{
    unpack_date(packed >> 37, parts);
    parts->hour = (int32_t)(packed >> 32 & 31);
    parts->minute = (int32_t)(packed >> 26 & 63);
    parts->second = (int32_t)(packed >> 20 & 63);
    parts->us = (int32_t)(packed & 0xfffff);
}

bool leat_value_parts(const struct leat_value *value, struct leat_parts *parts)
{
    *parts = (struct leat_parts){0};
    switch (value->type) {
    case LEAT_DATE:
        unpack_date(value->as.i, parts);
        return true;
    case LEAT_DATETIME:
        unpack_datetime(value->as.i, parts);
        return true;
    case LEAT_TIMESTAMP:
        if (!(value->flags & LEAT_VALUE_ZERO))
            *parts = leat_us_to_parts(value->as.i);
        return true;
    case LEAT_TIME:
        parts->is_negative = value->as.i < 0;
        clock_from_us(parts->is_negative ? 0 - value->as.u : value->as.u, parts);
        return true;
    default:
        return false;
    }
}

const char *leat_type_name(enum leat_type type)
{
    static const char *const names[LEAT_TYPE_COUNT] = {
        [LEAT_ABSENT] = "ABSENT",     [LEAT_NULL] = "NULL",           [LEAT_BOOL] = "BOOL",
        [LEAT_INT64] = "INT64",       [LEAT_UINT64] = "UINT64",       [LEAT_FLOAT64] = "FLOAT64",
        [LEAT_DECIMAL] = "DECIMAL",   [LEAT_TEXT] = "TEXT",           [LEAT_BYTES] = "BYTES",
        [LEAT_DATE] = "DATE",         [LEAT_TIME] = "TIME",           [LEAT_DATETIME] = "DATETIME",
        [LEAT_TIMESTAMP] = "TIMESTAMP", [LEAT_JSON] = "JSON",         [LEAT_ARRAY] = "ARRAY",
        [LEAT_STRUCT] = "STRUCT",     [LEAT_MAP] = "MAP",
    };
    return (unsigned)type < LEAT_TYPE_COUNT ? names[type] : "?";
}
