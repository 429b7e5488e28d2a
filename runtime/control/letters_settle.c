/* letters_settle.c - replays and drops: unit by unit, each for one reader.
 *
 *   a sink's letter     the record as the topic had it, for that sink alone; its transforms see it again
 *   a source's letter   the record as the source brought it, through the source's transforms, for all
 */
#include <control/letters.h>

#include <base/memory.h>
#include <control/hand.h>
#include <stdio.h>
#include <stdlib.h>

#define UNIT_BYTES ((size_t)1 << 20)
#define UNIT_RECORDS 10000

enum why_not { TOO_LARGE, ADDED, NO_SINK, NOBODY_RUNS, REASONS };
static const char *const why_not[REASONS] = {
    [TOO_LARGE] = "their record is not in them: it was larger than max_record",
    [ADDED] = "a transform of the sink made them from another record: replay the sink from there, or drop them",
    [NO_SINK] = "the pipeline files do not name the connector that refused them any more",
    [NOBODY_RUNS] = "a source refused them: it takes them again while `leat run` runs it",
};

struct settling {
    const struct leat_letters *letters;
    struct leat_shelves *shelves;
    enum leat_letter_state to;
    struct leat_hand hand;
    /* the unit at hand */
    struct leat_batch *batch;
    char connector[160];
    bool is_sources, is_undecoded;
    uint32_t unit_count;
    /* in all */
    uint64_t done, already, left[REASONS];
};

/* ---- the unit ---- */

static enum leat_status flush(struct settling *settling, struct leat_error *err)
{
    struct leat_shelves *shelves = settling->shelves;
    if (settling->unit_count == 0)
        return LEAT_OK;
    struct leat_state *states = leat_calloc(shelves->count, sizeof *states);
    size_t count = 0;
    for (size_t i = 0; i < shelves->count; i++) {
        struct leat_shelf *shelf = &shelves->items[i];
        if (!shelf->is_changed)
            continue;
        leat_ranges_cut(&shelf->settled, shelf->first);
        states[count++] = leat_shelf_state(shelf, settling->batch);
        shelf->is_changed = false;
    }
    enum leat_status status =
        settling->is_sources && settling->batch->count > 0
            ? settling->letters->again(settling->letters->arg, settling->connector, settling->batch,
                                       settling->is_undecoded, states, count, err)
            : leat_hand_write(&settling->hand, settling->batch, states, count,
                              settling->batch->count > 0 ? settling->connector : NULL, err);
    free(states);
    if (status == LEAT_OK)
        settling->done += settling->unit_count;
    settling->unit_count = 0;
    leat_batch_reset(settling->batch);
    return status;
}

/* ---- one letter ---- */

static bool has_sink(const struct leat_config *config, const char *name)
{
    for (size_t i = 0; i < config->pipeline_count; i++)
        for (size_t k = 0; k < config->pipelines[i].sink_count; k++)
            if (strcmp(config->pipelines[i].sinks[k].name, name) == 0)
                return true;
    return false;
}

static bool has_source(const struct leat_config *config, const char *name)
{
    for (size_t i = 0; i < config->pipeline_count; i++)
        if (config->pipelines[i].source && strcmp(config->pipelines[i].source->name, name) == 0)
            return true;
    return false;
}

/* REASONS: it can be replayed. */
static enum why_not judge(const struct settling *settling, const struct leat_value *letter, const char *connector,
                          bool is_sources)
{
    char identity[400];
    const struct leat_config *config = settling->letters->config;
    leat_letter_text(letter, "identity", identity, sizeof identity);
    const char *slash = strrchr(identity, '/');
    if (slash && strchr(slash, '+'))
        return ADDED;
    if (is_sources && !settling->letters->again)
        return NOBODY_RUNS;
    return config && !(is_sources ? has_source(config, connector) : has_sink(config, connector)) ? NO_SINK : REASONS;
}

static enum leat_status replay(struct settling *settling, const struct leat_value *letter, enum why_not *reason,
                               struct leat_error *err)
{
    char connector[160], identity[400], stage[16];
    leat_letter_text(letter, "connector", connector, sizeof connector);
    bool is_undecoded = strcmp(leat_letter_text(letter, "stage", stage, sizeof stage), "decode") == 0;
    bool is_sources = leat_letter_text(letter, "identity", identity, sizeof identity)[0] == '\0';
    *reason = judge(settling, letter, connector, is_sources);
    if (*reason != REASONS)
        return LEAT_OK;
    if (settling->unit_count > 0 &&
        (strcmp(connector, settling->connector) != 0 || is_undecoded != settling->is_undecoded)) {
        enum leat_status status = flush(settling, err);
        if (status != LEAT_OK)
            return status;
    }
    memcpy(settling->connector, connector, sizeof connector);
    settling->is_sources = is_sources;
    settling->is_undecoded = is_undecoded;
    if (!leat_letter_original(letter, settling->batch))
        *reason = TOO_LARGE;
    return LEAT_OK;
}

static enum leat_status settle(void *arg, struct leat_shelf *shelf, const struct leat_letter_seen *seen,
                               struct leat_error *err)
{
    struct settling *settling = arg;
    enum why_not reason = REASONS;
    enum leat_status status = LEAT_OK;
    if (seen->state != LEAT_LETTER_OPEN) {
        settling->already++;
        return LEAT_OK;
    }
    if (settling->to == LEAT_LETTER_REPLAYED)
        status = replay(settling, &seen->letter->value, &reason, err);
    if (status != LEAT_OK || reason != REASONS) {
        settling->left[reason == REASONS ? 0 : reason] += status == LEAT_OK;
        return status;
    }
    leat_ranges_add(&shelf->settled, seen->id.offset, settling->to);
    shelf->is_changed = true;
    settling->unit_count++;
    if (settling->unit_count >= UNIT_RECORDS || leat_batch_bytes(settling->batch) >= UNIT_BYTES)
        return flush(settling, err);
    return LEAT_OK;
}

/* ---- all that were asked for ---- */

static enum leat_status settle_log(struct settling *settling, const struct leat_letters_query *query, struct leat_error *err)
{
    enum leat_status status = leat_shelves_read(settling->letters, query, settling->shelves,
                                                settling->hand.log, settle, settling, err);
    if (status == LEAT_OK || status == LEAT_EOF)
        status = flush(settling, err);
    leat_hand_close(&settling->hand);
    return status;
}

static const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

static void report_all(const struct settling *settling, struct leat_bytes *report)
{
    leat_bytes_printf(report, "%llu letter%s %s", (unsigned long long)settling->done, plural(settling->done),
                      leat_letter_state_name(settling->to));
    if (settling->to == LEAT_LETTER_REPLAYED && settling->done > 0)
        leat_bytes_text(report, "; what is refused again becomes a letter again");
    leat_bytes_put(report, '\n');
    for (int i = 0; i < REASONS; i++)
        if (settling->left[i] > 0)
            leat_bytes_printf(report, "%llu letter%s stay%s: %s\n", (unsigned long long)settling->left[i],
                              plural(settling->left[i]), settling->left[i] == 1 ? "s" : "", why_not[i]);
}

static enum leat_status judge_all(const struct settling *settling, struct leat_error *err)
{
    for (int i = 0; i < REASONS; i++)
        if (settling->left[i] > 0)
            return leat_fail(err, LEAT_REJECT, "%llu letter%s could not be replayed: %s",
                             (unsigned long long)settling->left[i], plural(settling->left[i]), why_not[i]);
    if (settling->done == 0 && settling->already > 0)
        return leat_fail(err, LEAT_REJECT, "replayed or dropped already; `leat dead list --all` shows which");
    if (settling->done == 0)
        return leat_fail(err, LEAT_REJECT, "there is no such letter; `leat dead list` shows those that are open");
    return LEAT_OK;
}

enum leat_status leat_letters_settle(const struct leat_letters *letters, const struct leat_letters_query *query,
                                     enum leat_letter_state to, struct leat_bytes *report, struct leat_error *err)
{
    struct leat_shelves shelves;
    enum leat_status status = leat_shelves_load(letters, query, &shelves, err);
    struct settling settling = {.letters = letters, .shelves = &shelves, .to = to,
                                .hand = {.driver = letters->driver, .access = letters->access,
                                         .config = letters->config, .name = "dead letters"},
                                .batch = leat_batch_new(2 * UNIT_BYTES, UNIT_RECORDS)};
    for (size_t i = 0; status == LEAT_OK && i < shelves.count; i++) {
        bool is_done = false; /* with another shelf of the same log */
        for (size_t k = 0; k < i; k++)
            is_done = is_done || strcmp(shelves.items[k].log, shelves.items[i].log) == 0;
        settling.hand.log = shelves.items[i].log;
        if (!is_done)
            status = settle_log(&settling, query, err);
    }
    report_all(&settling, report);
    leat_batch_free(settling.batch);
    leat_shelves_fini(&shelves);
    return status == LEAT_OK ? judge_all(&settling, err) : status;
}
