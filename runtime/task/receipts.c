/* receipts.c - what a sink took and has not settled.
 *
 * Of a sink that may refuse a record later, the batch stays until then. Of one that refuses in put() at the latest only
 * the receipt is left, and the batch's memory reads on: such a sink may take far more into one transaction of its target
 * than the task may hold in batches.
 */
#include <task/inside.h>

#include <base/assert.h>
#include <base/memory.h>
#include <stdlib.h>

#define RECEIPTS_MOST 64 /* each has a mark, and so some 4 kB */

bool receipts_are_full(const struct leat_task *task)
{
    return task->receipts.count >= RECEIPTS_MOST;
}

void receipts_add(struct leat_task *task, struct leat_batch *batch)
{
    struct receipts *receipts = &task->receipts;
    struct receipt *receipt = leat_calloc(1, sizeof *receipt);
    leat_assert(!receipts_are_full(task));
    *receipt = (struct receipt){
        .number = batch->number,
        .split = batch->split,
        .records = batch->count,
        .bytes = leat_batch_bytes(batch),
        .as_read = batch->as_read,
        .commit_us = batch->count > 0 ? batch->reads[0].commit_us : 0,
        .mark = batch->mark,
    };
    if (task->connector->sink->traits & LEAT_REFUSES_EARLY)
        pool_give(&task->pool, batch);
    else
        receipt->batch = batch;
    *receipts->last = receipt;
    receipts->last = &receipt->next;
    receipts->count++;
}

struct receipt *receipts_take(struct leat_task *task)
{
    struct receipts *receipts = &task->receipts;
    struct receipt *receipt = receipts->first;
    receipts->first = receipt->next;
    if (!receipts->first)
        receipts->last = &receipts->first;
    receipts->count--;
    return receipt;
}

void receipt_free(struct leat_task *task, struct receipt *receipt)
{
    if (receipt->batch)
        pool_give(&task->pool, receipt->batch);
    free(receipt);
}

struct leat_batch *receipts_find(const struct leat_task *task, uint64_t number)
{
    for (const struct receipt *at = task->receipts.first; at; at = at->next)
        if (at->number == number)
            return at->batch;
    return NULL;
}
