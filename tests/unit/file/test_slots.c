#include <kit/cmocka.h>
#include <kit/tmp.h>

#include <base/memory.h>
#include <base/os.h>
#include <errno.h>
#include <fcntl.h>
#include <file/slots.h>
#include <string.h>

#define SLOT 64

static char calls[64]; /* s: fsync, d: pages are dropped, r: read */
static int sync_error;

static void note(char call)
{
    size_t len = strlen(calls);
    if (len + 1 < sizeof calls)
        calls[len] = call;
}

static int noted_fsync(int fd)
{
    note('s');
    errno = sync_error;
    return sync_error ? -1 : leat_os_real.fsync(fd);
}

static int noted_fadvise(int fd, off_t at, off_t len, int advice)
{
    assert_int_equal(advice, POSIX_FADV_DONTNEED);
    note('d');
    return leat_os_real.fadvise(fd, at, len, advice);
}

static ssize_t noted_pread(int fd, void *to, size_t len, off_t at)
{
    if (at == 0)
        note('r');
    return leat_os_real.pread(fd, to, len, at);
}

struct rig {
    char *dir, *path;
    struct slots slots;
    struct leat_bytes payload;
    struct leat_os os;
    struct leat_error err;
};

static enum leat_status open_slots(struct rig *rig)
{
    return slots_open(&rig->slots, rig->path, SLOT, &rig->payload, &rig->err);
}

static int set_up(void **state)
{
    struct rig *rig = leat_calloc(1, sizeof *rig);
    rig->dir = kit_tmp_dir("slots");
    rig->path = leat_format_dup("%s/mark", rig->dir);
    leat_bytes_init(&rig->payload, SLOT);
    rig->os = leat_os_real;
    rig->os.fsync = noted_fsync;
    rig->os.fadvise = noted_fadvise;
    rig->os.pread = noted_pread;
    sync_error = 0;
    leat_os = &rig->os;
    assert_status(open_slots(rig), LEAT_OK, &rig->err);
    *state = rig;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *rig = *state;
    leat_os = &leat_os_real;
    slots_close(&rig->slots);
    leat_bytes_fini(&rig->payload);
    free(rig->path);
    kit_tmp_remove(rig->dir);
    free(rig);
    return 0;
}

static void put(struct rig *rig, const char *text)
{
    assert_status(slots_write(&rig->slots, rig->path, text, strlen(text), &rig->err), LEAT_OK, &rig->err);
}

static void reopen(struct rig *rig, enum leat_status wanted)
{
    slots_close(&rig->slots);
    assert_status(open_slots(rig), wanted, &rig->err);
}

static void tear(struct rig *rig, off_t at)
{
    int fd = leat_os->open(rig->path, O_WRONLY, 0);
    assert_int_equal(leat_os->pwrite(fd, "?", 1, at), 1);
    leat_os->close(fd);
}

static void the_newest_whole_version_counts(void **state)
{
    struct rig *rig = *state;
    put(rig, "one");
    put(rig, "two");
    put(rig, "three");
    reopen(rig, LEAT_OK);
    assert_memory_equal(rig->payload.data, "three", 5);
    tear(rig, SLOTS_HEAD);
    reopen(rig, LEAT_OK);
    assert_memory_equal(rig->payload.data, "two", 3);
    tear(rig, SLOT + SLOTS_HEAD);
    reopen(rig, LEAT_STOP);
}

/* A process that was killed between write and sync leaves a version in the page cache alone, and so does a sync that failed:
 * its pages look clean, and the next sync says OK. Who builds on it (the sink's mark does) must not find an older one after
 * a power cut. So what counts is read when the cache has been synced and dropped. */
static void what_an_open_reads_is_durable(void **state)
{
    struct rig *rig = *state;
    put(rig, "one");
    memset(calls, 0, sizeof calls);
    reopen(rig, LEAT_OK);
    assert_string_equal(calls, "rsdr");
    sync_error = EIO;
    reopen(rig, LEAT_STOP);
    assert_int_equal(rig->err.cause, LEAT_CAUSE_DISK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_newest_whole_version_counts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_an_open_reads_is_durable, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
