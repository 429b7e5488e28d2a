#include <control/inside.h>

#include <base/assert.h>
#include <base/hash.h>
#include <stdio.h>

#define FENCES_MOST 3 /* in one holding of a slot */

/* ---- one process alone ---- */

static enum leat_status single_open(const struct leat_coordinator_config *config, struct leat_coordinator **coordinator,
                                    struct leat_error *err)
{
    (void)config;
    (void)err;
    *coordinator = NULL;
    return LEAT_OK;
}

static enum leat_status single_look(struct leat_coordinator *coordinator, struct leat_holding *holding, struct leat_error *err)
{
    (void)coordinator;
    (void)err;
    *holding = (struct leat_holding){.slots = LEAT_ALL_SLOTS};
    return LEAT_OK;
}

static void single_tell(struct leat_coordinator *coordinator, uint64_t busy)
{
    (void)coordinator;
    (void)busy;
}

static int single_fd(struct leat_coordinator *coordinator)
{
    (void)coordinator;
    return -1;
}

static void single_close(struct leat_coordinator *coordinator)
{
    (void)coordinator;
}

const struct leat_coordinator_type leat_coordinator_single = {
    .struct_size = sizeof(struct leat_coordinator_type),
    .name = "single",
    .about = "One process runs all tasks.",
    .open = single_open,
    .look = single_look,
    .tell = single_tell,
    .fd = single_fd,
    .close = single_close,
};

/* ---- life ---- */

uint32_t leat_slot_of(const char *pipeline, const char *connector, uint32_t number)
{
    char text[256];
    int len = snprintf(text, sizeof text, "%s/%s/%u", pipeline, connector, number);
    leat_assert(len > 0 && (size_t)len < sizeof text);
    return (uint32_t)(leat_hash(text, (size_t)len, 0) % LEAT_SLOTS);
}

enum leat_status share_open(struct leat_control *control, const struct leat_coordinator_type *type,
                            const struct leat_coordinator_config *config, struct leat_error *err)
{
    struct leat_share *share = &control->share;
    *share = (struct leat_share){.type = type, .config = *config};
    enum leat_status status = type->open(config, &share->coordinator, err);
    share->is_open = status == LEAT_OK;
    return status;
}

void share_close(struct leat_control *control)
{
    struct leat_share *share = &control->share;
    if (!share->is_open)
        return;
    share->type->tell(share->coordinator, 0);
    share->type->close(share->coordinator);
    share->is_open = false;
}

bool share_has_others(const struct leat_control *control)
{
    return control->share.type && control->share.type->leave;
}

int share_fd(const struct leat_control *control)
{
    const struct leat_share *share = &control->share;
    return share->is_open ? share->type->fd(share->coordinator) : -1;
}

void share_leave(struct leat_control *control)
{
    struct leat_share *share = &control->share;
    if (share->is_open && !share->is_leaving && share_has_others(control))
        share->type->leave(share->coordinator);
    share->is_leaving = true;
}

/* ---- following ---- */

static bool is_in(const struct running *running, uint64_t slots)
{
    return slots >> running->slot & 1;
}

/* "shop, shop.redis/0, shop.redis/1, ..." */
static void name_tasks(const struct leat_control *control, uint64_t slots, char *text, size_t size)
{
    size_t len = 0;
    text[0] = '\0';
    for (size_t i = 0; i < control->count; i++) {
        const struct leat_task_config *config = &control->tasks[i].config;
        char number[16] = "";
        if (!is_in(&control->tasks[i], slots))
            continue;
        if (config->count > 1)
            snprintf(number, sizeof number, "/%u", config->number);
        int more = snprintf(text + len, size - len, "%s%s%s", len ? ", " : "", config->connector->name, number);
        if (more < 0 || len + (size_t)more >= size) {
            memcpy(text + size - 4, "...", 4);
            return;
        }
        len += (size_t)more;
    }
}

static void say_slots(struct leat_control *control, uint64_t slots, bool is_lost)
{
    char text[400];
    struct leat_share *share = &control->share;
    uint64_t gone = share->slots & ~slots, come = slots & ~share->slots;
    if (!share_has_others(control) || (!gone && !come))
        return;
    name_tasks(control, slots, text, sizeof text);
    leat_say(is_lost ? LEAT_WARNING : LEAT_INFO, NULL, "coordinator: %s %s %d of %d slots (change %u: +%d -%d)%s; tasks here: %s",
             share->config.instance, is_lost ? "was taken for dead, holds" : "holds", __builtin_popcountll(slots), LEAT_SLOTS,
             ++share->changes, __builtin_popcountll(come), __builtin_popcountll(gone), share->is_leaving ? ", leaving" : "",
             text[0] ? text : "none");
}

static void stop_lost(struct leat_control *control, struct running *running)
{
    leat_lock_take(&control->lock);
    leat_task_stop(running->task, leat_now());
    running->is_told = true;
    leat_lock_give(&control->lock);
}

static void note_slot(struct leat_control *control, struct running *running, const struct leat_holding *holding)
{
    bool is_ours = is_in(running, holding->slots);
    bool goes = running->is_ours && !is_ours;
    leat_lock_take(&control->lock);
    running->is_ours = is_ours;
    leat_lock_give(&control->lock);
    if (!goes)
        return;
    running->fences = 0;
    running->fenced_at = (struct leat_time){0};
    if (holding->is_lost)
        stop_lost(control, running);
}

/* A slot changes hands only through the coordinator: who fenced a task in it a session ago, while it is still ours, has been
 * told since that it is not theirs. */
static void look_at_fenced(struct leat_control *control, struct running *running)
{
    struct leat_task_status status;
    leat_task_status(running->task, &status);
    if (!running->is_ours || running->is_told || status.state != LEAT_TASK_FENCED || running->fences >= FENCES_MOST)
        return;
    struct leat_time now = leat_now();
    if (running->fenced_at.ns == 0)
        running->fenced_at = now;
    if ((now.ns - running->fenced_at.ns) / 1000 < control->share.config.session_us)
        return;
    running->fences++;
    running->fenced_at = (struct leat_time){0};
    leat_say(LEAT_WARNING, status.name, "was fenced, but its slot is ours: beginning again (%u of %d)", running->fences,
             FENCES_MOST);
    leat_lock_take(&control->lock);
    running->is_again = true;
    leat_lock_give(&control->lock);
}

bool share_is_fenced_for_now(const struct leat_control *control, const struct running *running)
{
    struct leat_task_status status;
    leat_task_status(running->task, &status);
    return share_has_others(control) && status.state == LEAT_TASK_FENCED && running->fences < FENCES_MOST;
}

static void look(struct leat_share *share, struct leat_holding *holding)
{
    *holding = (struct leat_holding){.slots = 0, .is_lost = true};
    if (share->status != LEAT_OK)
        return;
    share->status = share->type->look(share->coordinator, holding, &share->error);
    if (share->is_leaving)
        holding->slots = 0;
    if (share->status == LEAT_OK)
        return;
    *holding = (struct leat_holding){.slots = 0, .is_lost = true};
    leat_say(LEAT_ERROR, NULL, "coordinator: %s", share->error.text);
}

void share_look(struct leat_control *control)
{
    struct leat_holding holding;
    struct leat_share *share = &control->share;
    look(share, &holding);
    say_slots(control, holding.slots, holding.is_lost && (share->slots & ~holding.slots));
    share->slots = holding.slots;
    for (size_t i = 0; i < control->count; i++) {
        note_slot(control, &control->tasks[i], &holding);
        if (share_has_others(control))
            look_at_fenced(control, &control->tasks[i]);
    }
}

static uint64_t busy_slots(const struct leat_control *control)
{
    uint64_t busy = 0;
    for (size_t i = 0; i < control->count; i++) {
        const struct running *running = &control->tasks[i];
        struct leat_task_status status;
        leat_task_status(running->task, &status);
        if (running->is_started && !is_ended(status.state))
            busy |= UINT64_C(1) << running->slot;
    }
    return busy;
}

void share_tell(struct leat_control *control)
{
    control->share.type->tell(control->share.coordinator, busy_slots(control));
}

bool share_is_idle(const struct leat_control *control)
{
    return busy_slots(control) == 0;
}
