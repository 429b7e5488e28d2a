/* What stands in a dead letter, and that a record is delivered or dead, never both, never neither. */
#include "fake.h"

#include <model/letter.h>

static void refuse_at_put(void)
{
    fake.sink.errors.is_set = true;
    fake.sink.errors.policy = LEAT_POLICY_DEAD_LETTER;
}

/* ---- transforms: times ten, and one that refuses what comes out of it ---- */

static enum leat_status times_ten(void *self, struct leat_task *task, struct leat_batch *batch, struct leat_error *err)
{
    (void)self, (void)task, (void)err;
    for (uint32_t i = 0; i < leat_batch_count(batch); i++)
        leat_batch_edit(batch, i)->value.as.i *= 10;
    return LEAT_OK;
}

static enum leat_status refuse_some(void *self, struct leat_task *task, struct leat_batch *batch, struct leat_error *err)
{
    (void)self, (void)task, (void)err;
    return fake_refuse(batch) ? LEAT_REJECT : LEAT_OK;
}

/* Behind each record one more, with its negative. */
static enum leat_status add_negatives(void *self, struct leat_task *task, struct leat_batch *batch, struct leat_error *err)
{
    (void)self, (void)task, (void)err;
    for (uint32_t i = 0; i < leat_batch_count(batch); i += 2) {
        struct leat_record twin = *leat_batch_get(batch, i);
        twin.value.as.i = -twin.value.as.i;
        twin.offset = 0;
        twin.key_hash = 0;
        *leat_batch_insert(batch, i + 1) = twin;
    }
    return LEAT_OK;
}

#define TRANSFORM(id, calls)                                                                                           \
    static const struct leat_transform_type id = {                                                                     \
        .struct_size = sizeof id, .name = #id, .size = 1, .options = fake_no_options, .apply = calls}
TRANSFORM(ten, times_ten);
TRANSFORM(refuser, refuse_some);
TRANSFORM(twins, add_negatives);
static struct leat_transform_def steps[2];

static void transform_by(struct leat_connector_def *connector, const struct leat_transform_type *first,
                         const struct leat_transform_type *second)
{
    steps[0] = (struct leat_transform_def){first, fake_use(first->name, 1)};
    if (second)
        steps[1] = (struct leat_transform_def){second, fake_use(second->name, 1)};
    connector->transforms = steps;
    connector->transform_count = second ? 2 : 1;
    connector->errors.is_set = true;
    connector->errors.policy = LEAT_POLICY_DEAD_LETTER;
}

/* ---- letters as they are read ---- */

struct read_letter {
    int64_t value, offset;
    char stage[16], identity[128], topic[64];
};
static struct {
    struct read_letter items[16];
    int count;
} seen;

static void see(void *arg, const struct leat_record *rec)
{
    struct read_letter *letter = &seen.items[seen.count++ % 16];
    struct leat_batch *batch = leat_batch_new(1 << 16, 1);
    (void)arg;
    assert_true(leat_is_letter(rec));
    assert_true(leat_letter_original(&rec->value, batch));
    letter->value = fake_number(leat_batch_get(batch, 0));
    letter->offset = leat_letter_int(&rec->value, "offset");
    leat_letter_text(&rec->value, "stage", letter->stage, sizeof letter->stage);
    leat_letter_text(&rec->value, "identity", letter->identity, sizeof letter->identity);
    snprintf(letter->topic, sizeof letter->topic, "%s", leat_batch_get(batch, 0)->topic->name);
    assert_true(leat_letter_int(&rec->value, "died") > 0);
    leat_batch_free(batch);
}

static const struct read_letter *read_letters(int count)
{
    seen.count = 0;
    fake_read("shop.dead", see, NULL);
    assert_int_equal(seen.count, count);
    return seen.items;
}

/* ---- what stands in one ---- */

static void a_sinks_letter_has_the_record_as_the_topic_has_it(void **state)
{
    (void)state;
    fake.refuses = (int64_t[]){50, 0};
    fake.count = 10;
    transform_by(&fake.sink, &ten, NULL);
    fake_run_once(LEAT_TASK_DONE, LEAT_TASK_DONE);
    const struct read_letter *letter = read_letters(1);
    assert_int_equal(letter->value, 5);
    assert_int_equal(letter->offset, 4);
    assert_string_equal(letter->stage, "sink");
    assert_string_equal(letter->topic, "db.numbers");
    assert_string_equal(letter->identity + 32, "/db.numbers/0/4");
}

static void what_a_later_transform_refuses_is_kept_as_it_was_before_the_first(void **state)
{
    (void)state;
    fake.refuses = (int64_t[]){50, 70, 0};
    fake.refuses_late = true;
    fake.count = 10;
    transform_by(&fake.source, &ten, &refuser);
    fake_run_once(LEAT_TASK_DONE, LEAT_TASK_DONE);
    const struct read_letter *letters = read_letters(2);
    assert_int_equal(letters[0].value, 5);
    assert_int_equal(letters[1].value, 7);
    assert_string_equal(letters[0].stage, "transform");
    assert_string_equal(letters[0].identity, "");
    assert_int_equal(letters[0].offset, -1);
}

static void what_a_transform_added_has_a_letter_of_its_own(void **state)
{
    (void)state;
    int64_t refuses[] = {-1, -2, 3, -3, 0};
    fake.refuses = refuses;
    fake.count = 3;
    transform_by(&fake.sink, &twins, NULL);
    fake_run_once(LEAT_TASK_DONE, LEAT_TASK_DONE);
    const struct read_letter *letters = read_letters(4);
    assert_string_equal(letters[0].identity + 32, "/db.numbers/0/0+1");
    assert_string_equal(letters[1].identity + 32, "/db.numbers/0/1+1");
    assert_string_equal(letters[2].identity + 32, "/db.numbers/0/2");
    assert_string_equal(letters[3].identity + 32, "/db.numbers/0/2+1");
    assert_int_equal(letters[3].value, -3);
    assert_int_equal(fake.taken_count, 2);
}

/* ---- one or the other (K7) ---- */

/* Between the letter and the mark the process ends; then the cause is mended. */
static void a_record_with_a_letter_is_not_sent_though_its_cause_is_gone(void **state)
{
    (void)state;
    int64_t refuses[] = {5, 0};
    fake.refuses = refuses;
    fake.count = 10;
    fake.put_retry_at = 6;
    fake.put_retries = 1;
    fake.sink.errors.retry_first_us = fake.sink.errors.retry_most_us = 1000000000;
    refuse_at_put();
    fake.once = leat_once_new(1);
    fake_end(fake_start(&fake.source), LEAT_TASK_DONE);
    struct leat_task *sink = fake_start(&fake.sink);
    fake_until(fake_state(sink) == LEAT_TASK_WAITING);
    fake_stop(sink);
    assert_int_equal(fake_intents(), 1);
    fake.refuses = NULL;
    fake_end(fake_start(&fake.sink), LEAT_TASK_DONE);
    fake_assert_taken(1, 10, refuses);
    read_letters(1);
    assert_int_equal(fake_intents(), 0);
}

static void so_it_is_where_a_transform_made_several_of_it(void **state)
{
    (void)state;
    fake.refuses = (int64_t[]){5, 0};
    fake.count = 10;
    fake.put_retry_at = -5;
    fake.put_retries = 1;
    transform_by(&fake.sink, &twins, NULL);
    fake_run_once(LEAT_TASK_DONE, LEAT_TASK_DONE);
    assert_int_equal(fake.taken_count, 19);
    assert_int_equal(fake.taken[8], -5);
    assert_int_equal(read_letters(1)->value, 5);
}

/* ---- too many of them ---- */

static void break_at(struct leat_connector_def *connector, uint32_t records, uint32_t percent)
{
    connector->errors.breaker_records = records;
    connector->errors.breaker_percent = percent;
    connector->errors.breaker_within_us = 3600000000;
}

/* The letters of the batch at hand are written, and what else is in it is delivered. */
static void a_sink_of_which_too_many_are_refused_stops(void **state)
{
    int64_t refuses[] = {3, 4, 7, 8, 9, 25, 0};
    struct leat_task_status status;
    (void)state;
    fake.refuses = refuses;
    fake.count = 100;
    refuse_at_put();
    break_at(&fake.sink, 4, 5);
    fake.once = leat_once_new(1);
    fake_end(fake_start(&fake.source), LEAT_TASK_DONE);
    struct leat_task *sink = fake_start(&fake.sink);
    fake_until(fake_is_over(sink));
    leat_task_status(sink, &status);
    assert_int_equal(status.cause, LEAT_CAUSE_BREAKER);
    assert_non_null(strstr(status.error.text, "too many records are refused: "));
    assert_non_null(strstr(status.error.text, " x an unlucky number; the pipeline stops. They are dead letters in shop.dead; mend the cause"));
    fake_end(sink, LEAT_TASK_FAILED);
    int64_t dead = (int64_t)status.dead, last = fake.taken_count + dead;
    assert_true(dead >= 5);
    read_letters((int)dead);
    fake_assert_taken(1, last, refuses);
    assert_int_equal(fake_intents(), 0);
}

static void a_part_that_is_small_is_not_too_many(void **state)
{
    (void)state;
    int64_t refuses[] = {50, 60, 70, 80, 90, 0};
    fake.refuses = refuses;
    fake.count = 100;
    refuse_at_put();
    break_at(&fake.sink, 3, 50);
    fake_run_once(LEAT_TASK_DONE, LEAT_TASK_DONE);
    fake_assert_taken(1, 100, refuses);
}

static void a_source_of_which_too_many_are_refused_stops_behind_their_letters(void **state)
{
    int64_t refuses[] = {3, 4, 7, 8, 15, 0};
    (void)state;
    fake.refuses = refuses;
    fake.refuses_late = true;
    fake.count = 100;
    transform_by(&fake.source, &refuser, NULL);
    break_at(&fake.source, 3, 10);
    fake_run_once(LEAT_TASK_FAILED, LEAT_TASK_DONE);
    read_letters(4);
    fake_assert_taken(1, 10, refuses);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_sinks_letter_has_the_record_as_the_topic_has_it),
        CASE(what_a_later_transform_refuses_is_kept_as_it_was_before_the_first),
        CASE(what_a_transform_added_has_a_letter_of_its_own),
        CASE(a_record_with_a_letter_is_not_sent_though_its_cause_is_gone),
        CASE(so_it_is_where_a_transform_made_several_of_it),
        CASE(a_sink_of_which_too_many_are_refused_stops),
        CASE(a_part_that_is_small_is_not_too_many),
        CASE(a_source_of_which_too_many_are_refused_stops_behind_their_letters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
