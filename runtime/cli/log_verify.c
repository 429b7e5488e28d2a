/* log_verify.c - `leat log verify`: every log of a data directory, or one, or any directory that is a log. */
#include <cli/log_verbs.h>

#include <base/clock.h>
#include <base/memory.h>
#include <base/os.h>
#include <base/text.h>
#include <commitlog/commitlog.h>
#include <model/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct verifying {
    const char *name;
    bool as_json;
    struct log_progress progress;
};

/* ---- what is printed ---- */

static void finding_json(const struct verifying *verifying, const struct leat_log_finding *finding, struct leat_bytes *out)
{
    leat_bytes_printf(out, "{\"%s\": true", finding->is_damage ? "damage" : "note");
    put_json_text(out, "log", verifying->name);
    if (finding->segment[0]) {
        put_json_text(out, "segment", finding->segment);
        put_json_number(out, "lsn", finding->lsn);
        put_json_number(out, "end_lsn", finding->end_lsn);
        put_json_number(out, "byte", finding->lsn - finding->begin_lsn);
        put_json_number(out, "bytes", finding->end_lsn - finding->lsn);
    }
    put_json_text(out, "text", finding->text);
    if (finding->topics[0])
        put_json_text(out, "topics", finding->topics);
    leat_bytes_text(out, "}\n");
}

static void finding_text(const struct verifying *verifying, const struct leat_log_finding *finding, struct leat_bytes *out)
{
    leat_bytes_printf(out, "%s: %s: ", verifying->name, finding->is_damage ? "damage" : "note");
    if (finding->segment[0])
        leat_bytes_printf(out, "segments/%s, byte%s %llu", finding->segment, finding->end_lsn > finding->lsn ? "s" : "",
                          (unsigned long long)(finding->lsn - finding->begin_lsn));
    if (finding->segment[0] && finding->end_lsn > finding->lsn)
        leat_bytes_printf(out, " to %llu", (unsigned long long)(finding->end_lsn - finding->begin_lsn - 1));
    if (finding->segment[0])
        leat_bytes_printf(out, " (LSN %llu): ", (unsigned long long)finding->lsn);
    leat_bytes_text(out, finding->text);
    if (finding->topics[0])
        leat_bytes_printf(out, "; there stood: %s", finding->topics);
    leat_bytes_text(out, "\n");
}

static void print_finding(void *arg, const struct leat_log_finding *finding)
{
    const struct verifying *verifying = arg;
    struct leat_bytes out;
    leat_bytes_init(&out, 1 << 20);
    if (verifying->as_json)
        finding_json(verifying, finding, &out);
    else
        finding_text(verifying, finding, &out);
    print_out(&out);
    leat_bytes_fini(&out);
}

static void print_progress(void *arg, uint64_t done, uint64_t total)
{
    struct verifying *verifying = arg;
    print_log_progress(&verifying->progress, verifying->name, "looked at", done, total);
}

static void summary_json(const struct verifying *verifying, const struct leat_log_summary *summary, struct leat_bytes *out)
{
    leat_bytes_text(out, "{\"summary\": true");
    put_json_text(out, "log", verifying->name);
    put_json_number(out, "segments", summary->segments);
    put_json_number(out, "frames", summary->frames);
    put_json_number(out, "units", summary->units);
    put_json_number(out, "records", summary->records);
    put_json_number(out, "bytes", summary->bytes);
    put_json_number(out, "topics", summary->topics);
    put_json_number(out, "first_lsn", summary->first_lsn);
    put_json_number(out, "end_lsn", summary->end_lsn);
    put_json_number(out, "notes", summary->notes);
    put_json_number(out, "damages", summary->damages);
    leat_bytes_text(out, "}\n");
}

static void summary_text(const struct verifying *verifying, const struct leat_log_summary *summary, struct leat_bytes *out)
{
    char frames[32], units[32], records[32], bytes[32];
    double seconds = (double)(leat_now().ns - verifying->progress.began.ns) / 1e9;
    leat_bytes_printf(out, "%s: %s: %llu segments, %s frames, %s units, %s records of %llu topics, %s, in %.1f s\n", verifying->name,
                      summary->damages ? "damaged" : "good", (unsigned long long)summary->segments,
                      leat_text_count(frames, summary->frames), leat_text_count(units, summary->units),
                      leat_text_count(records, summary->records), (unsigned long long)summary->topics,
                      leat_text_size(bytes, summary->bytes), seconds);
}

/* ---- one log ---- */

static int verify_one(const char *dir, void *arg)
{
    bool as_json = *(bool *)arg;
    const char *slash = strrchr(dir, '/');
    struct verifying verifying = {.name = slash && slash[1] ? slash + 1 : dir, .as_json = as_json,
                                  .progress = {leat_now(), leat_now()}};
    struct leat_log_visitor visitor = {print_finding, print_progress, &verifying};
    struct leat_log_summary summary;
    struct leat_error err = {.text = ""};
    enum leat_status status = leat_log_look(dir, leat_os, &visitor, &summary, &err);
    if (status == LEAT_OK || summary.damages > 0) {
        struct leat_bytes out;
        leat_bytes_init(&out, 1 << 20);
        if (as_json)
            summary_json(&verifying, &summary, &out);
        else
            summary_text(&verifying, &summary, &out);
        print_out(&out);
        leat_bytes_fini(&out);
    }
    return status == LEAT_OK ? EXIT_DONE : fail_with(&err);
}

int log_verify(const struct verb *verb, int argc, char **argv)
{
    static const char *const forms[] = {"text", "json", NULL};
    const char *data = NULL, *file = NULL, *format = "text";
    const struct flag flags[] = {PLACE_FLAGS(data, file),
                                 {"format", "text|json", &format, NULL, "json: one object a line, the summary last."}, {0}};
    struct arguments arguments;
    int exit_status = EXIT_DONE;
    if (!take_flags(verb, flags, argc, argv, &arguments, &exit_status))
        return exit_status;
    int form = take_choice(verb, "--format", format, forms);
    if (form < 0)
        return EXIT_USAGE;
    if (arguments.count > 2) /* "verify" is the first */
        return usage_error(verb, "one log at a time, or none for all: verify [LOG|DIR]");
    bool as_json = form == 1;
    return each_log(arguments.count > 1 ? arguments.items[1] : NULL, data, file, verify_one, &as_json);
}
