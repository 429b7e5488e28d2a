#include <kit/cmocka.h>
#include <kit/random.h>
#include <mysql_protocol/internal.h>
#include <zlib.h>

enum { MOST = 1200 };

static void every_length_at_every_place(void **state)
{
    static uint8_t bytes[MOST + 16];
    struct kit_random random = {7};
    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)kit_random(&random);
    for (size_t at = 0; at < 16; at++)
        for (size_t len = 0; len <= MOST; len++)
            assert_int_equal(leat_binlog_crc32(0, bytes + at, len), crc32(0, bytes + at, (uInt)len));
}

static void goes_on_from_any_sum(void **state)
{
    uint8_t bytes[MOST];
    struct kit_random random = {8};
    (void)state;
    for (uint32_t round = 0; round < 1000; round++) {
        uint32_t before = (uint32_t)kit_random(&random);
        size_t len = kit_below(&random, MOST);
        for (size_t i = 0; i < len; i++)
            bytes[i] = (uint8_t)kit_random(&random);
        assert_int_equal(leat_binlog_crc32(before, bytes, len), crc32(before, bytes, (uInt)len));
    }
}

static void known_sum(void **state)
{
    (void)state;
    assert_int_equal(leat_binlog_crc32(0, (const uint8_t *)"123456789", 9), 0xcbf43926);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_length_at_every_place),
        cmocka_unit_test(goes_on_from_any_sum),
        cmocka_unit_test(known_sum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
