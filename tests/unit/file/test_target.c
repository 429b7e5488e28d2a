#include <kit/cmocka.h>
#include <kit/tmp.h>

#include <base/memory.h>
#include <base/os.h>
#include <file/target.h>
#include <string.h>

#define SPLIT 7u

struct rig {
    char *dir, *path;
    struct target *target;
    struct leat_bytes lines; /* the sink's */
    struct leat_error err;
    uint8_t next; /* cursor */
};

static void open_target(struct rig *rig)
{
    rig->target = target_new(rig->path);
    assert_status(target_open(rig->target, "archive", NULL, 0, &rig->err), LEAT_OK, &rig->err);
}

static int set_up(void **state)
{
    struct rig *rig = leat_calloc(1, sizeof *rig);
    rig->dir = kit_tmp_dir("target");
    rig->path = leat_format_dup("%s/all.ndjson", rig->dir);
    leat_bytes_init(&rig->lines, 1 << 20);
    open_target(rig);
    *state = rig;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *rig = *state;
    target_free(rig->target);
    leat_bytes_fini(&rig->lines);
    free(rig->path);
    kit_tmp_remove(rig->dir);
    free(rig);
    return 0;
}

static void add(struct rig *rig, uint64_t offset, const char *line)
{
    struct leat_cursor cursor = {.len = 1, .bytes = {++rig->next}};
    struct target_slice slice = {rig->lines.len, strlen(line)};
    leat_bytes_text(&rig->lines, line);
    assert_status(target_add(rig->target, SPLIT, &cursor, offset, slice, &rig->err), LEAT_OK, &rig->err);
}

static void settle(struct rig *rig)
{
    assert_status(target_write(rig->target, rig->lines.data, &rig->err), LEAT_OK, &rig->err);
    assert_status(target_sync(rig->target, &rig->err), LEAT_OK, &rig->err);
    assert_status(target_mark(rig->target, &rig->err), LEAT_OK, &rig->err);
    assert_status(target_mark_sync(rig->target, &rig->err), LEAT_OK, &rig->err);
}

static char *rotate(struct rig *rig)
{
    char *closed = NULL;
    assert_status(target_rotate(rig->target, rig->lines.data, &closed, &rig->err), LEAT_OK, &rig->err);
    return closed;
}

static void expect_file(const char *path, const char *text)
{
    char *found;
    size_t len;
    assert_true(leat_os_read_file(leat_os, path, 1 << 20, &found, &len));
    assert_string_equal(found, text);
    free(found);
}

static void a_closed_file_bears_the_offset_of_its_first_record(void **state)
{
    struct rig *rig = *state;
    char *wanted = target_closed_path(rig->path, 17, 0);
    assert_string_equal(wanted + strlen(rig->dir), "/all-00000000000000000017.ndjson");
    add(rig, 17, "one\n");
    char *closed = rotate(rig);
    assert_string_equal(closed, wanted);
    expect_file(closed, "one\n");
    free(closed);
    free(wanted);
}

/* Offsets are those of a topic: "all.ndjson" takes records of several, and a replay writes the same ones again. */
static void a_closed_file_never_takes_the_name_of_another(void **state)
{
    struct rig *rig = *state;
    add(rig, 0, "first record of orders\n");
    char *orders = rotate(rig);
    add(rig, 0, "first record of items\n");
    char *items = rotate(rig);
    assert_string_not_equal(orders, items);
    expect_file(orders, "first record of orders\n");
    expect_file(items, "first record of items\n");
    free(orders);
    free(items);
}

static void a_closed_file_that_was_packed_keeps_its_name_too(void **state)
{
    struct rig *rig = *state;
    add(rig, 0, "orders\n");
    char *orders = rotate(rig), *packed = leat_format_dup("%s.gz", orders);
    assert_int_equal(leat_os->rename(orders, packed), 0);
    add(rig, 0, "items\n");
    char *items = rotate(rig);
    assert_string_not_equal(orders, items);
    free(packed);
    free(orders);
    free(items);
}

/* The mark says "closing", and the file has not got its new name. */
static void a_rename_that_a_crash_left_undone_finds_a_free_name(void **state)
{
    struct rig *rig = *state;
    add(rig, 0, "orders\n");
    char *orders = rotate(rig);
    add(rig, 0, "items\n");
    target_freeze(rig->target, true);
    settle(rig);
    target_free(rig->target);
    open_target(rig);
    char *items = target_closed_path(rig->path, 0, 1);
    expect_file(orders, "orders\n");
    expect_file(items, "items\n");
    expect_file(rig->path, "");
    free(items);
    free(orders);
}

static void lines_that_come_while_a_settle_goes_on_stand_behind_it(void **state)
{
    struct rig *rig = *state;
    add(rig, 0, "one\n");
    target_freeze(rig->target, false);
    add(rig, 1, "two\n");
    settle(rig);
    expect_file(rig->path, "one\n");
    target_freeze(rig->target, false);
    settle(rig);
    expect_file(rig->path, "one\ntwo\n");
}

/* A file's lines need not stand together among those of all files. */
static void lines_of_other_files_in_between_are_left_out(void **state)
{
    struct rig *rig = *state;
    char wanted[3000] = "";
    for (int i = 0; i < 700; i++) { /* more than one write takes */
        add(rig, (uint64_t)i, i % 2 ? "b\n" : "a\n");
        strcat(wanted, i % 2 ? "b\n" : "a\n");
        leat_bytes_text(&rig->lines, "of another file\n");
    }
    target_freeze(rig->target, false);
    settle(rig);
    expect_file(rig->path, wanted);
}

/* Written, but not marked: as if it had never been. */
static void what_was_not_settled_is_cut_at_the_next_start(void **state)
{
    struct rig *rig = *state;
    add(rig, 0, "one\n");
    target_freeze(rig->target, false);
    settle(rig);
    add(rig, 1, "two\n");
    target_freeze(rig->target, false);
    assert_status(target_write(rig->target, rig->lines.data, &rig->err), LEAT_OK, &rig->err);
    expect_file(rig->path, "one\ntwo\n");
    target_free(rig->target);
    open_target(rig);
    expect_file(rig->path, "one\n");
    struct leat_cursor first = {.len = 1, .bytes = {1}}, second = {.len = 1, .bytes = {2}};
    assert_false(target_wants(rig->target, SPLIT, &first));
    assert_true(target_wants(rig->target, SPLIT, &second));
}

/* ---- behind `leat recover`: what the sink's mark does not tell of comes again ---- */

static enum leat_status open_behind(struct rig *rig, uint8_t cursor)
{
    struct target_lost lost = {.split = SPLIT, .cursor = {.len = 1, .bytes = {cursor}}};
    target_free(rig->target);
    rig->target = target_new(rig->path);
    return target_open(rig->target, "archive", &lost, 1, &rig->err);
}

static void settle_two(struct rig *rig)
{
    add(rig, 0, "one\n");
    target_freeze(rig->target, false);
    settle(rig);
    add(rig, 1, "two\n");
    target_freeze(rig->target, false);
    settle(rig);
}

static void a_file_that_is_ahead_of_a_lost_mark_goes_back_one_settle(void **state)
{
    struct rig *rig = *state;
    settle_two(rig);
    assert_status(open_behind(rig, 1), LEAT_OK, &rig->err);
    expect_file(rig->path, "one\n");
    assert_status(open_behind(rig, 1), LEAT_OK, &rig->err); /* and stays there */
    expect_file(rig->path, "one\n");
}

static void a_file_that_the_lost_mark_speaks_of_stays_as_it_is(void **state)
{
    struct rig *rig = *state;
    settle_two(rig);
    assert_status(open_behind(rig, 2), LEAT_OK, &rig->err);
    expect_file(rig->path, "one\ntwo\n");
}

static void a_new_file_that_is_ahead_of_a_lost_mark_is_empty_again(void **state)
{
    struct rig *rig = *state;
    add(rig, 0, "one\n");
    target_freeze(rig->target, false);
    settle(rig);
    assert_status(open_behind(rig, 0), LEAT_OK, &rig->err);
    expect_file(rig->path, "");
}

static void a_file_that_was_closed_ahead_of_a_lost_mark_stops_the_sink(void **state)
{
    struct rig *rig = *state;
    settle_two(rig);
    free(rotate(rig));
    assert_status(open_behind(rig, 1), LEAT_STOP, &rig->err);
    assert_non_null(strstr(rig->err.text, "was closed in the moment of the crash"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_closed_file_bears_the_offset_of_its_first_record, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_closed_file_never_takes_the_name_of_another, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_closed_file_that_was_packed_keeps_its_name_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_rename_that_a_crash_left_undone_finds_a_free_name, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lines_that_come_while_a_settle_goes_on_stand_behind_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lines_of_other_files_in_between_are_left_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_not_settled_is_cut_at_the_next_start, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_is_ahead_of_a_lost_mark_goes_back_one_settle, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_the_lost_mark_speaks_of_stays_as_it_is, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_new_file_that_is_ahead_of_a_lost_mark_is_empty_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_was_closed_ahead_of_a_lost_mark_stops_the_sink, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
