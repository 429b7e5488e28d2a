#include <kit/cmocka.h>
#include <kit/tmp.h>

#include <base/memory.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <tail/tail.h>

struct rig {
    char *dir;
    struct tail tail;
    struct tail_file *files[8];
    int count;
};

static int set_up(void **state)
{
    struct rig *rig = leat_calloc(1, sizeof *rig);
    rig->dir = kit_tmp_dir("order");
    leat_table_init(&rig->tail.last_at);
    *state = rig;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *rig = *state;
    for (int i = 0; i < rig->count; i++) {
        tail_order_leave(&rig->tail, rig->files[i]);
        tail_file_free(rig->files[i]);
    }
    leat_table_fini(&rig->tail.last_at, NULL);
    kit_tmp_remove(rig->dir);
    free(rig);
    return 0;
}

/* A file that was written to `age` seconds after the first of all. */
static struct tail_file *join(struct rig *rig, const char *name, int age)
{
    char *path = leat_format_dup("%s/%s", rig->dir, name);
    struct stat st;
    assert_true(leat_os_replace_file(leat_os, path, "line\n", 5, 0600));
    const struct timespec times[2] = {{1700000000 + age, 0}, {1700000000 + age, 0}};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    assert_int_equal(leat_os->stat(path, &st), 0);
    char *origin = tail_order_origin(&rig->tail, path);
    struct tail_file *file = tail_file_new(path, origin, &st);
    tail_file_hold(file);
    tail_order_join(&rig->tail, file);
    rig->files[rig->count++] = file;
    free(origin);
    free(path);
    return file;
}

static void a_rotated_name_leads_to_the_file_that_is_followed(void **state)
{
    struct rig *rig = *state;
    struct tail_file *now = join(rig, "a.log", 9);
    assert_string_equal(join(rig, "a.log.1", 5)->origin, now->path);
    assert_string_equal(join(rig, "a.log-20260102", 4)->origin, now->path);
    struct tail_file *other = join(rig, "a.log-errors", 3);
    assert_string_equal(other->origin, other->path);
    struct tail_file *unknown = join(rig, "b.log.1", 3);
    assert_string_equal(unknown->origin, unknown->path);
}

static void who_was_written_to_last_comes_last_and_who_has_the_path_at_the_end(void **state)
{
    struct rig *rig = *state;
    struct tail_file *now = join(rig, "a.log", 0); /* touched by nobody since, and yet the newest */
    struct tail_file *second = join(rig, "a.log.2", 5), *first = join(rig, "a.log.1", 7), *third = join(rig, "a.log.3", 3);
    assert_ptr_equal(now->before, first);
    assert_ptr_equal(first->before, second);
    assert_ptr_equal(second->before, third);
    assert_null(third->before);
    assert_ptr_equal(third->after, second);
    assert_null(now->after);
}

static void who_leaves_leaves_no_gap(void **state)
{
    struct rig *rig = *state;
    struct tail_file *now = join(rig, "a.log", 9), *first = join(rig, "a.log.1", 7), *second = join(rig, "a.log.2", 5);
    tail_order_leave(&rig->tail, first);
    assert_ptr_equal(now->before, second);
    assert_ptr_equal(second->after, now);
    tail_order_leave(&rig->tail, now);
    assert_ptr_equal(leat_table_get(&rig->tail.last_at, now->path, strlen(now->path)), second);
    tail_order_join(&rig->tail, first);
    tail_order_join(&rig->tail, now);
    assert_ptr_equal(now->before, first);
    assert_ptr_equal(first->before, second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_rotated_name_leads_to_the_file_that_is_followed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_was_written_to_last_comes_last_and_who_has_the_path_at_the_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_leaves_leaves_no_gap, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
