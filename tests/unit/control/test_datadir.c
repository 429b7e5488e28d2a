#include <kit/cmocka.h>
#include <kit/tmp.h>

#include <base/memory.h>
#include <base/os.h>
#include <control/datadir.h>
#include <errno.h>
#include <string.h>

static int write_error;

static ssize_t bad_pwrite(int fd, const void *from, size_t len, off_t at)
{
    errno = write_error;
    return write_error ? -1 : leat_os_real.pwrite(fd, from, len, at);
}

struct rig {
    char *dir;
    struct leat_os os;
    struct leat_error err;
};

static int set_up(void **state)
{
    struct rig *rig = leat_calloc(1, sizeof *rig);
    rig->dir = kit_tmp_dir("data");
    rig->os = leat_os_real;
    rig->os.pwrite = bad_pwrite;
    write_error = 0;
    leat_os = &rig->os;
    *state = rig;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *rig = *state;
    leat_os = &leat_os_real;
    kit_tmp_remove(rig->dir);
    free(rig);
    return 0;
}

static void who_comes_second_is_told_the_pid_of_the_first(void **state)
{
    struct rig *rig = *state;
    int first, second;
    char pid[32];
    snprintf(pid, sizeof pid, "with pid %d;", (int)getpid());
    assert_status(leat_datadir_hold(rig->dir, &first, &rig->err), LEAT_OK, &rig->err);
    assert_status(leat_datadir_hold(rig->dir, &second, &rig->err), LEAT_STOP, &rig->err);
    assert_int_equal(rig->err.cause, LEAT_CAUSE_IN_USE);
    assert_non_null(strstr(rig->err.text, pid));
    leat_datadir_release(first);
    assert_status(leat_datadir_hold(rig->dir, &second, &rig->err), LEAT_OK, &rig->err);
    leat_datadir_release(second);
}

/* Sinks must be able to drain a full disk: a daemon that is started there has to come up. */
static void a_full_disk_keeps_nobody_from_starting(void **state)
{
    struct rig *rig = *state;
    int fd;
    write_error = ENOSPC;
    assert_status(leat_datadir_hold(rig->dir, &fd, &rig->err), LEAT_OK, &rig->err);
    leat_datadir_release(fd);
    write_error = EIO;
    assert_status(leat_datadir_hold(rig->dir, &fd, &rig->err), LEAT_STOP, &rig->err);
    assert_int_equal(rig->err.cause, LEAT_CAUSE_DISK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(who_comes_second_is_told_the_pid_of_the_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_full_disk_keeps_nobody_from_starting, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
