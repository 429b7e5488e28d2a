#include <kit/cmocka.h>
#include <leat/record.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static const struct leat_field orders[] = {
    {.name = "id", .type = LEAT_INT64, .flags = LEAT_FIELD_REQUIRED, .native = "bigint", .labels = ""},
    {.name = "state", .type = LEAT_TEXT, .meaning = LEAT_ENUM, .native = "enum('new','paid')",
     .labels = "new\npaid\n"},
    {.name = "total", .type = LEAT_DECIMAL, .scale = 2, .width = 10, .native = "decimal(10,2)", .labels = ""},
};
static const struct leat_field source[] = {
    {.name = "file", .type = LEAT_TEXT, .native = "", .labels = ""},
    {.name = "pos", .type = LEAT_INT64, .native = "", .labels = ""},
};
static const uint32_t keys[] = {0};

static struct leat_schema content(void)
{
    return (struct leat_schema){.connector = "mysql", .space = "shop", .name = "orders",
                                .fields = orders, .field_count = 3, .keys = keys, .key_count = 1,
                                .source_fields = source, .source_count = 2};
}

static void equal_content_is_one_schema(void **state)
{
    (void)state;
    struct leat_schema a = content();
    const struct leat_schema *first = leat_schema(&a);
    char name[] = "orders";
    struct leat_schema b = content();
    b.name = name;
    b.hash = 12345;
    assert_ptr_equal(leat_schema(&b), first);
    assert_ptr_not_equal(first, &a);
    assert_ptr_equal(leat_schema(first), first);
    name[0] = 'O';
    assert_ptr_not_equal(leat_schema(&b), first);
    assert_string_equal(first->name, "orders");
    assert_string_equal(first->fields[1].labels, "new\npaid\n");
    assert_int_equal(first->fields[2].width, 10);
    assert_string_equal(first->source_fields[1].name, "pos");
}

static void a_change_anywhere_is_another_schema(void **state)
{
    (void)state;
    struct leat_schema base = content();
    const struct leat_schema *first = leat_schema(&base);
    for (int change = 0; change < 12; change++) {
        struct leat_schema other = content();
        struct leat_field fields[3];
        struct leat_field sources[2];
        uint32_t moved[] = {1, 0};
        memcpy(fields, orders, sizeof fields);
        memcpy(sources, source, sizeof sources);
        other.fields = fields;
        other.source_fields = sources;
        switch (change) {
        case 0: other.connector = "mariadb"; break;
        case 1: other.space = "shop2"; break;
        case 2: fields[0].name = "Id"; break;
        case 3: fields[0].type = LEAT_UINT64; break;
        case 4: fields[0].meaning = LEAT_INT32; break;
        case 5: fields[0].flags = 0; break;
        case 6: fields[2].scale = 3; break;
        case 7: fields[2].width = 11; break;
        case 8: fields[0].native = "int"; break;
        case 9: fields[1].labels = "new\n"; break;
        case 10: other.keys = moved; break;
        default: sources[0].name = "log"; break;
        }
        const struct leat_schema *second = leat_schema(&other);
        assert_ptr_not_equal(second, first);
        assert_true(second->hash != first->hash);
    }
}

/* It is stored: whoever changes it changes a format. */
static void the_hash_is_the_same_in_every_release(void **state)
{
    (void)state;
    struct leat_schema a = content();
    assert_true(leat_schema(&a)->hash == 0x503955001e91274aULL);
}

static void fields_are_found_by_their_whole_name(void **state)
{
    (void)state;
    struct leat_schema a = content();
    const struct leat_schema *schema = leat_schema(&a);
    assert_int_equal(leat_schema_find(schema, "id", 2), 0);
    assert_int_equal(leat_schema_find(schema, "total,", 5), 2);
    assert_int_equal(leat_schema_find(schema, "tota", 4), -1);
    assert_int_equal(leat_schema_find(schema, "totals", 6), -1);
    assert_int_equal(leat_schema_find(schema, "id\0x", 4), -1);
    assert_int_equal(leat_schema_find(schema, "", 0), -1);
}

static void topics_are_one_by_name(void **state)
{
    (void)state;
    const struct leat_topic *first = leat_topic("shop.orders+", 11);
    assert_ptr_equal(leat_topic("shop.orders", 11), first);
    assert_string_equal(first->name, "shop.orders");
    assert_int_equal(first->name_len, 11);
    const struct leat_topic *second = leat_topic("shop.order", 10);
    assert_ptr_not_equal(second, first);
    assert_int_not_equal(second->number, first->number);
}

static void *name_many(void *arg)
{
    const struct leat_topic **topics = arg;
    for (int i = 0; i < 1000; i++) {
        char name[32];
        int len = snprintf(name, sizeof name, "topic-%d", i);
        topics[i] = leat_topic(name, (size_t)len);
        struct leat_schema other = content();
        other.name = name;
        if (leat_schema(&other) != leat_schema(&other))
            topics[i] = NULL;
    }
    return NULL;
}

static void threads_agree(void **state)
{
    (void)state;
    static const struct leat_topic *seen[4][1000];
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, name_many, seen[i]), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < 1000; i++) {
        assert_non_null(seen[0][i]);
        for (int thread = 1; thread < 4; thread++)
            assert_ptr_equal(seen[thread][i], seen[0][i]);
    }
}

static void invented_schemas_come_to_an_end(void **state)
{
    (void)state;
    char name[32];
    struct leat_schema other = content();
    other.name = name;
    uint32_t made = 0;
    for (; made <= LEAT_SCHEMA_MAX; made++) {
        snprintf(name, sizeof name, "t%u", made);
        if (!leat_schema(&other))
            break;
    }
    assert_true(made < LEAT_SCHEMA_MAX);
    struct leat_schema known = content();
    assert_non_null(leat_schema(&known));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_content_is_one_schema),
        cmocka_unit_test(a_change_anywhere_is_another_schema),
        cmocka_unit_test(the_hash_is_the_same_in_every_release),
        cmocka_unit_test(fields_are_found_by_their_whole_name),
        cmocka_unit_test(topics_are_one_by_name),
        cmocka_unit_test(threads_agree),
        cmocka_unit_test(invented_schemas_come_to_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
