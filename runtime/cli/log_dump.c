/* log_dump.c - `leat log dump`: frames, records or keyed state of a log, as they stand on the disk. */
#include <cli/log_verbs.h>

#include <base/memory.h>
#include <base/number.h>
#include <base/os.h>
#include <base/text.h>
#include <commitlog/dump.h>
#include <model/codecs.h>
#include <model/json.h>
#include <oms/decode.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OUT_BYTES ((size_t)64 << 10)

struct dumping {
    const char *name;
    bool as_json, with_frames, with_records, with_state;
    uint64_t from, to;
    struct oms_decoder *decoder;
    struct leat_bytes out;
    struct leat_bytes items; /* of the frame at hand, one a line */
    uint64_t states, consumers, topics, incarnations; /* of the frame at hand */
    const struct leat_log_dump_frame *frame;
    const struct leat_topic **slots;
    uint64_t *offsets;
    uint32_t slot_cap, index;
    void *coder;
    bool is_over; /* nobody listens any more */
};

static void flush_out(struct dumping *dumping, size_t least)
{
    if (dumping->out.len < least)
        return;
    dumping->is_over = dumping->is_over || !print_out(&dumping->out);
    leat_bytes_clear(&dumping->out);
}

/* ---- segments, trouble ---- */

static void print_segment(void *arg, const struct leat_log_dump_segment *segment)
{
    struct dumping *dumping = arg;
    struct leat_bytes *out = &dumping->out;
    char size[32];
    if (!dumping->with_frames)
        return;
    if (dumping->as_json) {
        leat_bytes_text(out, "{\"segment\": ");
        leat_json_string(out, segment->name, strlen(segment->name));
        put_json_text(out, "log", dumping->name);
        put_json_number(out, "base_lsn", segment->base);
        put_json_number(out, "size", segment->size);
        put_json_number(out, "fold_lsn", segment->fold_lsn);
        put_json_number(out, "salt", segment->salt);
        if (segment->trouble)
            put_json_text(out, "damage", segment->trouble);
        leat_bytes_text(out, "}\n");
    } else {
        leat_bytes_printf(out, "%s: segments/%s: %s, salt %08x, names the fold at %llu%s%s\n", dumping->name, segment->name,
                          leat_text_size(size, segment->size), segment->salt, (unsigned long long)segment->fold_lsn,
                          segment->trouble ? "; " : "", segment->trouble ? segment->trouble : "");
    }
    flush_out(dumping, OUT_BYTES);
}

static void print_damage(void *arg, uint64_t from, uint64_t to, const char *what)
{
    struct dumping *dumping = arg;
    struct leat_bytes *out = &dumping->out;
    if (dumping->as_json) {
        leat_bytes_text(out, "{\"damage\": true");
        put_json_text(out, "log", dumping->name);
        put_json_number(out, "lsn", from);
        put_json_number(out, "end_lsn", to);
        put_json_text(out, "text", what);
        leat_bytes_text(out, "}\n");
    } else {
        leat_bytes_printf(out, "%s: DAMAGE from LSN %llu to %llu: %s\n", dumping->name, (unsigned long long)from,
                          (unsigned long long)(to - 1), what);
    }
}

static void print_note(void *arg, const char *text)
{
    struct dumping *dumping = arg;
    if (dumping->as_json) {
        leat_bytes_text(&dumping->out, "{\"note\": ");
        leat_json_string(&dumping->out, text, strlen(text));
        put_json_text(&dumping->out, "log", dumping->name);
        leat_bytes_text(&dumping->out, "}\n");
    } else {
        leat_bytes_printf(&dumping->out, "%s: note: %s\n", dumping->name, text);
    }
}

/* ---- what a frame changes beside its records ---- */

static void put_item(struct dumping *dumping, const char *what, const char *owner, const struct leat_bytes *name, bool is_set,
                     const struct leat_bytes *value)
{
    struct leat_bytes *out = &dumping->items;
    if (dumping->as_json) {
        leat_bytes_printf(out, "\"%s\": true", what);
        if (owner[0])
            put_json_text(out, "connector", owner);
        leat_bytes_printf(out, ", \"key\": %.*s, \"value\": %.*s", (int)name->len, (const char *)name->data,
                          is_set ? (int)value->len : 4, is_set ? (const char *)value->data : "null");
    } else {
        leat_bytes_printf(out, "%s%s%s %.*s%s%.*s", what, owner[0] ? " " : "", owner, (int)name->len, (const char *)name->data,
                          is_set ? " = " : " removed", is_set ? (int)value->len : 0, is_set ? (const char *)value->data : "");
    }
    leat_bytes_put(out, '\n');
}

static void take_state(void *arg, bool is_before, const void *key, size_t key_len, const void *value, size_t value_len, bool is_set)
{
    struct dumping *dumping = arg;
    struct leat_bytes owner, name, text;
    oms_decoder_state(dumping->decoder, key, key_len, value, value_len, is_set);
    if (is_before)
        return;
    dumping->states++;
    if (!dumping->with_state)
        return;
    leat_bytes_init(&owner, SIZE_MAX);
    leat_bytes_init(&name, SIZE_MAX);
    leat_bytes_init(&text, SIZE_MAX);
    const char *what = oms_decoder_name(key, key_len, &owner, &name);
    leat_bytes_put(&owner, 0);
    if (!what || name.len == 0)
        leat_json_string(&name, key, what ? 0 : key_len);
    oms_decoder_value(key, key_len, value, value_len, &text);
    put_item(dumping, what ? what : "state", (const char *)owner.data, &name, is_set, &text);
    leat_bytes_fini(&text);
    leat_bytes_fini(&name);
    leat_bytes_fini(&owner);
}

static void put_numbered(struct dumping *dumping, const char *what, const char *text, size_t len, bool is_set, uint64_t number)
{
    struct leat_bytes name, value;
    if (!dumping->with_state)
        return;
    leat_bytes_init(&name, SIZE_MAX);
    leat_bytes_init(&value, SIZE_MAX);
    leat_json_string(&name, text, len);
    leat_bytes_printf(&value, "%llu", (unsigned long long)number);
    put_item(dumping, what, "", &name, is_set, &value);
    leat_bytes_fini(&value);
    leat_bytes_fini(&name);
}

static void take_consumer(void *arg, const char *name, size_t len, uint64_t lsn)
{
    struct dumping *dumping = arg;
    dumping->consumers++;
    put_numbered(dumping, "consumer", name, len, lsn != UINT64_MAX, lsn);
}

static void take_incarnation(void *arg, const struct leat_uuid *uuid, uint64_t first_lsn)
{
    struct dumping *dumping = arg;
    char text[40];
    for (int i = 0; i < 16; i++)
        snprintf(text + 2 * i, 3, "%02x", uuid->bytes[i]);
    dumping->incarnations++;
    put_numbered(dumping, "incarnation", text, 32, true, first_lsn);
}

static void take_topic(void *arg, uint32_t id, int32_t partition, const char *name, size_t len)
{
    struct dumping *dumping = arg;
    (void)partition;
    dumping->topics++;
    put_numbered(dumping, "topic", name, len, true, id);
}

static void print_items(struct dumping *dumping, uint64_t lsn)
{
    const char *at = (const char *)dumping->items.data, *end = at + dumping->items.len;
    while (at < end) {
        const char *line = memchr(at, '\n', (size_t)(end - at));
        leat_bytes_printf(&dumping->out, dumping->as_json ? "{\"lsn\": %llu, " : "%llu ", (unsigned long long)lsn);
        leat_bytes_add(&dumping->out, at, (size_t)(line - at));
        leat_bytes_text(&dumping->out, dumping->as_json ? "}\n" : "\n");
        at = line + 1;
        flush_out(dumping, OUT_BYTES);
    }
    leat_bytes_clear(&dumping->items);
    dumping->states = dumping->consumers = dumping->topics = dumping->incarnations = 0;
}

/* ---- frames ---- */

static void put_part_text(const struct leat_log_dump_part *part, bool is_gap, struct leat_bytes *out)
{
    if (part->topic)
        leat_bytes_printf(out, " %s", part->topic);
    else
        leat_bytes_printf(out, " topic number %u", part->topic_id);
    if (part->partition > 0)
        leat_bytes_printf(out, "/%d", part->partition);
    leat_bytes_printf(out, "@%llu", (unsigned long long)part->base_offset);
    if (is_gap && part->count == LEAT_LOG_UNKNOWN)
        leat_bytes_text(out, "+?");
    else
        leat_bytes_printf(out, "+%llu", (unsigned long long)part->count);
}

static void frame_text(const struct dumping *dumping, const struct leat_log_dump_frame *frame, struct leat_bytes *out)
{
    char time[40], size[32];
    leat_text_time(time, frame->time_us, 6);
    leat_bytes_printf(out, "%llu %s, unit %llu%s%s, %s, %s", (unsigned long long)frame->lsn, frame->kind, (unsigned long long)frame->unit,
                      frame->is_first ? " first" : "", frame->is_last ? " last" : "",
                      leat_text_size(size, frame->next_lsn - frame->lsn), time);
    for (uint32_t i = 0; i < frame->part_count; i++)
        put_part_text(&frame->parts[i], frame->is_gap, out);
    if (frame->audience)
        leat_bytes_printf(out, ", for %s alone", frame->audience);
    if (dumping->states)
        leat_bytes_printf(out, ", %llu of state", (unsigned long long)dumping->states);
    if (dumping->consumers)
        leat_bytes_printf(out, ", %llu consumers", (unsigned long long)dumping->consumers);
    if (dumping->topics)
        leat_bytes_printf(out, ", defines %llu topics", (unsigned long long)dumping->topics);
    if (dumping->incarnations)
        leat_bytes_printf(out, ", lineage of %llu", (unsigned long long)dumping->incarnations);
    leat_bytes_printf(out, ", durable was %llu\n", (unsigned long long)frame->durable);
}

static void put_parts_json(const struct leat_log_dump_frame *frame, struct leat_bytes *out)
{
    leat_bytes_printf(out, ", \"%s\": [", frame->is_gap ? "lost" : "parts");
    for (uint32_t i = 0; i < frame->part_count; i++) {
        const struct leat_log_dump_part *part = &frame->parts[i];
        leat_bytes_printf(out, "%s{\"id\": %u", i ? ", " : "", part->topic_id);
        if (part->topic)
            put_json_text(out, "topic", part->topic);
        leat_bytes_printf(out, ", \"partition\": %d", part->partition);
        put_json_number(out, "offset", part->base_offset);
        if (frame->is_gap && part->count == LEAT_LOG_UNKNOWN)
            leat_bytes_text(out, ", \"count\": null}");
        else
            leat_bytes_printf(out, ", \"count\": %llu}", (unsigned long long)part->count);
    }
    leat_bytes_text(out, "]");
}

static void frame_json(const struct dumping *dumping, const struct leat_log_dump_frame *frame, struct leat_bytes *out)
{
    leat_bytes_printf(out, "{\"frame\": \"%s\"", frame->kind);
    put_json_number(out, "lsn", frame->lsn);
    put_json_number(out, "next_lsn", frame->next_lsn);
    put_json_number(out, "unit", frame->unit);
    leat_bytes_printf(out, ", \"first\": %s, \"last\": %s", frame->is_first ? "true" : "false", frame->is_last ? "true" : "false");
    put_json_time(out, "time", frame->time_us);
    put_json_number(out, "durable", frame->durable);
    put_json_number(out, "stream_bytes", frame->stream_len);
    put_json_number(out, "body_bytes", frame->body_len);
    put_json_number(out, "crc", frame->crc);
    put_json_number(out, "previous_crc", frame->previous_crc);
    put_json_number(out, "record_format", frame->record_format);
    put_parts_json(frame, out);
    if (frame->audience)
        put_json_text(out, "audience", frame->audience);
    put_json_number(out, "states", dumping->states);
    put_json_number(out, "consumers", dumping->consumers);
    put_json_number(out, "topics", dumping->topics);
    put_json_number(out, "incarnations", dumping->incarnations);
    leat_bytes_text(out, "}\n");
}

/* ---- records ---- */

static void print_record(void *arg, uint32_t slot, struct leat_record *rec)
{
    struct dumping *dumping = arg;
    struct leat_error err;
    bool is_null;
    rec->partition = dumping->frame->parts[slot].partition;
    rec->offset = dumping->offsets[slot]++;
    leat_bytes_printf(&dumping->out, dumping->as_json ? "{\"lsn\": %llu, \"index\": %u, \"record\": " : "%llu %u ",
                      (unsigned long long)dumping->frame->lsn, dumping->index++);
    if (leat_codec_native_json.encode(dumping->coder, rec, LEAT_PART_VALUE, &dumping->out, &is_null, &err) != LEAT_OK)
        leat_bytes_text(&dumping->out, "null");
    leat_bytes_text(&dumping->out, dumping->as_json ? "}\n" : "\n");
    flush_out(dumping, OUT_BYTES);
}

static void take_slots(struct dumping *dumping, const struct leat_log_dump_frame *frame)
{
    char name[32];
    if (frame->part_count > dumping->slot_cap) {
        dumping->slot_cap = frame->part_count;
        dumping->slots = leat_realloc((void *)dumping->slots, dumping->slot_cap * sizeof *dumping->slots);
        dumping->offsets = leat_realloc(dumping->offsets, dumping->slot_cap * sizeof *dumping->offsets);
    }
    for (uint32_t i = 0; i < frame->part_count; i++) {
        const char *topic = frame->parts[i].topic;
        snprintf(name, sizeof name, "topic-number-%u", frame->parts[i].topic_id);
        topic = topic && topic[0] && strlen(topic) < 250 ? topic : name;
        dumping->slots[i] = leat_topic(topic, strlen(topic));
        dumping->offsets[i] = frame->parts[i].base_offset;
    }
}

static void print_records(struct dumping *dumping, const struct leat_log_dump_frame *frame)
{
    const char *why;
    char text[200];
    if (frame->stream_len == 0)
        return;
    take_slots(dumping, frame);
    dumping->frame = frame;
    dumping->index = 0;
    if (oms_decoder_records(dumping->decoder, frame->record_format, frame->stream, frame->stream_len, dumping->slots, frame->part_count,
                            print_record, dumping, &why))
        return;
    snprintf(text, sizeof text, "record %u of the frame at %llu: %s", dumping->index, (unsigned long long)frame->lsn, why);
    print_note(dumping, text);
}

static void print_frame(void *arg, const struct leat_log_dump_frame *frame)
{
    struct dumping *dumping = arg;
    if (dumping->with_frames && dumping->as_json)
        frame_json(dumping, frame, &dumping->out);
    else if (dumping->with_frames)
        frame_text(dumping, frame, &dumping->out);
    print_items(dumping, frame->lsn);
    if (dumping->with_records)
        print_records(dumping, frame);
    flush_out(dumping, OUT_BYTES);
}

/* ---- which logs ---- */

static int dump_one(const char *dir, void *arg)
{
    const struct dumping *asked = arg;
    const char *slash = strrchr(dir, '/');
    struct dumping dumping = *asked;
    struct leat_error err = {.text = ""};
    dumping.name = slash && slash[1] ? slash + 1 : dir;
    dumping.decoder = oms_decoder_new();
    dumping.coder = leat_calloc(1, leat_codec_native_json.size + 1);
    leat_bytes_init(&dumping.out, SIZE_MAX);
    leat_bytes_init(&dumping.items, SIZE_MAX);
    const struct leat_log_dump_calls calls = {
        .arg = &dumping, .segment = print_segment, .frame = print_frame, .state = take_state, .consumer = take_consumer,
        .incarnation = take_incarnation, .topic = take_topic, .damage = print_damage, .note = print_note};
    enum leat_status status = leat_log_dump(dir, leat_os, dumping.from, dumping.to, &calls, &err);
    flush_out(&dumping, 0);
    leat_bytes_fini(&dumping.items);
    leat_bytes_fini(&dumping.out);
    oms_decoder_free(dumping.decoder);
    if (leat_codec_native_json.close)
        leat_codec_native_json.close(dumping.coder);
    free(dumping.coder);
    free((void *)dumping.slots);
    free(dumping.offsets);
    return status == LEAT_OK ? EXIT_DONE : fail_with(&err);
}

static bool take_lsn(const char *text, uint64_t *lsn)
{
    return !text || leat_parse_u64(text, strlen(text), lsn);
}

int log_dump(const struct verb *verb, int argc, char **argv)
{
    static const char *const forms[] = {"text", "json", NULL};
    const char *data = NULL, *file = NULL, *format = "text", *from = NULL, *to = NULL;
    struct dumping asked = {.to = UINT64_MAX};
    const struct flag flags[] = {PLACE_FLAGS(data, file),
                                 {"from", "LSN", &from, NULL, "The first place that is shown."},
                                 {"to", "LSN", &to, NULL, "The place before which it ends."},
                                 {"frames", NULL, NULL, &asked.with_frames, "Segments and frames; as without any of the three."},
                                 {"records", NULL, NULL, &asked.with_records, "Each record, as native-json."},
                                 {"state", NULL, NULL, &asked.with_state, "Positions and other keyed state, where they are set."},
                                 {"format", "text|json", &format, NULL, "json: one object a line."},
                                 {0}};
    struct arguments arguments;
    int exit_status = EXIT_DONE;
    if (!take_flags(verb, flags, argc, argv, &arguments, &exit_status))
        return exit_status;
    int form = take_choice(verb, "--format", format, forms);
    if (form < 0)
        return EXIT_USAGE;
    if (!take_lsn(from, &asked.from) || !take_lsn(to, &asked.to))
        return usage_error(verb, "--from and --to are places (LSN), which are numbers");
    if (arguments.count > 2) /* "dump" is the first */
        return usage_error(verb, "one log at a time, or none for all: dump [LOG|DIR]");
    asked.as_json = form == 1;
    asked.with_frames = asked.with_frames || (!asked.with_records && !asked.with_state);
    return each_log(arguments.count > 1 ? arguments.items[1] : NULL, data, file, dump_one, &asked);
}
