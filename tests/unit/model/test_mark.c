#include <kit/cmocka.h>
#include <kit/random.h>
#include <leat/sink.h>
#include <stdlib.h>
#include <string.h>

static struct leat_mark sample(struct kit_random *random, size_t origin_len)
{
    struct leat_mark mark = {.layout = LEAT_MARK_LAYOUT, .owner_epoch = kit_random(random),
                             .sequence = kit_random(random), .generation = kit_random_number(random)};
    for (size_t i = 0; i < 16; i++) {
        mark.log_uuid[i] = (uint8_t)kit_random(random);
        mark.incarnation[i] = (uint8_t)kit_random(random);
    }
    mark.cursor.len = (uint8_t)kit_below(random, sizeof mark.cursor.bytes + 1);
    for (size_t i = 0; i < mark.cursor.len; i++)
        mark.cursor.bytes[i] = (uint8_t)kit_random(random);
    memset(mark.origin, 'o', origin_len);
    return mark;
}

static void marks_come_back(void **state)
{
    (void)state;
    struct kit_random random = {7};
    for (size_t i = 0; i < 300; i++) {
        struct leat_mark mark = sample(&random, i < 3 ? LEAT_ORIGIN_MAX - i : i);
        uint8_t bytes[LEAT_MARK_BYTES_MAX];
        size_t len = leat_mark_encode(&mark, bytes);
        assert_in_range(len, 60, LEAT_MARK_BYTES_MAX);
        struct leat_mark got;
        assert_true(leat_mark_decode(bytes, len, &got));
        assert_memory_equal(&got, &mark, sizeof mark);
    }
}

/* Targets hold these bytes for years: this is what layout 1 is. */
static void layout_1_stays_what_it_is(void **state)
{
    (void)state;
    struct leat_mark mark = {.layout = 1, .owner_epoch = 2, .sequence = 3, .generation = 4,
                             .cursor = {.len = 2, .bytes = {0xaa, 0xbb}}, .origin = "{}"};
    memset(mark.log_uuid, 0x11, 16);
    memset(mark.incarnation, 0x22, 16);
    static const uint8_t head[] = {'L', 'M', 1, 2, 0x11};
    static const uint8_t tail[] = {2, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 4, 0,
                                   0, 0, 0, 0, 0, 0, 0xaa, 0xbb, 2, 0, '{', '}'};
    uint8_t bytes[LEAT_MARK_BYTES_MAX];
    assert_int_equal(leat_mark_encode(&mark, bytes), 36 + sizeof tail + 4);
    assert_memory_equal(bytes, head, sizeof head);
    assert_memory_equal(bytes + 36, tail, sizeof tail);
}

static void no_part_of_a_mark_is_a_mark(void **state)
{
    (void)state;
    struct kit_random random = {8};
    struct leat_mark mark = sample(&random, 40);
    uint8_t bytes[LEAT_MARK_BYTES_MAX + 1];
    size_t len = leat_mark_encode(&mark, bytes);
    struct leat_mark got;
    for (size_t part = 0; part < len; part++) {
        uint8_t *exact = malloc(part + !part);
        memcpy(exact, bytes, part);
        assert_false(leat_mark_decode(exact, part, &got));
        assert_int_equal(got.layout, 0);
        free(exact);
    }
    bytes[len] = 0;
    assert_false(leat_mark_decode(bytes, len + 1, &got));
}

static void a_flipped_bit_is_seen(void **state)
{
    (void)state;
    struct kit_random random = {9};
    struct leat_mark mark = sample(&random, 40);
    uint8_t bytes[LEAT_MARK_BYTES_MAX];
    size_t len = leat_mark_encode(&mark, bytes);
    struct leat_mark got;
    for (size_t bit = 0; bit < len * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(leat_mark_decode(bytes, len, &got));
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_true(leat_mark_decode(bytes, len, &got));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(marks_come_back),
        cmocka_unit_test(layout_1_stays_what_it_is),
        cmocka_unit_test(no_part_of_a_mark_is_a_mark),
        cmocka_unit_test(a_flipped_bit_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
