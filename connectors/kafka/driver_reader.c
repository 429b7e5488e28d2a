#include <kafka/driver_reader.h>

#include <base/memory.h>
#include <stdlib.h>

#define HINT_EVERY_US  1000000
#define FRAMES_A_CALL  64       /* that are passed over in one read(): it does not hold up its task */
#define SCHEMA_WAIT_US 60000000 /* a schema is committed with its first record, or before */
#define TIME_WAIT_MS   10000
#define IDLE_EVERY_US  200000 /* a lane that has nothing of its own moves its mark so often, */
#define IDLE_FRAMES    64     /* and after as many of the others' */

/* ---- frames ---- */

void ksplit_drop_frame(struct ksplit *split)
{
    if (split->message)
        rd_kafka_message_destroy(split->message);
    split->message = NULL;
    split->is_ready = false;
}

bool ksplit_is_at_end(struct ksplit *split)
{
    struct leat_access *access = split->log->access;
    leat_lock_take(&access->lock);
    bool is_at_end = !split->message && split->at >= split->end && split->at >= split->log->data_end;
    leat_lock_give(&access->lock);
    return is_at_end;
}

static enum leat_status bad_frame(const struct ksplit *split, const char *what, struct leat_error *err)
{
    return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_DAMAGED, "topic %s, offset %lld: %s", split->log->data_topic,
                        (long long)split->message->offset, what);
}

/* ---- seek ---- */

static void stop_reading(struct ksplit *split)
{
    ksplit_drop_frame(split);
    if (split->is_started)
        rd_kafka_consume_stop(split->topic, 0);
    if (split->queue)
        rd_kafka_queue_destroy(split->queue);
    split->is_started = false;
    split->queue = NULL;
}

static enum leat_status start_reading(struct ksplit *split, int64_t at, struct leat_error *err)
{
    static const uint64_t one = 1;
    struct leat_reader *reader = split->owner;
    split->queue = rd_kafka_queue_new(reader->client.rk);
    rd_kafka_queue_io_event_enable(split->queue, reader->bell.fd, &one, sizeof one);
    if (rd_kafka_consume_start_queue(split->topic, 0, at, split->queue))
        return kafka_failed(&reader->client, split->log->data_topic, rd_kafka_err2str(rd_kafka_last_error()), err);
    split->is_started = true;
    split->at = at;
    leat_bell_ring(&reader->bell);
    return LEAT_OK;
}

static enum leat_status seek_time(struct ksplit *split, int64_t time_us, int64_t *at, struct leat_error *err)
{
    struct leat_reader *reader = split->owner;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, split->log->data_topic, 0)->offset = time_us / 1000;
    rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(reader->client.rk, list, TIME_WAIT_MS);
    if (!code)
        code = list->elems[0].err;
    if (!code && list->elems[0].offset >= 0)
        *at = list->elems[0].offset;
    rd_kafka_topic_partition_list_destroy(list);
    split->skip_before_us = time_us;
    return code ? kafka_failed(&reader->client, split->log->data_topic, rd_kafka_err2str(code), err) : LEAT_OK;
}

static void seek_offset(struct ksplit *split, const struct leat_place *place)
{
    split->skip_topic = leat_topic(place->topic, strlen(place->topic));
    split->skip_partition = place->partition;
    split->skip_offset = place->offset;
}

/* Behind the end of what is committed stand only transactions that are open: those are read once they are over. */
static int64_t end_of(struct ksplit *split, int64_t committed)
{
    struct leat_access *access = split->log->access;
    leat_lock_take(&access->lock);
    int64_t end = committed > split->log->data_end ? committed : split->log->data_end;
    leat_lock_give(&access->lock);
    return end;
}

enum leat_status kreader_seek(struct leat_reader *reader, uint32_t at, const struct leat_place *place, struct leat_error *err)
{
    struct ksplit *split = &reader->splits[at];
    int64_t low, end, from;
    stop_reading(split);
    split->skip = 0;
    split->skip_topic = NULL;
    split->skip_before_us = 0;
    split->consumed.handed.len = 0;
    split->passed_at = split->skip_at = 0;
    split->is_cut = false;
    ksplit_forget_passed(split);
    enum leat_status status = klog_range(split->log, true, &low, &end, err);
    split->end = end_of(split, end);
    from = low;
    if (status == LEAT_OK && place->kind == LEAT_AT_END)
        from = split->end;
    if (status == LEAT_OK && place->kind == LEAT_AT_OFFSET)
        seek_offset(split, place);
    if (status == LEAT_OK && place->kind == LEAT_AT_TIME) {
        from = split->end;
        status = seek_time(split, place->time_us, &from, err);
    }
    if (status == LEAT_OK && place->kind == LEAT_AT_CURSOR) {
        if (!kcursor_read(&place->cursor, &split->skip_at, &split->skip))
            return leat_fail(err, LEAT_STOP, "log %s: this is no cursor of a log in Kafka", split->log->name);
        from = split->skip_at > low ? split->skip_at : low; /* before it: judge() has said that all of it was passed */
    }
    split->is_from_start = from == 0;
    return status == LEAT_OK ? start_reading(split, from, err) : status;
}

/* ---- a frame ---- */

static bool is_for_us(const struct leat_reader *reader, const struct kframe *frame)
{
    return frame->audience_len == 0 || (reader->consumer && strlen(reader->consumer) == frame->audience_len &&
                                        memcmp(reader->consumer, frame->audience, frame->audience_len) == 0);
}

/* One that holds nothing for this reader is passed over as a whole. */
static bool is_wanted_frame(struct ksplit *split)
{
    const struct kframe *frame = &split->frame;
    if (!is_for_us(split->owner, frame) || frame->time_us < split->skip_before_us)
        return false;
    for (uint32_t i = 0; i < frame->part_count; i++)
        if (kreader_wants(split->owner, frame->parts[i].topic) || frame->parts[i].topic == split->skip_topic)
            return true;
    return false;
}

static void begin_frame(struct ksplit *split)
{
    struct kframe *frame = &split->frame;
    split->native = (struct leat_native_reader){0};
    split->index = 0;
    split->last_us = frame->time_us;
    split->waits_since = leat_now();
    if (frame->part_count > split->offset_cap) {
        split->offset_cap = frame->part_count;
        split->offsets = leat_realloc(split->offsets, split->offset_cap * sizeof *split->offsets);
    }
    for (uint32_t i = 0; i < frame->part_count; i++)
        split->offsets[i] = frame->parts[i].base;
    if (frame->schema_count > split->schema_cap) {
        split->schema_cap = frame->schema_count;
        split->schemas = leat_realloc((void *)split->schemas, split->schema_cap * sizeof(struct leat_schema *));
    }
}

/* AGAIN: a schema has not come by yet. */
static enum leat_status resolve_schemas(struct ksplit *split, struct leat_error *err)
{
    struct leat_reader *reader = split->owner;
    for (uint32_t i = 0; i < split->frame.schema_count; i++) {
        uint64_t hash = split->frame.schemas[i];
        const struct leat_schema *schema = leat_table_get(&reader->schemas, &hash, sizeof hash);
        if (!schema && (schema = klog_schema(split->log, hash)))
            leat_table_set(&reader->schemas, &hash, sizeof hash, (void *)(uintptr_t)schema);
        if (!schema && leat_now().ns - split->waits_since.ns > (int64_t)SCHEMA_WAIT_US * 1000)
            return bad_frame(split, "its schema is not in the topic of the log's state", err);
        if (!schema)
            return LEAT_AGAIN;
        split->schemas[i] = schema;
    }
    split->is_ready = true;
    return LEAT_OK;
}

static enum leat_status judge_message(struct ksplit *split, rd_kafka_message_t *message, struct leat_error *err)
{
    enum leat_status status = LEAT_OK;
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
        split->at = message->offset > split->at ? message->offset : split->at;
    else if (message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET || message->err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE)
        status = leat_fail(err, LEAT_STOP,
                           "topic %s: what stood at offset %lld is not there any more: retention released records that "
                           "were not read, or Kafka lost its tail",
                           split->log->data_topic, (long long)split->at);
    else if (message->err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
        status = leat_fail(err, LEAT_STOP, "topic %s: no right to read it", split->log->data_topic);
    else
        leat_say(LEAT_DEBUG, NULL, "topic %s: %s", split->log->data_topic, rd_kafka_message_errstr(message));
    rd_kafka_message_destroy(message);
    return status;
}

/* AGAIN: nothing has been fetched; or as much as one call may pass over: then the bell has rung. */
static enum leat_status next_frame(struct ksplit *split, struct leat_error *err)
{
    for (int i = 0; i < FRAMES_A_CALL; i++) {
        rd_kafka_message_t *message = rd_kafka_consume_queue(split->queue, 0);
        if (!message)
            return LEAT_AGAIN;
        if (message->err) {
            enum leat_status status = judge_message(split, message, err);
            if (status != LEAT_OK)
                return status;
            continue;
        }
        if (!message->payload) { /* KAFKA_END_KEY */
            split->at = message->offset + 1;
            rd_kafka_message_destroy(message);
            continue;
        }
        split->message = message;
        split->taken_frames++;
        split->taken_bytes += message->len;
        if (!kframe_read(&split->frame, message->payload, message->len))
            return bad_frame(split, "this is no frame that this version of leat can read", err);
        ksplit_pass_frame(split);
        if (is_wanted_frame(split)) {
            begin_frame(split);
            return LEAT_OK;
        }
        split->at = message->offset + 1;
        split->last_us = split->frame.time_us;
        ksplit_drop_frame(split);
    }
    leat_bell_ring(&split->owner->bell);
    return LEAT_AGAIN;
}

/* ---- records ---- */

static bool is_wanted(struct ksplit *split, const struct leat_native_head *head, const struct kpart *part, uint64_t offset)
{
    struct leat_reader *reader = split->owner;
    if (split->index < split->skip && split->message->offset == split->skip_at)
        return false;
    if (split->skip_topic) {
        if (part->topic != split->skip_topic || part->partition != split->skip_partition || offset < split->skip_offset)
            return false;
        split->skip_topic = NULL;
    }
    return kreader_wants(reader, part->topic) && (reader->lanes == 1 || leat_op_is_control(head->op) ||
                                                  (reader->barriers && head->op == LEAT_TRUNCATE) ||
                                                  head->key_hash % reader->lanes == reader->lane);
}

static enum leat_status take_record(struct ksplit *split, struct leat_native_head *head, struct leat_batch *batch,
                                    struct leat_error *err)
{
    static const char bad[] = "a record in it cannot be decoded, though its checksum is right: report this";
    const struct kframe *frame = &split->frame;
    if (head->topic_slot >= frame->part_count || head->schema_id > frame->schema_count)
        return bad_frame(split, bad, err);
    const struct kpart *part = &frame->parts[head->topic_slot];
    const struct leat_schema *schema = head->schema_id ? split->schemas[head->schema_id - 1] : NULL;
    uint64_t offset = split->offsets[head->topic_slot]++;
    if (!is_wanted(split, head, part, offset)) {
        split->index++;
        return leat_native_skip(&split->native, head, schema) ? LEAT_OK : bad_frame(split, bad, err);
    }
    split->index++;
    bool is_last = leat_cut_left(&split->frame.stream) == 0;
    struct leat_cursor behind = is_last ? kcursor(split->message->offset + 1, 0) : kcursor(split->message->offset, split->index);
    struct leat_record *rec = leat_batch_add_read(batch, (struct leat_read){.cursor = behind, .commit_us = frame->time_us});
    rec->topic = part->topic;
    rec->schema = schema;
    rec->offset = offset;
    rec->partition = part->partition;
    return leat_native_read(&split->native, head, &batch->arena, false, rec) ? LEAT_OK : bad_frame(split, bad, err);
}

/* Records of the frame at hand, until it or the batch has no more room, or before and behind a barrier. */
static enum leat_status take_frame(struct ksplit *split, struct leat_batch *batch, struct leat_error *err)
{
    struct leat_cut *stream = &split->frame.stream;
    struct leat_native_head head;
    while (leat_cut_left(stream) > 0 && !leat_batch_is_full(batch) && !split->is_cut) {
        struct leat_cut before = *stream;
        uint32_t count = batch->count;
        if (!leat_native_next(&split->native, stream, &head))
            return bad_frame(split, "a record in it is cut: report this", err);
        bool is_barrier = split->owner->barriers && head.op == LEAT_TRUNCATE;
        if (is_barrier && count > 0) {
            *stream = before;
            split->is_cut = true;
            break;
        }
        enum leat_status status = take_record(split, &head, batch, err);
        if (status != LEAT_OK)
            return status;
        split->is_cut = is_barrier && batch->count > count;
    }
    if (leat_cut_left(stream) == 0) {
        split->at = split->message->offset + 1;
        ksplit_drop_frame(split);
    }
    return LEAT_OK;
}

/* Is it time for a lane to say that it has passed what others have? Between two frames only. */
static bool is_idle_lane(struct ksplit *split, bool is_last)
{
    const struct leat_reader *reader = split->owner;
    int64_t handed = split->skip_at;
    uint32_t index;
    if (reader->lanes == 1 || !reader->consumer || split->message)
        return false;
    if (split->consumed.handed.len > 0)
        kcursor_read(&split->consumed.handed, &handed, &index);
    if (split->passed_at <= handed)
        return false;
    if (split->passed_at - handed > IDLE_FRAMES)
        return true;
    return ksplit_is_at_end(split) &&
           (is_last || leat_now().ns - split->handed_at.ns > (int64_t)IDLE_EVERY_US * 1000);
}

static enum leat_status hand_out(struct ksplit *split, uint32_t at, struct leat_batch *batch)
{
    batch->split = at;
    ksplit_mark_batch(split, batch);
    split->handed_at = leat_now();
    return LEAT_OK;
}

static enum leat_status read_split(struct leat_reader *reader, uint32_t at, struct leat_batch *batch, struct leat_error *err)
{
    struct ksplit *split = &reader->splits[at];
    enum leat_status status = LEAT_OK;
    for (split->is_cut = false; status == LEAT_OK && !leat_batch_is_full(batch) && !split->is_cut;) {
        if (!split->message)
            status = next_frame(split, err);
        if (status == LEAT_OK && !split->is_ready)
            status = resolve_schemas(split, err);
        if (status == LEAT_OK)
            status = take_frame(split, batch, err);
        if (batch->count == 0 && (status == LEAT_OK || status == LEAT_AGAIN) && is_idle_lane(split, batch->is_last))
            return hand_out(split, at, batch);
    }
    if (batch->count == 0)
        return status == LEAT_OK ? LEAT_AGAIN : status;
    if (status != LEAT_OK && status != LEAT_AGAIN && split->message && split->is_ready)
        return status; /* a record was half taken */
    batch->is_at_end = status == LEAT_AGAIN && ksplit_is_at_end(split);
    return hand_out(split, at, batch);
}

static bool has_new_log(struct leat_reader *reader)
{
    leat_lock_take(&reader->access->lock);
    bool is_new = reader->follows_all && (reader->access->has_unknown_log || reader->access->log_count > reader->split_count);
    leat_lock_give(&reader->access->lock);
    return is_new;
}

enum leat_status kreader_read(struct leat_reader *reader, struct leat_batch *batch, struct leat_error *err)
{
    leat_bell_clear(&reader->bell);
    rd_kafka_poll(reader->client.rk, 0);
    if (leat_now().ns - reader->hinted_at.ns > (int64_t)HINT_EVERY_US * 1000)
        kreader_note_hints(reader, false);
    if (has_new_log(reader))
        return leat_fail(err, LEAT_RETRY, "a new log has appeared; reading all of them again");
    batch->is_at_end = true;
    for (uint32_t i = 0; i < reader->split_count; i++) {
        uint32_t at = (reader->turn + i) % reader->split_count;
        enum leat_status status = LEAT_OK;
        if (!reader->splits[at].is_started) /* one that is nowhere begins at the first record */
            status = kreader_seek(reader, at, &(struct leat_place){.kind = LEAT_AT_FIRST}, err);
        if (status == LEAT_OK)
            status = read_split(reader, at, batch, err);
        if (status != LEAT_AGAIN) {
            reader->turn = at + 1;
            return status;
        }
        batch->is_at_end = batch->is_at_end && ksplit_is_at_end(&reader->splits[at]);
    }
    return LEAT_AGAIN;
}

int kreader_fd(struct leat_reader *reader)
{
    return reader->bell.fd;
}
