#include <base/text.h>
#include <stdio.h>
#include <time.h>

/* Proleptic Gregorian days since 1970-01-01: eras of 400 years that begin in March. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static int days_in(int64_t year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && is_leap ? 29 : days[month - 1];
}

size_t leat_text_time(char *out, int64_t wall_us, int digits)
{
    int64_t seconds = wall_us / 1000000, us = wall_us % 1000000;
    if (us < 0) {
        us += 1000000;
        seconds--;
    }
    struct tm parts;
    time_t t = (time_t)seconds;
    gmtime_r(&t, &parts);
    size_t len = strftime(out, 32, "%Y-%m-%dT%H:%M:%S", &parts);
    if (digits != 0) {
        char fraction[8];
        snprintf(fraction, sizeof fraction, "%06d", (int)us);
        size_t keep = digits < 0 ? 6 : (size_t)digits;
        while (digits < 0 && keep > 0 && fraction[keep - 1] == '0')
            keep--;
        if (keep > 0) {
            out[len++] = '.';
            memcpy(out + len, fraction, keep);
            len += keep;
        }
    }
    out[len++] = 'Z';
    out[len] = '\0';
    return len;
}

/* Reads `count` digits; -1 where there are others. */
static int digits_of(const char **at, const char *end, int count)
{
    int v = 0;
    if (end - *at < count)
        return -1;
    for (int i = 0; i < count; i++, (*at)++) {
        if (**at < '0' || **at > '9')
            return -1;
        v = v * 10 + (**at - '0');
    }
    return v;
}

static bool takes(const char **at, const char *end, const char *any_of)
{
    if (*at >= end || !strchr(any_of, **at))
        return false;
    (*at)++;
    return true;
}

static bool parse_fraction(const char **at, const char *end, int64_t *us)
{
    int64_t scale = 100000;
    const char *first = *at;
    for (*us = 0; *at < end && **at >= '0' && **at <= '9'; (*at)++, scale /= 10)
        *us += (**at - '0') * scale;
    return *at > first;
}

static bool parse_zone(const char **at, const char *end, int64_t *seconds)
{
    *seconds = 0;
    if (takes(at, end, "Zz"))
        return true;
    if (*at >= end || (**at != '+' && **at != '-'))
        return false;
    int sign = *(*at)++ == '-' ? -1 : 1;
    int hour = digits_of(at, end, 2);
    if (!takes(at, end, ":"))
        return false;
    int minute = digits_of(at, end, 2);
    *seconds = sign * (hour * 3600 + minute * 60);
    return hour >= 0 && hour < 24 && minute >= 0 && minute < 60;
}

bool leat_parse_time(const char *text, size_t len, int64_t *wall_us)
{
    const char *at = text, *end = text + len;
    int64_t us = 0, zone;
    int year = digits_of(&at, end, 4);
    bool is_good = year >= 0 && takes(&at, end, "-");
    int month = digits_of(&at, end, 2);
    is_good = is_good && takes(&at, end, "-");
    int day = digits_of(&at, end, 2);
    is_good = is_good && takes(&at, end, "Tt ");
    int hour = digits_of(&at, end, 2);
    is_good = is_good && takes(&at, end, ":");
    int minute = digits_of(&at, end, 2);
    is_good = is_good && takes(&at, end, ":");
    int second = digits_of(&at, end, 2);
    if (!is_good || month < 1 || month > 12 || day < 1 || day > days_in(year, month) || hour < 0 ||
        hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60)
        return false;
    if (takes(&at, end, ".") && !parse_fraction(&at, end, &us))
        return false;
    if (!parse_zone(&at, end, &zone) || at != end)
        return false;
    int64_t seconds = days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - zone;
    *wall_us = seconds * 1000000 + us;
    return true;
}
