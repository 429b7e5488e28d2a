#include <cli/cli.h>

#include <base/clock.h>
#include <base/memory.h>
#include <base/number.h>
#include <base/os.h>
#include <base/text.h>
#include <config/bind.h>
#include <model/batch.h>
#include <model/coder.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define BATCH_BYTES ((size_t)1 << 20)
#define FOLLOW_MS 100

struct reading {
    struct leat_format format;
    struct leat_arena arena; /* of its options */
    const struct leat_coder *coder; /* of the log at hand: Debezium's source.name is its pipeline's */
    struct leat_coder *coders;      /* by split */
    uint32_t coder_count;
    bool keys, follows;
    uint64_t left;     /* records still wanted */
    int64_t partition; /* -1: any */
    struct leat_bytes out;
};

static bool add_part(struct reading *reading, const struct leat_record *rec, enum leat_part part, bool *is_null)
{
    struct leat_error err;
    *is_null = false;
    if (leat_coder_encode(reading->coder, rec, part, &reading->out, is_null, &err) == LEAT_OK)
        return true;
    fprintf(stderr, "leat: %s@%llu: %s\n", rec->topic->name, (unsigned long long)rec->offset, err.text);
    return false;
}

static void add_record(struct reading *reading, const struct leat_record *rec)
{
    size_t before = reading->out.len;
    bool is_null, is_good = true;
    if (reading->keys) {
        leat_bytes_text(&reading->out, "{\"key\":");
        is_good = add_part(reading, rec, LEAT_PART_KEY, &is_null);
        leat_bytes_text(&reading->out, is_null ? "null,\"value\":" : ",\"value\":");
    }
    is_good = is_good && add_part(reading, rec, LEAT_PART_VALUE, &is_null);
    if (reading->keys)
        leat_bytes_text(&reading->out, is_null ? "null}" : "}");
    if (!is_good || (is_null && !reading->keys))
        reading->out.len = before;
    else
        leat_bytes_put(&reading->out, '\n');
}

/* False: enough, or nobody listens any more. */
static bool print_batch(struct reading *reading, const struct leat_batch *batch)
{
    leat_bytes_clear(&reading->out);
    for (uint32_t i = 0; i < batch->count && reading->left > 0; i++) {
        if (reading->partition >= 0 && batch->records[i].partition != reading->partition)
            continue;
        add_record(reading, &batch->records[i]);
        reading->left--;
    }
    return print_out(&reading->out) && reading->left > 0;
}

static int read_all(struct reading *reading, struct place *place, struct leat_reader *reader)
{
    struct leat_batch *batch = leat_batch_new(BATCH_BYTES, 65536);
    struct leat_error err = {.text = ""};
    bool goes_on = reading->left > 0;
    int exit_status = EXIT_DONE;
    while (goes_on) {
        leat_batch_reset(batch);
        enum leat_status status = place->driver->read(reader, batch, &err);
        if (status == LEAT_OK) {
            reading->coder = &reading->coders[batch->split];
            goes_on = print_batch(reading, batch);
        } else if (status == LEAT_AGAIN) {
            goes_on = reading->follows || !batch->is_at_end;
            struct pollfd news = {.fd = place->driver->reader_fd(reader), .events = POLLIN};
            if (goes_on)
                leat_os->poll(&news, 1, FOLLOW_MS);
        } else {
            exit_status = fail_with(&err);
            goes_on = false;
        }
    }
    leat_batch_free(batch);
    return exit_status;
}

/* earliest, latest, a time, an offset. */
static bool parse_from(const char *from, const char *topic, struct leat_place *place)
{
    uint64_t offset;
    *place = (struct leat_place){.kind = LEAT_AT_FIRST, .topic = topic};
    if (strcmp(from, "earliest") == 0)
        return true;
    if (strcmp(from, "latest") == 0) {
        place->kind = LEAT_AT_END;
    } else if (leat_parse_u64(from, strlen(from), &offset)) {
        place->kind = LEAT_AT_OFFSET;
        place->offset = offset;
    } else if (leat_parse_time(from, strlen(from), &place->time_us)) {
        place->kind = LEAT_AT_TIME;
    } else {
        return false;
    }
    return true;
}

struct found {
    const char *topic; /* a name, or a pattern */
    int64_t partition; /* -1: any */
    bool is_there, has_partition;
    int32_t last; /* the highest there is */
};

static void note_topic(void *arg, const struct leat_topic_info *info)
{
    struct found *found = arg;
    const struct leat_list list = {&found->topic, 1};
    if (!leat_patterns_match(&list, info->name, false))
        return;
    found->is_there = true;
    found->has_partition |= found->partition < 0 || found->partition == info->partition;
    found->last = info->partition > found->last ? info->partition : found->last;
}

static int check_topic(struct place *place, const char *topic, int64_t partition)
{
    struct leat_error err;
    struct found found = {.topic = topic, .partition = partition};
    enum leat_status status = place->driver->describe(place->access, note_topic, NULL, &found, &err);
    if (status != LEAT_OK)
        return fail_with(&err);
    if (found.is_there && found.has_partition)
        return EXIT_DONE;
    if (found.is_there) {
        fprintf(stderr, "leat read: topic \"%s\" has no partition %lld; the last one is %d\n", topic, (long long)partition,
                (int)found.last);
        return EXIT_ERROR;
    }
    fprintf(stderr, "leat read: there is no topic \"%s\"; `leat topics` lists what there is, --follow waits for it\n", topic);
    return EXIT_ERROR;
}

/* "shop/0" is of the log "shop", which has the name of its pipeline, and of the pipeline's source. */
static enum leat_status open_coders(struct reading *reading, const struct leat_splits *splits, struct leat_error *err)
{
    enum leat_status status = LEAT_OK;
    reading->coders = leat_calloc(splits->count + 1u, sizeof *reading->coders);
    for (; status == LEAT_OK && reading->coder_count < splits->count; reading->coder_count++) {
        const char *name = splits->names[reading->coder_count], *lane = strrchr(name, '/');
        char *log = leat_strndup(name, lane ? (size_t)(lane - name) : strlen(name));
        status = leat_coder_open(&reading->coders[reading->coder_count], &reading->format, log, err);
        free(log);
    }
    return status;
}

static void close_coders(struct reading *reading)
{
    for (uint32_t i = 0; i < reading->coder_count; i++)
        leat_coder_close(&reading->coders[i]);
    free(reading->coders);
}

static int read_topic(struct reading *reading, struct place *place, const char *topic, const struct leat_place *from)
{
    const char *patterns[] = {topic};
    struct leat_list list = {patterns, 1};
    struct leat_subscription what = {.patterns = &list, .lanes = 1};
    struct leat_reader *reader;
    struct leat_splits splits;
    struct leat_error err;
    enum leat_status status = place->driver->reader_open(place->access, &what, &reader, &splits, &err);
    if (status != LEAT_OK)
        return fail_with(&err);
    for (uint32_t i = 0; status == LEAT_OK && i < splits.count; i++)
        status = place->driver->seek(reader, i, from, &err);
    if (status == LEAT_OK)
        status = open_coders(reading, &splits, &err);
    int exit_status = status == LEAT_OK ? read_all(reading, place, reader) : fail_with(&err);
    close_coders(reading);
    place->driver->reader_close(reader);
    return exit_status;
}

/* "maxwell", or as in a pipeline file: "{debezium: {decimals: string}}". */
static int find_format(struct reading *reading, const char *text)
{
    static const struct leat_option option = {.name = "--format", .type = LEAT_OPT_FORMAT};
    const struct leat_text_file file = {.path = "--format", .dir = ".", .text = text, .len = strlen(text)};
    struct leat_findings findings;
    leat_findings_init(&findings, &reading->arena);
    const struct leat_tree *tree = leat_tree_parse(&file, &reading->arena, &findings);
    const struct leat_binder binder = {.arena = &reading->arena, .findings = &findings, .base_dir = "."};
    if (tree)
        leat_bind_value(&binder, &option, tree, &reading->format);
    bool is_good = findings.errors == 0 && reading->format.codec;
    if (!is_good)
        fprintf(stderr, "leat read: %s; `leat plugins` lists what there is\n",
                findings.errors > 0 ? findings.items[0].said.text : "--format takes the name of a format");
    leat_findings_fini(&findings);
    return is_good ? EXIT_DONE : EXIT_USAGE;
}

static int run(const struct verb *verb, int argc, char **argv)
{
    const char *data = NULL, *file = NULL, *from = "earliest", *partition = NULL, *count = NULL, *format = "native-json";
    struct reading reading = {.left = UINT64_MAX, .partition = -1};
    const struct flag flags[] = {PLACE_FLAGS(data, file),
                                 {"from", "PLACE", &from, NULL, "earliest, latest, a time (RFC 3339) or an offset."},
                                 {"partition", "N", &partition, NULL, "Only this partition."},
                                 {"count", "N", &count, NULL, "At most so many records."},
                                 {"follow", NULL, NULL, &reading.follows, "Goes on as records come."},
                                 {"format", "NAME", &format, NULL, "native-json, debezium, maxwell, json ..., or {NAME: {OPTIONS}}."},
                                 {"keys", NULL, NULL, &reading.keys, "Prints {\"key\":...,\"value\":...}."},
                                 {0}};
    struct arguments arguments;
    struct place place;
    struct leat_place start;
    int exit_status = EXIT_DONE;
    if (!take_flags(verb, flags, argc, argv, &arguments, &exit_status))
        return exit_status;
    if (arguments.count != 1)
        return usage_error(verb, "which TOPIC?");
    if (!parse_from(from, arguments.items[0], &start))
        return usage_error(verb, "--from is no place: \"%s\"", from);
    if (count && !leat_parse_u64(count, strlen(count), &reading.left))
        return usage_error(verb, "--count is no number: \"%s\"", count);
    if (partition && !leat_parse_i64(partition, strlen(partition), &reading.partition))
        return usage_error(verb, "--partition is no number: \"%s\"", partition);
    leat_arena_init(&reading.arena, 0);
    exit_status = find_format(&reading, format);
    if (exit_status != EXIT_DONE) {
        leat_arena_fini(&reading.arena);
        return exit_status;
    }
    exit_status = open_place(&place, data, file, true);
    if (exit_status == EXIT_DONE) {
        leat_bytes_init(&reading.out, (size_t)2 << 30);
        if (!reading.follows)
            exit_status = check_topic(&place, arguments.items[0], reading.partition);
        if (exit_status == EXIT_DONE)
            exit_status = read_topic(&reading, &place, arguments.items[0], &start);
        leat_bytes_fini(&reading.out);
        close_place(&place);
    }
    leat_arena_fini(&reading.arena);
    return exit_status;
}

const struct verb verb_read = {"read", "TOPIC", "Records of a topic, one a line.", run};
