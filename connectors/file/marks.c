#include <file/marks.h>

#include <base/assert.h>
#include <base/clock.h>
#include <base/memory.h>
#include <base/os.h>
#include <base/text.h>
#include <base/wire.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Payload: layout u32 | pid u32 | per split: name length u16, name, mark length u16, mark (leat_mark_encode). An entry without
 * a name says who holds the lock; "lost SPLIT" is a split's mark of a log that was lost. */
#define MARKS_LAYOUT 1
#define SLOT_BYTES ((size_t)1 << 20) /* a sparse file: only what is written takes room */

static struct leat_mark *claimed(const struct marks *marks, const uint8_t *name, size_t len)
{
    for (uint32_t i = 0; i < marks->claim.count; i++)
        if (strlen(marks->claim.names[i]) == len && memcmp(marks->claim.names[i], name, len) == 0)
            return &marks->items[i];
    return NULL;
}

static void put_entry(struct leat_bytes *out, const void *name, size_t name_len, const void *mark, size_t mark_len)
{
    leat_bytes_u16(out, (uint16_t)name_len);
    leat_bytes_add(out, name, name_len);
    leat_bytes_u16(out, (uint16_t)mark_len);
    leat_bytes_add(out, mark, mark_len);
}

static enum leat_status decode(struct marks *marks, const struct leat_bytes *payload, struct leat_error *err)
{
    struct leat_cut cut = leat_cut(payload->data, payload->len);
    uint32_t layout = leat_cut_u32(&cut);
    leat_cut_u32(&cut); /* pid */
    bool is_good = layout == MARKS_LAYOUT;
    while (is_good && leat_cut_left(&cut) > 0) {
        size_t name_len = leat_cut_u16(&cut);
        const uint8_t *name = leat_cut_bytes(&cut, name_len);
        size_t mark_len = leat_cut_u16(&cut);
        const uint8_t *bytes = leat_cut_bytes(&cut, mark_len);
        is_good = !cut.is_bad;
        struct leat_mark *mark = is_good ? claimed(marks, name, name_len) : NULL;
        if (mark)
            is_good = leat_mark_decode(bytes, mark_len, mark);
        else if (is_good && name_len > 0)
            put_entry(&marks->others, name, name_len, bytes, mark_len);
    }
    return is_good ? LEAT_OK
                   : leat_fail(err, LEAT_STOP, "%s is of a version that this program does not know", marks->path);
}

/* ---- marks of lost logs ---- */

#define LOST "lost "

void marks_keep_lost(struct marks *marks, uint32_t split)
{
    uint8_t encoded[LEAT_MARK_BYTES_MAX];
    char known[LEAT_OWNER_MAX];
    struct leat_mark mark;
    for (size_t at = 0; marks_next_lost(marks, &at, known, &mark);)
        if (strcmp(known, marks->claim.names[split]) == 0 && mark.generation == marks->items[split].generation)
            return;
    char *name = leat_format_dup(LOST "%s", marks->claim.names[split]);
    put_entry(&marks->others, name, strlen(name), encoded, leat_mark_encode(&marks->items[split], encoded));
    free(name);
}

bool marks_next_lost(const struct marks *marks, size_t *at, char split[LEAT_OWNER_MAX], struct leat_mark *mark)
{
    while (*at < marks->others.len) {
        struct leat_cut cut = leat_cut(marks->others.data + *at, marks->others.len - *at);
        size_t name_len = leat_cut_u16(&cut);
        const uint8_t *name = leat_cut_bytes(&cut, name_len);
        size_t len = leat_cut_u16(&cut);
        const uint8_t *bytes = leat_cut_bytes(&cut, len);
        leat_assert(!cut.is_bad);
        *at = marks->others.len - leat_cut_left(&cut);
        if (name_len > strlen(LOST) && memcmp(name, LOST, strlen(LOST)) == 0 && leat_mark_decode(bytes, len, mark)) {
            snprintf(split, LEAT_OWNER_MAX, "%.*s", (int)(name_len - strlen(LOST)), (const char *)name + strlen(LOST));
            return true;
        }
    }
    return false;
}

/* ---- whose they are ---- */

#define NAME_WAIT_US 1000000

static void name_owner(char owner[LEAT_OWNER_MAX])
{
    char host[64] = "?", since[64];
    gethostname(host, sizeof host - 1);
    since[leat_text_time(since, leat_wall_us(), 6)] = '\0';
    snprintf(owner, LEAT_OWNER_MAX, "leat on %s, pid %ld, since %s", host, (long)getpid(), since);
}

static void take_owner(struct leat_bytes *payload, char owner[LEAT_OWNER_MAX])
{
    struct leat_cut cut = leat_cut(payload->data, payload->len);
    owner[0] = '\0';
    leat_cut_u32(&cut);
    leat_cut_u32(&cut);
    while (!cut.is_bad && leat_cut_left(&cut) > 0) {
        size_t name_len = leat_cut_u16(&cut);
        leat_cut_bytes(&cut, name_len);
        size_t len = leat_cut_u16(&cut);
        const uint8_t *bytes = leat_cut_bytes(&cut, len);
        if (name_len == 0 && bytes)
            snprintf(owner, LEAT_OWNER_MAX, "%.*s", (int)len, (const char *)bytes);
    }
}

/* The lock is tried for a while: its holder may be about to end; and one that has just begun writes its name only then. */
static enum leat_status lock_marks(struct marks *marks, struct leat_task *task, struct leat_bytes *payload, struct leat_error *err)
{
    struct leat_time until = leat_after_us(NAME_WAIT_US);
    enum leat_status status;
    while ((status = slots_open(&marks->slots, marks->path, SLOT_BYTES, payload, err)) == LEAT_FENCED && !leat_is_past(until) &&
           !leat_task_is_stopping(task))
        leat_wait(task, -1, 0, leat_after_us(NAME_WAIT_US / 20));
    take_owner(payload, marks->was);
    if (status == LEAT_FENCED && marks->was[0])
        leat_error_context(err, "%s, writes these files; this one stops", marks->was);
    return status;
}

enum leat_status marks_open(struct marks *marks, const char *dir, struct leat_task *task,
                            const struct leat_splits *claim, struct leat_error *err)
{
    struct leat_bytes payload;
    *marks = (struct marks){.path = leat_format_dup("%s.%s.leat", dir, leat_task_name(task)), .slots = {.fd = -1},
                            .claim = *claim};
    marks->items = leat_calloc(claim->count ? claim->count : 1, sizeof *marks->items);
    leat_bytes_init(&marks->others, SLOT_BYTES);
    leat_bytes_init(&marks->frozen, SLOT_BYTES - SLOTS_HEAD);
    leat_bytes_init(&payload, SLOT_BYTES);
    name_owner(marks->owner);
    enum leat_status status = lock_marks(marks, task, &payload, err);
    if (status == LEAT_OK && payload.len > 0)
        status = decode(marks, &payload, err);
    leat_bytes_fini(&payload);
    for (uint32_t i = 0; status == LEAT_OK && i < claim->count; i++) {
        marks->items[i].layout = LEAT_MARK_LAYOUT; /* a new split's mark has no cursor yet */
        marks->items[i].owner_epoch++;
    }
    if (status == LEAT_OK)
        status = marks_freeze(marks, err);
    return status == LEAT_OK ? marks_write(marks, err) : status;
}

enum leat_status marks_peek(const char *dir, const char *connector, const struct leat_splits *claim, struct leat_marks *found,
                            struct leat_error *err)
{
    struct leat_bytes payload;
    struct marks marks = {.path = leat_format_dup("%s.%s.leat", dir, connector), .claim = *claim, .items = found->items};
    leat_bytes_init(&marks.others, SLOT_BYTES);
    leat_bytes_init(&payload, SLOT_BYTES);
    enum leat_status status = slots_peek(marks.path, SLOT_BYTES, &payload, err);
    if (status == LEAT_OK && payload.len > 0)
        status = decode(&marks, &payload, err);
    take_owner(&payload, marks.was);
    for (uint32_t i = 0; i < claim->count; i++)
        snprintf(found->owners[i], LEAT_OWNER_MAX, "%s", marks.was);
    leat_bytes_fini(&payload);
    leat_bytes_fini(&marks.others);
    free(marks.path);
    return status;
}

enum leat_status marks_freeze(struct marks *marks, struct leat_error *err)
{
    struct leat_bytes *out = &marks->frozen;
    uint8_t encoded[LEAT_MARK_BYTES_MAX];
    leat_bytes_clear(out);
    leat_bytes_u32(out, MARKS_LAYOUT);
    leat_bytes_u32(out, (uint32_t)getpid());
    for (uint32_t i = 0; i < marks->claim.count; i++)
        put_entry(out, marks->claim.names[i], strlen(marks->claim.names[i]), encoded,
                  leat_mark_encode(&marks->items[i], encoded));
    put_entry(out, "", 0, marks->owner, strlen(marks->owner));
    leat_bytes_add(out, marks->others.data, marks->others.len);
    return out->is_over ? leat_fail(err, LEAT_STOP, "%s: too many logs for one file sink", marks->path) : LEAT_OK;
}

enum leat_status marks_write(struct marks *marks, struct leat_error *err)
{
    enum leat_status status = slots_write(&marks->slots, marks->path, marks->frozen.data, marks->frozen.len, err);
    return status == LEAT_OK ? slots_sync(&marks->slots, marks->path, err) : status;
}

void marks_close(struct marks *marks)
{
    slots_close(&marks->slots);
    leat_bytes_fini(&marks->others);
    leat_bytes_fini(&marks->frozen);
    free(marks->items);
    free(marks->path);
    *marks = (struct marks){.slots = {.fd = -1}};
}
