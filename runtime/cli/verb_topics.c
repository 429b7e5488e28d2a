#include <cli/cli.h>

#include <base/text.h>
#include <model/json.h>
#include <stdio.h>

struct listing {
    struct leat_bytes *out;
    const char *name; /* NULL: all */
    bool as_json;
    uint32_t count;
};

static void put_time(char out[40], int64_t time_us)
{
    if (time_us > 0)
        leat_text_time(out, time_us, 0);
    else
        snprintf(out, 40, "-");
}

static void print_json(struct leat_bytes *out, const struct leat_topic_info *info)
{
    char first[40], last[40];
    put_time(first, info->first_us);
    put_time(last, info->last_us);
    leat_bytes_text(out, "{\"topic\":");
    leat_json_string(out, info->name, strlen(info->name));
    leat_bytes_text(out, ",\"log\":");
    leat_json_string(out, info->log, strlen(info->log));
    leat_bytes_printf(out,
                      ",\"partition\":%d,\"records\":%llu,\"bytes\":%llu,\"first\":%llu,\"next\":%llu,\"first_time\":\"%s\","
                      "\"last_time\":\"%s\"}\n",
                      info->partition, (unsigned long long)(info->next - info->first), (unsigned long long)info->bytes,
                      (unsigned long long)info->first, (unsigned long long)info->next, first, last);
}

static void print_topic(void *arg, const struct leat_topic_info *info)
{
    struct listing *listing = arg;
    char records[32], bytes[32], last[40];
    if (listing->name && strcmp(listing->name, info->name) != 0)
        return;
    listing->count++;
    if (listing->as_json) {
        print_json(listing->out, info);
        return;
    }
    put_time(last, info->last_us);
    leat_bytes_printf(listing->out, "%-32s %14s records %10s  offsets %llu to %llu  last %s\n", info->name,
                      leat_text_count(records, info->next - info->first), leat_text_size(bytes, info->bytes),
                      (unsigned long long)info->first, (unsigned long long)info->next, last);
}

static int run(const struct verb *verb, int argc, char **argv)
{
    static const char *const forms[] = {"text", "json", NULL};
    const char *format = "text", *data = NULL, *file = NULL;
    const struct flag flags[] = {PLACE_FLAGS(data, file), {"format", "text|json", &format, NULL, "json: one object a line."}, {0}};
    struct arguments arguments;
    struct place place;
    int exit_status = EXIT_DONE;
    if (!take_flags(verb, flags, argc, argv, &arguments, &exit_status))
        return exit_status;
    int form = take_choice(verb, "--format", format, forms);
    if (form < 0)
        return EXIT_USAGE;
    exit_status = open_place(&place, data, file, true);
    if (exit_status != EXIT_DONE)
        return exit_status;
    struct leat_bytes out;
    struct leat_error err;
    leat_bytes_init(&out, (size_t)1 << 30);
    struct listing listing = {&out, arguments.count ? arguments.items[0] : NULL, form == 1, 0};
    enum leat_status status = place.driver->describe(place.access, print_topic, NULL, &listing, &err);
    print_out(&out);
    leat_bytes_fini(&out);
    close_place(&place);
    if (status != LEAT_OK)
        return fail_with(&err);
    if (listing.name && listing.count == 0) {
        fprintf(stderr, "leat: there is no topic \"%s\"; `leat topics` lists them\n", listing.name);
        return EXIT_ERROR;
    }
    return EXIT_DONE;
}

const struct verb verb_topics = {"topics", "[NAME]", "Topics: records, bytes, offsets, times.", run};
