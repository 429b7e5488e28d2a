/* pool.c - batches within the task's byte budget: what a task holds in memory at once. */
#include <task/inside.h>

#include <base/assert.h>
#include <base/memory.h>
#include <stdlib.h>

#define BATCH_MOST  ((int64_t)1 << 20)
#define BATCHES_MOST 8
#define BATCH_LEAST ((int64_t)64 << 10)

void pool_init(struct pool *pool, int64_t memory_bytes)
{
    int64_t bytes = memory_bytes / 4;
    bytes = bytes > BATCH_MOST ? BATCH_MOST : bytes < BATCH_LEAST ? BATCH_LEAST : bytes;
    *pool = (struct pool){.batch_bytes = (size_t)bytes, .batch_records = BATCH_RECORDS};
    pool->most = memory_bytes / bytes < BATCHES_MOST ? (uint32_t)(memory_bytes / bytes) : BATCHES_MOST;
    if (pool->most < 2)
        pool->most = 2;
    leat_lock_init(&pool->lock, "batches", LEAT_RANK_MAILBOX);
    leat_cond_init(&pool->room);
}

static void free_spares(struct pool *pool)
{
    while (pool->free) {
        struct leat_batch *batch = pool->free;
        pool->free = batch->next;
        leat_batch_free(batch);
        pool->made--;
    }
}

void pool_fini(struct pool *pool)
{
    free_spares(pool);
    leat_assert(pool->made == 0);
    leat_cond_fini(&pool->room);
    leat_lock_fini(&pool->lock);
}

/* Lock held. */
static struct leat_batch *take(struct pool *pool)
{
    struct leat_batch *batch = pool->free;
    if (batch) {
        pool->free = batch->next;
        batch->next = NULL;
    } else if (pool->made < pool->most) {
        pool->made++;
        batch = leat_batch_new(pool->batch_bytes, pool->batch_records);
    }
    return batch;
}

struct leat_batch *pool_take(struct pool *pool)
{
    leat_lock_take(&pool->lock);
    struct leat_batch *batch = take(pool);
    leat_lock_give(&pool->lock);
    return batch;
}

void pool_give(struct pool *pool, struct leat_batch *batch)
{
    leat_batch_reset(batch);
    leat_lock_take(&pool->lock);
    batch->max_records = pool->batch_records;
    batch->next = pool->free;
    pool->free = batch;
    leat_cond_signal(&pool->room);
    leat_lock_give(&pool->lock);
}

bool pool_is_empty(struct pool *pool)
{
    leat_lock_take(&pool->lock);
    bool is_empty = !pool->free && pool->made >= pool->most;
    leat_lock_give(&pool->lock);
    return is_empty;
}

void pool_wake(struct pool *pool)
{
    leat_lock_take(&pool->lock);
    leat_cond_broadcast(&pool->room);
    leat_lock_give(&pool->lock);
}

void pool_limit(struct pool *pool, uint32_t records)
{
    leat_lock_take(&pool->lock);
    pool->batch_records = records;
    free_spares(pool);
    leat_lock_give(&pool->lock);
}

struct leat_batch *leat_batch_take(struct leat_task *task)
{
    struct pool *pool = &task->pool;
    leat_lock_take(&pool->lock);
    struct leat_batch *batch = take(pool);
    while (!batch && is_side_of(task) && !leat_task_is_stopping(task)) {
        leat_cond_wait(&pool->room, &pool->lock);
        batch = take(pool);
    }
    leat_lock_give(&pool->lock);
    if (batch && !is_side_of(task))
        batch->number = task->batch_number + 1; /* of the one that poll() hands out next */
    return batch;
}

uint32_t leat_task_batches(const struct leat_task *task)
{
    return task->pool.most;
}

void leat_batch_give(struct leat_task *task, struct leat_batch **batch)
{
    pool_give(&task->pool, *batch);
    *batch = NULL;
}
