/* Between a sink's refusal, the letter's unit and the mark: each call of the sink to its log ends the life of the sink once,
 * before the log did it and after; then the cause of the refusal is gone, or not. Whatever dies when: a record is in the target
 * or in the letters, once. */
#include "fake.h"

#include <model/letter.h>

static const int64_t refused[] = {3, 4, 17, 18, 40, 0};
enum { COUNT = 60 };

/* ---- a driver that fails at one call ---- */

static struct {
    const struct leat_driver_type *real;
    struct leat_driver_type type;
    int calls, at; /* the call that fails */
    bool is_after, has_failed, mends;
} crash;

static bool is_time(void)
{
    return ++crash.calls == crash.at;
}

static enum leat_status die(struct leat_error *err)
{
    crash.has_failed = true;
    if (crash.mends)
        fake.refuses = NULL;
    return leat_fail(err, LEAT_RETRY, "the process was killed");
}

static enum leat_status crash_append(struct leat_writer *writer, struct leat_batch *batch, const struct leat_state *states,
                                     size_t count, const char *audience, uint64_t *ticket, struct leat_error *err)
{
    bool dies = is_time();
    if (dies && !crash.is_after)
        return die(err);
    enum leat_status status = crash.real->append(writer, batch, states, count, audience, ticket, err);
    return dies ? die(err) : status;
}

static enum leat_status crash_durable(struct leat_writer *writer, uint64_t *ticket, struct leat_error *err)
{
    return is_time() ? die(err) : crash.real->durable(writer, ticket, err);
}

static enum leat_status crash_hint(struct leat_reader *reader, uint32_t split, const struct leat_mark *mark,
                                   struct leat_error *err)
{
    bool dies = is_time();
    if (dies && !crash.is_after)
        return die(err);
    enum leat_status status = crash.real->hint(reader, split, mark, err);
    return dies ? die(err) : status;
}

static enum leat_status crash_read(struct leat_reader *reader, struct leat_batch *batch, struct leat_error *err)
{
    return is_time() ? die(err) : crash.real->read(reader, batch, err);
}

/* ---- one run for each point ---- */

static int64_t letters[COUNT + 1];

static void see(void *arg, const struct leat_record *rec)
{
    struct leat_batch *batch = leat_batch_new(1 << 16, 1);
    (void)arg;
    assert_true(leat_letter_original(&rec->value, batch));
    int64_t n = fake_number(leat_batch_get(batch, 0));
    assert_in_range(n, 1, COUNT);
    letters[n]++;
    leat_batch_free(batch);
}

static void assert_one_or_the_other(void)
{
    int64_t taken[COUNT + 1] = {0};
    memset(letters, 0, sizeof letters);
    fake_read("shop.dead", see, NULL);
    for (int64_t i = 0; i < fake.taken_count; i++) /* one that keeps no mark knows what it has by other means, as HTTP does */
        taken[fake.taken[i]] = fake.keeps_mark ? taken[fake.taken[i]] + 1 : 1;
    for (int64_t n = 1; n <= COUNT; n++)
        if (taken[n] + letters[n] != 1)
            fail_msg("%lld is %lld times in the target, and has %lld letters (call %d, %s it, %s)", (long long)n,
                     (long long)taken[n], (long long)letters[n], crash.at, crash.is_after ? "after" : "before",
                     crash.mends ? "mended" : "as it was");
}

/* True: the call was made. */
static bool run_to_call(int at, bool is_after, bool mends, bool is_late)
{
    fake_setup(NULL);
    fake.count = COUNT;
    fake.refuses = refused;
    fake.refuses_late = fake.is_async = is_late; /* then the target cannot keep the mark back: it is ours */
    fake.keeps_mark = !is_late;
    fake.sink.errors.is_set = true;
    fake.sink.errors.policy = LEAT_POLICY_DEAD_LETTER;
    fake.once = leat_once_new(1);
    fake_end(fake_start(&fake.source), LEAT_TASK_DONE);
    crash.real = fake.driver;
    crash.type = *fake.driver;
    crash.type.append = crash_append;
    crash.type.durable = crash_durable;
    crash.type.hint = crash_hint;
    crash.type.read = crash_read;
    crash.calls = 0;
    crash.at = at;
    crash.is_after = is_after;
    crash.mends = mends;
    crash.has_failed = false;
    fake.driver = &crash.type;
    fake_end(fake_start(&fake.sink), LEAT_TASK_DONE);
    fake.driver = crash.real;
    assert_one_or_the_other();
    fake_end(fake_start(&fake.sink), LEAT_TASK_DONE);
    assert_one_or_the_other();
    assert_int_equal(fake_intents(), 0); /* if not at once, then at the next start */
    fake_teardown(NULL);
    return crash.has_failed;
}

static void sweep(bool is_late)
{
    for (int variant = 0; variant < 4; variant++) {
        int points = 0;
        for (int at = 1; at < 200 && points == at - 1; at++)
            points += run_to_call(at, variant & 1, variant & 2, is_late);
        assert_in_range(points, 5, 198); /* all calls were met, and there were some */
    }
}

static void a_record_is_delivered_or_dead_at_each_point(void **state)
{
    (void)state;
    sweep(false);
}

static void so_it_is_where_the_target_refuses_late(void **state)
{
    (void)state;
    sweep(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_is_delivered_or_dead_at_each_point),
        cmocka_unit_test(so_it_is_where_the_target_refuses_late),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
