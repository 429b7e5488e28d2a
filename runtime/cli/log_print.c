#include <cli/log_verbs.h>

#include <base/text.h>
#include <model/json.h>
#include <stdio.h>
#include <string.h>

#define PROGRESS_EVERY_NS ((int64_t)2000000000)

void put_json_text(struct leat_bytes *out, const char *name, const char *text)
{
    leat_bytes_printf(out, ", \"%s\": ", name);
    leat_json_string(out, text, strlen(text));
}

void put_json_number(struct leat_bytes *out, const char *name, uint64_t number)
{
    leat_bytes_printf(out, ", \"%s\": %llu", name, (unsigned long long)number);
}

void put_json_time(struct leat_bytes *out, const char *name, int64_t wall_us)
{
    char text[40];
    leat_text_time(text, wall_us, -1);
    put_json_text(out, name, text);
}

void print_log_progress(struct log_progress *progress, const char *name, const char *what, uint64_t done, uint64_t total)
{
    struct leat_time now = leat_now();
    char a[32], b[32], rate[32], left[32];
    if (now.ns - progress->said.ns < PROGRESS_EVERY_NS || done == 0)
        return;
    progress->said = now;
    double passed_us = (double)(now.ns - progress->began.ns) / 1000;
    fprintf(stderr, "%s: %s of %s %s, %s a second, %s left\n", name, leat_text_size(a, done), leat_text_size(b, total), what,
            leat_text_size(rate, (uint64_t)((double)done / passed_us * 1e6)),
            leat_text_duration(left, (int64_t)(passed_us * (double)(total - done) / (double)done)));
}
