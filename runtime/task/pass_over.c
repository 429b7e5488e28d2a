/* pass_over.c - behind `leat recover --from-sinks`: a sink passes over what its target has.
 *
 *   the log      a  b  c  d  e  f        records of the source, once more, from the oldest origin of all sinks on
 *   the target   ......... d             its mark's origin: a to d are left out, e is the first that is written
 *
 * The record of the origin has to come: who meets one that lies behind it first, stops. Control records are never left out:
 * that something is missing in the new log (a gap record of a salvage) the target was not told by the old one. */
#include <task/inside.h>

#include <base/memory.h>
#include <model/consumed.h>
#include <model/json.h>
#include <stdlib.h>
#include <string.h>

struct pass_over { /* one split */
    struct pass_over *next;
    uint32_t split;
    struct leat_recovered claim;
    struct leat_arena arena;
    struct leat_value origin;
    bool is_on;
    uint64_t count;
};

static struct pass_over *find(const struct leat_task *task, uint32_t split)
{
    struct pass_over *at = task->pass_overs;
    while (at && at->split != split)
        at = at->next;
    return at;
}

const struct leat_recovered *pass_over_claim(const struct leat_task *task, uint32_t split)
{
    const struct pass_over *found = find(task, split);
    return found ? &found->claim : NULL;
}

static enum leat_status load(struct leat_task *task, uint32_t split, struct leat_error *err)
{
    struct pass_over *made = leat_calloc(1, sizeof *made);
    made->split = split;
    leat_arena_init(&made->arena, 0);
    made->next = task->pass_overs;
    task->pass_overs = made;
    return leat_recovered_load(task->driver, task->config.access, leat_task_name(task), task->splits.names[split], &made->claim,
                               err);
}

enum leat_status pass_over_load(struct leat_task *task, struct leat_error *err)
{
    enum leat_status status = LEAT_OK;
    pass_over_forget(task);
    for (uint32_t i = 0; status == LEAT_OK && i < task->splits.count; i++)
        status = load(task, i, err);
    return status;
}

void pass_over_forget(struct leat_task *task)
{
    while (task->pass_overs) {
        struct pass_over *at = task->pass_overs;
        task->pass_overs = at->next;
        leat_arena_fini(&at->arena);
        free(at);
    }
}

enum leat_status pass_over_begin(struct leat_task *task, uint32_t split, struct leat_error *err)
{
    struct pass_over *pass = find(task, split);
    const char *text = pass->claim.origin;
    if (!text[0])
        return LEAT_OK;
    if (!task->pipeline->source || !task->pipeline->source->source->origin_order)
        return leat_fail(err, LEAT_STOP, "%s was recovered for another source: this one cannot tell what the target has",
                         task->splits.names[split]);
    pass->is_on = true;
    leat_say(LEAT_INFO, leat_task_name(task), "passes over what its target has, up to %s", text);
    leat_task_progress(task, "passing over what the target has");
    return leat_json_read(text, strlen(text), true, &pass->arena, &pass->origin, err);
}

/* ---- a record ---- */

static bool is_found(const struct pass_over *pass)
{
    return pass->claim.found.len > 0;
}

static enum leat_status stop_at(const struct leat_task *task, const struct pass_over *pass, const char *came, const char *why,
                                struct leat_error *err)
{
    return leat_fail(err, LEAT_STOP,
                     "%s: %s: the target has last %.300s, and now came %.300s. Did tables, topics or transforms change since? "
                     "`leat replay %s --from earliest` writes all that the log has, some of it twice",
                     task->splits.names[pass->split], why, pass->claim.origin, came, leat_task_name(task));
}

/* Durable before a mark can pass it: from now on the search is over. */
static enum leat_status keep_found(struct leat_task *task, struct pass_over *pass, const struct leat_cursor *behind,
                                   struct leat_error *err)
{
    char key[LEAT_RECOVERED_KEY_MAX];
    struct leat_value items[LEAT_RECOVERED_ITEMS];
    pass->claim.found = *behind;
    struct leat_state state =
        leat_recovered_state(leat_task_name(task), task->splits.names[pass->split], &pass->claim, key, items);
    return sink_keep(task, &state, err);
}

static int order_of(const struct leat_task *task, const struct pass_over *pass, const char *text)
{
    struct leat_arena arena;
    struct leat_error ignored;
    struct leat_value came;
    int order = LEAT_NO_ORDER;
    leat_arena_init(&arena, 0);
    if (leat_json_read(text, strlen(text), true, &arena, &came, &ignored) == LEAT_OK)
        order = task->pipeline->source->source->origin_order(&came, &pass->origin);
    leat_arena_fini(&arena);
    return order;
}

/* What has no origin stands where it stood before: in front of the record that is looked for. */
static enum leat_status judge(struct leat_task *task, struct pass_over *pass, struct leat_record *rec,
                              const struct leat_cursor *behind, struct leat_error *err)
{
    char came[LEAT_ORIGIN_MAX + 1];
    int order = leat_origin_write(rec, came) ? order_of(task, pass, came) : -1;
    if (order == LEAT_NO_ORDER)
        return stop_at(task, pass, came, "two records of the source cannot be compared", err);
    if (order > 0 && !is_found(pass))
        return stop_at(task, pass, came, "the record that the target has last did not come again", err);
    if (order == 0 && is_found(pass))
        return stop_at(task, pass, came, "two records say that they are the one that the target has last", err);
    if (order > 0) {
        pass->is_on = false;
        return LEAT_OK;
    }
    if (order == 0)
        return keep_found(task, pass, behind, err);
    return LEAT_OK;
}

enum leat_status pass_over(struct leat_task *task, struct leat_batch *batch, struct leat_error *err)
{
    struct pass_over *pass = find(task, batch->split);
    if (!pass || !pass->is_on)
        return LEAT_OK;
    uint32_t count = 0;
    for (uint32_t i = 0; i < batch->count; i++) {
        struct leat_record *rec = &batch->records[i];
        enum leat_status status = judge(task, pass, rec, &batch->reads[i].cursor, err);
        if (status != LEAT_OK)
            return status;
        if (!pass->is_on)
            break;
        if (leat_op_is_control(rec->op))
            continue;
        rec->flags |= LEAT_DROPPED;
        count++;
    }
    pass->count += count;
    leat_count(task, "passed_over", count);
    if (pass->is_on) {
        memcpy(batch->mark.origin, pass->claim.origin, sizeof batch->mark.origin);
        return LEAT_OK;
    }
    leat_task_progress(task, "goes on behind what its target has");
    leat_say(LEAT_INFO, leat_task_name(task), "has passed over %llu record%s that its target had", (unsigned long long)pass->count,
             pass->count == 1 ? "" : "s");
    return LEAT_OK;
}
