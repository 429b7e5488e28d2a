/* people.h - rows of one table with a field of each kind; and a task that has a name. */
#ifndef LEAT_TEST_PEOPLE_H
#define LEAT_TEST_PEOPLE_H

#include <model/batch.h>

const char *leat_task_name(const struct leat_task *task)
{
    (void)task;
    return "test";
}

const struct leat_value *leat_task_state(struct leat_task *task, const struct leat_value *key)
{
    (void)task, (void)key;
    return NULL;
}

enum { F_ID, F_NAME, F_EMAIL, F_PRICE, F_BIG, F_BORN, F_DATA, F_AGE, F_RATIO, F_EXTRA, F_COUNT };

static inline const struct leat_schema *people(void)
{
    static const struct leat_field fields[F_COUNT] = {
        [F_ID] = {.name = "id",
                  .type = LEAT_INT64,
                  .flags = LEAT_FIELD_REQUIRED,
                  .native = "bigint",
                  .labels = ""},
        [F_NAME] =
            {.name = "name", .type = LEAT_TEXT, .width = 40, .native = "varchar(40)", .labels = ""},
        [F_EMAIL] = {.name = "email",
                     .type = LEAT_TEXT,
                     .width = 60,
                     .native = "varchar(60)",
                     .labels = ""},
        [F_PRICE] = {.name = "price",
                     .type = LEAT_DECIMAL,
                     .scale = 2,
                     .width = 10,
                     .native = "decimal(10,2)",
                     .labels = ""},
        [F_BIG] = {.name = "big", .type = LEAT_UINT64, .native = "bigint unsigned", .labels = ""},
        [F_BORN] = {.name = "born", .type = LEAT_DATE, .native = "date", .labels = ""},
        [F_DATA] = {.name = "data", .type = LEAT_BYTES, .native = "blob", .labels = ""},
        [F_AGE] = {.name = "age",
                   .type = LEAT_INT64,
                   .meaning = LEAT_INT8,
                   .native = "tinyint",
                   .labels = ""},
        [F_RATIO] = {.name = "ratio", .type = LEAT_FLOAT64, .native = "double", .labels = ""},
        [F_EXTRA] = {.name = "extra", .type = LEAT_ABSENT, .native = "", .labels = ""},
    };
    static const uint32_t keys[] = {F_ID};
    const struct leat_schema content = {.connector = "mysql",
                                        .space = "shop",
                                        .name = "people",
                                        .fields = fields,
                                        .field_count = F_COUNT,
                                        .key_count = 1,
                                        .keys = keys};
    return leat_schema(&content);
}

static inline struct leat_value a_row(struct leat_batch *batch, int64_t id, const char *email)
{
    struct leat_value *row = leat_batch_alloc(batch, F_COUNT * sizeof *row);
    memset(row, 0, F_COUNT * sizeof *row);
    row[F_ID] = leat_value_int(id);
    row[F_NAME] = leat_value_string("Ada");
    row[F_EMAIL] = email ? leat_value_string(email) : leat_value_null();
    row[F_PRICE] = leat_value_string("12.50");
    row[F_PRICE].type = LEAT_DECIMAL;
    row[F_PRICE].aux = 2;
    row[F_BIG] = leat_value_uint(UINT64_MAX);
    row[F_BORN].type = LEAT_DATE;
    row[F_BORN].as.i = LEAT_DATE(1815, 12, 10);
    row[F_DATA] = leat_value_bytes("\x00\xff\x10", 3);
    row[F_AGE] = leat_value_int(36);
    row[F_RATIO] = leat_value_double(0.5);
    struct leat_value *pairs = leat_batch_alloc(batch, 4 * sizeof *pairs);
    pairs[0] = leat_value_string("token");
    pairs[1] = leat_value_string("secret");
    pairs[2] = leat_value_string("city");
    pairs[3] = leat_value_string("London");
    row[F_EXTRA] = leat_value_items(LEAT_MAP, pairs, 2);
    return leat_value_items(LEAT_STRUCT, row, F_COUNT);
}

static inline struct leat_record *add_person(struct leat_batch *batch, uint8_t op, int64_t id)
{
    struct leat_record *rec = leat_batch_add(batch);
    rec->topic = leat_topic("shop.people", 11);
    rec->schema = people();
    rec->op = op;
    struct leat_value *key = leat_batch_alloc(batch, sizeof *key);
    *key = leat_value_int(id);
    rec->key = leat_value_items(LEAT_STRUCT, key, 1);
    rec->value = op == LEAT_DELETE ? leat_value_null() : a_row(batch, id, "ada@example.org");
    if (op == LEAT_UPDATE || op == LEAT_DELETE)
        rec->before = a_row(batch, id, "old@example.org");
    return rec;
}

#endif
