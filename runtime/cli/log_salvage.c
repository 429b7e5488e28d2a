/* log_salvage.c - `leat log salvage DIR NEWDIR`: what is whole of a damaged log, and what is lost. */
#include <cli/log_verbs.h>

#include <base/hash.h>
#include <base/memory.h>
#include <base/os.h>
#include <base/text.h>
#include <commitlog/salvage.h>
#include <model/json.h>
#include <oms/decode.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_LOST 5 /* as of damage */
#define LOSSES_TOLD 5 /* for each hole, in text; the sums tell all of them */

struct salvaging {
    const char *name, *to;
    bool as_json;
    struct log_progress progress;
    struct oms_decoder *decoder;
    struct leat_bytes out;
    struct leat_table older; /* "position shop.orders" that was told */
};

static void flush_out(struct salvaging *salvaging)
{
    print_out(&salvaging->out);
    leat_bytes_clear(&salvaging->out);
}

/* ---- what is told on the way ---- */

static void print_note(void *arg, const char *text)
{
    struct salvaging *salvaging = arg;
    if (salvaging->as_json) {
        leat_bytes_text(&salvaging->out, "{\"note\": true");
        put_json_text(&salvaging->out, "log", salvaging->name);
        put_json_text(&salvaging->out, "text", text);
        leat_bytes_text(&salvaging->out, "}\n");
    } else {
        leat_bytes_printf(&salvaging->out, "%s: note: %s\n", salvaging->name, text);
    }
    flush_out(salvaging);
}

static void print_progress(void *arg, const char *what, uint64_t done, uint64_t total)
{
    struct salvaging *salvaging = arg;
    print_log_progress(&salvaging->progress, salvaging->name, what, done, total);
}

static void put_topic(const struct leat_log_loss *loss, struct leat_bytes *out)
{
    leat_bytes_text(out, loss->topic);
    if (loss->partition > 0)
        leat_bytes_printf(out, "/%d", loss->partition);
}

static void put_loss_json(const struct leat_log_loss *loss, struct leat_bytes *out)
{
    leat_bytes_text(out, "\"topic\": ");
    leat_json_string(out, loss->topic, strlen(loss->topic));
    put_json_number(out, "partition", (uint64_t)loss->partition);
    put_json_number(out, "first", loss->first);
    if (loss->count == LEAT_LOG_UNKNOWN) {
        leat_bytes_text(out, ", \"last\": null, \"count\": null");
    } else {
        put_json_number(out, "last", loss->first + loss->count - 1);
        put_json_number(out, "count", loss->count);
    }
}

static void put_loss_text(const struct leat_log_loss *loss, struct leat_bytes *out)
{
    put_topic(loss, out);
    if (loss->count == LEAT_LOG_UNKNOWN)
        leat_bytes_printf(out, " from offset %llu on, if it held any", (unsigned long long)loss->first);
    else if (loss->count == 1)
        leat_bytes_printf(out, " offset %llu", (unsigned long long)loss->first);
    else
        leat_bytes_printf(out, " offsets %llu to %llu", (unsigned long long)loss->first,
                          (unsigned long long)(loss->first + loss->count - 1));
}

static void hole_json(const struct leat_log_hole *hole, struct leat_bytes *out)
{
    put_json_text(out, "segment", hole->segment);
    put_json_number(out, "lsn", hole->from);
    put_json_number(out, "end_lsn", hole->to);
    put_json_number(out, "byte", hole->from - hole->base);
    put_json_number(out, "bytes", hole->to - hole->from);
    if (hole->after_us)
        put_json_time(out, "after", hole->after_us);
    if (hole->before_us)
        put_json_time(out, "before", hole->before_us);
    leat_bytes_text(out, ", \"lost\": [");
    for (uint32_t i = 0; i < hole->loss_count; i++) {
        leat_bytes_text(out, i ? ", {" : "{");
        put_loss_json(&hole->losses[i], out);
        leat_bytes_text(out, "}");
    }
    leat_bytes_text(out, "]}\n");
}

static void hole_text(const struct leat_log_hole *hole, struct leat_bytes *out)
{
    char time[40];
    leat_bytes_printf(out, "segments/%s, bytes %llu to %llu (LSN %llu to %llu)", hole->segment,
                      (unsigned long long)(hole->from - hole->base), (unsigned long long)(hole->to - hole->base - 1),
                      (unsigned long long)hole->from, (unsigned long long)(hole->to - 1));
    if (hole->after_us) {
        leat_text_time(time, hole->after_us, 3);
        leat_bytes_printf(out, ", committed after %s", time);
    }
    if (hole->before_us) {
        leat_text_time(time, hole->before_us, 3);
        leat_bytes_printf(out, "%s %s", hole->after_us ? " and before" : ", committed before", time);
    }
    for (uint32_t i = 0; i < hole->loss_count && i < LOSSES_TOLD; i++) {
        leat_bytes_text(out, i ? ", " : ": ");
        put_loss_text(&hole->losses[i], out);
    }
    if (hole->loss_count > LOSSES_TOLD)
        leat_bytes_printf(out, " and %u more topics", hole->loss_count - LOSSES_TOLD);
    leat_bytes_text(out, hole->loss_count ? "\n" : ": no records\n");
}

static void print_hole(void *arg, const struct leat_log_hole *hole)
{
    struct salvaging *salvaging = arg;
    if (salvaging->as_json) {
        leat_bytes_text(&salvaging->out, "{\"hole\": true");
        put_json_text(&salvaging->out, "log", salvaging->name);
        hole_json(hole, &salvaging->out);
    } else {
        leat_bytes_printf(&salvaging->out, "%s: lost: ", salvaging->name);
        hole_text(hole, &salvaging->out);
    }
    flush_out(salvaging);
}

static void print_loss(void *arg, const struct leat_log_loss *loss)
{
    struct salvaging *salvaging = arg;
    struct leat_bytes *out = &salvaging->out;
    if (salvaging->as_json) {
        leat_bytes_text(out, "{\"lost\": true");
        put_json_text(out, "log", salvaging->name);
        leat_bytes_text(out, ", ");
        put_loss_json(loss, out);
        leat_bytes_text(out, "}\n");
    } else {
        leat_bytes_printf(out, "%s: lost of ", salvaging->name);
        put_loss_text(loss, out);
        if (loss->count != LEAT_LOG_UNKNOWN)
            leat_bytes_printf(out, ": %llu record%s", (unsigned long long)loss->count, loss->count == 1 ? "" : "s");
        leat_bytes_text(out, "\n");
    }
    flush_out(salvaging);
}

/* ---- positions and the like that are perhaps older ---- */

static const char *consequence(const char *kind)
{
    if (strcmp(kind, "position") == 0)
        return "its position may be an older one: it reads from there again, and what is kept of that comes twice, under new offsets";
    if (strcmp(kind, "hint") == 0)
        return "our copy of its mark may be an older one: a sink whose target keeps the mark goes on by that; another one writes again "
               "what it wrote since";
    if (strcmp(kind, "transform") == 0)
        return "what its transforms remember may be older";
    if (strcmp(kind, "intent") == 0)
        return "what was asked of it (a replay, a dead letter sent back) may be asked again, or be forgotten";
    return NULL;
}

static void put_older(struct salvaging *salvaging, const char *kind, const char *connector, const char *text)
{
    struct leat_bytes *out = &salvaging->out;
    if (salvaging->as_json) {
        leat_bytes_text(out, "{\"older\": true");
        put_json_text(out, "log", salvaging->name);
        put_json_text(out, "kind", kind);
        put_json_text(out, "connector", connector);
        put_json_text(out, "text", text);
        leat_bytes_text(out, "}\n");
    } else {
        leat_bytes_printf(out, "%s: %s: %s\n", salvaging->name, connector, text);
    }
    flush_out(salvaging);
}

static void print_older(void *arg, const void *key, size_t key_len)
{
    struct salvaging *salvaging = arg;
    struct leat_bytes connector, name;
    leat_bytes_init(&connector, SIZE_MAX);
    leat_bytes_init(&name, SIZE_MAX);
    const char *kind = oms_decoder_name(key, key_len, &connector, &name);
    const char *text = kind ? consequence(kind) : NULL;
    leat_bytes_put(&connector, 0);
    char *once = leat_format_dup("%s %s", kind ? kind : "", (const char *)connector.data);
    if (text && !leat_table_set(&salvaging->older, once, strlen(once), salvaging))
        put_older(salvaging, kind, (const char *)connector.data, text);
    free(once);
    leat_bytes_fini(&name);
    leat_bytes_fini(&connector);
}

/* ---- records whose schema is lost are lost ---- */

static void take_state(void *arg, const void *key, size_t key_len, const void *value, size_t value_len, bool is_set)
{
    const struct salvaging *salvaging = arg;
    oms_decoder_state(salvaging->decoder, key, key_len, value, value_len, is_set);
}

static bool is_readable(void *arg, uint16_t record_format, const uint8_t *stream, size_t len)
{
    const struct salvaging *salvaging = arg;
    const char *why;
    return oms_decoder_records(salvaging->decoder, record_format, stream, len, NULL, UINT32_MAX, NULL, NULL, &why);
}

/* ---- the end ---- */

static void summary_json(const struct salvaging *salvaging, const struct leat_log_salvaged *sum, struct leat_bytes *out)
{
    leat_bytes_text(out, "{\"summary\": true");
    put_json_text(out, "log", salvaging->name);
    put_json_text(out, "new", salvaging->to);
    put_json_number(out, "segments", sum->segments);
    put_json_number(out, "units", sum->units);
    put_json_number(out, "frames", sum->frames);
    put_json_number(out, "bytes", sum->bytes);
    put_json_number(out, "first_lsn", sum->first_lsn);
    put_json_number(out, "end_lsn", sum->end_lsn);
    put_json_number(out, "holes", sum->holes);
    put_json_number(out, "hole_bytes", sum->hole_bytes);
    put_json_number(out, "lost_records", sum->lost_records);
    leat_bytes_printf(out, ", \"has_uncounted\": %s", sum->has_uncounted ? "true" : "false");
    leat_bytes_printf(out, ", \"is_end_lost\": %s", sum->is_end_lost ? "true" : "false");
    put_json_number(out, "torn_bytes", sum->torn_bytes);
    leat_bytes_text(out, "}\n");
}

static void summary_text(const struct salvaging *salvaging, const struct leat_log_salvaged *sum, struct leat_bytes *out)
{
    char units[32], bytes[32], lost[32], holes[32];
    leat_bytes_printf(out, "%s: %s units, %s in %llu segments are in %s\n", salvaging->name, leat_text_count(units, sum->units),
                      leat_text_size(bytes, sum->bytes), (unsigned long long)sum->segments, salvaging->to);
    if (sum->torn_bytes > 0)
        leat_bytes_printf(out, "%s: a torn tail of %s was left out: it was never acknowledged\n", salvaging->name,
                          leat_text_size(bytes, sum->torn_bytes));
    if (sum->holes == 0) {
        leat_bytes_printf(out, "%s: nothing is lost\n", salvaging->name);
        return;
    }
    leat_bytes_printf(out, "%s: %s record%s lost%s, in %llu hole%s of %s in all\n", salvaging->name,
                      leat_text_count(lost, sum->lost_records), sum->lost_records == 1 ? " is" : "s are",
                      sum->has_uncounted ? ", and an unknown number more" : "", (unsigned long long)sum->holes,
                      sum->holes == 1 ? "" : "s", leat_text_size(holes, sum->hole_bytes));
    if (sum->is_end_lost)
        leat_bytes_printf(out,
                          "%s: the end is lost: a source whose position went with it delivers that again, under new offsets, as far as "
                          "it still has it\n",
                          salvaging->name);
}

static int salvage(const char *from, const char *to, bool as_json)
{
    const char *slash = strrchr(from, '/');
    struct salvaging salvaging = {.name = slash ? slash + 1 : from, .to = to, .as_json = as_json,
                                  .progress = {leat_now(), leat_now()}, .decoder = oms_decoder_new()};
    const struct leat_log_salvage_calls calls = {
        .arg = &salvaging, .note = print_note, .progress = print_progress, .hole = print_hole, .loss = print_loss,
        .older = print_older, .state = take_state, .is_readable = is_readable};
    struct leat_log_salvaged sum;
    struct leat_error err = {.text = ""};
    leat_bytes_init(&salvaging.out, SIZE_MAX);
    leat_table_init(&salvaging.older);
    enum leat_status status = leat_log_salvage(from, to, leat_os, &calls, &sum, &err);
    if (status == LEAT_OK && as_json)
        summary_json(&salvaging, &sum, &salvaging.out);
    else if (status == LEAT_OK)
        summary_text(&salvaging, &sum, &salvaging.out);
    flush_out(&salvaging);
    leat_table_fini(&salvaging.older, NULL);
    leat_bytes_fini(&salvaging.out);
    oms_decoder_free(salvaging.decoder);
    return status != LEAT_OK ? fail_with(&err) : sum.holes > 0 ? EXIT_LOST : EXIT_DONE;
}

/* Without the slashes at its end. */
static char *trimmed(const char *path)
{
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/')
        len--;
    return leat_strndup(path, len);
}

int log_salvage(const struct verb *verb, int argc, char **argv)
{
    static const char *const forms[] = {"text", "json", NULL};
    const char *format = "text";
    const struct flag flags[] = {{"format", "text|json", &format, NULL, "json: one object a line, the summary last."}, {0}};
    struct arguments arguments;
    int exit_status = EXIT_DONE;
    if (!take_flags(verb, flags, argc, argv, &arguments, &exit_status))
        return exit_status;
    int form = take_choice(verb, "--format", format, forms);
    if (form < 0)
        return EXIT_USAGE;
    if (arguments.count != 3) /* "salvage" is the first */
        return usage_error(verb, "which log, and where to? salvage DIR NEWDIR, as in salvage leat-data/logs/shop shop.new");
    char *from = trimmed(arguments.items[1]), *to = trimmed(arguments.items[2]);
    exit_status = salvage(from, to, form == 1);
    free(from);
    free(to);
    return exit_status;
}
