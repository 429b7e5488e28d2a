/* recut.c - the marks of N lanes become those of M: all at the earliest place of the old ones, and with each of them how far
 * each old lane was. What an old lane has written beyond that place the host leaves out (leat_task_written), so that it does
 * not matter where the old lanes stood when they were killed.
 *
 *   written   "3:0a17,,0a20;" of three lanes; the second had written nothing. Several such, when lanes change again before
 *             the first change is behind all of them.
 */
#include <mysql/ledger.h>

#include <base/memory.h>
#include <mysql/literal.h>
#include <stdio.h>
#include <stdlib.h>

#define CUTS_MOST 8

/* ---- names and texts ---- */

struct lane lane_of(const char *split)
{
    const char *slash = strrchr(split, '/');
    unsigned number, count;
    char rest;
    if (!slash)
        return (struct lane){.count = 0};
    struct lane lane = {.prefix = (size_t)(slash + 1 - split)};
    if (strcmp(slash, "/0") == 0)
        lane.count = 1;
    else if (sscanf(slash, "/%uof%u%c", &number, &count, &rest) == 2 && number < count && count <= LEDGER_SPLITS_MAX)
        lane = (struct lane){lane.prefix, number, count};
    return lane;
}

const char *cursor_text(const struct leat_cursor *cursor, char out[CURSOR_TEXT])
{
    out[0] = '\0';
    for (uint8_t i = 0; i < cursor->len; i++)
        snprintf(out + 2 * i, 3, "%02x", cursor->bytes[i]);
    return out;
}

bool cursor_parse(const char **at, struct leat_cursor *cursor)
{
    unsigned byte;
    size_t digits = strspn(*at, "0123456789abcdef");
    *cursor = (struct leat_cursor){.len = (uint8_t)(digits / 2)};
    if (digits % 2 != 0 || digits / 2 > sizeof cursor->bytes)
        return false;
    for (uint8_t i = 0; i < cursor->len; i++) {
        sscanf(*at + 2 * i, "%2x", &byte);
        cursor->bytes[i] = (uint8_t)byte;
    }
    *at += digits;
    return true;
}

/* ---- cuts: how far each of so many lanes was ---- */

struct cut {
    uint32_t lanes;
    struct leat_cursor cursors[LEDGER_SPLITS_MAX];
};
struct cuts {
    struct cut items[CUTS_MOST];
    uint32_t count;
    bool is_over;
};

static struct cut *cut_add(struct cuts *cuts, uint32_t lanes)
{
    cuts->is_over = cuts->is_over || cuts->count == CUTS_MOST;
    if (cuts->is_over)
        return NULL;
    cuts->items[cuts->count] = (struct cut){.lanes = lanes};
    return &cuts->items[cuts->count++];
}

static struct leat_cursor cut_edge(const struct cut *cut, bool is_furthest)
{
    struct leat_cursor edge = cut->cursors[0];
    for (uint32_t i = 1; i < cut->lanes; i++)
        if ((leat_cursor_compare(&cut->cursors[i], &edge) > 0) == is_furthest)
            edge = cut->cursors[i];
    return edge;
}

static bool has_cut(const struct cuts *cuts, const struct cut *wanted)
{
    for (uint32_t i = 0; i < cuts->count; i++) {
        bool is_same = cuts->items[i].lanes == wanted->lanes;
        for (uint32_t k = 0; is_same && k < wanted->lanes; k++)
            is_same = leat_cursor_compare(&cuts->items[i].cursors[k], &wanted->cursors[k]) == 0;
        if (is_same)
            return true;
    }
    return false;
}

/* Adds what a text of column `written` says. */
static bool parse_cuts(const char *text, struct cuts *cuts)
{
    while (*text) {
        char *end;
        struct cut cut = {.lanes = (uint32_t)strtoul(text, &end, 10)};
        if (cut.lanes == 0 || cut.lanes > LEDGER_SPLITS_MAX || *end != ':')
            return false;
        text = end + 1;
        for (uint32_t i = 0; i < cut.lanes; i++, text++)
            if (!cursor_parse(&text, &cut.cursors[i]) || *text != (i + 1 < cut.lanes ? ',' : ';'))
                return false;
        struct cut *made = has_cut(cuts, &cut) ? NULL : cut_add(cuts, cut.lanes);
        if (made)
            *made = cut;
    }
    return true;
}

static void print_cuts(struct leat_bytes *out, const struct cuts *cuts)
{
    char text[CURSOR_TEXT];
    for (uint32_t i = 0; i < cuts->count; i++) {
        leat_bytes_printf(out, "%u:", cuts->items[i].lanes);
        for (uint32_t k = 0; k < cuts->items[i].lanes; k++)
            leat_bytes_printf(out, "%s%c", cursor_text(&cuts->items[i].cursors[k], text),
                              k + 1 < cuts->items[i].lanes ? ',' : ';');
    }
}

bool ledger_tell_written(const char *text, struct leat_task *task, uint32_t split, struct leat_cursor *furthest)
{
    struct cuts *cuts = leat_calloc(1, sizeof *cuts);
    bool is_good = parse_cuts(text, cuts) && !cuts->is_over;
    *furthest = (struct leat_cursor){.len = 0};
    for (uint32_t i = 0; is_good && i < cuts->count; i++) {
        struct leat_cursor edge = cut_edge(&cuts->items[i], true);
        if (leat_cursor_compare(&edge, furthest) > 0)
            *furthest = edge;
        leat_task_written(task, split, cuts->items[i].lanes, cuts->items[i].cursors);
    }
    free(cuts);
    return is_good;
}

/* ---- what is there ---- */

struct found {
    struct cuts live; /* of the rows; one for each number of lanes */
    struct cuts past; /* of their `written` */
    struct leat_mark mark; /* the one to begin at */
    uint64_t newest_epoch;
    uint32_t others; /* a number of lanes that is not ours; 0: there are none */
    char owner[300], when[40];
};

static struct cut *live_cut(struct found *found, uint32_t lanes)
{
    for (uint32_t i = 0; i < found->live.count; i++)
        if (found->live.items[i].lanes == lanes)
            return &found->live.items[i];
    return cut_add(&found->live, lanes);
}

/* split, owner_epoch, mark, written, owner, claimed_at. False: damaged. */
static bool look_at_row(struct found *found, const struct lane *ours, MYSQL_ROW cells, const unsigned long *lengths)
{
    struct leat_mark mark = {.layout = 0};
    struct lane lane = lane_of(cells[0]);
    uint64_t epoch = strtoull(cells[1], NULL, 10);
    if (lane.count == 0 || (cells[2] && !leat_mark_decode(cells[2], lengths[2], &mark)))
        return lane.count == 0;
    found->others = lane.count != ours->count ? lane.count : found->others;
    if (epoch >= found->newest_epoch) {
        found->newest_epoch = epoch;
        snprintf(found->owner, sizeof found->owner, "%s", cells[4] ? cells[4] : "unknown");
        snprintf(found->when, sizeof found->when, "%s", cells[5] ? cells[5] : "an unknown time");
    }
    struct cut *cut = mark.layout != 0 || lane.count != ours->count ? live_cut(found, lane.count) : NULL;
    if (cut)
        cut->cursors[lane.number] = mark.cursor;
    return !cells[3] || parse_cuts(cells[3], &found->past);
}

static enum leat_status look(struct ledger *ledger, struct client *client, const char *split, const char *lock,
                             struct found *found, MYSQL_RES **rows, struct leat_error *err)
{
    char prefix[CLIENT_NAME_MAX], name[300];
    struct lane ours = lane_of(split);
    bool is_good = true;
    snprintf(name, sizeof name, "%.*s", (int)ours.prefix, split);
    enum leat_status status = client_query(
        client, rows, err,
        "SELECT split, owner_epoch, mark, written, owner, claimed_at FROM %s WHERE connector = %s AND LEFT(split, "
        "CHAR_LENGTH(%s)) = %s%s",
        ledger->table, ledger->connector, client_text(client, prefix, name), prefix, lock);
    if (status != LEAT_OK)
        return status;
    *found = (struct found){.newest_epoch = 0};
    for (MYSQL_ROW cells; is_good && (cells = mysql_fetch_row(*rows));)
        is_good = look_at_row(found, &ours, cells, mysql_fetch_lengths(*rows));
    return is_good ? LEAT_OK
                   : leat_fail(err, LEAT_STOP, "a mark of the target for %s is damaged; a copy of its row in a backup mends it",
                               name);
}

/* All that is before the earliest mark of a cut was written: of several cuts the one that is furthest counts. */
static struct leat_cursor find_begin(const struct found *found)
{
    struct leat_cursor begin = {.len = 0};
    for (uint32_t i = 0; i < found->live.count; i++) {
        struct leat_cursor edge = cut_edge(&found->live.items[i], false);
        if (leat_cursor_compare(&edge, &begin) > 0)
            begin = edge;
    }
    return begin;
}

/* ---- making it anew ---- */

static void keep_cuts(struct cuts *kept, const struct cuts *cuts, const struct leat_cursor *begin)
{
    for (uint32_t i = 0; i < cuts->count; i++) {
        struct leat_cursor edge = cut_edge(&cuts->items[i], true);
        if (leat_cursor_compare(&edge, begin) <= 0 || has_cut(kept, &cuts->items[i]))
            continue;
        struct cut *made = cut_add(kept, cuts->items[i].lanes);
        if (made)
            *made = cuts->items[i];
    }
}

/* The stored bytes of the mark that is at `begin`, as a literal; NULL where no lane was that far. */
static void add_mark(struct leat_bytes *sql, MYSQL_RES *rows, const struct leat_cursor *begin)
{
    struct leat_mark mark;
    mysql_data_seek(rows, 0);
    for (MYSQL_ROW cells; begin->len > 0 && (cells = mysql_fetch_row(rows));) {
        unsigned long len = mysql_fetch_lengths(rows)[2];
        if (lane_of(cells[0]).count > 0 && cells[2] && leat_mark_decode(cells[2], len, &mark) &&
            leat_cursor_compare(&mark.cursor, begin) == 0) {
            literal_bytes(sql, cells[2], len);
            return;
        }
    }
    leat_bytes_text(sql, "NULL");
}

static enum leat_status run_sql(struct client *client, struct leat_bytes *sql, struct leat_error *err)
{
    if (sql->is_over)
        return leat_fail(err, LEAT_STOP, "the marks of the lanes are too long");
    return mysql_real_query(client->mysql, (const char *)sql->data, (unsigned long)sql->len) == 0
               ? LEAT_OK
               : client_failed(client, "the marks of the lanes", err);
}

static enum leat_status drop_rows(struct ledger *ledger, struct client *client, MYSQL_RES *rows, struct leat_error *err)
{
    enum leat_status status = LEAT_OK;
    char split[CLIENT_NAME_MAX];
    mysql_data_seek(rows, 0);
    for (MYSQL_ROW cells; status == LEAT_OK && (cells = mysql_fetch_row(rows));)
        if (lane_of(cells[0]).count > 0)
            status = client_run(client, err, "DELETE FROM %s WHERE connector = %s AND split = %s", ledger->table,
                                ledger->connector, client_text(client, split, cells[0]));
    return status;
}

static enum leat_status make_rows(struct ledger *ledger, struct client *client, const char *split, const char *owner,
                                  MYSQL_RES *rows, const struct found *found, const struct cuts *written, struct leat_error *err)
{
    struct lane ours = lane_of(split);
    struct leat_cursor begin = find_begin(found);
    struct leat_bytes sql, mark;
    char name[320];
    leat_bytes_init(&sql, (size_t)4 << 20);
    leat_bytes_init(&mark, 4 * LEAT_MARK_BYTES_MAX);
    add_mark(&mark, rows, &begin);
    leat_bytes_printf(&sql, "INSERT INTO %s (connector, split, owner_epoch, sequence, owner, claimed_at, mark, written) VALUES ",
                      ledger->table);
    for (uint32_t i = 0; i < ours.count; i++) {
        snprintf(name, sizeof name, ours.count == 1 ? "%.*s0" : "%.*s%uof%u", (int)ours.prefix, split, i, ours.count);
        leat_bytes_printf(&sql, "%s(%s, ", i ? ", " : "", ledger->connector);
        literal_text(&sql, name, strlen(name));
        leat_bytes_printf(&sql, ", %llu, 0, ", (unsigned long long)found->newest_epoch + 1);
        literal_text(&sql, owner, strlen(owner));
        leat_bytes_text(&sql, ", UTC_TIMESTAMP(3), ");
        leat_bytes_add(&sql, mark.data, mark.len);
        leat_bytes_text(&sql, written->count > 0 ? ", '" : ", NULL)");
        print_cuts(&sql, written);
        leat_bytes_text(&sql, written->count > 0 ? "')" : "");
    }
    enum leat_status status = drop_rows(ledger, client, rows, err);
    if (status == LEAT_OK)
        status = run_sql(client, &sql, err);
    leat_bytes_fini(&mark);
    leat_bytes_fini(&sql);
    return status;
}

static enum leat_status recut(struct ledger *ledger, struct client *client, const char *split, const char *owner,
                              struct found *found, struct leat_error *err)
{
    MYSQL_RES *rows = NULL;
    struct cuts *written = leat_calloc(1, sizeof *written);
    /* Once to wait for whoever is there; the second sees what that one made. */
    enum leat_status status = look(ledger, client, split, " FOR UPDATE", found, &rows, err);
    if (rows)
        mysql_free_result(rows);
    rows = NULL;
    if (status == LEAT_OK)
        status = look(ledger, client, split, " FOR UPDATE", found, &rows, err);
    struct leat_cursor begin = find_begin(found);
    keep_cuts(written, &found->live, &begin);
    keep_cuts(written, &found->past, &begin);
    if (status == LEAT_OK && (written->is_over || found->live.is_over || found->past.is_over))
        status = leat_fail(err, LEAT_STOP, "`parallel` was changed too often before the lanes were level: set it back to what "
                                           "it was, and let them run for a while");
    if (status == LEAT_OK && found->others > 0) {
        status = make_rows(ledger, client, split, owner, rows, found, written, err);
        leat_say(LEAT_INFO, "mysql", "the marks of %u lane%s in %.*s become those of %u%s", found->others,
                 found->others == 1 ? "" : "s", (int)lane_of(split).prefix, split, lane_of(split).count,
                 written->count > 0 ? "; what the furthest lane has written is left out" : "");
    }
    if (rows)
        mysql_free_result(rows);
    free(written);
    return status;
}

enum leat_status ledger_recut(struct ledger *ledger, struct client *client, const char *split, const char *owner,
                              uint64_t held, struct leat_error *err)
{
    MYSQL_RES *rows = NULL;
    if (lane_of(split).count == 0)
        return LEAT_OK;
    struct found *found = leat_calloc(1, sizeof *found);
    enum leat_status status = look(ledger, client, split, "", found, &rows, err);
    if (rows)
        mysql_free_result(rows);
    if (status == LEAT_OK && found->others > 0 && held > 0)
        status = leat_fail(err, LEAT_FENCED,
                           "the target's mark for %s was claimed by another instance, for other lanes: %s, at %s UTC; stop one "
                           "of the two: the one that starts last writes",
                           split, found->owner, found->when);
    if (status == LEAT_OK && found->others > 0)
        status = recut(ledger, client, split, owner, found, err);
    free(found);
    return status;
}
