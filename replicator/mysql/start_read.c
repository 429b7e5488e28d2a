#include <mysql/start_read.h>

#include <base/text.h>
#include <mysql/gtids.h>
#include <stdlib.h>
#include <string.h>

static bool read_place(struct start *start, const char *text)
{
    const char *colon = strrchr(text, ':');
    size_t len = colon ? (size_t)(colon - text) : 0;
    char *end;
    if (len == 0 || len >= sizeof start->file || !memchr(text, '.', len) || colon[1] < '0' || colon[1] > '9')
        return false;
    memcpy(start->file, text, len);
    start->file[len] = '\0';
    start->pos = strtoull(colon + 1, &end, 10);
    start->kind = START_PLACE;
    return *end == '\0' && start->pos >= 4;
}

/* "2026-01-02" could be a GTID, and is not meant so. */
static bool is_date(const char *text)
{
    return strlen(text) == 10 && text[4] == '-' && text[7] == '-' && strspn(text, "0123456789-") == 10;
}

bool start_read(struct start *start, const char *text)
{
    struct gtids gtids;
    *start = (struct start){.kind = START_CURRENT};
    if (strcmp(text, "current") == 0)
        return true;
    if (strcmp(text, "earliest") == 0) {
        start->kind = START_EARLIEST;
        return true;
    }
    if (leat_parse_time(text, strlen(text), &start->time_us)) {
        start->kind = START_TIME;
        return true;
    }
    gtids_init(&gtids);
    bool has_gtids = text[0] && !is_date(text) && gtids_parse(&gtids, text, strlen(text));
    gtids_fini(&gtids);
    if (has_gtids)
        start->kind = START_GTIDS;
    return has_gtids || read_place(start, text);
}
