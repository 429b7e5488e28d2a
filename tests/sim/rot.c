#include "rot.h"

#include <base/crc32c.h>
#include <base/memory.h>
#include <commitlog/format.h>
#include <stdlib.h>
#include <string.h>

/* ---- making ---- */

static bool wrong(struct subject *subject, const char *what, const char *text)
{
    snprintf(subject->wrong, sizeof subject->wrong, "%s: %s", what, text);
    return false;
}

static bool append(struct subject *subject, struct leat_log *log, uint64_t *end)
{
    struct leat_log_unit *unit;
    struct leat_error err;
    uint64_t number = subject->model.next_number++;
    if (leat_log_unit_begin(log, false, &unit, &err) != LEAT_OK)
        return wrong(subject, "making", err.text);
    spec_write(&subject->model, number, log, unit);
    if (leat_log_unit_append(log, unit, 1, end, &err) != LEAT_OK)
        return wrong(subject, "making", err.text);
    model_append(&subject->model, number, *end);
    return true;
}

static void take_stale(struct subject *subject)
{
    const char *name = NULL, *next;
    for (size_t i = 0; (next = image_name(ROT_DIR "/segments/", i)); i++)
        if (strstr(next, ".seg"))
            name = next;
    if (!name || subject->stale_count == STALE_MOST)
        return;
    struct stale *stale = &subject->stale[subject->stale_count++];
    const uint8_t *bytes = image_bytes(name, &stale->len);
    stale->base = strtoull(strrchr(name, '/') + 1, NULL, 10);
    stale->bytes = leat_malloc(stale->len);
    memcpy(stale->bytes, bytes, stale->len);
}

static void put_hint(uint64_t durable)
{
    uint8_t slots[2 * HINT_SLOT] = {0};
    leat_set_u64(slots, durable);
    leat_set_u64(slots + 16, 1000);
    leat_set_u32(slots + 24, leat_crc32c(0, slots, 24));
    memcpy(slots + HINT_SLOT, slots, HINT_SLOT);
    leat_set_u64(slots + HINT_SLOT + 16, 1001);
    leat_set_u32(slots + HINT_SLOT + 24, leat_crc32c(0, slots + HINT_SLOT, 24));
    image_put(ROT_DIR "/durable.hint", slots, sizeof slots);
}

/* Units that are made durable one by one; then one that is written, and of which nobody was told; then a kill. */
static bool write_all(struct subject *subject, uint64_t bytes)
{
    struct leat_log *log;
    struct leat_error err;
    uint64_t end = 0, before = 0, step = bytes / STALE_MOST + 1, taken = step;
    if (leat_log_open(&log, &subject->config, subject->flusher, &err) != LEAT_OK)
        return wrong(subject, "making", err.text);
    struct leat_log_info info;
    leat_log_info(log, &info);
    subject->model.incarnations[0] = info.incarnation;
    while (end < bytes) {
        before = end;
        if (!append(subject, log, &end))
            return false;
        leat_flusher_step(subject->flusher);
        if (end > taken) {
            take_stale(subject);
            taken += step;
        }
    }
    model_durable(&subject->model, end);
    subject->proved_lsn = subject->has_hint ? end : before;
    if (subject->has_hint)
        put_hint(end);
    else
        image_remove(ROT_DIR "/durable.hint");
    image_keep();
    leat_log_close(log);
    subject_back(subject);
    return true;
}

/* ---- what counts ---- */

static void look_at_part(struct subject *subject, struct part *part, uint64_t end)
{
    size_t len;
    const uint8_t *bytes = image_bytes(part->path, &len);
    uint32_t salt = leat_get_u32(bytes + 40);
    struct frame_head head;
    part->is_sealed = end != UINT64_MAX;
    end = end < subject->proved_lsn ? end : subject->proved_lsn;
    part->size = end > part->base ? (size_t)(end - part->base) : SEGMENT_HEADER; /* it was synced before what is behind it */
    part->counts = leat_calloc(len, sizeof *part->counts);
    part->heads = leat_calloc(len / FRAME_HEADER + 1, sizeof *part->heads);
    memset(part->counts, true, SEGMENT_HEADER);
    for (uint64_t at = SEGMENT_HEADER; at < part->size && frame_head_get(bytes + at, part->base + at, salt, &head);
         at += frame_size(head.body_len)) {
        memset(part->counts + at, true, FRAME_HEADER + head.body_len);
        part->heads[part->head_count++] = at;
    }
}

static bool look_at_parts(struct subject *subject)
{
    const char *name;
    for (size_t i = 0; (name = image_name(ROT_DIR "/segments/", i)); i++) {
        if (!strstr(name, ".seg"))
            continue;
        if (subject->part_count == SEGMENTS_MOST)
            return wrong(subject, "making", "too many segments");
        struct part *part = &subject->parts[subject->part_count++];
        snprintf(part->path, sizeof part->path, "%s", name);
        part->base = strtoull(strrchr(name, '/') + 1, NULL, 10);
    }
    for (size_t i = 0; i < subject->part_count; i++)
        look_at_part(subject, &subject->parts[i], i + 1 < subject->part_count ? subject->parts[i + 1].base : UINT64_MAX);
    return true;
}

/* Is something that counts not what it was? */
static bool is_touched(const struct subject *subject)
{
    size_t len, kept_len;
    if (image_is_changed(ROT_DIR "/IDENTITY")) {
        const uint8_t *now = image_bytes(ROT_DIR "/IDENTITY", &len), *kept = image_kept(ROT_DIR "/IDENTITY", &kept_len);
        if (!now || len != kept_len || memcmp(now, kept, len) != 0)
            return true;
    }
    for (size_t i = 0; i < subject->part_count; i++) {
        const struct part *part = &subject->parts[i];
        if (!image_is_changed(part->path))
            continue;
        const uint8_t *now = image_bytes(part->path, &len), *kept = image_kept(part->path, &kept_len);
        if (!now || (part->is_sealed && len < part->size)) /* were it for padding alone */
            return true;
        if (len >= part->size && memcmp(now, kept, part->size) == 0)
            continue;
        for (size_t at = 0; at < part->size; at++)
            if (part->counts[at] && (at >= len || now[at] != kept[at]))
                return true;
    }
    return false;
}

/* ---- a look ---- */

static void see_state(void *arg, const void *key, size_t key_len, const void *value, size_t value_len)
{
    uint32_t *crc = arg;
    *crc = leat_crc32c(leat_crc32c(*crc, key, key_len), value, value_len);
}

static enum leat_status read_all(struct subject *subject, struct leat_log *log, struct seen *seen, struct leat_error *err)
{
    struct leat_log_reader *reader;
    struct leat_log_frame frame;
    enum leat_status status = leat_log_reader_open(log, NULL, NULL, &reader, err);
    if (status != LEAT_OK)
        return status;
    while ((status = leat_log_next(reader, &frame, err)) == LEAT_OK) {
        if (frame.lsn >= subject->proved_lsn)
            continue;
        seen->frames++;
        seen->content = leat_crc32c(seen->content, frame.stream, frame.stream_len);
        seen->content = leat_crc32c(seen->content, &frame.lsn, sizeof frame.lsn);
        for (uint32_t i = 0; i < frame.part_count; i++)
            seen->content = leat_crc32c(seen->content, &frame.parts[i].base_offset, sizeof frame.parts[i].base_offset);
    }
    leat_log_reader_close(reader);
    if (subject->has_hint) /* else the last unit's may be there or not */
        leat_log_state_each(log, "", 0, see_state, &seen->state);
    return status == LEAT_AGAIN ? LEAT_OK : status;
}

enum sight { REFUSED, FOUND, FINE };

/* What a start and a reader of all say. */
static enum sight start(struct subject *subject, struct seen *seen, struct leat_error *err)
{
    struct leat_log *log;
    struct leat_log_info info;
    *seen = (struct seen){0};
    if (leat_log_open(&log, &subject->config, subject->flusher, err) != LEAT_OK)
        return REFUSED;
    enum leat_status status = read_all(subject, log, seen, err);
    leat_log_info(log, &info);
    subject->cut += info.cut_bytes > 0;
    leat_log_close(log);
    return status == LEAT_OK ? FINE : FOUND;
}

bool subject_judge(struct subject *subject)
{
    struct leat_error verify = {.text = ""}, err = {.text = ""};
    struct seen seen;
    bool touched = is_touched(subject);
    bool is_verified = leat_log_verify(ROT_DIR, subject->config.os, NULL, NULL, NULL, &verify) == LEAT_OK;
    enum sight sight = start(subject, &seen, &err);
    subject->cases++;
    subject->touched += touched;
    subject->refused += sight == REFUSED;
    subject->found += sight == FOUND;
    subject->fine += sight == FINE;
    if (sight == FINE && memcmp(&seen, &subject->whole, sizeof seen) != 0)
        return wrong(subject, "SILENT LOSS: started, and what is there is not what was acknowledged; verify said", verify.text);
    if (touched && sight == FINE)
        return wrong(subject, "acknowledged bytes were changed, and neither the start nor a reader noticed; verify said", verify.text);
    if (touched && is_verified)
        return wrong(subject, "verify noticed nothing; the start said", err.text);
    if (!touched && sight != FINE)
        return wrong(subject, "nothing that counts was changed, and it was called", err.text);
    if (!touched && !is_verified)
        return wrong(subject, "nothing that counts was changed, and verify said", verify.text);
    if (touched && (err.cause != LEAT_CAUSE_DAMAGED || verify.cause != LEAT_CAUSE_DAMAGED))
        return wrong(subject, "the cause is not DAMAGED", err.text);
    return true;
}

void subject_back(struct subject *subject)
{
    (void)subject;
    image_back();
}

/* What the model says of it once is what each look is compared to. */
static bool see_whole(struct subject *subject)
{
    struct leat_log *log;
    struct leat_error err;
    size_t units = 0;
    if (leat_log_open(&log, &subject->config, subject->flusher, &err) != LEAT_OK)
        return wrong(subject, "opening", err.text);
    bool is_good = model_check_frames(&subject->model, log, subject->model.durable, &units) &&
                   model_check_rest(&subject->model, log);
    leat_log_close(log);
    subject_back(subject);
    if (!is_good)
        return wrong(subject, "the model", subject->model.complaint);
    if (start(subject, &subject->whole, &err) != FINE)
        return wrong(subject, "opening", err.text);
    subject_back(subject);
    return subject->whole.frames > 0 || wrong(subject, "making", "there is nothing in it");
}

bool subject_make(struct subject *subject, uint64_t seed, uint64_t segment_max, uint64_t bytes, bool has_hint)
{
    *subject = (struct subject){.model = {.seed = seed, .next_number = 1, .incarnation_count = 1}, .has_hint = has_hint};
    subject->model.incarnations = leat_calloc(1, sizeof *subject->model.incarnations);
    image_new();
    subject->flusher = leat_flusher_manual();
    subject->config = (struct leat_log_config){.dir = ROT_DIR, .name = "rot", .os = image_os(), .segment_min = 8 << 10,
                                               .segment_max = segment_max, .fold_bytes = 16 << 10};
    return write_all(subject, bytes) && look_at_parts(subject) && see_whole(subject);
}

void subject_fini(struct subject *subject)
{
    for (size_t i = 0; i < subject->part_count; i++) {
        free(subject->parts[i].counts);
        free(subject->parts[i].heads);
    }
    for (size_t i = 0; i < subject->stale_count; i++)
        free(subject->stale[i].bytes);
    leat_flusher_stop(subject->flusher);
    model_fini(&subject->model);
    image_free();
}
