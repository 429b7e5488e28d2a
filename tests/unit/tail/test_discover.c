#include <kit/cmocka.h>
#include <kit/tmp.h>

#include <base/memory.h>
#include <config/tree.h>
#include <errno.h>
#include <fcntl.h>
#include <model/batch.h>
#include <model/positions.h>
#include <string.h>
#include <tail/tail.h>
#include <task/task_run.h>

#define TEXT "one\ntwo\n"

/* What the system says of the followed file; 0: the truth. */
static int stat_error, read_error;

static int bad_stat(const char *path, struct stat *st)
{
    errno = stat_error;
    return stat_error ? -1 : leat_os_real.stat(path, st);
}

static ssize_t bad_pread(int fd, void *to, size_t len, off_t at)
{
    errno = read_error;
    return read_error ? -1 : leat_os_real.pread(fd, to, len, at);
}

struct rig {
    char *dir, *path;
    const char *paths[1];
    struct leat_pipeline_def pipeline;
    struct leat_connector_def source;
    struct leat_positions *stored;
    struct leat_batch *batch;
    struct tail tail;
    struct stat st;
    struct leat_os os;
    struct leat_error err;
};

static int set_up(void **state)
{
    struct rig *rig = leat_calloc(1, sizeof *rig);
    struct leat_task_config config = {.pipeline = &rig->pipeline, .connector = &rig->source, .count = 1,
                                      .memory_bytes = 1 << 20};
    rig->dir = kit_tmp_dir("tail");
    rig->path = leat_format_dup("%s/a.log", rig->dir);
    rig->paths[0] = rig->path;
    rig->pipeline = (struct leat_pipeline_def){.name = "logs", .log = "logs", .source = &rig->source};
    rig->source = (struct leat_connector_def){.name = "logs", .source = &leat_source_tail};
    rig->stored = leat_positions_new();
    rig->batch = leat_batch_new(1 << 20, 1000);
    assert_true(leat_os_replace_file(leat_os, rig->path, TEXT, strlen(TEXT), 0600));
    assert_int_equal(leat_os->stat(rig->path, &rig->st), 0);
    rig->tail = (struct tail){.paths = {rig->paths, 1}, .max_line = 1000, .watch_fd = -1, .task = leat_task_new(&config)};
    rig->tail.last_news = &rig->tail.first_news;
    const struct leat_field source[] = {{.name = "path", .type = LEAT_TEXT, .native = "", .labels = ""},
                                        {.name = "offset", .type = LEAT_INT64, .native = "", .labels = ""}};
    const struct leat_field line = {.name = "line", .type = LEAT_TEXT, .native = "", .labels = ""};
    rig->tail.schema = leat_schema(&(struct leat_schema){.connector = "tail", .space = "", .name = "", .fields = &line,
                                                         .field_count = 1, .source_fields = source, .source_count = 2});
    rig->tail.topic = leat_topic("logs", 4);
    rig->os = leat_os_real;
    rig->os.stat = bad_stat;
    rig->os.pread = bad_pread;
    stat_error = read_error = 0;
    leat_os = &rig->os;
    *state = rig;
    return 0;
}

static void free_file(void *file)
{
    tail_file_free(file);
}

static int tear_down(void **state)
{
    struct rig *rig = *state;
    leat_os = &leat_os_real;
    leat_table_fini(&rig->tail.by_path, NULL);
    leat_table_fini(&rig->tail.last_at, NULL);
    leat_table_fini(&rig->tail.by_identity, free_file);
    for (size_t i = 0; i < rig->tail.vanished_count; i++)
        free(rig->tail.vanished[i]);
    free(rig->tail.vanished);
    free(rig->tail.removed);
    leat_task_free(rig->tail.task);
    leat_batch_free(rig->batch);
    leat_positions_free(rig->stored);
    free(rig->path);
    kit_tmp_remove(rig->dir);
    free(rig);
    return 0;
}

static struct tail_file *followed(struct rig *rig)
{
    return tail_find(&rig->tail, rig->st.st_dev, rig->st.st_ino);
}

static void discover(struct rig *rig, enum leat_status wanted)
{
    assert_status(tail_discover_first(&rig->tail, rig->stored, &rig->err), wanted, &rig->err);
}

static enum leat_status read_on(struct rig *rig)
{
    bool more;
    return tail_file_read(&rig->tail, followed(rig), rig->batch, false, &more, &rig->err);
}

/* As an earlier run stored it, on the device with this number. */
static void store(struct rig *rig, uint64_t device, int64_t offset)
{
    struct leat_value parts[3], key = tail_file_key(device, rig->st.st_ino, parts);
    struct leat_value pairs[] = {leat_value_string("path"), leat_value_string(rig->path), leat_value_string("offset"),
                                 leat_value_int(offset)};
    struct leat_value value = leat_value_items(LEAT_MAP, pairs, 2);
    leat_positions_set(rig->stored, &key, &value);
}

static void a_file_that_cannot_be_looked_at_is_not_taken_for_rotated(void **state)
{
    struct rig *rig = *state;
    discover(rig, LEAT_OK);
    stat_error = EACCES;
    assert_status(tail_discover_again(&rig->tail, &rig->err), LEAT_OK, &rig->err);
    assert_false(followed(rig)->is_rotated);
    stat_error = ENOENT;
    assert_status(tail_discover_again(&rig->tail, &rig->err), LEAT_OK, &rig->err);
    assert_true(followed(rig)->is_rotated);
}

static void the_place_in_a_file_that_cannot_be_looked_at_is_kept(void **state)
{
    struct rig *rig = *state;
    store(rig, rig->st.st_dev, 4);
    stat_error = EACCES;
    discover(rig, LEAT_RETRY);
    assert_int_equal(rig->tail.removed_count, 0);
    assert_int_equal(rig->tail.vanished_count, 0);
}

static void a_failing_read_is_no_truncation(void **state)
{
    struct rig *rig = *state;
    discover(rig, LEAT_OK);
    assert_status(read_on(rig), LEAT_OK, &rig->err);
    assert_int_equal(rig->batch->count, 2);
    read_error = EIO;
    assert_status(read_on(rig), LEAT_RETRY, &rig->err);
    assert_int_equal(followed(rig)->offset, strlen(TEXT));
    read_error = 0;
    assert_status(read_on(rig), LEAT_OK, &rig->err);
    assert_int_equal(rig->batch->count, 2);
}

static void a_file_that_became_shorter_is_read_from_its_start(void **state)
{
    struct rig *rig = *state;
    discover(rig, LEAT_OK);
    assert_status(read_on(rig), LEAT_OK, &rig->err);
    int fd = leat_os->open(rig->path, O_WRONLY, 0);
    assert_int_equal(leat_os->ftruncate(fd, 4), 0);
    leat_os->close(fd);
    assert_status(read_on(rig), LEAT_OK, &rig->err);
    assert_int_equal(rig->batch->count, 3);
}

/* Another volume stood at the path, and its file had the same inode. */
static void of_two_positions_of_one_file_its_devices_counts(void **state)
{
    struct rig *rig = *state;
    store(rig, rig->st.st_dev + 1, 0);
    store(rig, rig->st.st_dev, 4);
    store(rig, rig->st.st_dev + 2, 0);
    discover(rig, LEAT_OK);
    assert_int_equal(followed(rig)->offset, 4);
    assert_int_equal(followed(rig)->stored_device, rig->st.st_dev);
}

/* Both in one unit: with the old key gone and the new one not there, a crash would begin the file again. */
static void the_position_of_another_device_number_moves_in_one_unit(void **state)
{
    struct rig *rig = *state;
    store(rig, rig->st.st_dev + 1, 4);
    discover(rig, LEAT_OK);
    assert_int_equal(rig->tail.removed_count, 0);
    assert_int_equal(followed(rig)->offset, 4);
    tail_file_store(followed(rig), rig->batch);
    assert_int_equal(rig->batch->position_count, 2);
    assert_int_equal(rig->batch->positions[0].key.as.items[1].as.i, rig->st.st_dev + 1);
    assert_int_equal(rig->batch->positions[0].value.type, LEAT_NULL);
    assert_int_equal(rig->batch->positions[1].key.as.items[1].as.i, rig->st.st_dev);
}

/* As the tasks of a process with hundreds of pipelines have them. */
static void a_small_batch_still_takes_lines(void **state)
{
    struct rig *rig = *state;
    struct leat_batch *small = leat_batch_new(64 << 10, 1000);
    size_t len = 200 * 1000, long_line = 90 * 1000;
    char *text = leat_malloc(len + 1);
    uint32_t lines = 0, rounds = 0;
    bool more = true;
    memset(text, 'x', len);
    text[len] = '\0';
    for (size_t at = 99; at < len; at += 100)
        if (at < 50 * 1000 || at >= 50 * 1000 + long_line)
            text[at] = '\n';
    assert_true(leat_os_replace_file(leat_os, rig->path, text, len, 0600));
    assert_int_equal(leat_os->stat(rig->path, &rig->st), 0);
    rig->tail.max_line = 1 << 20;
    discover(rig, LEAT_OK);
    for (; more; rounds++) {
        assert_true(rounds < 60);
        assert_status(tail_file_read(&rig->tail, followed(rig), small, false, &more, &rig->err), LEAT_OK, &rig->err);
        assert_true(leat_batch_count(small) > 0 || !more);
        lines += leat_batch_count(small);
        leat_batch_reset(small);
    }
    assert_int_equal(lines, (len - long_line) / 100);
    free(text);
    leat_batch_free(small);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(a_file_that_cannot_be_looked_at_is_not_taken_for_rotated),
        CASE(the_place_in_a_file_that_cannot_be_looked_at_is_kept),
        CASE(a_failing_read_is_no_truncation),
        CASE(a_file_that_became_shorter_is_read_from_its_start),
        CASE(of_two_positions_of_one_file_its_devices_counts),
        CASE(the_position_of_another_device_number_moves_in_one_unit),
        CASE(a_small_batch_still_takes_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
