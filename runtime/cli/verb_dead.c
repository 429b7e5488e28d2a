/* verb_dead.c - list and show read the files, beside a daemon or without one; replay and drop are asked of the daemon, and
 * done here where none runs. */
#include <cli/cli.h>

#include <base/memory.h>
#include <base/text.h>
#include <control/datadir.h>
#include <control/letters.h>
#include <leat/task.h>
#include <model/json.h>
#include <model/reasons.h>
#include <stdio.h>
#include <stdlib.h>

#define OUT_MOST ((size_t)1 << 30)

struct dead {
    const char *data, *file, *format, *connector, *topic;
    bool is_all;
    struct leat_letter_id id;
    bool has_id;
};

static struct leat_letters_query query_of(const struct dead *dead)
{
    return (struct leat_letters_query){dead->topic, dead->connector, dead->has_id ? &dead->id : NULL};
}

/* ---- list ---- */

struct listing {
    const struct dead *dead;
    struct leat_bytes out;
    uint64_t count;
    int64_t oldest_us;
    struct leat_reasons reasons;
};

static void put_text(struct leat_bytes *out, const char *name, const char *text)
{
    leat_bytes_printf(out, ",\"%s\":", name);
    if (text[0])
        leat_json_string(out, text, strlen(text));
    else
        leat_bytes_text(out, "null");
}

static void put_field(struct leat_bytes *out, const struct leat_value *letter, const char *name)
{
    const struct leat_value *value = leat_map_get(letter, name);
    struct leat_value null = leat_value_null();
    leat_bytes_printf(out, ",\"%s\":", name);
    leat_json_value(out, value ? value : &null);
}

static void put_json(struct leat_bytes *out, const struct leat_letter_seen *seen, bool has_record)
{
    static const char *const fields[] = {"connector", "stage", "error", "identity", "topic", "partition",
                                         "offset",    "op",    "time",  "died",     NULL};
    char id[300];
    leat_bytes_text(out, "{\"id\":");
    leat_letter_id_text(&seen->id, id);
    leat_json_string(out, id, strlen(id));
    put_text(out, "state", leat_letter_state_name(seen->state));
    for (const char *const *field = fields; *field; field++)
        put_field(out, &seen->letter->value, *field);
    if (has_record) {
        put_field(out, &seen->letter->value, "record");
        put_field(out, &seen->letter->value, "original");
    }
    leat_bytes_text(out, "}\n");
}

static const char *age(char text[32], int64_t since_us)
{
    int64_t us = leat_wall_us() - since_us;
    return leat_text_duration(text, us > 0 ? us / 1000000 * 1000000 : 0);
}

static void put_line(struct leat_bytes *out, const struct leat_letter_seen *seen)
{
    char id[300], connector[100], error[400], when[32], state[16] = "";
    const struct leat_value *letter = &seen->letter->value;
    if (seen->state != LEAT_LETTER_OPEN)
        snprintf(state, sizeof state, "(%s) ", leat_letter_state_name(seen->state));
    leat_bytes_printf(out, "%-20s %-20s %10s  %s%s\n", leat_letter_id_text(&seen->id, id),
                      leat_letter_text(letter, "connector", connector, sizeof connector),
                      age(when, leat_letter_int(letter, "died")), state,
                      leat_letter_text(letter, "error", error, sizeof error));
}

static bool list_one(void *arg, const struct leat_letter_seen *seen)
{
    struct listing *listing = arg;
    char error[400];
    int64_t died_us = leat_letter_int(&seen->letter->value, "died");
    if (seen->state != LEAT_LETTER_OPEN && !listing->dead->is_all)
        return true;
    if (strcmp(listing->dead->format, "json") == 0)
        put_json(&listing->out, seen, false);
    else
        put_line(&listing->out, seen);
    leat_reasons_add(&listing->reasons, leat_letter_text(&seen->letter->value, "error", error, sizeof error), 1);
    if (listing->count++ == 0 || died_us < listing->oldest_us)
        listing->oldest_us = died_us;
    bool goes_on = listing->out.len < (64 << 10) || print_out(&listing->out);
    if (listing->out.len >= (64 << 10))
        leat_bytes_clear(&listing->out);
    return goes_on;
}

static void put_summary(struct listing *listing)
{
    char when[32];
    struct leat_reasons *reasons = &listing->reasons;
    if (listing->count == 0) {
        leat_bytes_text(&listing->out, "no dead letters\n");
        return;
    }
    leat_reasons_sort(reasons);
    leat_bytes_printf(&listing->out, "%llu letter%s, the oldest %s old\n", (unsigned long long)listing->count,
                      listing->count == 1 ? "" : "s", age(when, listing->oldest_us));
    for (uint32_t i = 0; i < reasons->kinds; i++)
        leat_bytes_printf(&listing->out, "%8llu x %s\n", (unsigned long long)reasons->items[i].count,
                          reasons->items[i].example);
    if (reasons->others > 0)
        leat_bytes_printf(&listing->out, "%8llu of other reasons\n", (unsigned long long)reasons->others);
}

/* ---- show: the letter, and the bytes of what it is about ---- */

static void put_hex(struct leat_bytes *out, const uint8_t *bytes, size_t len)
{
    for (size_t at = 0; at < len; at += 16) {
        leat_bytes_printf(out, "  %08zx ", at);
        for (size_t i = at; i < at + 16; i++)
            leat_bytes_printf(out, i < len ? " %02x" : "   ", i < len ? bytes[i] : 0);
        leat_bytes_text(out, "  ");
        for (size_t i = at; i < at + 16 && i < len; i++)
            leat_bytes_put(out, bytes[i] >= ' ' && bytes[i] < 127 ? bytes[i] : '.');
        leat_bytes_put(out, '\n');
    }
}

/* Bytes of a message as they came: of a value that is text or bytes. Rows have none: their JSON is printed. */
static void put_bytes(struct leat_bytes *out, const char *name, const struct leat_value *value)
{
    bool is_text = value->type == LEAT_TEXT || value->type == LEAT_JSON;
    if (!is_text && value->type != LEAT_BYTES)
        return;
    leat_bytes_printf(out, "%s, %u bytes:\n", name, value->len);
    put_hex(out, value->as.bytes, value->len);
    if (is_text) {
        leat_bytes_printf(out, "%s as text: ", name);
        leat_json_string(out, value->as.text, value->len);
        leat_bytes_put(out, '\n');
    }
}

static void put_parts(struct leat_bytes *out, const struct leat_record *rec)
{
    put_bytes(out, "key", &rec->key);
    put_bytes(out, "value", &rec->value);
    for (uint32_t i = 0; rec->value.type == LEAT_MAP && i < rec->value.len; i++) {
        const struct leat_value *pair = &rec->value.as.items[2 * i];
        char name[80];
        if (pair[0].type != LEAT_TEXT)
            continue;
        snprintf(name, sizeof name, "value.%.*s", (int)pair[0].len, pair[0].as.text);
        put_bytes(out, name, &pair[1]);
    }
}

static void put_all(struct leat_bytes *out, const struct leat_letter_seen *seen)
{
    static const char *const fields[] = {"connector", "stage", "error", "identity", "topic", "partition",
                                         "offset",    "op",    "time",  "died",     "record", NULL};
    char id[300];
    struct leat_batch *batch = leat_batch_new(1 << 20, 1);
    leat_bytes_printf(out, "%s: %s\n", leat_letter_id_text(&seen->id, id), leat_letter_state_name(seen->state));
    for (const char *const *field = fields; *field; field++) {
        const struct leat_value *value = leat_map_get(&seen->letter->value, *field);
        if (!value || value->type == LEAT_NULL)
            continue;
        leat_bytes_printf(out, "%-10s ", *field);
        leat_json_value(out, value);
        leat_bytes_put(out, '\n');
    }
    if (leat_letter_original(&seen->letter->value, batch))
        put_parts(out, leat_batch_get(batch, 0));
    else
        leat_bytes_text(out, "its record is not in it: it was larger than max_record\n");
    leat_batch_free(batch);
}

static bool show_one(void *arg, const struct leat_letter_seen *seen)
{
    struct listing *listing = arg;
    if (strcmp(listing->dead->format, "json") == 0)
        put_json(&listing->out, seen, true);
    else
        put_all(&listing->out, seen);
    listing->count++;
    return true;
}

/* ---- reading ---- */

struct opened { /* the letters of a place, and what a pipeline file says of their connectors */
    struct place place;
    struct loaded loaded;
    struct leat_letters letters;
};

static void close_letters(const struct dead *dead, struct opened *opened)
{
    if (dead->file)
        unload(&opened->loaded);
    close_place(&opened->place);
}

static int open_letters(const struct dead *dead, bool is_read_only, struct opened *opened)
{
    *opened = (struct opened){.loaded = {.config = NULL}};
    int exit_status = open_place(&opened->place, dead->data, dead->file, is_read_only);
    if (exit_status != EXIT_DONE)
        return exit_status;
    if (dead->file)
        exit_status = load_files(&opened->loaded, &(struct arguments){(const char *[]){dead->file}, 1}, false);
    if (exit_status != EXIT_DONE)
        close_letters(dead, opened);
    opened->letters = (struct leat_letters){.driver = opened->place.driver, .access = opened->place.access,
                                            .config = opened->loaded.config};
    return exit_status;
}

static int look(const struct dead *dead, bool is_show)
{
    struct opened opened;
    struct leat_error err;
    int exit_status = open_letters(dead, true, &opened);
    if (exit_status != EXIT_DONE)
        return exit_status;
    struct leat_letters_query query = query_of(dead);
    struct listing listing = {.dead = dead};
    leat_bytes_init(&listing.out, OUT_MOST);
    if (leat_letters_each(&opened.letters, &query, is_show ? show_one : list_one, &listing, &err) != LEAT_OK) {
        exit_status = fail_with(&err);
    } else if (is_show && listing.count == 0) {
        fprintf(stderr, "leat dead: there is no such letter\n");
        exit_status = EXIT_ERROR;
    } else if (!is_show && strcmp(dead->format, "text") == 0) {
        put_summary(&listing);
    }
    print_out(&listing.out);
    leat_bytes_fini(&listing.out);
    close_letters(dead, &opened);
    return exit_status;
}

/* ---- replay, drop ---- */

/* The daemon does it; 0: none runs. */
static long ask(const struct dead *dead, const char *action, const char *dir, struct leat_bytes *answer)
{
    struct leat_bytes path;
    char id[300];
    leat_bytes_init(&path, 4096);
    leat_bytes_printf(&path, "/dead/%s?", action);
    if (dead->has_id)
        put_query(&path, "id", leat_letter_id_text(&dead->id, id));
    if (dead->connector)
        put_query(&path, "connector", dead->connector);
    if (dead->topic)
        put_query(&path, "topic", dead->topic);
    leat_bytes_put(&path, '\0');
    long code = ask_daemon(dir, "POST", (const char *)path.data, answer);
    leat_bytes_fini(&path);
    return code;
}

static int settle_here(const struct dead *dead, enum leat_letter_state to, struct leat_bytes *report)
{
    struct opened opened;
    struct leat_error err;
    int exit_status = open_letters(dead, false, &opened);
    if (exit_status != EXIT_DONE)
        return exit_status;
    struct leat_letters_query query = query_of(dead);
    if (leat_letters_settle(&opened.letters, &query, to, report, &err) != LEAT_OK)
        exit_status = fail_with(&err);
    close_letters(dead, &opened);
    return exit_status;
}

static int settle_offline(const struct dead *dead, enum leat_letter_state to, const char *dir, struct leat_bytes *report)
{
    struct leat_error err;
    int lock_fd;
    if (leat_datadir_hold(dir, &lock_fd, &err) != LEAT_OK)
        return fail_with(&err);
    int exit_status = settle_here(dead, to, report);
    leat_datadir_release(lock_fd);
    return exit_status;
}

static int settle(const struct dead *dead, const char *action)
{
    struct leat_bytes report;
    enum leat_letter_state to = strcmp(action, "drop") == 0 ? LEAT_LETTER_DROPPED : LEAT_LETTER_REPLAYED;
    int exit_status = EXIT_ERROR;
    char *url, *dir = find_data(dead->data, dead->file, &url, &exit_status);
    if (!dir)
        return exit_status;
    leat_bytes_init(&report, OUT_MOST);
    long code = ask(dead, action, dir, &report);
    if (code == 0)
        exit_status = settle_offline(dead, to, dir, &report);
    else
        exit_status = code == 200 ? EXIT_DONE : EXIT_ERROR;
    if (exit_status == EXIT_DONE || code == 0)
        print_out(&report);
    else
        fprintf(stderr, "leat: %.*s", (int)report.len, (const char *)report.data);
    leat_bytes_fini(&report);
    free(dir);
    free(url);
    return exit_status;
}

/* ---- the verb ---- */

static int take_target(const struct verb *verb, struct dead *dead, const struct arguments *arguments, const char *action)
{
    const char *what = arguments->count > 1 ? arguments->items[1] : NULL;
    bool is_list = strcmp(action, "list") == 0;
    if (arguments->count > 2)
        return usage_error(verb, "one ID at a time, or --all");
    if (is_list && what && !leat_letter_id_parse(what, &dead->id)) {
        dead->connector = what;
        return EXIT_DONE;
    }
    if (what && !leat_letter_id_parse(what, &dead->id))
        return usage_error(verb, "\"%s\" is no ID; `leat dead list` shows them: shop.dead:17", what);
    dead->has_id = what != NULL;
    if (is_list)
        return EXIT_DONE;
    if (strcmp(action, "show") == 0)
        return what ? EXIT_DONE : usage_error(verb, "show which ID?");
    if (what && (dead->is_all || dead->connector || dead->topic))
        return usage_error(verb, "an ID is one letter; --all, --sink and --topic mean several");
    return what || dead->is_all ? EXIT_DONE : usage_error(verb, "%s which ID? --all means all that are open", action);
}

static int run(const struct verb *verb, int argc, char **argv)
{
    static const char *const actions[] = {"list", "show", "replay", "drop", NULL};
    static const char *const forms[] = {"text", "json", NULL};
    struct dead dead = {.format = "text"};
    const struct flag flags[] = {
        PLACE_FLAGS(dead.data, dead.file),
        {"all", NULL, NULL, &dead.is_all, "list: also those that were replayed or dropped. replay, drop: all that are open."},
        {"sink", "NAME", &dead.connector, NULL, "Only those that this connector refused: shop.archive, or shop for its source."},
        {"topic", "NAME", &dead.topic, NULL, "Only those of this topic; needed for `errors: {topic: ...}` without -f."},
        {"format", "text|json", &dead.format, NULL, "json: one object a line."},
        {0}};
    struct arguments arguments;
    int exit_status = EXIT_DONE;
    if (!take_flags(verb, flags, argc, argv, &arguments, &exit_status))
        return exit_status;
    if (arguments.count == 0)
        return usage_error(verb, "list, show, replay or drop?");
    int action = take_choice(verb, "the action", arguments.items[0], actions);
    if (action < 0 || take_choice(verb, "--format", dead.format, forms) < 0)
        return EXIT_USAGE;
    exit_status = take_target(verb, &dead, &arguments, actions[action]);
    if (exit_status != EXIT_DONE)
        return exit_status;
    return action < 2 ? look(&dead, action == 1) : settle(&dead, actions[action]);
}

const struct verb verb_dead = {"dead", "list [NAME] | show ID | replay|drop ID|--all", "Records that were refused: dead letters.", run};
