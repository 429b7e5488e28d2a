#include <kit/cmocka.h>
#include <kit/tmp.h>

#include <base/clock.h>
#include <base/memory.h>
#include <base/os.h>
#include <leat/oms.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct rig {
    char *dir, *url;
    struct leat_oms *oms;
    struct leat_error err;
};

#define assert_oms(expression, wanted)                                                                          \
    do {                                                                                                        \
        enum leat_oms_status got_ = (expression);                                                               \
        if (got_ != (wanted))                                                                                   \
            fail_msg("%s: %s: %s", #expression, leat_oms_status_name(got_), rig->err.text);                     \
    } while (0)

static int set_up(void **state)
{
    struct rig *rig = leat_calloc(1, sizeof *rig);
    rig->dir = kit_tmp_dir("api");
    rig->url = leat_format_dup("oms:commitlog://%s", rig->dir);
    assert_oms(leat_oms_open(rig->url, false, &rig->oms, &rig->err), LEAT_OMS_SUCCESS);
    *state = rig;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *rig = *state;
    leat_oms_close(rig->oms);
    kit_tmp_remove(rig->dir);
    free(rig->url);
    free(rig);
    return 0;
}

static void reopen(struct rig *rig)
{
    leat_oms_close(rig->oms);
    assert_oms(leat_oms_open(rig->url, false, &rig->oms, &rig->err), LEAT_OMS_SUCCESS);
}

static struct leat_oms_producer *producer_of(struct rig *rig, const char *name)
{
    struct leat_oms_producer *producer = NULL;
    assert_oms(leat_oms_producer_open(rig->oms, &(struct leat_oms_producer_config){.name = name}, &producer, &rig->err),
               LEAT_OMS_SUCCESS);
    return producer;
}

static struct leat_oms_consumer *consumer_of(struct rig *rig, const struct leat_oms_consumer_config *config)
{
    struct leat_oms_consumer *consumer = NULL;
    assert_oms(leat_oms_consumer_open(rig->oms, config, &consumer, &rig->err), LEAT_OMS_SUCCESS);
    return consumer;
}

static struct leat_oms_message message_of(const char *topic, const char *text)
{
    return (struct leat_oms_message){.topic = topic, .data = text, .data_len = strlen(text), .is_text = true};
}

static void publish(struct rig *rig, struct leat_oms_producer *producer, const char *topic, const char *text)
{
    struct leat_oms_message message = message_of(topic, text);
    assert_oms(leat_oms_send(producer, &message, &rig->err), LEAT_OMS_SUCCESS);
}

/* Everything that is there now, as "topic:text ". */
static void expect(struct rig *rig, struct leat_oms_consumer *consumer, const char *wanted)
{
    const struct leat_oms_message *messages;
    size_t count;
    char text[4096] = "";
    enum leat_oms_status status;
    while ((status = leat_oms_poll(consumer, 0, &messages, &count, &rig->err)) == LEAT_OMS_SUCCESS)
        for (size_t i = 0; i < count; i++)
            snprintf(text + strlen(text), sizeof text - strlen(text), "%s:%.*s ", messages[i].topic,
                     (int)messages[i].data_len, (const char *)messages[i].data);
    assert_oms(status, LEAT_OMS_NO_NEW_MESSAGE);
    assert_string_equal(text, wanted);
}

/* ---- messages ---- */

static void a_message_arrives_with_all_that_it_had(void **state)
{
    struct rig *rig = *state;
    struct leat_oms_producer *producer = producer_of(rig, "till");
    const struct leat_oms_property properties[] = {{"region", leat_value_string("EU")},
                                                   {"count", leat_value_int(7)},
                                                   {"raw", leat_value_bytes("\0\1", 2)}};
    struct leat_oms_message message = {.topic = "sales", .key = "k1", .key_len = 2, .correlation_id = "c9",
                                       .trace_id = "t3", .properties = properties, .property_count = 3,
                                       .data = "\xff\0x", .data_len = 3, .born_timestamp = 1234567};
    assert_oms(leat_oms_send(producer, &message, &rig->err), LEAT_OMS_SUCCESS);
    struct leat_oms_message gone = {.topic = "sales", .key = "k1", .key_len = 2};
    assert_oms(leat_oms_send(producer, &gone, &rig->err), LEAT_OMS_SUCCESS);
    assert_string_not_equal(message.message_id, gone.message_id);
    leat_oms_producer_close(producer);
    reopen(rig);
    struct leat_oms_consumer *consumer = consumer_of(rig, &(struct leat_oms_consumer_config){0});
    const struct leat_oms_message *got;
    size_t count;
    assert_oms(leat_oms_poll(consumer, 0, &got, &count, &rig->err), LEAT_OMS_SUCCESS);
    assert_string_equal(got[0].message_id, message.message_id);
    assert_string_equal(got[0].topic, "sales");
    assert_int_equal(got[0].born_timestamp, 1234567);
    assert_true(got[0].store_timestamp > 1600000000000);
    assert_string_equal(got[0].correlation_id, "c9");
    assert_string_equal(got[0].trace_id, "t3");
    assert_int_equal(got[0].key_len, 2);
    assert_memory_equal(got[0].key, "k1", 2);
    assert_int_equal(got[0].data_len, 3);
    assert_memory_equal(got[0].data, "\xff\0x", 3);
    assert_false(got[0].is_text);
    assert_int_equal(got[0].property_count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(got[0].properties[i].name, properties[i].name);
        assert_true(leat_value_equal(&got[0].properties[i].value, &properties[i].value));
    }
    assert_int_equal(got[0].offset, 0);
    if (count == 1)
        assert_oms(leat_oms_poll(consumer, 0, &got, &count, &rig->err), LEAT_OMS_SUCCESS);
    const struct leat_oms_message *last = &got[count - 1];
    assert_null(last->data);
    assert_int_equal(last->offset, 1);
    assert_int_equal(last->record->op, LEAT_DELETE);
    leat_oms_consumer_close(consumer);
}

static void bad_messages_are_refused(void **state)
{
    struct rig *rig = *state;
    struct leat_oms_producer *producer = producer_of(rig, "till");
    struct leat_oms_message message = message_of("", "x");
    assert_oms(leat_oms_send(producer, &message, &rig->err), LEAT_OMS_BAD_REQUEST);
    struct leat_oms_property own = {"oms:messageId", leat_value_string("x")};
    message = message_of("t", "x");
    message.properties = &own;
    message.property_count = 1;
    assert_oms(leat_oms_send(producer, &message, &rig->err), LEAT_OMS_BAD_REQUEST);
    own = (struct leat_oms_property){"tree", leat_value_items(LEAT_ARRAY, NULL, 0)};
    assert_oms(leat_oms_send(producer, &message, &rig->err), LEAT_OMS_BAD_REQUEST);
    leat_oms_producer_close(producer);
}

/* ---- producers ---- */

struct told {
    struct leat_oms_producer *producer;
    int count, more;
    char last[40];
};

static void tell(void *arg, enum leat_oms_status status, const char *id)
{
    struct told *told = arg;
    struct leat_error err;
    assert_int_equal(status, LEAT_OMS_SUCCESS);
    snprintf(told->last, sizeof told->last, "%s", id);
    told->count++;
    if (told->more > 0) {
        told->more--;
        struct leat_oms_message message = message_of("t", "answer");
        assert_int_equal(leat_oms_send_async(told->producer, &message, tell, told, &err), LEAT_OMS_SUCCESS);
    }
}

static void async_sends_are_told_in_order_when_durable(void **state)
{
    struct rig *rig = *state;
    struct told told = {.producer = producer_of(rig, "till"), .more = 50};
    struct leat_oms_message message = message_of("t", "x");
    for (int i = 0; i < 500; i++) {
        enum leat_oms_status status;
        while ((status = leat_oms_send_async(told.producer, &message, tell, &told, &rig->err)) == LEAT_OMS_STORAGE_BUSY)
            assert_oms(leat_oms_flush(told.producer, &rig->err), LEAT_OMS_SUCCESS);
        assert_oms(status, LEAT_OMS_SUCCESS);
    }
    assert_oms(leat_oms_flush(told.producer, &rig->err), LEAT_OMS_SUCCESS);
    assert_int_equal(told.count, 550);
    leat_oms_producer_close(told.producer);
    struct leat_oms_consumer *consumer = consumer_of(rig, &(struct leat_oms_consumer_config){.most_messages = 7});
    const struct leat_oms_message *got;
    size_t count, total = 0;
    char last[40] = "";
    while (leat_oms_poll(consumer, 0, &got, &count, &rig->err) == LEAT_OMS_SUCCESS) {
        assert_in_range(count, 1, 7);
        total += count;
        memcpy(last, got[count - 1].message_id, sizeof last);
    }
    assert_int_equal(total, 550);
    assert_string_equal(last, told.last);
    leat_oms_consumer_close(consumer);
}

static int is_stuck; /* atomic: the disk takes its time */

static int slow_sync(int fd)
{
    while (__atomic_load_n(&is_stuck, __ATOMIC_ACQUIRE))
        leat_os_real.poll(NULL, 0, 1);
    return leat_os_real.fdatasync(fd);
}

struct answers {
    struct leat_oms_producer *producer;
    int timeouts, exists;
};

static void count_answer(void *arg, enum leat_oms_status status, const char *id)
{
    struct answers *answers = arg;
    struct leat_error err;
    struct leat_oms_message message = message_of("t", "too late");
    (void)id;
    answers->timeouts += status == LEAT_OMS_TIMEOUT;
    answers->exists += status == LEAT_OMS_PRODUCER_EXISTS;
    if (status == LEAT_OMS_TIMEOUT)
        assert_int_equal(leat_oms_send_async(answers->producer, &message, count_answer, answers, &err),
                         LEAT_OMS_BAD_REQUEST);
}

static void close_answers_what_is_not_durable(void **state)
{
    struct rig *rig = *state;
    struct leat_os os = leat_os_real;
    struct answers answers = {0};
    struct leat_oms_producer_config config = {.name = "till", .timeout_ms = 20};
    struct leat_oms_message message = message_of("t", "x");
    os.fdatasync = slow_sync;
    leat_os = &os;
    reopen(rig);
    assert_oms(leat_oms_producer_open(rig->oms, &config, &answers.producer, &rig->err), LEAT_OMS_SUCCESS);
    __atomic_store_n(&is_stuck, 1, __ATOMIC_RELEASE);
    for (int i = 0; i < 3; i++)
        assert_oms(leat_oms_send_async(answers.producer, &message, count_answer, &answers, &rig->err), LEAT_OMS_SUCCESS);
    leat_oms_producer_close(answers.producer);
    __atomic_store_n(&is_stuck, 0, __ATOMIC_RELEASE);
    assert_int_equal(answers.timeouts, 3);
    leat_os = &leat_os_real;
    reopen(rig);
}

static void a_message_of_a_fenced_producer_is_answered_once(void **state)
{
    struct rig *rig = *state;
    struct answers answers = {.producer = producer_of(rig, "till")};
    struct leat_oms_producer *later = producer_of(rig, "till");
    struct leat_oms_message message = message_of("t", "x");
    assert_oms(leat_oms_send_async(answers.producer, &message, count_answer, &answers, &rig->err), LEAT_OMS_SUCCESS);
    leat_oms_flush(answers.producer, &rig->err);
    assert_int_equal(answers.exists, 1);
    leat_oms_producer_close(answers.producer);
    leat_oms_producer_close(later);
}

static void a_transaction_is_seen_whole_with_its_position_or_not_at_all(void **state)
{
    struct rig *rig = *state;
    struct leat_oms_producer *producer = producer_of(rig, "till");
    struct leat_oms_consumer *consumer = consumer_of(rig, &(struct leat_oms_consumer_config){0});
    struct leat_value key = leat_value_string("file"), value = leat_value_int(4711);
    assert_oms(leat_oms_commit(producer, &rig->err), LEAT_OMS_BAD_REQUEST);
    assert_oms(leat_oms_position(producer, &key, &value, &rig->err), LEAT_OMS_BAD_REQUEST);
    assert_oms(leat_oms_begin(producer, &rig->err), LEAT_OMS_SUCCESS);
    assert_oms(leat_oms_begin(producer, &rig->err), LEAT_OMS_BAD_REQUEST);
    publish(rig, producer, "a", "lost");
    leat_oms_rollback(producer);
    assert_oms(leat_oms_begin(producer, &rig->err), LEAT_OMS_SUCCESS);
    publish(rig, producer, "a", "1");
    publish(rig, producer, "b", "2");
    assert_oms(leat_oms_position(producer, &key, &value, &rig->err), LEAT_OMS_SUCCESS);
    expect(rig, consumer, "");
    assert_oms(leat_oms_commit(producer, &rig->err), LEAT_OMS_SUCCESS);
    expect(rig, consumer, "a:1 b:2 ");
    assert_oms(leat_oms_begin(producer, &rig->err), LEAT_OMS_SUCCESS);
    publish(rig, producer, "a", "never committed");
    leat_oms_producer_close(producer);
    leat_oms_consumer_close(consumer);
    reopen(rig);
    producer = producer_of(rig, "till");
    assert_int_equal(leat_oms_position_get(producer, &key)->as.i, 4711);
    leat_oms_producer_close(producer);
    consumer = consumer_of(rig, &(struct leat_oms_consumer_config){0});
    expect(rig, consumer, "a:1 b:2 ");
    leat_oms_consumer_close(consumer);
}

static void a_later_producer_of_the_same_name_takes_over(void **state)
{
    struct rig *rig = *state;
    struct leat_oms_producer *old = producer_of(rig, "till"), *new = producer_of(rig, "till");
    struct leat_oms_message message = message_of("t", "x");
    assert_oms(leat_oms_send(old, &message, &rig->err), LEAT_OMS_PRODUCER_EXISTS);
    publish(rig, new, "t", "y");
    leat_oms_producer_close(old);
    leat_oms_producer_close(new);
}

/* ---- consumers ---- */

static void a_consumer_goes_on_behind_what_it_committed(void **state)
{
    struct rig *rig = *state;
    struct leat_oms_producer *producer = producer_of(rig, "till");
    const char *const topics[] = {"t", "u.*", NULL};
    struct leat_oms_consumer_config config = {.name = "books", .topics = topics, .most_messages = 2};
    struct leat_oms_consumer *consumer = consumer_of(rig, &config);
    const struct leat_oms_message *got;
    size_t count;
    for (int i = 1; i <= 5; i++)
        publish(rig, producer, i % 2 ? "t" : "u.x", (const char[]){(char)('0' + i), '\0'});
    publish(rig, producer, "other", "x");
    assert_oms(leat_oms_poll(consumer, 0, &got, &count, &rig->err), LEAT_OMS_SUCCESS);
    assert_int_equal(count, 2);
    assert_oms(leat_oms_consumer_commit(consumer, &rig->err), LEAT_OMS_SUCCESS);
    assert_oms(leat_oms_poll(consumer, 0, &got, &count, &rig->err), LEAT_OMS_SUCCESS);
    leat_oms_consumer_close(consumer);
    leat_oms_producer_close(producer);
    reopen(rig);
    consumer = consumer_of(rig, &config);
    expect(rig, consumer, "t:3 u.x:4 t:5 ");
    assert_oms(leat_oms_consumer_commit(consumer, &rig->err), LEAT_OMS_SUCCESS);
    assert_oms(leat_oms_consumer_commit(consumer, &rig->err), LEAT_OMS_SUCCESS);
    struct leat_oms_consumer *later = consumer_of(rig, &config);
    expect(rig, later, "");
    assert_oms(leat_oms_seek_to_beginning(later, &rig->err), LEAT_OMS_SUCCESS);
    expect(rig, later, "t:1 u.x:2 t:3 u.x:4 t:5 ");
    assert_oms(leat_oms_seek(consumer, "t", 0, 0, &rig->err), LEAT_OMS_SUCCESS);
    expect(rig, consumer, "t:1 u.x:2 t:3 u.x:4 t:5 ");
    assert_oms(leat_oms_seek(consumer, "t", 0, 1, &rig->err), LEAT_OMS_SUCCESS);
    assert_oms(leat_oms_poll(consumer, 0, &got, &count, &rig->err), LEAT_OMS_SUCCESS);
    assert_oms(leat_oms_consumer_commit(consumer, &rig->err), LEAT_OMS_CONSUMER_EXISTS); /* fenced */
    leat_oms_consumer_close(consumer);
    leat_oms_consumer_close(later);
}

static void seeks_find_offsets_times_and_ends(void **state)
{
    struct rig *rig = *state;
    struct leat_oms_producer *producer = producer_of(rig, "till");
    publish(rig, producer, "t", "1");
    publish(rig, producer, "t", "2");
    struct leat_oms_consumer *consumer = consumer_of(rig, &(struct leat_oms_consumer_config){.starts_at_end = true});
    expect(rig, consumer, "");
    publish(rig, producer, "t", "3");
    expect(rig, consumer, "t:3 ");
    assert_oms(leat_oms_seek(consumer, "t", 0, 1, &rig->err), LEAT_OMS_SUCCESS);
    expect(rig, consumer, "t:2 t:3 ");
    assert_oms(leat_oms_seek(consumer, "t", 4, 1, &rig->err), LEAT_OMS_NO_DESTINATION);
    assert_oms(leat_oms_seek(consumer, "nowhere", 0, 1, &rig->err), LEAT_OMS_NO_DESTINATION);
    assert_oms(leat_oms_seek_to_time(consumer, 1000, &rig->err), LEAT_OMS_SUCCESS);
    expect(rig, consumer, "t:1 t:2 t:3 ");
    assert_oms(leat_oms_seek_to_time(consumer, leat_wall_us() / 1000 + 60000, &rig->err), LEAT_OMS_SUCCESS);
    expect(rig, consumer, "");
    assert_oms(leat_oms_consumer_commit(consumer, &rig->err), LEAT_OMS_BAD_REQUEST); /* it has no name */
    leat_oms_consumer_close(consumer);
    leat_oms_producer_close(producer);
}

static void logs_that_come_later_are_read_from_their_first_message(void **state)
{
    struct rig *rig = *state;
    struct leat_oms_consumer *consumer =
        consumer_of(rig, &(struct leat_oms_consumer_config){.name = "books", .starts_at_end = true});
    expect(rig, consumer, "");
    struct leat_oms_producer *one = producer_of(rig, "one");
    publish(rig, one, "t", "1");
    expect(rig, consumer, "t:1 ");
    assert_oms(leat_oms_seek_to_end(consumer, &rig->err), LEAT_OMS_SUCCESS);
    struct leat_oms_producer *two = producer_of(rig, "two");
    publish(rig, two, "t", "2");
    publish(rig, one, "t", "3");
    const struct leat_oms_message *got;
    size_t count, total = 0;
    while (leat_oms_poll(consumer, 0, &got, &count, &rig->err) == LEAT_OMS_SUCCESS)
        for (size_t i = 0; i < count; i++, total++)
            assert_int_equal(got[i].partition, *(const char *)got[i].data == '2');
    assert_int_equal(total, 2);
    assert_oms(leat_oms_consumer_commit(consumer, &rig->err), LEAT_OMS_SUCCESS);
    leat_oms_consumer_close(consumer);
    leat_oms_producer_close(one);
    leat_oms_producer_close(two);
}

static void poll_waits_for_news_and_no_longer(void **state)
{
    struct rig *rig = *state;
    struct leat_oms_producer *producer = producer_of(rig, "till");
    struct leat_oms_consumer *consumer = consumer_of(rig, &(struct leat_oms_consumer_config){0});
    const struct leat_oms_message *got;
    size_t count;
    struct leat_time before = leat_now();
    assert_oms(leat_oms_poll(consumer, 60, &got, &count, &rig->err), LEAT_OMS_NO_NEW_MESSAGE);
    assert_true(leat_now().ns - before.ns >= 60000000);
    struct leat_oms_message message = message_of("t", "x");
    assert_oms(leat_oms_send_async(producer, &message, NULL, NULL, &rig->err), LEAT_OMS_SUCCESS);
    assert_oms(leat_oms_poll(consumer, 20000, &got, &count, &rig->err), LEAT_OMS_SUCCESS);
    leat_oms_consumer_close(consumer);
    leat_oms_producer_close(producer);
}

/* ---- access points ---- */

static void who_reads_beside_writes_nothing(void **state)
{
    struct rig *rig = *state, beside = {.url = rig->url};
    struct leat_oms_producer *producer = producer_of(rig, "till");
    publish(rig, producer, "t", "1");
    assert_oms(leat_oms_open(rig->url, true, &beside.oms, &rig->err), LEAT_OMS_SUCCESS);
    struct leat_oms_producer *refused;
    assert_oms(leat_oms_producer_open(beside.oms, &(struct leat_oms_producer_config){.name = "x"}, &refused, &rig->err),
               LEAT_OMS_FORBIDDEN);
    struct leat_oms_consumer *consumer = consumer_of(&beside, &(struct leat_oms_consumer_config){.name = "books"});
    const struct leat_oms_message *got;
    size_t count;
    assert_oms(leat_oms_poll(consumer, 20000, &got, &count, &rig->err), LEAT_OMS_SUCCESS);
    assert_oms(leat_oms_consumer_commit(consumer, &rig->err), LEAT_OMS_FORBIDDEN);
    leat_oms_consumer_close(consumer);
    leat_oms_close(beside.oms);
    leat_oms_producer_close(producer);
}

static void places_that_cannot_be_opened_are_told_apart(void **state)
{
    struct rig *rig = *state;
    struct leat_oms *oms;
    assert_oms(leat_oms_open("commitlog:///x", false, &oms, &rig->err), LEAT_OMS_URL_ILLEGAL);
    assert_oms(leat_oms_open("oms:commitlog:", false, &oms, &rig->err), LEAT_OMS_URL_ILLEGAL);
    assert_oms(leat_oms_open("oms:nothing:", false, &oms, &rig->err), LEAT_OMS_NO_ACCESS_POINT);
    struct leat_oms_producer *producer = producer_of(rig, "till"), *other;
    assert_oms(leat_oms_open(rig->url, false, &oms, &rig->err), LEAT_OMS_SUCCESS);
    assert_oms(leat_oms_producer_open(oms, &(struct leat_oms_producer_config){.name = "till"}, &other, &rig->err),
               LEAT_OMS_NOT_AVAILABLE); /* the log is in use by the other access point */
    assert_oms(leat_oms_producer_open(oms, &(struct leat_oms_producer_config){.name = "a/b"}, &other, &rig->err),
               LEAT_OMS_BAD_REQUEST);
    leat_oms_close(oms);
    leat_oms_producer_close(producer);
}

int main(void)
{
#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_RIG(a_message_arrives_with_all_that_it_had),
        WITH_RIG(bad_messages_are_refused),
        WITH_RIG(async_sends_are_told_in_order_when_durable),
        WITH_RIG(close_answers_what_is_not_durable),
        WITH_RIG(a_message_of_a_fenced_producer_is_answered_once),
        WITH_RIG(a_transaction_is_seen_whole_with_its_position_or_not_at_all),
        WITH_RIG(a_later_producer_of_the_same_name_takes_over),
        WITH_RIG(a_consumer_goes_on_behind_what_it_committed),
        WITH_RIG(seeks_find_offsets_times_and_ends),
        WITH_RIG(logs_that_come_later_are_read_from_their_first_message),
        WITH_RIG(poll_waits_for_news_and_no_longer),
        WITH_RIG(who_reads_beside_writes_nothing),
        WITH_RIG(places_that_cannot_be_opened_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
