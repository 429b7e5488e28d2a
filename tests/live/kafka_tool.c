/* kafka_tool.c - what the tests need of Kafka beside Leat, by librdkafka alone.
 *
 *   kafka_tool read BROKERS TOPIC...              committed messages, a line each: topic, partition, offset, time, key, value,
 *                                                 headers (NAME=VALUE;...), between tabs; null is \N
 *   kafka_tool make BROKERS TOPIC N [NAME=VALUE]...  makes a topic of N partitions
 *   kafka_tool set BROKERS TOPIC NAME=VALUE...    these are its settings from now on
 *   kafka_tool show BROKERS TOPIC                 its settings, a line each: NAME=VALUE
 *   kafka_tool drop BROKERS TOPIC                 deletes it
 *   kafka_tool topics BROKERS                     the names of all topics
 *   kafka_tool bench BROKERS TOPIC FILE EVERY     the lines of FILE in transactions of EVERY; prints the seconds it took
 *   kafka_tool follow BROKERS TOPIC               messages as they are committed, the time of day of each and a tab before it;
 *                                                 until it is killed
 *
 * KAFKA_CLIENT: more properties of librdkafka, NAME=VALUE;...
 */
#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WAIT_MS 20000
#define OPEN_SECONDS 3

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const char *what, const char *why)
{
    fprintf(stderr, "kafka_tool: %s: %s\n", what, why);
    exit(1);
}

static rd_kafka_t *handle(rd_kafka_type_t type, const char *brokers, const char *const *properties)
{
    char why[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", brokers, NULL, 0);
    char *more = strdup(getenv("KAFKA_CLIENT") ? getenv("KAFKA_CLIENT") : "");
    for (char *rest, *set = strtok_r(more, ";", &rest); set; set = strtok_r(NULL, ";", &rest)) {
        char *value = strchr(set, '=');
        *value++ = 0;
        if (rd_kafka_conf_set(conf, set, value, why, sizeof why) != RD_KAFKA_CONF_OK)
            die(set, why);
    }
    free(more);
    for (; *properties; properties += 2)
        if (rd_kafka_conf_set(conf, properties[0], properties[1], why, sizeof why) != RD_KAFKA_CONF_OK)
            die(properties[0], why);
    rd_kafka_t *rk = rd_kafka_new(type, conf, why, sizeof why);
    if (!rk)
        die("rd_kafka_new", why);
    return rk;
}

/* ---- read ---- */

static void print(const void *bytes, size_t len, bool is_null)
{
    if (is_null)
        fputs("\\N", stdout);
    else
        fwrite(bytes, 1, len, stdout);
}

static void print_message(const rd_kafka_message_t *m)
{
    rd_kafka_headers_t *headers;
    const char *name;
    const void *value;
    size_t len;
    printf("%s\t%d\t%lld\t%lld\t", rd_kafka_topic_name(m->rkt), m->partition, (long long)m->offset,
           (long long)rd_kafka_message_timestamp(m, NULL));
    print(m->key, m->key_len, !m->key);
    putchar('\t');
    print(m->payload, m->len, !m->payload);
    putchar('\t');
    if (!rd_kafka_message_headers(m, &headers))
        for (size_t i = 0; !rd_kafka_header_get_all(headers, i, &name, &value, &len); i++) {
            printf("%s=", name);
            print(value, len, !value);
            putchar(';');
        }
    putchar('\n');
}

static int count_partitions(rd_kafka_t *rk, rd_kafka_topic_t *topic)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_resp_err_t code = rd_kafka_metadata(rk, 0, topic, &metadata, WAIT_MS);
    if (code)
        die(rd_kafka_topic_name(topic), rd_kafka_err2str(code));
    int count = metadata->topics[0].err ? 0 : metadata->topics[0].partition_cnt;
    rd_kafka_metadata_destroy(metadata);
    return count;
}

/* The end, open transactions included: a commit is answered before its markers stand in the partitions. */
static int64_t end_of(rd_kafka_t *all, const char *topic, int partition)
{
    int64_t first, end;
    rd_kafka_resp_err_t code;
    double late = now() + WAIT_MS / 1000.0;
    do /* a leader may be on its way */
        code = rd_kafka_query_watermark_offsets(all, topic, partition, &first, &end, WAIT_MS);
    while (code && now() < late);
    if (code)
        die(topic, rd_kafka_err2str(code));
    return end;
}

/* Up to the end of now, for writers may go on; what is not committed a while later is left out. */
static void read_partition(rd_kafka_topic_t *topic, int partition, int64_t end)
{
    double late = now() + OPEN_SECONDS;
    bool is_over = end == 0;
    rd_kafka_consume_start(topic, partition, RD_KAFKA_OFFSET_BEGINNING);
    while (!is_over) {
        rd_kafka_message_t *m = rd_kafka_consume(topic, partition, 100);
        is_over = m ? m->offset >= end : now() > late;
        if (m && m->err && m->err != RD_KAFKA_RESP_ERR__PARTITION_EOF)
            die(rd_kafka_topic_name(topic), rd_kafka_message_errstr(m));
        if (m && !m->err && !is_over)
            print_message(m);
        if (m)
            rd_kafka_message_destroy(m);
    }
    rd_kafka_consume_stop(topic, partition);
}

static void read_topic(rd_kafka_t *rk, rd_kafka_t *all, const char *name)
{
    rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, name, NULL);
    int partitions = count_partitions(rk, topic);
    for (int i = 0; i < partitions; i++)
        read_partition(topic, i, end_of(all, name, i));
    rd_kafka_topic_destroy(topic);
}

static void read_topics(const char *brokers, char **topics)
{
    const char *properties[] = {"isolation.level", "read_committed", "enable.partition.eof", "true", "fetch.wait.max.ms", "20",
                                "allow.auto.create.topics", "false", NULL};
    rd_kafka_t *rk = handle(RD_KAFKA_CONSUMER, brokers, properties);
    const char *uncommitted[] = {"isolation.level", "read_uncommitted", NULL};
    rd_kafka_t *all = handle(RD_KAFKA_CONSUMER, brokers, uncommitted);
    for (; *topics; topics++)
        read_topic(rk, all, *topics);
    rd_kafka_destroy(all);
    rd_kafka_destroy(rk);
}

/* ---- make ---- */

static rd_kafka_event_t *answer(rd_kafka_queue_t *queue, const char *what)
{
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, WAIT_MS);
    if (!event || rd_kafka_event_error(event))
        die(what, event ? rd_kafka_event_error_string(event) : "no answer");
    return event;
}

static void make_topic(const char *brokers, char **args)
{
    char why[512];
    const char *none[] = {NULL};
    rd_kafka_t *rk = handle(RD_KAFKA_PRODUCER, brokers, none);
    rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(args[0], atoi(args[1]), -1, why, sizeof why);
    for (char **set = args + 2; *set; set++) {
        char *value = strchr(*set, '=');
        *value = 0;
        rd_kafka_NewTopic_set_config(topic, *set, value + 1);
    }
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_CreateTopics(rk, &topic, 1, NULL, queue);
    rd_kafka_event_t *event = answer(queue, args[0]);
    size_t count;
    const rd_kafka_topic_result_t **all =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
    if (count != 1 || rd_kafka_topic_result_error(all[0]))
        die(args[0], rd_kafka_topic_result_error_string(all[0]));
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_NewTopic_destroy(topic);
    rd_kafka_destroy(rk);
}

static void set_topic(const char *brokers, char **args)
{
    const char *none[] = {NULL};
    rd_kafka_t *rk = handle(RD_KAFKA_PRODUCER, brokers, none);
    rd_kafka_ConfigResource_t *topic = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, args[0]);
    for (char **set = args + 1; *set; set++) {
        char *value = strchr(*set, '=');
        *value = 0;
        rd_kafka_ConfigResource_set_config(topic, *set, value + 1);
    }
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_AlterConfigs(rk, &topic, 1, NULL, queue);
    rd_kafka_event_t *event = answer(queue, args[0]);
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_ConfigResource_destroy(topic);
    rd_kafka_destroy(rk);
}

static void show_topic(const char *brokers, char **args)
{
    const char *none[] = {NULL};
    size_t count = 0;
    rd_kafka_t *rk = handle(RD_KAFKA_PRODUCER, brokers, none);
    rd_kafka_ConfigResource_t *topic = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, args[0]);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_DescribeConfigs(rk, &topic, 1, NULL, queue);
    rd_kafka_event_t *event = answer(queue, args[0]);
    const rd_kafka_ConfigResource_t **all =
        rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(event), &count);
    const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(all[0], &count);
    for (size_t i = 0; i < count; i++)
        printf("%s=%s\n", rd_kafka_ConfigEntry_name(entries[i]), rd_kafka_ConfigEntry_value(entries[i]));
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_ConfigResource_destroy(topic);
    rd_kafka_destroy(rk);
}

static void drop_topic(const char *brokers, char **args)
{
    const char *none[] = {NULL};
    rd_kafka_t *rk = handle(RD_KAFKA_PRODUCER, brokers, none);
    rd_kafka_DeleteTopic_t *topic = rd_kafka_DeleteTopic_new(args[0]);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_DeleteTopics(rk, &topic, 1, NULL, queue);
    rd_kafka_event_t *event = answer(queue, args[0]);
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_DeleteTopic_destroy(topic);
    rd_kafka_destroy(rk);
}

static void list_topics(const char *brokers)
{
    const char *none[] = {NULL};
    const struct rd_kafka_metadata *metadata;
    rd_kafka_t *rk = handle(RD_KAFKA_PRODUCER, brokers, none);
    rd_kafka_resp_err_t code = rd_kafka_metadata(rk, 1, NULL, &metadata, WAIT_MS);
    if (code)
        die("topics", rd_kafka_err2str(code));
    for (int i = 0; i < metadata->topic_cnt; i++)
        puts(metadata->topics[i].topic);
    rd_kafka_metadata_destroy(metadata);
    rd_kafka_destroy(rk);
}

/* ---- bench ---- */

static void check(const char *what, rd_kafka_error_t *error)
{
    if (error)
        die(what, rd_kafka_error_string(error));
}

/* All of it in memory: what is measured is the library. */
static char *load(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END))
        die("cannot read", path);
    *size = (size_t)ftell(file);
    rewind(file);
    char *bytes = malloc(*size + 1);
    if (!bytes || fread(bytes, 1, *size, file) != *size)
        die("cannot read", path);
    fclose(file);
    return bytes;
}

static void bench(const char *brokers, char **args)
{
    const char *properties[] = {"transactional.id", args[0], "linger.ms", "5", "queue.buffering.max.messages", "1000000",
                                "delivery.report.only.error", "true", "partitioner", "murmur2_random",
                                "socket.nagle.disable", "true", NULL};
    long every = atol(args[2]), count = 0;
    size_t size;
    char *bytes = load(args[1], &size), *at = bytes, *end = bytes + size, key[32];
    rd_kafka_t *rk = handle(RD_KAFKA_PRODUCER, brokers, properties);
    check("init", rd_kafka_init_transactions(rk, WAIT_MS));
    rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, args[0], NULL);
    double begin = now();
    while (at < end) {
        check("begin", rd_kafka_begin_transaction(rk));
        for (long sent = 0; sent < every && at < end; sent++) {
            char *newline = memchr(at, '\n', (size_t)(end - at));
            int len = snprintf(key, sizeof key, "{\"id\":%ld}", count++ % 400);
            size_t line = (size_t)((newline ? newline : end) - at);
            while (rd_kafka_produce(topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, at, line, key, (size_t)len, NULL))
                rd_kafka_poll(rk, 10);
            at += line + 1;
        }
        while (rd_kafka_outq_len(rk) > 0)
            rd_kafka_flush(rk, 1); /* longer ones, as commit has, look every 10 ms */
        check("commit", rd_kafka_commit_transaction(rk, -1));
    }
    printf("%.3f\n", now() - begin);
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(rk);
    free(bytes);
}

static void follow(const char *brokers, const char *name)
{
    const char *properties[] = {"isolation.level", "read_committed", "fetch.wait.max.ms", "100", NULL};
    rd_kafka_t *rk = handle(RD_KAFKA_CONSUMER, brokers, properties);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, name, NULL);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    int partitions = count_partitions(rk, topic);
    for (int i = 0; i < partitions; i++)
        rd_kafka_consume_start_queue(topic, i, RD_KAFKA_OFFSET_BEGINNING, queue);
    for (;;) {
        struct timespec t;
        rd_kafka_message_t *m = rd_kafka_consume_queue(queue, 50);
        if (!m) {
            fflush(stdout);
            continue;
        }
        clock_gettime(CLOCK_REALTIME, &t);
        if (!m->err && m->payload)
            printf("%.6f\t%.*s\n", (double)t.tv_sec + (double)t.tv_nsec / 1e9, (int)m->len, (const char *)m->payload);
        rd_kafka_message_destroy(m);
    }
}

int main(int argc, char **argv)
{
    if (argc >= 4 && strcmp(argv[1], "read") == 0)
        read_topics(argv[2], argv + 3);
    else if (argc >= 5 && strcmp(argv[1], "make") == 0)
        make_topic(argv[2], argv + 3);
    else if (argc >= 5 && strcmp(argv[1], "set") == 0)
        set_topic(argv[2], argv + 3);
    else if (argc == 4 && strcmp(argv[1], "show") == 0)
        show_topic(argv[2], argv + 3);
    else if (argc == 4 && strcmp(argv[1], "drop") == 0)
        drop_topic(argv[2], argv + 3);
    else if (argc == 3 && strcmp(argv[1], "topics") == 0)
        list_topics(argv[2]);
    else if (argc == 6 && strcmp(argv[1], "bench") == 0)
        bench(argv[2], argv + 3);
    else if (argc == 4 && strcmp(argv[1], "follow") == 0)
        follow(argv[2], argv[3]);
    else
        die("usage", "see the head of kafka_tool.c");
    return fflush(stdout) ? 1 : 0;
}
