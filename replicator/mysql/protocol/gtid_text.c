/* gtid_text.c - GTID sets as text. */
#include <mysql_protocol/gtid.h>

#include <base/number.h>

/* A walk over text. Blanks and new lines may stand between any two parts. */
struct reader {
    const char *at, *end;
};

static void skip_blanks(struct reader *in)
{
    while (in->at < in->end && (*in->at == ' ' || *in->at == '\n' || *in->at == '\r' || *in->at == '\t'))
        in->at++;
}

static bool take(struct reader *in, char c)
{
    skip_blanks(in);
    if (in->at == in->end || *in->at != c)
        return false;
    in->at++;
    skip_blanks(in);
    return true;
}

static bool take_number(struct reader *in, uint64_t *number)
{
    const char *start = in->at;
    while (in->at < in->end && *in->at >= '0' && *in->at <= '9')
        in->at++;
    /* 2^63 - 1 is the server's last one. */
    return leat_parse_u64(start, (size_t)(in->at - start), number) && *number > 0 && *number < INT64_MAX;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool take_uuid(struct reader *in, uint8_t uuid[16])
{
    if (in->end - in->at < 36)
        return false;
    const char *p = in->at;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            if (*p++ != '-')
                return false;
        }
        int high = hex_digit(p[0]), low = hex_digit(p[1]);
        if (high < 0 || low < 0)
            return false;
        uuid[i] = (uint8_t)(high << 4 | low);
        p += 2;
    }
    in->at = p;
    return true;
}

static bool is_tag_character(char c, bool is_first)
{
    return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (!is_first && c >= '0' && c <= '9');
}

/* Up to 32 letters, digits, underscores; the server keeps them in lower case. */
static bool take_tag(struct reader *in, char tag[33])
{
    size_t len = 0;
    while (in->at < in->end && is_tag_character(*in->at, len == 0)) {
        if (len == 32)
            return false;
        char c = *in->at++;
        tag[len++] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    tag[len] = 0;
    return len > 0;
}

/* uuid[:tag]:interval[:interval]...[:tag:interval...] */
static bool take_source(struct leat_gtid_set *set, struct reader *in)
{
    uint8_t uuid[16];
    char tag[33] = "";
    bool wants_interval = false;
    if (!take_uuid(in, uuid))
        return false;
    while (take(in, ':')) {
        if (in->at < in->end && is_tag_character(*in->at, true)) {
            if (wants_interval || !take_tag(in, tag))
                return false;
            wants_interval = true;
            continue;
        }
        uint64_t first, last;
        if (!take_number(in, &first))
            return false;
        last = first;
        if (take(in, '-') && !take_number(in, &last))
            return false;
        leat_gtid_set_add_range(set, uuid, tag, first, last + 1); /* last < first: none, as the server */
        wants_interval = false;
    }
    return !wants_interval;
}

static bool take_set(struct leat_gtid_set *set, struct reader *in)
{
    for (;;) {
        while (take(in, ',')) /* the server lets empty parts pass */
            ;
        skip_blanks(in);
        if (in->at == in->end)
            return true;
        if (!take_source(set, in))
            return false;
        skip_blanks(in);
        if (in->at < in->end && *in->at != ',')
            return false;
    }
}

bool leat_gtid_set_parse(struct leat_gtid_set *set, const char *text, size_t len)
{
    leat_gtid_set_fini(set);
    struct reader in = {text, text + len};
    bool is_good = take_set(set, &in);
    if (!is_good)
        leat_gtid_set_fini(set);
    return is_good;
}

/* ---- printing ---- */

void leat_uuid_print(char out[36], const uint8_t uuid[16])
{
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *out++ = '-';
        *out++ = "0123456789abcdef"[uuid[i] >> 4];
        *out++ = "0123456789abcdef"[uuid[i] & 15];
    }
}

static void print_number(struct leat_bytes *out, uint64_t number)
{
    char text[LEAT_NUMBER_MAX];
    leat_bytes_add(out, text, leat_print_u64(text, number));
}

static void print_intervals(struct leat_bytes *out, const struct leat_gtid_source *source)
{
    for (uint32_t i = 0; i < source->count; i++) {
        leat_bytes_put(out, ':');
        print_number(out, source->intervals[i].first);
        if (source->intervals[i].end - source->intervals[i].first == 1)
            continue;
        leat_bytes_put(out, '-');
        print_number(out, source->intervals[i].end - 1);
    }
}

void leat_gtid_set_print(const struct leat_gtid_set *set, struct leat_bytes *out)
{
    const struct leat_gtid_source *last = NULL;
    for (uint32_t i = 0; i < set->count; i++) {
        const struct leat_gtid_source *source = &set->sources[i];
        if (!last || memcmp(last->uuid, source->uuid, 16) != 0) {
            char uuid[36];
            leat_uuid_print(uuid, source->uuid);
            if (last)
                leat_bytes_put(out, ',');
            leat_bytes_add(out, uuid, sizeof uuid);
        }
        if (source->tag[0]) {
            leat_bytes_put(out, ':');
            leat_bytes_text(out, source->tag);
        }
        print_intervals(out, source);
        last = source;
    }
}

/* "domain-server-number" */
static char *put_place(char *out, uint32_t domain, uint32_t server, uint64_t seq)
{
    out += leat_print_u64(out, domain);
    *out++ = '-';
    out += leat_print_u64(out, server);
    *out++ = '-';
    return out + leat_print_u64(out, seq);
}

size_t leat_gtid_print(char out[LEAT_GTID_TEXT_MAX], const struct leat_binlog_gtid *gtid, bool is_mariadb)
{
    char *at = out;
    if (is_mariadb) {
        at = put_place(at, gtid->domain, gtid->server, gtid->seq);
    } else {
        leat_uuid_print(at, gtid->uuid);
        at += 36;
        *at++ = ':';
        size_t tag_len = strlen(gtid->tag);
        if (tag_len > 0) {
            memcpy(at, gtid->tag, tag_len);
            at += tag_len;
            *at++ = ':';
        }
        at += leat_print_u64(at, gtid->seq);
    }
    *at = 0;
    return (size_t)(at - out);
}

void leat_gtid_list_print(const struct leat_gtid_list *list, struct leat_bytes *out)
{
    for (uint32_t i = 0; i < list->count; i++) {
        char text[LEAT_GTID_TEXT_MAX];
        const struct leat_gtid_place *place = &list->places[i];
        if (i > 0)
            leat_bytes_put(out, ',');
        leat_bytes_add(out, text, (size_t)(put_place(text, place->domain, place->server, place->seq) - text));
    }
}

/* ---- MariaDB's lists ---- */

static bool take_u64(struct reader *in, uint64_t max, uint64_t *number)
{
    const char *start = in->at;
    while (in->at < in->end && *in->at >= '0' && *in->at <= '9')
        in->at++;
    return leat_parse_u64(start, (size_t)(in->at - start), number) && *number <= max;
}

static bool take_place(struct reader *in, struct leat_gtid_place *place)
{
    uint64_t domain, server;
    if (!take_u64(in, UINT32_MAX, &domain) || !take(in, '-') || !take_u64(in, UINT32_MAX, &server) ||
        !take(in, '-') || !take_u64(in, UINT64_MAX, &place->seq))
        return false;
    place->domain = (uint32_t)domain;
    place->server = (uint32_t)server;
    return true;
}

bool leat_gtid_list_parse(struct leat_gtid_list *list, const char *text, size_t len)
{
    leat_gtid_list_fini(list);
    struct reader in = {text, text + len};
    skip_blanks(&in);
    bool is_good = true, wants_more = in.at < in.end;
    while (is_good && wants_more) {
        struct leat_gtid_place place;
        is_good = take_place(&in, &place) && !leat_gtid_list_get(list, place.domain);
        if (is_good)
            leat_gtid_list_set(list, place.domain, place.server, place.seq);
        wants_more = take(&in, ',');
    }
    if (!is_good || in.at < in.end) {
        leat_gtid_list_fini(list);
        return false;
    }
    return true;
}
