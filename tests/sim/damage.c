/* damage.c - what must be found when the platter does not hold what was synced.
 *
 * A log that was opened shows a run of the units that were appended, unchanged, or says that it is damaged: in opening, or
 * where it is read. If the run ends before what was acknowledged, then silence is right in one case alone: nothing on the
 * disk knew better. Who knows: the whole header of a frame (what was durable when it was written), durable.hint, and a
 * segment that has a successor. That is looked up here by code of its own. Beyond it only a target's mark can know.
 */
#include "life.h"

#include <base/crc32c.h>
#include <commitlog/format.h>
#include <stdlib.h>
#include <string.h>

/* ---- who knows ---- */

struct evidence {
    const struct site *site;
    uint64_t durable; /* somebody on the disk knows that it was */
};

static void know(struct evidence *evidence, uint64_t durable)
{
    evidence->durable = durable > evidence->durable ? durable : evidence->durable;
}

static void ask_segment(struct evidence *evidence, const uint8_t *bytes, uint64_t size, uint64_t base)
{
    struct segment_head segment;
    struct frame_head head;
    if (size < SEGMENT_HEADER || !segment_head_get(bytes, &segment) || segment.base != base)
        return;
    know(evidence, base);
    for (uint64_t at = SEGMENT_HEADER; at + FRAME_HEADER <= size; at += 8)
        if (leat_get_u32(bytes + at) == FRAME_MAGIC && frame_head_get(bytes + at, base + at, segment.salt, &head))
            know(evidence, head.durable);
}

static void ask_hint(struct evidence *evidence, const uint8_t *bytes, uint64_t size)
{
    for (uint64_t at = 0; at + HINT_SLOT <= size; at += HINT_SLOT)
        if (leat_get_u64(bytes + at + 16) > 0 && leat_get_u32(bytes + at + 24) == leat_crc32c(0, bytes + at, 24))
            know(evidence, leat_get_u64(bytes + at));
}

static void ask(void *arg, const char *path, const uint8_t *bytes, uint64_t size)
{
    struct evidence *evidence = arg;
    size_t dir = strlen(evidence->site->dir), len = strlen(path);
    if (strncmp(path, evidence->site->dir, dir) != 0 || path[dir] != '/')
        return;
    if (strcmp(path + dir, "/durable.hint") == 0)
        ask_hint(evidence, bytes, size);
    else if (len > 24 && strcmp(path + len - 4, ".seg") == 0)
        ask_segment(evidence, bytes, size, strtoull(path + len - 24, NULL, 10));
}

/* ---- what the disk holds, for who looks at one life ---- */

static void show_frames(const uint8_t *bytes, uint64_t size, uint64_t base)
{
    struct segment_head segment;
    struct frame_head head;
    if (size < SEGMENT_HEADER || !segment_head_get(bytes, &segment)) {
        printf("    no header\n");
        return;
    }
    for (uint64_t at = SEGMENT_HEADER; at + FRAME_HEADER <= size; at += 8) {
        if (leat_get_u32(bytes + at) != FRAME_MAGIC || !frame_head_get(bytes + at, base + at, segment.salt, &head))
            continue;
        bool is_whole = head.body_len <= size - at - FRAME_HEADER &&
                        leat_crc32c(0, bytes + at + FRAME_HEADER, head.body_len) == head.body_crc;
        printf("    %llu kind %u flags %u unit %llu, knows %llu, %u bytes%s\n", (unsigned long long)head.lsn, head.kind, head.flags,
               (unsigned long long)head.unit, (unsigned long long)head.durable, head.body_len, is_whole ? "" : ", damaged");
    }
}

static void show(void *arg, const char *path, const uint8_t *bytes, uint64_t size)
{
    struct evidence hint = {0};
    size_t len = strlen(path);
    (void)arg;
    printf("    %s: %llu bytes\n", path, (unsigned long long)size);
    if (strstr(path, "durable.hint")) {
        ask_hint(&hint, bytes, size);
        printf("    knows %llu\n", (unsigned long long)hint.durable);
    }
    if (len > 24 && strcmp(path + len - 4, ".seg") == 0)
        show_frames(bytes, size, strtoull(path + len - 24, NULL, 10));
}

void damage_show(struct life *life)
{
    if (life->how == TOLD)
        sim_disk_each(life->disk, show, NULL);
}

/* ---- what was found ---- */

/* It says that it is damaged, so `leat log verify` has something to say too. */
static bool found(struct site *site, const char *text)
{
    struct leat_error err;
    tell(site->life, "  %s: found: %s\n", site->config.name, text);
    site->life->is_over = true;
    damage_show(site->life);
    return leat_log_verify(site->dir, site->config.os, NULL, NULL, NULL, &err) != LEAT_OK ||
           complain(&site->model, "verify is content with what is damaged: %s", text);
}

static bool close_and(struct site *site, bool is_good)
{
    leat_log_close(site->log);
    site->log = NULL;
    return is_good;
}

/* What is not there was known to nobody: the log goes on without, and so do those around it. */
static bool go_on_without(struct site *site, size_t seen, uint64_t known)
{
    struct model *model = &site->model;
    if (model->units[seen].end_lsn <= known)
        damage_show(site->life);
    if (model->units[seen].end_lsn <= known)
        return complain(model, "%zu units of %zu are there, and the disk knew that %llu was durable", seen, model->durable,
                        (unsigned long long)known);
    tell(site->life, "  %s: %zu units of %zu are there, and nobody knows better\n", site->config.name, seen, model->durable);
    model->durable = seen;
    site->has_lost = true;
    return true;
}

/* True with life->is_over: damage was found. */
static bool open_one(struct site *site)
{
    struct model *model = &site->model;
    struct evidence evidence = {.site = site};
    struct leat_log_info info;
    struct leat_error err;
    size_t seen = 0;
    sim_disk_each(site->life->disk, ask, &evidence);
    if (site_open(site, &err) != LEAT_OK)
        return err.cause == LEAT_CAUSE_DAMAGED ? found(site, err.text) : complain(model, "open: %s", err.text);
    if (!model_check_frames(model, site->log, 0, &seen)) {
        if (strncmp(model->complaint, "reading:", 8) != 0)
            return false;
        char text[sizeof model->complaint];
        memcpy(text, model->complaint, sizeof text);
        model->complaint[0] = '\0';
        return close_and(site, true) && found(site, text);
    }
    leat_log_info(site->log, &info);
    while (seen < model->durable && model->units[seen].end_lsn <= info.first_lsn)
        seen++; /* released */
    return seen >= model->durable || go_on_without(site, seen, evidence.durable);
}

static void close_rest(struct life *life)
{
    for (uint32_t i = 0; i < life->site_count; i++)
        if (life->sites[i].log)
            close_and(&life->sites[i], true);
}

bool damage_open(struct life *life)
{
    bool is_good = true;
    life_disarm(life);
    life_heal(life);
    for (uint32_t i = 0; is_good && i < life->site_count; i++)
        is_good = open_one(&life->sites[i]);
    if (!is_good)
        return false;
    if (life->is_over) {
        close_rest(life);
        return true;
    }
    for (uint32_t i = 0; is_good && i < life->site_count; i++)
        is_good = site_check(&life->sites[i]) && seek_check(&life->sites[i]) && seek_check(&life->sites[i]);
    return is_good;
}

/* ---- rot ---- */

struct choice {
    struct life *life;
    const char *only; /* in paths; NULL: any */
    const char *path;
    uint64_t size, count;
};

static void choose(void *arg, const char *path, const uint8_t *bytes, uint64_t size)
{
    struct choice *choice = arg;
    (void)bytes;
    if (size == 0 || (choice->only && !strstr(path, choice->only)))
        return;
    choice->count++;
    if (below(choice->life, (uint32_t)choice->count) == 0) {
        choice->path = path;
        choice->size = size;
    }
}

/* After a clean stop every byte is known to have been durable: one that rots is found, or was not used. */
bool damage_rot(struct life *life)
{
    static const char *const kinds[] = {NULL, ".seg", ".idx", ".idx"};
    struct choice choice = {.life = life, .only = kinds[below(life, 4)]};
    sim_disk_each(life->disk, choose, &choice);
    if (!choice.path)
        return true;
    uint64_t at = below(life, (uint32_t)choice.size);
    uint8_t bits = (uint8_t)(1u << below(life, 8));
    tell(life, "  rot: byte %llu of %s, bits %02x\n", (unsigned long long)at, choice.path, bits);
    sim_disk_rot(life->disk, choice.path, at, bits);
    bool is_good = damage_open(life);
    close_rest(life);
    return is_good;
}
