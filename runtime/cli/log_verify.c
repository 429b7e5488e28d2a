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

#define PROGRESS_EVERY_NS ((int64_t)2000000000)

struct verifying {
    const char *name;
    bool as_json;
    struct leat_time began, said;
};

/* ---- what is printed ---- */

static void put_text(struct leat_bytes *out, const char *name, const char *text)
{
    leat_bytes_printf(out, ", \"%s\": ", name);
    leat_json_string(out, text, strlen(text));
}

static void put_number(struct leat_bytes *out, const char *name, uint64_t number)
{
    leat_bytes_printf(out, ", \"%s\": %llu", name, (unsigned long long)number);
}

static void finding_json(const struct verifying *verifying, const struct leat_log_finding *finding, struct leat_bytes *out)
{
    leat_bytes_printf(out, "{\"%s\": true", finding->is_damage ? "damage" : "note");
    put_text(out, "log", verifying->name);
    if (finding->segment[0]) {
        put_text(out, "segment", finding->segment);
        put_number(out, "lsn", finding->lsn);
        put_number(out, "end_lsn", finding->end_lsn);
        put_number(out, "byte", finding->lsn - finding->begin_lsn);
        put_number(out, "bytes", finding->end_lsn - finding->lsn);
    }
    put_text(out, "text", finding->text);
    if (finding->topics[0])
        put_text(out, "topics", finding->topics);
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
    struct leat_time now = leat_now();
    char a[32], b[32], rate[32], left[32];
    if (now.ns - verifying->said.ns < PROGRESS_EVERY_NS || done == 0)
        return;
    verifying->said = now;
    double passed_us = (double)(now.ns - verifying->began.ns) / 1000;
    fprintf(stderr, "%s: %s of %s, %s a second, %s left\n", verifying->name, leat_text_size(a, done), leat_text_size(b, total),
            leat_text_size(rate, (uint64_t)((double)done / passed_us * 1e6)),
            leat_text_duration(left, (int64_t)(passed_us * (double)(total - done) / (double)done)));
}

static void summary_json(const struct verifying *verifying, const struct leat_log_summary *summary, struct leat_bytes *out)
{
    leat_bytes_text(out, "{\"summary\": true");
    put_text(out, "log", verifying->name);
    put_number(out, "segments", summary->segments);
    put_number(out, "frames", summary->frames);
    put_number(out, "units", summary->units);
    put_number(out, "records", summary->records);
    put_number(out, "bytes", summary->bytes);
    put_number(out, "topics", summary->topics);
    put_number(out, "first_lsn", summary->first_lsn);
    put_number(out, "end_lsn", summary->end_lsn);
    put_number(out, "notes", summary->notes);
    put_number(out, "damages", summary->damages);
    leat_bytes_text(out, "}\n");
}

static void summary_text(const struct verifying *verifying, const struct leat_log_summary *summary, struct leat_bytes *out)
{
    char frames[32], units[32], records[32], bytes[32];
    double seconds = (double)(leat_now().ns - verifying->began.ns) / 1e9;
    leat_bytes_printf(out, "%s: %s: %llu segments, %s frames, %s units, %s records of %llu topics, %s, in %.1f s\n", verifying->name,
                      summary->damages ? "damaged" : "good", (unsigned long long)summary->segments,
                      leat_text_count(frames, summary->frames), leat_text_count(units, summary->units),
                      leat_text_count(records, summary->records), (unsigned long long)summary->topics,
                      leat_text_size(bytes, summary->bytes), seconds);
}

/* ---- which logs ---- */

static int verify_one(const char *dir, bool as_json)
{
    const char *slash = strrchr(dir, '/');
    struct verifying verifying = {.name = slash && slash[1] ? slash + 1 : dir, .as_json = as_json, .began = leat_now(),
                                  .said = leat_now()};
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

static int verify_all(const char *data, const char *only, bool as_json)
{
    char *logs = leat_format_dup("%s/logs", data);
    int exit_status = EXIT_DONE;
    uint32_t count = 0;
    DIR *dir = leat_os->opendir(logs);
    for (struct dirent *entry; dir && (entry = leat_os->readdir(dir));) {
        if (entry->d_name[0] == '.' || (only && strcmp(only, entry->d_name) != 0))
            continue;
        char *log = leat_format_dup("%s/%s", logs, entry->d_name);
        int status = verify_one(log, as_json);
        free(log);
        exit_status = status > exit_status ? status : exit_status;
        count++;
    }
    if (dir)
        leat_os->closedir(dir);
    if (count == 0) {
        fprintf(stderr, "leat: there is no log%s%s in %s\n", only ? " " : "", only ? only : "", logs);
        exit_status = EXIT_ERROR;
    }
    free(logs);
    return exit_status;
}

int log_verify(const struct verb *verb, int argc, char **argv)
{
    static const char *const forms[] = {"text", "json", NULL};
    const char *data = NULL, *file = NULL, *format = "text";
    const struct flag flags[] = {PLACE_FLAGS(data, file),
                                 {"format", "text|json", &format, NULL, "json: one object a line, the summary last."}, {0}};
    struct arguments arguments;
    int exit_status = EXIT_DONE;
    char *url;
    if (!take_flags(verb, flags, argc, argv, &arguments, &exit_status))
        return exit_status;
    int form = take_choice(verb, "--format", format, forms);
    if (form < 0)
        return EXIT_USAGE;
    if (arguments.count > 2) /* "verify" is the first */
        return usage_error(verb, "one log at a time, or none for all: verify [LOG|DIR]");
    const char *which = arguments.count > 1 ? arguments.items[1] : NULL;
    if (which && strchr(which, '/'))
        return verify_one(which, form == 1);
    char *dir = find_data(data, file, &url, &exit_status);
    if (!dir)
        return exit_status;
    exit_status = verify_all(dir, which, form == 1);
    free(dir);
    free(url);
    return exit_status;
}
