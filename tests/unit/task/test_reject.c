#include "fake.h"

/* ---- a transform that refuses what the test says ---- */

static enum leat_status refuse_some(void *self, struct leat_task *task, struct leat_batch *batch,
                                    struct leat_error *err)
{
    (void)self, (void)task, (void)err;
    return fake_refuse(batch) ? LEAT_REJECT : LEAT_OK;
}

static const struct leat_transform_type refuse_type = {.struct_size = sizeof refuse_type,
                                                       .name = "refuse",
                                                       .size = 1,
                                                       .options = fake_no_options,
                                                       .apply = refuse_some};
static struct leat_transform_def transform;

static void refuse_by(struct leat_connector_def *connector, const struct leat_transform_type *type,
                      enum leat_policy policy)
{
    transform = (struct leat_transform_def){type, fake_use(type->name, 1)};
    connector->transforms = &transform;
    connector->transform_count = 1;
    connector->errors.is_set = true;
    connector->errors.policy = policy;
}

/* At the sink itself: the source lets all pass. */
static void refuse_at_put(enum leat_policy policy)
{
    fake.sink.errors.is_set = true;
    fake.sink.errors.policy = policy;
}

static void assert_counted(struct leat_task *task, uint64_t dead, uint64_t skipped)
{
    struct leat_task_status status;
    fake_until(fake_is_over(task));
    leat_task_status(task, &status);
    assert_int_equal(status.dead, dead);
    assert_int_equal(status.skipped, skipped);
}

/* ---- dead letters, as a reader sees them ---- */

struct seen {
    int count;
    int64_t numbers[16];
    char connector[64], error[200];
};

static void see_letter(void *arg, const struct leat_record *rec)
{
    struct seen *seen = arg;
    const struct leat_value *error = leat_map_get(&rec->value, "error");
    const struct leat_value *connector = leat_map_get(&rec->value, "connector");
    const struct leat_value *record = leat_map_get(&rec->value, "record");
    assert_true(error && connector && record);
    assert_int_equal(record->type, LEAT_JSON);
    snprintf(seen->error, sizeof seen->error, "%.*s", (int)error->len, error->as.text);
    snprintf(seen->connector, sizeof seen->connector, "%.*s", (int)connector->len,
             connector->as.text);
    seen->numbers[seen->count++ % 16] = rec->time_us;
}

static void assert_letters(const char *topic, const char *connector, const int64_t *numbers,
                           int count)
{
    struct seen seen = {0};
    fake_read(topic, see_letter, &seen);
    assert_int_equal(seen.count, count);
    for (int i = 0; i < count; i++)
        assert_int_equal(seen.numbers[i], numbers[i]);
    assert_string_equal(seen.connector, connector);
    assert_string_equal(seen.error, "an unlucky number");
}

/* ---- sources ---- */

static void a_source_under_stop_delivers_what_stands_before_the_record(void **state)
{
    (void)state;
    fake.refuses = (int64_t[]){57, 0};
    fake.count = 100;
    refuse_by(&fake.source, &refuse_type, LEAT_POLICY_STOP);
    fake.once = leat_once_new(1);
    struct leat_task *source = fake_start(&fake.source), *sink = fake_start(&fake.sink);
    fake_until(fake_is_over(source));
    assert_non_null(strstr(fake_trouble(source), "an unlucky number"));
    assert_non_null(strstr(fake_trouble(source), "policy: dead_letter"));
    fake_end(source, LEAT_TASK_FAILED);
    fake_end(sink, LEAT_TASK_DONE);
    fake_assert_taken(1, 56, NULL);
    assert_int_equal(fake.opened, 2); /* once more, in careful mode */
}

/* What was refused once may pass the second time (another machine was down): then batches are full
 * again. */
static enum leat_status refuse_once(void *self, struct leat_task *task, struct leat_batch *batch,
                                    struct leat_error *err)
{
    (void)self, (void)task, (void)err;
    if (fake.opened > 1)
        return LEAT_OK;
    return fake_refuse(batch) ? LEAT_REJECT : LEAT_OK;
}

static void a_source_is_careful_only_up_to_the_place(void **state)
{
    static const struct leat_transform_type type = {.struct_size = sizeof type,
                                                    .name = "refuse_once",
                                                    .size = 1,
                                                    .options = fake_no_options,
                                                    .apply = refuse_once};
    (void)state;
    fake.refuses = (int64_t[]){57, 0};
    fake.refuses_late = true; /* the target has nothing against it */
    fake.count = 1000;
    refuse_by(&fake.source, &type, LEAT_POLICY_STOP);
    fake_run_once(LEAT_TASK_DONE, LEAT_TASK_DONE);
    fake_assert_taken(1, 1000, NULL);
    assert_int_equal(fake.opened, 2);
    assert_in_range(fake.durable, 5 + 1 + 10,
                    120); /* numbers of batches: ten were of one record, the rest of ten */
}

static void a_source_writes_dead_letters_in_the_same_unit(void **state)
{
    (void)state;
    int64_t refuses[] = {1, 5, 6, 100, 0};
    fake.refuses = refuses;
    fake.count = 100;
    refuse_by(&fake.source, &refuse_type, LEAT_POLICY_DEAD_LETTER);
    fake.once = leat_once_new(1);
    struct leat_task *source = fake_start(&fake.source), *sink = fake_start(&fake.sink);
    assert_counted(source, 4, 0);
    fake_end(source, LEAT_TASK_DONE);
    fake_end(sink, LEAT_TASK_DONE);
    fake_assert_taken(1, 100, refuses);
    assert_letters("shop.dead", "shop", refuses, 4);
}

static void a_source_counts_what_it_skips(void **state)
{
    (void)state;
    int64_t refuses[] = {7, 8, 0};
    fake.refuses = refuses;
    fake.count = 50;
    refuse_by(&fake.source, &refuse_type, LEAT_POLICY_SKIP);
    fake.once = leat_once_new(1);
    struct leat_task *source = fake_start(&fake.source), *sink = fake_start(&fake.sink);
    assert_counted(source, 0, 2);
    fake_end(source, LEAT_TASK_DONE);
    fake_end(sink, LEAT_TASK_DONE);
    fake_assert_taken(1, 50, refuses);
    assert_int_equal(fake_read("shop.dead", NULL, NULL), 0);
}

static enum leat_status one_for_the_timer(void *self, struct leat_task *task,
                                          struct leat_batch *batch, struct leat_time *due,
                                          struct leat_error *err)
{
    (void)self, (void)err;
    *due = LEAT_NEVER;
    fake_add(task, batch, 5000);
    leat_batch_reject(batch, 0, "an unlucky number");
    return LEAT_REJECT;
}

static void what_a_timer_refuses_follows_the_policy_too(void **state)
{
    static const struct leat_transform_type type = {.struct_size = sizeof type,
                                                    .name = "timer",
                                                    .size = 1,
                                                    .options = fake_no_options,
                                                    .apply = refuse_some,
                                                    .timer = one_for_the_timer};
    (void)state;
    fake.count = 20;
    refuse_by(&fake.source, &type, LEAT_POLICY_DEAD_LETTER);
    fake_run_once(LEAT_TASK_DONE, LEAT_TASK_DONE);
    fake_assert_taken(1, 20, NULL);
    assert_letters("shop.dead", "shop", (int64_t[]){5000}, 1);
    refuse_by(&fake.source, &type, LEAT_POLICY_STOP);
    fake_run_once(LEAT_TASK_FAILED, LEAT_TASK_DONE);
}

static void a_record_beyond_the_limit_is_refused(void **state)
{
    (void)state;
    fake.count = 10;
    fake.per_batch = 5;
    fake.pipeline.max_record = 1; /* numbers have 16 bytes */
    fake.source.errors.is_set = true;
    fake.source.errors.policy = LEAT_POLICY_SKIP;
    fake.once = leat_once_new(1);
    struct leat_task *source = fake_start(&fake.source), *sink = fake_start(&fake.sink);
    assert_counted(source, 0, 10);
    fake_end(source, LEAT_TASK_DONE);
    fake_end(sink, LEAT_TASK_DONE);
    fake_assert_taken(1, 0, NULL);
}

/* What the log itself refuses: a value that is nested deeper than its format goes. */
static enum leat_status nest_some(void *self, struct leat_task *task, struct leat_batch *batch,
                                  struct leat_error *err)
{
    (void)self, (void)task, (void)err;
    for (uint32_t i = 0; i < batch->count; i++) {
        struct leat_record *rec = &batch->records[i];
        bool is_chosen = fake_is_among(fake.refuses, fake_number(rec));
        for (int depth = 0; is_chosen && depth < 1200; depth++) {
            struct leat_value *item = leat_batch_alloc(batch, sizeof *item);
            *item = rec->value;
            rec->value = leat_value_items(LEAT_ARRAY, item, 1);
        }
    }
    return LEAT_OK;
}

static const struct leat_transform_type nest_type = {.struct_size = sizeof nest_type,
                                                     .name = "nest",
                                                     .size = 1,
                                                     .options = fake_no_options,
                                                     .apply = nest_some};

static void what_the_log_refuses_follows_the_policy_too(void **state)
{
    (void)state;
    int64_t nested[] = {7, 20, 0};
    fake.refuses = nested;
    fake.count = 50;
    refuse_by(&fake.source, &nest_type, LEAT_POLICY_SKIP);
    fake.refuses_late = true; /* the target has nothing against the numbers themselves */
    fake_run_once(LEAT_TASK_DONE, LEAT_TASK_DONE);
    fake_assert_taken(1, 50, nested);
}

static void what_the_log_refuses_under_stop_ends_the_source_before_it(void **state)
{
    (void)state;
    fake.refuses = (int64_t[]){7, 0};
    fake.refuses_late = true;
    fake.count = 50;
    refuse_by(&fake.source, &nest_type, LEAT_POLICY_STOP);
    fake.once = leat_once_new(1);
    struct leat_task *source = fake_start(&fake.source), *sink = fake_start(&fake.sink);
    fake_until(fake_is_over(source));
    assert_non_null(strstr(fake_trouble(source), "nested too deeply"));
    fake_end(source, LEAT_TASK_FAILED);
    fake_end(sink, LEAT_TASK_DONE);
    fake_assert_taken(1, 6, NULL);
}

/* ---- sinks ---- */

static void stop_at_57_and_go_on(void)
{
    fake.count = 100;
    refuse_at_put(LEAT_POLICY_STOP);
    fake.refuses = (int64_t[]){57, 80, 0};
    fake_run_once(LEAT_TASK_DONE, LEAT_TASK_FAILED);
    fake_assert_taken(1, 56, NULL);
    fake.refuses = NULL; /* it was mended */
    fake_run_once(LEAT_TASK_DONE, LEAT_TASK_DONE);
    fake_assert_taken(1, 100, NULL);
}

static void a_sink_under_stop_takes_what_stands_before_the_record(void **state)
{
    (void)state;
    stop_at_57_and_go_on();
}

static void so_does_one_that_settles_later(void **state)
{
    (void)state;
    fake.is_async = true;
    stop_at_57_and_go_on();
}

static void so_does_one_without_marks(void **state)
{
    (void)state;
    fake.keeps_mark = false;
    stop_at_57_and_go_on();
}

static void a_sink_under_stop_whose_first_record_is_refused_takes_nothing(void **state)
{
    (void)state;
    fake.refuses = (int64_t[]){1, 0};
    fake.count = 20;
    refuse_at_put(LEAT_POLICY_STOP);
    fake_run_once(LEAT_TASK_DONE, LEAT_TASK_FAILED);
    fake_assert_taken(1, 0, NULL);
    fake_run_once(LEAT_TASK_DONE, LEAT_TASK_FAILED); /* and again, until somebody looks */
    fake_assert_taken(1, 0, NULL);
}

static void a_sinks_transform_under_stop_ends_it_before_the_record(void **state)
{
    (void)state;
    fake.refuses = (int64_t[]){33, 0};
    fake.count = 50;
    refuse_by(&fake.sink, &refuse_type, LEAT_POLICY_STOP);
    fake_run_once(LEAT_TASK_DONE, LEAT_TASK_FAILED);
    fake_assert_taken(1, 32, NULL);
}

static void a_sink_writes_dead_letters_and_takes_the_rest(void **state)
{
    (void)state;
    int64_t refuses[] = {1, 30, 31, 32, 100, 0};
    fake.refuses = refuses;
    fake.count = 100;
    fake.sink.errors.topic = "lost.letters";
    refuse_at_put(LEAT_POLICY_DEAD_LETTER);
    fake_run_once(LEAT_TASK_DONE, LEAT_TASK_DONE);
    fake_assert_taken(1, 100, refuses);
    assert_letters("lost.letters", "shop.copy", refuses, 5);
    assert_int_equal(fake_intents(), 0);
}

/* The letter is durable, then the target fails before its mark passes the record. */
static void a_replay_writes_no_second_letter(void **state)
{
    (void)state;
    int64_t refuses[] = {5, 0};
    fake.refuses = refuses;
    fake.count = 10;
    fake.put_retry_at = 6;
    fake.put_retries = 3;
    refuse_at_put(LEAT_POLICY_DEAD_LETTER);
    fake_run_once(LEAT_TASK_DONE, LEAT_TASK_DONE);
    assert_int_equal(fake.sink_opened, 4);
    fake_assert_taken(1, 10, refuses);
    assert_letters("shop.dead", "shop.copy", refuses, 1);
    assert_int_equal(fake_intents(), 0);
}

/* The same over the end of the process: what the sink wrote down is in the log. */
static void an_intent_outlives_the_task_and_goes_when_the_mark_has_passed(void **state)
{
    (void)state;
    int64_t refuses[] = {5, 0};
    fake.refuses = refuses;
    fake.count = 10;
    fake.put_retry_at = 6;
    fake.put_retries = 1;
    fake.sink.errors.retry_first_us = fake.sink.errors.retry_most_us = 1000000000;
    refuse_at_put(LEAT_POLICY_DEAD_LETTER);
    fake.once = leat_once_new(1);
    fake_end(fake_start(&fake.source), LEAT_TASK_DONE);
    struct leat_task *sink = fake_start(&fake.sink);
    fake_until(fake_state(sink) == LEAT_TASK_WAITING);
    fake_stop(sink);
    assert_int_equal(fake_intents(), 1);
    fake_assert_taken(1, 0, NULL);
    fake_end(fake_start(&fake.sink), LEAT_TASK_DONE);
    fake_assert_taken(1, 10, refuses);
    assert_letters("shop.dead", "shop.copy", refuses, 1);
    assert_int_equal(fake_intents(), 0);
}

struct state_seen {
    int intents, hints;
};

static void see_state(void *arg, const char *log, const struct leat_state *state)
{
    struct state_seen *seen = arg;
    (void)log;
    seen->intents += state->kind == LEAT_STATE_INTENT;
    seen->hints += state->kind == LEAT_STATE_HINT;
}

/* Where the mark is our own lazy hint, no crash may find it behind a record whose intent is gone.
 */
static void an_intent_goes_together_with_our_own_mark(void **state)
{
    struct state_seen seen;
    struct leat_error err = {0};
    (void)state;
    fake.keeps_mark = false;
    fake.refuses = (int64_t[]){5, 0};
    fake.count = 10;
    fake.goes_on = true;
    refuse_at_put(LEAT_POLICY_DEAD_LETTER);
    struct leat_task *source = fake_start(&fake.source), *sink = fake_start(&fake.sink);
    fake_until(fake_read("shop.dead", NULL, NULL) == 1);
    do {
        seen = (struct state_seen){0};
        fake.driver->describe(fake.access, NULL, see_state, &seen, &err);
        assert_true(seen.intents == 1 || seen.hints == 1);
    } while (seen.intents > 0);
    fake_stop(source);
    fake_stop(sink);
}

static void what_a_target_refuses_late_becomes_letters_too(void **state)
{
    (void)state;
    int64_t refuses[] = {2, 77, 0};
    fake.refuses = refuses;
    fake.refuses_late = fake.is_async = true;
    fake.count = 100;
    refuse_at_put(LEAT_POLICY_DEAD_LETTER);
    fake_run_once(LEAT_TASK_DONE, LEAT_TASK_DONE);
    fake_assert_taken(1, 100, refuses);
    assert_letters("shop.dead", "shop.copy", refuses, 2);
    assert_int_equal(fake_intents(), 0);
}

static void a_late_refusal_by_a_sink_that_refuses_early_stops_it(void **state)
{
    (void)state;
    fake.refuses = (int64_t[]){7, 0};
    fake.refuses_late = fake.refuses_early = fake.is_async = true;
    fake.count = 10;
    refuse_at_put(LEAT_POLICY_DEAD_LETTER);
    fake.once = leat_once_new(1);
    fake_end(fake_start(&fake.source), LEAT_TASK_DONE);
    struct leat_task *sink = fake_start(&fake.sink);
    fake_until(fake_is_over(sink));
    assert_non_null(strstr(fake_trouble(sink), "this is a defect of the plug-in"));
    fake_end(sink, LEAT_TASK_FAILED);
}

/* Letters have a number of -1 for the fake target. */
static void a_sink_reads_letters_only_where_it_names_their_topic(void **state)
{
    (void)state;
    const char *all[] = {"*.*", "*"}, *named[] = {"*.*", "lost"};
    fake.refuses = (int64_t[]){3, 0};
    fake.refuses_late = true;
    fake.count = 10;
    fake.source.errors.topic = "lost";
    refuse_by(&fake.source, &refuse_type, LEAT_POLICY_DEAD_LETTER);
    fake.sink.topics = (struct leat_list){all, 2};
    fake_run_once(LEAT_TASK_DONE, LEAT_TASK_DONE);
    fake_assert_taken(1, 10, fake.refuses);
    fake.sink.topics = (struct leat_list){named, 2};
    fake.mark = (struct leat_mark){0};
    fake.sink.name = "shop.second";
    fake_run_once(LEAT_TASK_DONE, LEAT_TASK_DONE);
    assert_int_equal(fake.taken_count, 19);
    assert_int_equal(fake.taken[18], -1);
}

static void no_letter_is_written_about_a_letter_of_ones_own(void **state)
{
    (void)state;
    const char *named[] = {"shop.dead"};
    fake.refuses = (int64_t[]){3, -1, 0};
    fake.count = 10;
    fake.sink.topics = (struct leat_list){named, 1};
    refuse_by(&fake.source, &refuse_type, LEAT_POLICY_DEAD_LETTER);
    refuse_at_put(LEAT_POLICY_DEAD_LETTER);
    fake_run_once(LEAT_TASK_DONE, LEAT_TASK_FAILED);
    assert_int_equal(fake_read("shop.dead", NULL, NULL), 1);
}

static void a_sink_counts_what_it_skips(void **state)
{
    (void)state;
    int64_t refuses[] = {2, 77, 0};
    fake.refuses = refuses;
    fake.count = 100;
    refuse_at_put(LEAT_POLICY_SKIP);
    fake.once = leat_once_new(1);
    struct leat_task *source = fake_start(&fake.source), *sink = fake_start(&fake.sink);
    assert_counted(sink, 0, 2);
    fake_end(source, LEAT_TASK_DONE);
    fake_end(sink, LEAT_TASK_DONE);
    fake_assert_taken(1, 100, refuses);
}

static enum leat_status put_refuses_without_a_name(void *self, struct leat_task *task,
                                                   const struct leat_batch *batch,
                                                   struct leat_error *err)
{
    (void)self, (void)task, (void)batch, (void)err;
    return LEAT_REJECT;
}

static void a_sink_that_refuses_nothing_in_particular_fails(void **state)
{
    (void)state;
    fake.count = 10;
    refuse_at_put(LEAT_POLICY_SKIP);
    fake_sink.put = put_refuses_without_a_name;
    fake_run_once(LEAT_TASK_DONE, LEAT_TASK_FAILED);
    fake_sink.put = fake_put;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_source_under_stop_delivers_what_stands_before_the_record),
        CASE(a_source_is_careful_only_up_to_the_place),
        CASE(a_source_writes_dead_letters_in_the_same_unit),
        CASE(a_source_counts_what_it_skips),
        CASE(what_a_timer_refuses_follows_the_policy_too),
        CASE(a_record_beyond_the_limit_is_refused),
        CASE(what_the_log_refuses_follows_the_policy_too),
        CASE(what_the_log_refuses_under_stop_ends_the_source_before_it),
        CASE(a_sink_under_stop_takes_what_stands_before_the_record),
        CASE(so_does_one_that_settles_later),
        CASE(so_does_one_without_marks),
        CASE(a_sink_under_stop_whose_first_record_is_refused_takes_nothing),
        CASE(a_sinks_transform_under_stop_ends_it_before_the_record),
        CASE(a_sink_writes_dead_letters_and_takes_the_rest),
        CASE(a_replay_writes_no_second_letter),
        CASE(an_intent_outlives_the_task_and_goes_when_the_mark_has_passed),
        CASE(an_intent_goes_together_with_our_own_mark),
        CASE(what_a_target_refuses_late_becomes_letters_too),
        CASE(a_late_refusal_by_a_sink_that_refuses_early_stops_it),
        CASE(a_sink_reads_letters_only_where_it_names_their_topic),
        CASE(no_letter_is_written_about_a_letter_of_ones_own),
        CASE(a_sink_counts_what_it_skips),
        CASE(a_sink_that_refuses_nothing_in_particular_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
