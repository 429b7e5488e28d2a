/* kafka_feed.c - writes to Kafka what a test says on standard input, a command a line, parts between tabs:
 *
 *   put TOPIC PARTITION KEY VALUE [TIME_MS [NAME=VALUE;...]]   \N is null, \xNN a byte
 *   begin | commit | abort                                     what is put between them is one transaction; the last two are
 *                                                              printed when they are done
 *   many TOPIC PARTITION COUNT FIRST                           COUNT messages {"n":FIRST}, {"n":FIRST+1}, ..., key k<n % 50>
 *   trim TOPIC PARTITION OFFSET                                DeleteRecords: OFFSET is the first that stays
 *   drop TOPIC                                                 and waits until it has gone
 *   grow TOPIC COUNT                                           it has so many partitions
 *   drain TOPIC                                                reads all that is committed, prints messages and seconds
 *   group NAME TOPIC PARTITION                                 prints the offset that the group was told, or -1
 *
 * kafka_feed BROKERS TRANSACTIONAL_ID. Each command is done, and answered by the brokers, before the next one begins;
 * puts outside of transactions before the next other command.
 */
#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WAIT_MS 20000
#define LINE_MOST (8 << 20)
#define PARTS_MOST 8

struct feed {
    const char *brokers, *id;
    rd_kafka_t *plain, *transactional; /* opened when they are needed */
    bool is_open;                      /* between begin and commit */
};

static void die(const char *what, const char *why)
{
    fprintf(stderr, "kafka_feed: %s: %s\n", what, why);
    exit(1);
}

static void check(const char *what, rd_kafka_error_t *error)
{
    if (error)
        die(what, rd_kafka_error_string(error));
}

static void delivered(rd_kafka_t *rk, const rd_kafka_message_t *message, void *arg)
{
    (void)rk, (void)arg;
    if (message->err)
        die("put", rd_kafka_err2str(message->err));
}

static rd_kafka_t *handle(rd_kafka_type_t type, const char *brokers, const char *const *properties)
{
    char why[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", brokers, NULL, 0);
    for (; *properties; properties += 2)
        if (rd_kafka_conf_set(conf, properties[0], properties[1], why, sizeof why) != RD_KAFKA_CONF_OK)
            die(properties[0], why);
    if (type == RD_KAFKA_PRODUCER)
        rd_kafka_conf_set_dr_msg_cb(conf, delivered);
    rd_kafka_t *rk = rd_kafka_new(type, conf, why, sizeof why);
    if (!rk)
        die("rd_kafka_new", why);
    return rk;
}

static rd_kafka_t *writer(struct feed *feed)
{
    const char *plain[] = {"enable.idempotence", "true", "queue.buffering.max.messages", "1000000", NULL};
    if (feed->is_open)
        return feed->transactional;
    if (!feed->plain)
        feed->plain = handle(RD_KAFKA_PRODUCER, feed->brokers, plain);
    return feed->plain;
}

/* ---- messages ---- */

/* In place; the length, or -1 for null. */
static long unescape(char *text)
{
    char *to = text;
    unsigned byte;
    if (strcmp(text, "\\N") == 0)
        return -1;
    for (char *from = text; *from;)
        if (sscanf(from, "\\x%2x", &byte) == 1) {
            *to++ = (char)byte;
            from += 4;
        } else {
            *to++ = *from++;
        }
    return to - text;
}

static rd_kafka_headers_t *headers_of(char *text)
{
    char *rest;
    rd_kafka_headers_t *headers = rd_kafka_headers_new(4);
    for (char *one = strtok_r(text, ";", &rest); one; one = strtok_r(NULL, ";", &rest)) {
        char *value = strchr(one, '=');
        *value++ = 0;
        long len = unescape(value);
        rd_kafka_header_add(headers, one, -1, len < 0 ? NULL : value, len < 0 ? 0 : len);
    }
    return headers;
}

static void put(struct feed *feed, char **parts, int count)
{
    rd_kafka_t *rk = writer(feed);
    long key_len = unescape(parts[3]), len = unescape(parts[4]);
    const char *key = key_len < 0 ? NULL : parts[3], *value = len < 0 ? NULL : parts[4];
    rd_kafka_headers_t *headers = headers_of(count > 6 ? parts[6] : (char[]){""});
    rd_kafka_resp_err_t code = rd_kafka_producev(
        rk, RD_KAFKA_V_TOPIC(parts[1]), RD_KAFKA_V_PARTITION(atoi(parts[2])),
        RD_KAFKA_V_KEY(key, key ? (size_t)key_len : 0), RD_KAFKA_V_VALUE((void *)value, value ? (size_t)len : 0),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_TIMESTAMP(count > 5 ? atoll(parts[5]) : 0), RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
    if (code)
        die("put", rd_kafka_err2str(code));
    rd_kafka_poll(rk, 0);
}

static void put_many(struct feed *feed, char **parts)
{
    rd_kafka_t *rk = writer(feed);
    char key[32], value[64];
    long first = atol(parts[4]);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, parts[1], NULL);
    for (long n = first; n < first + atol(parts[3]); n++) {
        int key_len = snprintf(key, sizeof key, "k%ld", n % 50), len = snprintf(value, sizeof value, "{\"n\":%ld}", n);
        while (rd_kafka_produce(topic, atoi(parts[2]), RD_KAFKA_MSG_F_COPY, value, (size_t)len, key, (size_t)key_len, NULL))
            if (rd_kafka_last_error() == RD_KAFKA_RESP_ERR__QUEUE_FULL)
                rd_kafka_poll(rk, 10);
            else
                die("many", rd_kafka_err2str(rd_kafka_last_error()));
    }
    rd_kafka_topic_destroy(topic);
}

static void flush(struct feed *feed)
{
    if (feed->plain && rd_kafka_flush(feed->plain, WAIT_MS))
        die("flush", "not all was delivered");
}

static void transact(struct feed *feed, const char *verb)
{
    const char *properties[] = {"transactional.id", feed->id, "queue.buffering.max.messages", "1000000", NULL};
    if (!feed->transactional) {
        feed->transactional = handle(RD_KAFKA_PRODUCER, feed->brokers, properties);
        check("init", rd_kafka_init_transactions(feed->transactional, WAIT_MS));
    }
    feed->is_open = strcmp(verb, "begin") == 0;
    if (feed->is_open)
        check(verb, rd_kafka_begin_transaction(feed->transactional));
    else if (strcmp(verb, "commit") == 0)
        check(verb, rd_kafka_commit_transaction(feed->transactional, WAIT_MS));
    else if (rd_kafka_flush(feed->transactional, WAIT_MS)) /* what is aborted shall stand in the log */
        die("flush", "not all was delivered");
    else
        check(verb, rd_kafka_abort_transaction(feed->transactional, WAIT_MS));
    if (!feed->is_open)
        puts(verb);
}

/* ---- administration ---- */

static void judge(const char *what, rd_kafka_queue_t *queue)
{
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, WAIT_MS);
    size_t count = 0;
    if (!event || rd_kafka_event_error(event))
        die(what, event ? rd_kafka_event_error_string(event) : "no answer");
    const rd_kafka_topic_result_t **all = NULL;
    if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_DELETETOPICS_RESULT)
        all = rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event), &count);
    if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_CREATEPARTITIONS_RESULT)
        all = rd_kafka_CreatePartitions_result_topics(rd_kafka_event_CreatePartitions_result(event), &count);
    for (size_t i = 0; i < count; i++)
        if (rd_kafka_topic_result_error(all[i]))
            die(what, rd_kafka_topic_result_error_string(all[i]));
    rd_kafka_event_destroy(event);
}

static void trim(rd_kafka_t *rk, rd_kafka_queue_t *queue, char **parts)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, parts[1], atoi(parts[2]))->offset = atoll(parts[3]);
    rd_kafka_DeleteRecords_t *deletes = rd_kafka_DeleteRecords_new(list);
    rd_kafka_DeleteRecords(rk, &deletes, 1, NULL, queue);
    judge("trim", queue);
    rd_kafka_DeleteRecords_destroy(deletes);
    rd_kafka_topic_partition_list_destroy(list);
}

static bool is_there(rd_kafka_t *rk, const char *topic)
{
    const struct rd_kafka_metadata *metadata;
    bool is_found = false;
    rd_kafka_resp_err_t code = rd_kafka_metadata(rk, 1, NULL, &metadata, WAIT_MS);
    if (code)
        die("drop", rd_kafka_err2str(code));
    for (int i = 0; i < metadata->topic_cnt; i++)
        is_found = is_found || strcmp(metadata->topics[i].topic, topic) == 0;
    rd_kafka_metadata_destroy(metadata);
    return is_found;
}

static void drop(rd_kafka_t *rk, rd_kafka_queue_t *queue, const char *topic)
{
    rd_kafka_DeleteTopic_t *gone = rd_kafka_DeleteTopic_new(topic);
    rd_kafka_DeleteTopics(rk, &gone, 1, NULL, queue);
    judge("drop", queue);
    rd_kafka_DeleteTopic_destroy(gone);
    while (is_there(rk, topic))
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
}

static void grow(rd_kafka_t *rk, rd_kafka_queue_t *queue, char **parts)
{
    char why[512];
    rd_kafka_NewPartitions_t *more = rd_kafka_NewPartitions_new(parts[1], (size_t)atol(parts[2]), why, sizeof why);
    if (!more)
        die("grow", why);
    rd_kafka_CreatePartitions(rk, &more, 1, NULL, queue);
    judge("grow", queue);
    rd_kafka_NewPartitions_destroy(more);
}

static void show_group(const char *brokers, char **parts)
{
    const char *properties[] = {"group.id", parts[1], NULL};
    rd_kafka_t *rk = handle(RD_KAFKA_CONSUMER, brokers, properties);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, parts[2], atoi(parts[3]));
    rd_kafka_resp_err_t code = rd_kafka_committed(rk, list, WAIT_MS);
    if (code)
        die("group", rd_kafka_err2str(code));
    printf("%lld\n", list->elems[0].offset < 0 ? -1LL : (long long)list->elems[0].offset);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(rk);
}

/* ---- the bare consumer that the source is measured against: as fast as librdkafka hands messages out ---- */

static int begin_all(rd_kafka_t *rk, rd_kafka_topic_t *topic, rd_kafka_queue_t *queue)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_resp_err_t code = rd_kafka_metadata(rk, 0, topic, &metadata, WAIT_MS);
    if (code)
        die("drain", rd_kafka_err2str(code));
    int count = metadata->topics[0].partition_cnt;
    rd_kafka_metadata_destroy(metadata);
    for (int i = 0; i < count; i++)
        rd_kafka_consume_start_queue(topic, i, RD_KAFKA_OFFSET_BEGINNING, queue);
    return count;
}

static void drain(const char *brokers, const char *name)
{
    const char *properties[] = {"isolation.level", "read_committed", "enable.partition.eof", "true", "check.crcs", "true",
                                "queued.min.messages", "1000000", "queued.max.messages.kbytes", "16384", NULL};
    rd_kafka_message_t *messages[1000];
    struct timespec begin, end;
    long records = 0;
    unsigned long sum = 0;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    rd_kafka_t *rk = handle(RD_KAFKA_CONSUMER, brokers, properties);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, name, NULL);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    int partitions = begin_all(rk, topic, queue);
    for (int open = partitions; open > 0;) {
        ssize_t count = rd_kafka_consume_batch_queue(queue, 10, messages, 1000);
        for (ssize_t i = 0; i < count; i++) {
            open -= messages[i]->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
            records += !messages[i]->err;
            sum += messages[i]->err ? 0 : *(const unsigned char *)messages[i]->payload;
            rd_kafka_message_destroy(messages[i]);
        }
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    printf("%ld %.3f %lu\n", records, (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9, sum);
    for (int i = 0; i < partitions; i++)
        rd_kafka_consume_stop(topic, i);
    rd_kafka_queue_destroy(queue);
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(rk);
}

static void administrate(struct feed *feed, char **parts, int count)
{
    rd_kafka_t *rk = writer(feed);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    if (strcmp(parts[0], "trim") == 0 && count == 4)
        trim(rk, queue, parts);
    else if (strcmp(parts[0], "drop") == 0 && count == 2)
        drop(rk, queue, parts[1]);
    else if (strcmp(parts[0], "grow") == 0 && count == 3)
        grow(rk, queue, parts);
    else if (strcmp(parts[0], "group") == 0 && count == 4)
        show_group(feed->brokers, parts);
    else if (strcmp(parts[0], "drain") == 0 && count == 2)
        drain(feed->brokers, parts[1]);
    else
        die("no such command", parts[0]);
    rd_kafka_queue_destroy(queue);
}

static void run(struct feed *feed, char **parts, int count)
{
    const char *verb = parts[0];
    if (strcmp(verb, "put") == 0 && count >= 5) {
        put(feed, parts, count);
        return;
    }
    if (strcmp(verb, "many") == 0 && count == 5) {
        put_many(feed, parts);
        return;
    }
    flush(feed);
    if (strcmp(verb, "begin") == 0 || strcmp(verb, "commit") == 0 || strcmp(verb, "abort") == 0)
        transact(feed, verb);
    else
        administrate(feed, parts, count);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    char *line = malloc(LINE_MOST);
    if (argc != 3)
        die("usage", "see the head of kafka_feed.c");
    struct feed feed = {.brokers = argv[1], .id = argv[2]};
    while (fgets(line, LINE_MOST, stdin)) {
        char *parts[PARTS_MOST], *at = line;
        int count = 0;
        line[strcspn(line, "\n")] = 0;
        while (at && count < PARTS_MOST)
            parts[count++] = strsep(&at, "\t");
        run(&feed, parts, count);
    }
    flush(&feed);
    if (feed.plain)
        rd_kafka_destroy(feed.plain);
    if (feed.transactional)
        rd_kafka_destroy(feed.transactional);
    free(line);
    return 0;
}
