#include <mysql/verdict.h>

#include <stdio.h>
#include <stdlib.h>

/* a - b as text; false: nothing is left. */
static bool print_rest(const struct leat_gtid_set *a, const struct leat_gtid_set *b, struct leat_bytes *out)
{
    struct leat_gtid_set rest;
    leat_gtid_set_init(&rest);
    leat_gtid_set_add_set(&rest, a);
    leat_gtid_set_subtract(&rest, b);
    bool is_left = !leat_gtid_set_is_empty(&rest);
    if (is_left)
        leat_gtid_set_print(&rest, out);
    leat_gtid_set_fini(&rest);
    return is_left;
}

enum verdict verdict_of_sets(const struct leat_gtid_set *ours, const struct leat_gtid_set *executed,
                             const struct leat_gtid_set *purged, struct leat_bytes *missing)
{
    if (print_rest(ours, executed, missing))
        return VERDICT_BEHIND;
    return print_rest(purged, ours, missing) ? VERDICT_PURGED : VERDICT_GOES_ON;
}

static bool take_number(const char **at, char end, uint64_t max, uint64_t *number)
{
    char *after;
    if (**at < '0' || **at > '9')
        return false;
    *number = strtoull(*at, &after, 10);
    bool is_good = *number <= max && (*after == end || (end == ',' && *after == '\0'));
    *at = *after ? after + 1 : after;
    return is_good;
}

/* Looks `place` up among "domain-server-number,...": false where the text cannot be read. */
static bool has_place(const char *state, const struct leat_gtid_place *place, bool *is_there)
{
    *is_there = false;
    for (const char *at = state; *at;) {
        uint64_t domain, server, seq;
        if (*at == ',' || *at == ' ' || *at == '\n') {
            at++;
            continue;
        }
        if (!take_number(&at, '-', UINT32_MAX, &domain) || !take_number(&at, '-', UINT32_MAX, &server) ||
            !take_number(&at, ',', UINT64_MAX, &seq))
            return false;
        *is_there = *is_there || (domain == place->domain && server == place->server && seq >= place->seq);
    }
    return true;
}

static void print_place(struct leat_bytes *out, const struct leat_gtid_place *place)
{
    leat_bytes_printf(out, "%s%u-%u-%llu", out->len ? "," : "", place->domain, place->server, (unsigned long long)place->seq);
}

bool verdict_of_lists(enum verdict *verdict, const struct leat_gtid_list *ours, const char *state,
                      const struct leat_gtid_list *first, struct leat_bytes *missing)
{
    *verdict = VERDICT_GOES_ON;
    for (uint32_t i = 0; i < ours->count; i++) {
        bool is_there;
        if (!has_place(state, &ours->places[i], &is_there))
            return false;
        if (is_there)
            continue;
        *verdict = VERDICT_BEHIND;
        print_place(missing, &ours->places[i]);
    }
    if (*verdict != VERDICT_GOES_ON)
        return true;
    for (uint32_t i = 0; i < first->count; i++) {
        const struct leat_gtid_place *place = &first->places[i];
        if (leat_gtid_list_has(ours, place->domain, place->seq))
            continue;
        *verdict = VERDICT_PURGED;
        print_place(missing, place);
    }
    return true;
}
