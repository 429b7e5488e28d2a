#include <toy/toy.h>

#include <base/memory.h>
#include <base/number.h>
#include <stdio.h>
#include <stdlib.h>
#include <toy/rows.h>

enum { WRITER, SEQ, KEY, TX, TX_SIZE, ROW, CRC, PAYLOAD, SECRET, FIELDS };

/* Clear text for tests of transforms that have to remove or mask it: it must never arrive. */
#define SECRET_FORMAT "clear-%llu"

struct toy {
    struct leat_toy_settings settings;
    int64_t count, rate;
    struct leat_toy_rows rows;
    const struct leat_topic **topics; /* of each topic number */
    const struct leat_schema **schemas;
    uint64_t next;           /* number of the row to make next */
    uint64_t first;          /* and at open, with ... */
    struct leat_time opened; /* ... its time: what `rate` counts from */
};

#define AT(member) offsetof(struct toy, member)
static const struct leat_option options[] = {
    {.name = "count", .type = LEAT_OPT_INT, .flags = LEAT_OPT_MAIN, .offset = AT(count), .preset = "1000",
     .min = 0, .max = INT64_MAX, .about = "Rows to make; then the source has ended.", .example = "1000000"},
    {.name = "rate", .type = LEAT_OPT_INT, .offset = AT(rate), .preset = "0", .min = 0, .max = 1000000000,
     .about = "Rows a second; 0: as fast as they are taken."},
    {.name = "writers", .type = LEAT_OPT_INT, .offset = AT(settings.writers), .preset = "4", .min = 1,
     .max = LEAT_TOY_WRITERS_MAX, .about = "Writers, each with a sequence of its own."},
    {.name = "keys", .type = LEAT_OPT_INT, .offset = AT(settings.keys), .preset = "100", .min = 1,
     .max = 1000000000, .about = "Keys of each writer."},
    {.name = "topics", .type = LEAT_OPT_INT, .offset = AT(settings.topics), .preset = "1", .min = 1,
     .max = 10000, .about = "Topics that the rows are spread over, by key: toy.t0, toy.t1, ..."},
    {.name = "transaction", .type = LEAT_OPT_INT, .offset = AT(settings.transaction), .preset = "5", .min = 1,
     .max = 100000, .about = "Most rows of one transaction; each has between one and so many."},
    {.name = "payload", .type = LEAT_OPT_SIZE, .offset = AT(settings.payload_bytes), .preset = "32B", .min = 0,
     .max = LEAT_TOY_PAYLOAD_MAX, .about = "Bytes of payload in a row."},
    {.name = "seed", .type = LEAT_OPT_INT, .offset = AT(settings.seed), .preset = "1", .min = 0,
     .max = INT64_MAX, .about = "The same seed and options make the same rows."},
    {0}};

static const struct leat_schema *make_schema(uint32_t topic)
{
#define NUMBER(field) {.name = field, .type = LEAT_INT64, .flags = LEAT_FIELD_REQUIRED, .native = "", .labels = ""}
#define TEXT(field) {.name = field, .type = LEAT_TEXT, .native = "", .labels = ""}
    static const struct leat_field fields[FIELDS] = {
        [WRITER] = NUMBER("writer"), [SEQ] = NUMBER("seq"),   [KEY] = NUMBER("id"),
        [TX] = NUMBER("tx"),         [TX_SIZE] = NUMBER("tx_size"), [ROW] = NUMBER("row"),
        [CRC] = NUMBER("crc"),       [PAYLOAD] = TEXT("payload"), [SECRET] = TEXT("secret"),
    };
    static const struct leat_field source_fields[] = {NUMBER("number")};
    static const uint32_t keys[] = {KEY};
    char name[32];
    snprintf(name, sizeof name, "t%u", topic);
    return leat_schema(&(struct leat_schema){
        .connector = "toy", .space = "toy", .name = name, .fields = fields, .field_count = FIELDS,
        .keys = keys, .key_count = 1, .source_fields = source_fields, .source_count = 1});
}

static enum leat_status open_toy(void *arg, struct leat_task *task, const struct leat_positions *from,
                                 struct leat_error *err)
{
    struct toy *self = arg;
    struct leat_value key = leat_value_string("toy");
    const struct leat_value *position = leat_positions_get(from, &key);
    const struct leat_value *seq = position ? leat_map_get(position, "seq") : NULL;
    if (position && (!seq || seq->type != LEAT_INT64 || seq->as.i < 0))
        return leat_fail(err, LEAT_STOP, "toy: its position is no {\"seq\": NUMBER}; `leat offsets reset %s`",
                         leat_task_name(task));
    self->next = self->first = seq ? (uint64_t)seq->as.i : 0;
    self->opened = leat_now();
    leat_toy_rows_init(&self->rows, &self->settings);
    size_t topics = (size_t)self->settings.topics;
    self->topics = leat_calloc(topics, sizeof *self->topics);
    self->schemas = leat_calloc(topics, sizeof *self->schemas);
    leat_task_progress(task, "counting");
    return LEAT_OK;
}

static struct leat_value copy_secret(struct leat_batch *batch, uint64_t number)
{
    char text[48];
    int len = snprintf(text, sizeof text, SECRET_FORMAT, (unsigned long long)number);
    return leat_value_text(leat_batch_copy(batch, text, (size_t)len), (size_t)len);
}

static struct leat_value make_values(const struct toy *self, struct leat_batch *batch,
                                     const struct leat_toy_row *row)
{
    size_t len = (size_t)self->settings.payload_bytes;
    char *payload = leat_batch_alloc(batch, len + 1);
    leat_toy_payload(&self->settings, row->number, payload, len);
    struct leat_value *values = leat_batch_alloc(batch, FIELDS * sizeof *values);
    values[WRITER] = leat_value_int(row->writer);
    values[SEQ] = leat_value_int((int64_t)row->seq);
    values[KEY] = leat_value_int((int64_t)row->key);
    values[TX] = leat_value_int((int64_t)row->tx);
    values[TX_SIZE] = leat_value_int(row->tx_size);
    values[ROW] = leat_value_int(row->row);
    values[CRC] = leat_value_int(
        leat_toy_crc(row->writer, row->seq, row->key, row->tx, row->tx_size, row->row, payload, len));
    values[PAYLOAD] = leat_value_text(payload, len);
    values[SECRET] = copy_secret(batch, row->number);
    return leat_value_items(LEAT_STRUCT, values, FIELDS);
}

static void add_row(struct toy *self, struct leat_task *task, struct leat_batch *batch)
{
    struct leat_toy_row row = leat_toy_row(&self->rows, self->next);
    if (!self->topics[row.topic]) {
        self->schemas[row.topic] = make_schema(row.topic);
        self->topics[row.topic] = leat_task_route(task, "toy", self->schemas[row.topic]->name);
    }
    struct leat_record *rec = leat_batch_add(batch);
    struct leat_value value = make_values(self, batch, &row);
    struct leat_value number = leat_value_int((int64_t)row.number);
    struct leat_value source = leat_value_items(LEAT_STRUCT, &number, 1);
    struct leat_value key = leat_value_items(LEAT_STRUCT, &value.as.items[KEY], 1);
    rec->topic = self->topics[row.topic];
    rec->schema = self->schemas[row.topic];
    rec->time_us = LEAT_TOY_EPOCH_US + (int64_t)row.number * 1000;
    rec->op = LEAT_CREATE;
    rec->flags = row.ends_transaction ? LEAT_ENDS_TRANSACTION : 0;
    rec->key = leat_batch_copy_value(batch, &key);
    rec->value = value;
    rec->before = leat_value_null();
    rec->source = leat_batch_copy_value(batch, &source);
    self->next++;
}

/* Number of the first row that `rate` does not allow yet. */
static uint64_t allowed(const struct toy *self)
{
    if (self->rate == 0)
        return (uint64_t)self->count;
    double elapsed_s = (double)(leat_now().ns - self->opened.ns) / 1e9;
    double rows = (double)self->first + 1 + elapsed_s * (double)self->rate;
    return rows < (double)self->count ? (uint64_t)rows : (uint64_t)self->count;
}

static enum leat_status poll_toy(void *arg, struct leat_task *task, struct leat_batch **out,
                                 struct leat_error *err)
{
    struct toy *self = arg;
    (void)err;
    if (self->next >= (uint64_t)self->count)
        return LEAT_EOF;
    uint64_t end = allowed(self);
    if (self->next >= end) {
        leat_wait(task, -1, 0, leat_after_us(1000000 / self->rate + 1));
        return LEAT_AGAIN;
    }
    struct leat_batch *batch = leat_batch_take(task);
    if (!batch)
        return LEAT_AGAIN;
    do
        add_row(self, task, batch);
    while (self->next < end && !leat_batch_is_full(batch));
    struct leat_value key = leat_value_string("toy");
    struct leat_value pair[2] = {leat_value_string("seq"), leat_value_int((int64_t)self->next)};
    struct leat_value value = leat_value_items(LEAT_MAP, pair, 1);
    leat_batch_position(batch, &key, &value);
    *out = batch;
    return LEAT_OK;
}

static void close_toy(void *arg, struct leat_task *task)
{
    struct toy *self = arg;
    (void)task;
    free(self->topics);
    free(self->schemas);
    self->topics = NULL;
    self->schemas = NULL;
}

/* ---- leat recover --from-sinks ---- */

static int64_t number_of(const struct leat_value *origin)
{
    const struct leat_value *number = leat_map_get(origin, "number");
    return number && number->type == LEAT_INT64 ? number->as.i : -1;
}

static int origin_order(const struct leat_value *a, const struct leat_value *b)
{
    int64_t first = number_of(a), second = number_of(b);
    if (first < 0 || second < 0)
        return LEAT_NO_ORDER;
    return first < second ? -1 : first > second;
}

static enum leat_status origin_position(void *arg, const struct leat_value *origin, struct leat_batch *positions,
                                        struct leat_origin_found *found, struct leat_error *err)
{
    int64_t number = number_of(origin);
    (void)arg;
    if (number < 0)
        return leat_fail(err, LEAT_STOP, "the origin names no row's number");
    struct leat_value key = leat_value_string("toy");
    struct leat_value pair[2] = {leat_value_string("seq"), leat_value_int(number)};
    struct leat_value value = leat_value_items(LEAT_MAP, pair, 1);
    leat_batch_position(positions, &key, &value);
    snprintf(found->text, sizeof found->text, "from row %lld", (long long)number);
    return LEAT_OK;
}

const struct leat_source_type leat_source_toy = {
    .struct_size = sizeof(struct leat_source_type),
    .traits = LEAT_REPLAYABLE | LEAT_TOTAL_ORDER,
    .name = "toy",
    .about = "Numbered records for tests and trials.",
    .size = sizeof(struct toy),
    .options = options,
    .topic = "{database}.{table}",
    .open = open_toy,
    .poll = poll_toy,
    .close = close_toy,
    .origin_order = origin_order,
    .origin_position = origin_position,
};
