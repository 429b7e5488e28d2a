#include "fake.h"

#include <task/inside.h>

static void what_is_out_stays_within_the_budget(void **state)
{
    static const int64_t budgets[] = {1, 100000, 1 << 20, 3 << 20, (int64_t)64 << 20};
    (void)state;
    for (size_t i = 0; i < sizeof budgets / sizeof *budgets; i++) {
        struct leat_batch *taken[1024];
        struct pool pool;
        uint32_t count = 0;
        int64_t bytes = 0;
        pool_init(&pool, budgets[i]);
        while (!pool_is_empty(&pool) && (taken[count] = pool_take(&pool)))
            bytes += (int64_t)taken[count++]->max_bytes;
        assert_null(pool_take(&pool));
        assert_true(count >= 2);
        assert_true(bytes <= budgets[i] || count == 2);
        while (count > 0)
            pool_give(&pool, taken[--count]);
        pool_fini(&pool);
    }
}

static void a_batch_that_comes_back_is_empty(void **state)
{
    struct pool pool;
    (void)state;
    pool_init(&pool, 1 << 20);
    struct leat_batch *batch = pool_take(&pool);
    leat_batch_add(batch);
    leat_batch_reject(batch, 0, "no");
    pool_give(&pool, batch);
    assert_ptr_equal(pool_take(&pool), batch);
    assert_int_equal(leat_batch_count(batch), 0);
    assert_int_equal(batch->refusal_count, 0);
    pool_give(&pool, batch);
    pool_fini(&pool);
}

static void a_limit_counts_for_batches_that_are_out_too(void **state)
{
    struct pool pool;
    (void)state;
    pool_init(&pool, 1 << 20);
    struct leat_batch *out = pool_take(&pool), *spare = pool_take(&pool);
    pool_give(&pool, spare);
    pool_limit(&pool, 1);
    pool_give(&pool, out);
    for (int i = 0; i < 3; i++) {
        struct leat_batch *batch = pool_take(&pool);
        assert_false(leat_batch_is_full(batch));
        leat_batch_add(batch);
        assert_true(leat_batch_is_full(batch));
        pool_give(&pool, batch);
    }
    pool_fini(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_out_stays_within_the_budget),
        cmocka_unit_test(a_batch_that_comes_back_is_empty),
        cmocka_unit_test(a_limit_counts_for_batches_that_are_out_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
