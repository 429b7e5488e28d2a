#include <commitlog/index.h>
#include <commitlog/inside.h>

#include <base/memory.h>
#include <base/plant.h>
#include <base/text.h>
#include <errno.h>
#include <leat/logger.h>
#include <stdlib.h>

/* The consumer that is furthest behind; NULL: there is none. */
static const struct consumer *slowest_consumer(const struct leat_log *log)
{
    const struct consumer *slowest = NULL;
    for (size_t i = 0; i < log->consumer_count; i++)
        if (!slowest || log->consumers[i].lsn < slowest->lsn)
            slowest = &log->consumers[i];
    return slowest;
}

/* The lowest place that some consumer still needs. */
static uint64_t consumers_floor(const struct leat_log *log)
{
    const struct consumer *slowest = slowest_consumer(log);
    return slowest ? slowest->lsn : UINT64_MAX;
}

static uint64_t kept_bytes(const struct leat_log *log)
{
    return log->segment_count ? log->next_lsn - log->segments[0].base : 0;
}

/* Of the first record of a segment; 0: it has none. */
static int64_t first_record_us(const struct segment_index *index)
{
    int64_t first_us = 0;
    for (uint32_t id = 1; id < index->share_count; id++) {
        const struct topic_share *share = index_share(index, id);
        if (share && share->frames > 0 && (first_us == 0 || share->first_us < first_us))
            first_us = share->first_us;
    }
    return first_us;
}

/* A target that comes back as it was `rewind` ago had all of the oldest segment then only if the record behind it is older than
 * that: until there its mark may stand within, or at its end. `second`: of the segment behind; NULL: not asked yet. */
static bool is_beyond_rewind(const struct leat_log *log, const struct segment_index *second)
{
    int64_t now_us = leat_wall_us(), next_us = second ? first_record_us(second) : 0;
    int64_t since_us = next_us > 0 ? next_us : log->segments[0].last_us;
    return now_us - since_us > log->config.settings.rewind_us || leat_planted("forget_margin");
}

/* The oldest segment may go: sealed, folded, passed by all, outside of what the user wants to keep. */
static bool may_release(const struct leat_log *log, uint64_t folded, const struct segment_index *second)
{
    const struct leat_log_settings *settings = &log->config.settings;
    if (log->segment_count < 2)
        return false;
    const struct segment *oldest = &log->segments[0];
    int64_t age_us = leat_wall_us() - oldest->last_us;
    bool is_over_bytes = settings->retain_bytes > 0 && kept_bytes(log) > (uint64_t)settings->retain_bytes;
    bool is_over_age = settings->retain_age_us > 0 && age_us > settings->retain_age_us;
    if ((oldest->end > folded && !leat_planted("unlink_before_log_start")) ||
        oldest->end > leat_log_durable((struct leat_log *)log))
        return false;
    if ((is_over_bytes || log->is_full) && settings->releases_slowest)
        return true;
    return (is_over_bytes || is_over_age) && (oldest->end <= consumers_floor(log) || leat_planted("forget_floors")) &&
           is_beyond_rewind(log, second);
}

/* ---- what a consumer has not read and is released all the same ---- */

#define NAMED_MOST 8 /* topics that a line names */

struct unread {
    struct leat_bytes names; /* of the consumers; empty: all have read it */
    uint64_t *firsts;        /* of the topics, before */
    uint32_t count;
};

/* Lock held; the oldest segment goes next. */
static void unread_note(const struct leat_log *log, struct unread *unread)
{
    leat_bytes_init(&unread->names, 1000);
    for (size_t i = 0; i < log->consumer_count; i++) {
        if (log->consumers[i].lsn >= log->segments[0].end)
            continue;
        leat_bytes_text(&unread->names, unread->names.len ? ", " : "");
        leat_bytes_text(&unread->names, log->consumers[i].name);
    }
    if (unread->names.len == 0)
        return;
    unread->firsts = leat_malloc((log->topic_count + 1) * sizeof *unread->firsts);
    unread->count = log->topic_count;
    for (uint32_t i = 0; i < log->topic_count; i++)
        unread->firsts[i] = log->topics[i].info.first;
}

/* Once it is known what is kept. */
static void unread_say(struct leat_log *log, struct unread *unread)
{
    struct leat_bytes topics;
    uint32_t changed = 0;
    leat_bytes_init(&topics, 4000);
    leat_lock_take(&log->lock);
    for (uint32_t i = 0; i < unread->count; i++) {
        const struct leat_log_topic *topic = &log->topics[i].info;
        if (topic->first > unread->firsts[i] && changed++ < NAMED_MOST)
            leat_bytes_printf(&topics, "%s%s %llu to %llu", topics.len ? ", " : "", topic->name,
                              (unsigned long long)unread->firsts[i], (unsigned long long)topic->first - 1);
    }
    leat_lock_give(&log->lock);
    if (changed > NAMED_MOST)
        leat_bytes_printf(&topics, " and %u topics more", changed - NAMED_MOST);
    if (changed > 0)
        leat_say(LEAT_WARNING, log->name,
                 "on_full: release_slowest: %.*s has not read all of %.*s, which is released now; where it comes to that, it stops",
                 (int)unread->names.len, (const char *)unread->names.data, (int)topics.len, (const char *)topics.data);
    leat_bytes_fini(&topics);
}

static void unread_fini(struct unread *unread)
{
    leat_bytes_fini(&unread->names);
    free(unread->firsts);
}

/* ---- letting go ---- */

static void forget_oldest(struct leat_log *log)
{
    struct segment *oldest = &log->segments[0];
    index_drop(log, oldest->base);
    segment_clear(oldest);
    memmove(log->segments, log->segments + 1, (log->segment_count - 1) * sizeof *log->segments);
    log->segment_count--;
}

static bool unlink_one(struct leat_log *log, uint64_t base, const char *ext)
{
    char *path = segment_path(log, base, ext);
    bool is_gone = (log->os->unlink(path) == 0 || errno == ENOENT) &&
                   (leat_planted("unlink_without_sync") || leat_os_sync_parent(log->os, path));
    if (!is_gone && !leat_os_is_no_room(errno)) /* after a failed sync nobody knows which names last */
        log_fail(log, path, "cannot remove", errno);
    free(path);
    return is_gone;
}

/* For good before the next one goes: after a crash there must be no gap. Want of room for it is tried again next time. */
static bool unlink_released(struct leat_log *log)
{
    if (log->has_released && unlink_one(log, log->released_base, "idx") && unlink_one(log, log->released_base, "seg"))
        log->has_released = false;
    return !log->has_released;
}

/* What is kept of each topic now, and how old the oldest segment is. One that is damaged counts as one of now. */
static void learn_oldest(struct leat_log *log)
{
    struct leat_error err;
    if (log_settle_topics(log, &err) == LEAT_OK)
        return;
    leat_say(LEAT_ERROR, log->name, "%s", err.text);
    leat_lock_take(&log->lock);
    log->segments[0].last_us = leat_wall_us();
    leat_lock_give(&log->lock);
}

/* Of the segment that is the oldest once the one before it has gone; NULL: nothing goes, or it is the newest, whose notes
 * are in memory. It is held before, so that who sees the segment gone sees what is kept of each topic, too. */
static struct segment_index *hold_second(struct leat_log *log, bool *may_go)
{
    struct leat_error err;
    leat_lock_take(&log->lock);
    *may_go = may_release(log, log->durable_fold, NULL);
    bool is_sealed = *may_go && !log->segments[1].notes;
    uint64_t base = is_sealed ? log->segments[1].base : 0;
    leat_lock_give(&log->lock);
    return is_sealed ? index_hold(log, base, &err) : NULL;
}

/* True: one went, and another one may. */
static bool release_oldest(struct leat_log *log)
{
    struct unread unread = {0};
    bool may_go, is_settled = false;
    struct segment_index *second = hold_second(log, &may_go);
    leat_lock_take(&log->lock);
    const struct segment_index *next = second ? second : log->segment_count > 1 ? log->segments[1].notes : NULL;
    log->has_released = may_go && may_release(log, log->durable_fold, next);
    log->released_base = log->has_released ? log->segments[0].base : 0;
    if (log->has_released) {
        unread_note(log, &unread);
        forget_oldest(log);
        is_settled = next && next->base == log->segments[0].base;
        if (is_settled)
            log_settle_by(log, next);
    }
    /* One may make room enough on a full disk, which the next look tells: what is not read goes one by one. */
    bool may_go_on = log->has_released && !(log->is_full && log->config.settings.releases_slowest);
    leat_lock_give(&log->lock);
    if (log->has_released && !is_settled)
        learn_oldest(log);
    index_give(log, second);
    unread_say(log, &unread);
    unread_fini(&unread);
    return may_go_on;
}

uint32_t leat_log_retain(struct leat_log *log)
{
    uint32_t released = 0;
    for (bool may_go_on = true; may_go_on && unlink_released(log);) {
        may_go_on = release_oldest(log);
        released += log->has_released;
    }
    unlink_released(log);
    return released;
}

/* ---- waiting for the slowest ---- */

static void say_held(const struct leat_log *log, const struct consumer *slowest, uint64_t lag)
{
    char lag_text[32], most[32];
    if (log->is_held)
        leat_say(LEAT_WARNING, log->name, "%s has %s to read, more than `retain: {bytes: %s}`: sources pause until it has caught up",
                 slowest->name, leat_text_size(lag_text, lag),
                 leat_text_size(most, (uint64_t)log->config.settings.retain_bytes));
    else
        leat_say(LEAT_INFO, log->name, "all have caught up, sources go on");
}

bool leat_log_is_held(struct leat_log *log)
{
    leat_lock_take(&log->lock);
    const struct leat_log_settings *settings = &log->config.settings;
    const struct consumer *slowest = slowest_consumer(log);
    uint64_t most = (uint64_t)settings->retain_bytes;
    uint64_t lag = slowest && slowest->lsn < log->next_lsn ? log->next_lsn - slowest->lsn : 0;
    bool was_held = log->is_held;
    log->is_held = most > 0 && !settings->releases_slowest && lag > (was_held ? most / 2 : most);
    bool is_held = log->is_held;
    if (is_held != was_held)
        say_held(log, slowest, lag);
    leat_lock_give(&log->lock);
    return is_held;
}
