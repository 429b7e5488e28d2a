/* fuzz_gtid.c - GTID sets and lists from any text or bytes. What is taken must print to a text that gives the same set, and
 * survive its bytes. First byte: 0 text, 1 bytes, 2 a MariaDB list. */
// folders: mysql_protocol base
#include <base/assert.h>
#include <kit/fuzz.h>
#include <mysql_protocol/gtid.h>

static void check_set(const struct leat_gtid_set *set)
{
    struct leat_gtid_set again = {0};
    struct leat_bytes text, bytes;
    leat_bytes_init(&text, SIZE_MAX);
    leat_bytes_init(&bytes, SIZE_MAX);
    leat_gtid_set_print(set, &text);
    leat_assert(leat_gtid_set_parse(&again, (const char *)text.data, text.len));
    leat_assert(leat_gtid_set_contains(set, &again) && leat_gtid_set_contains(&again, set));
    leat_gtid_set_encode(set, &bytes);
    leat_assert(leat_gtid_set_decode(&again, bytes.data, bytes.len));
    leat_assert(leat_gtid_set_contains(set, &again) && leat_gtid_set_contains(&again, set));
    leat_gtid_set_subtract(&again, set);
    leat_assert(leat_gtid_set_is_empty(&again));
    leat_gtid_set_add_set(&again, set);
    leat_assert(leat_gtid_set_contains(&again, set));
    leat_gtid_set_fini(&again);
    leat_bytes_fini(&text);
    leat_bytes_fini(&bytes);
}

static void try_list(const char *text, size_t len)
{
    struct leat_gtid_list list = {0}, again = {0};
    struct leat_bytes out;
    leat_bytes_init(&out, SIZE_MAX);
    if (leat_gtid_list_parse(&list, text, len)) {
        leat_gtid_list_print(&list, &out);
        leat_assert(leat_gtid_list_parse(&again, (const char *)out.data, out.len));
        leat_assert(leat_gtid_list_contains(&list, &again) && leat_gtid_list_contains(&again, &list));
    }
    leat_gtid_list_fini(&list);
    leat_gtid_list_fini(&again);
    leat_bytes_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct leat_gtid_set set = {0};
    const char *text = (const char *)data + 1;
    if (*data % 3 == 0 && leat_gtid_set_parse(&set, text, size - 1))
        check_set(&set);
    else if (*data % 3 == 1 && leat_gtid_set_decode(&set, text, size - 1))
        check_set(&set);
    else if (*data % 3 == 2)
        try_list(text, size - 1);
    leat_gtid_set_fini(&set);
    return 0;
}

size_t leat_fuzz_seed(uint32_t number, uint8_t *bytes, size_t room)
{
    static const struct {
        const char *text;
        size_t len;
    } seeds[] = {
#define SEED(text) {text, sizeof(text) - 1}
        SEED("\0" "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5:7:9-11"),
        SEED("\0" "3e11fa47-71ca-11e1-9e33-c80aa9429562:1:tag:2-3,\n4e11fa47-71ca-11e1-9e33-c80aa9429562:1"),
        SEED("\1\1\0\0\0\0\0\0\0aaaabbbbccccdddd\1\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\5\0\0\0\0\0\0\0"),
        SEED("\1\1\1\0\0\0\0\0\1aaaabbbbccccdddd\4ab\1\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\5\0\0\0\0\0\0\0"),
        SEED("\2" "0-1-48210,1-2-77, 5-4294967295-18446744073709551615"),
    };
    if (number >= sizeof seeds / sizeof *seeds || seeds[number].len > room)
        return 0;
    memcpy(bytes, seeds[number].text, seeds[number].len);
    return seeds[number].len;
}
