#include <kit/cmocka.h>
#include <model/positions.h>

static void json_lists_them_in_order(void **state)
{
    (void)state;
    struct leat_positions *positions = leat_positions_new();
    struct leat_bytes out;
    leat_bytes_init(&out, 1 << 20);
    leat_positions_json(positions, &out);
    assert_int_equal(out.len, 2);
    assert_memory_equal(out.data, "[]", 2);
    leat_bytes_clear(&out);
    struct leat_value key = leat_value_string("s"), value = leat_value_int(9);
    leat_positions_set(positions, &key, &value);
    struct leat_value none = leat_value_null();
    leat_positions_set(positions, &value, &key);
    leat_positions_set(positions, &none, &none);
    leat_positions_json(positions, &out);
    static const char wanted[] = "[{\"key\":\"s\",\"value\":9},{\"key\":9,\"value\":\"s\"}]";
    assert_int_equal(out.len, sizeof wanted - 1);
    assert_memory_equal(out.data, wanted, out.len);
    leat_bytes_fini(&out);
    leat_positions_free(positions);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_lists_them_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
