/* written.c - records that lanes of an earlier time have written, when a sink goes on with more or fewer.
 *
 *   lanes of then   ----a---------|          ---------b--|          -----c---|
 *   lanes of now    |=== all begin at the earliest; what lies before the mark of its lane of then is left out ===> */
#include <task/inside.h>

#include <base/assert.h>
#include <base/memory.h>
#include <stdlib.h>
#include <string.h>

struct written {
    struct written *next;
    uint32_t split, lanes;
    struct leat_cursor cursors[];
};

void leat_task_written(struct leat_task *task, uint32_t split, uint32_t lanes, const struct leat_cursor *cursors)
{
    struct written *made = leat_malloc(sizeof *made + lanes * sizeof *cursors);
    leat_assert(lanes > 0 && split < task->splits.count);
    *made = (struct written){task->written, split, lanes};
    memcpy(made->cursors, cursors, lanes * sizeof *cursors);
    task->written = made;
}

bool is_written(const struct leat_task *task, uint32_t split, const struct leat_record *rec, const struct leat_cursor *behind)
{
    for (const struct written *at = task->written; at; at = at->next) {
        uint32_t lane = rec->op == LEAT_TRUNCATE ? 0 : rec->key_hash % at->lanes;
        if (at->split == split && leat_cursor_compare(behind, &at->cursors[lane]) <= 0)
            return true;
    }
    return false;
}

bool has_written(const struct leat_task *task, uint32_t split)
{
    for (const struct written *at = task->written; at; at = at->next)
        if (at->split == split)
            return true;
    return false;
}

/* What a person wants once more is written once more. */
void written_forget_split(struct leat_task *task, uint32_t split)
{
    struct written **link = &task->written;
    while (*link) {
        struct written *at = *link;
        if (at->split != split) {
            link = &at->next;
            continue;
        }
        *link = at->next;
        free(at);
    }
}

void written_forget(struct leat_task *task)
{
    while (task->written) {
        struct written *at = task->written;
        task->written = at->next;
        free(at);
    }
}
