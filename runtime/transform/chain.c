/* chain.c - runs the steps; hides from later steps what an earlier one refused. */
#include <transform/chain.h>

#include <base/assert.h>
#include <base/clock.h>
#include <base/memory.h>
#include <model/batch.h>
#include <stdlib.h>

/* A record that later steps must not see carries DROPPED and this mark for the time of the run. A
 * flag, not a list of indices: steps may insert records. */
enum { HIDDEN = 128 };

struct step {
    struct leat_chain_step is;
    struct leat_time due;
};

struct leat_chain {
    struct leat_task *task;
    size_t count;
    struct step steps[];
};

enum leat_status leat_chain_open(struct leat_chain **chain, const struct leat_chain_step *steps,
                                 size_t count, struct leat_task *task, struct leat_error *err)
{
    struct leat_chain *c = leat_calloc(1, sizeof *c + count * sizeof c->steps[0]);
    c->task = task;
    *chain = NULL;
    for (size_t i = 0; i < count; i++) {
        const struct leat_transform_type *type = steps[i].type;
        enum leat_status status = type->open ? type->open(steps[i].self, task, err) : LEAT_OK;
        if (status != LEAT_OK) {
            leat_error_context(err, "transform %s", type->name);
            leat_chain_close(c);
            return status;
        }
        /* A timer runs once at the start: then it says itself when it is due. */
        c->steps[c->count++] =
            (struct step){steps[i], type->timer ? (struct leat_time){0} : LEAT_NEVER};
    }
    *chain = c;
    return LEAT_OK;
}

static void hide(struct leat_record *rec)
{
    if (!(rec->flags & LEAT_DROPPED))
        rec->flags |= LEAT_DROPPED | HIDDEN;
}

/* Once more those of earlier steps: hiding a hidden record changes nothing. */
static void hide_refused(struct leat_batch *batch)
{
    for (uint32_t i = 0; i < batch->refusal_count; i++)
        hide(leat_batch_edit(batch, batch->refusals[i].index));
}

static void unhide_all(struct leat_batch *batch)
{
    for (uint32_t i = 0; i < batch->count; i++) {
        struct leat_record *rec = leat_batch_edit(batch, i);
        if (rec->flags & HIDDEN)
            rec->flags &= (uint8_t) ~(LEAT_DROPPED | HIDDEN);
    }
}

/* Steps from `first` on; *hidden tells whether any record is hidden (also on the way in). */
static enum leat_status run(struct leat_chain *c, size_t first, struct leat_batch *batch,
                            bool *hidden, struct leat_error *err)
{
    for (size_t i = first; i < c->count; i++) {
        const struct leat_chain_step *step = &c->steps[i].is;
        enum leat_status status = step->type->apply(step->self, c->task, batch, err);
        if (status != LEAT_OK && status != LEAT_REJECT) {
            leat_error_context(err, "transform %s", step->type->name);
            return status;
        }
        if (i + 1 < c->count && batch->refusal_count > 0) {
            hide_refused(batch);
            *hidden = true;
        }
    }
    return batch->refusal_count > 0 ? LEAT_REJECT : LEAT_OK;
}

enum leat_status leat_chain_apply(struct leat_chain *chain, struct leat_batch *batch,
                                  struct leat_error *err)
{
    bool hidden = batch->refusal_count > 0; /* what the source could not decode is no business of a step */
    hide_refused(batch);
    enum leat_status status = run(chain, 0, batch, &hidden, err);
    if (hidden)
        unhide_all(batch);
    return status;
}

struct leat_time leat_chain_due(const struct leat_chain *chain)
{
    struct leat_time due = LEAT_NEVER;
    for (size_t i = 0; i < chain->count; i++)
        if (chain->steps[i].due.ns < due.ns)
            due = chain->steps[i].due;
    return due;
}

/* What a timer adds goes through the later steps alone; what was in the batch before went through
 * all. */
static enum leat_status run_timer(struct leat_chain *c, size_t i, struct leat_batch *batch,
                                  struct leat_error *err)
{
    struct step *step = &c->steps[i];
    uint32_t before = batch->count;
    enum leat_status status = step->is.type->timer(step->is.self, c->task, batch, &step->due, err);
    if (status != LEAT_OK && status != LEAT_REJECT) {
        leat_error_context(err, "transform %s", step->is.type->name);
        return status;
    }
    leat_assert(batch->count >= before);
    bool hidden = before > 0;
    for (uint32_t k = 0; k < before; k++)
        hide(leat_batch_edit(batch, k));
    status = run(c, i + 1, batch, &hidden, err);
    if (hidden)
        unhide_all(batch);
    return status;
}

enum leat_status leat_chain_timer(struct leat_chain *chain, struct leat_batch *batch,
                                  struct leat_error *err)
{
    enum leat_status worst = LEAT_OK;
    for (size_t i = 0; i < chain->count; i++) {
        if (!leat_is_past(chain->steps[i].due))
            continue;
        enum leat_status status = run_timer(chain, i, batch, err);
        if (status != LEAT_OK && status != LEAT_REJECT)
            return status;
        if (status == LEAT_REJECT)
            worst = LEAT_REJECT;
    }
    return worst;
}

void leat_chain_close(struct leat_chain *chain)
{
    if (!chain)
        return;
    for (size_t i = chain->count; i-- > 0;) {
        const struct leat_chain_step *step = &chain->steps[i].is;
        if (step->type->close)
            step->type->close(step->self, chain->task);
    }
    free(chain);
}
