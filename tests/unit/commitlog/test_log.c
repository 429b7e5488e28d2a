#include <kit/cmocka.h>
#include <kit/tmp.h>

#include <base/memory.h>
#include <base/os.h>
#include <base/wire.h>
#include <commitlog/commitlog.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct rig {
    char *dir;
    struct leat_flusher *flusher;
    struct leat_log *log;
    struct leat_error err;
};

static void open_log(struct rig *rig)
{
    struct leat_log_config config = {.dir = rig->dir, .name = "t", .os = leat_os, .segment_min = 64 << 10,
                                     .segment_max = 256 << 10, .fold_bytes = 128 << 10};
    assert_status(leat_log_open(&rig->log, &config, rig->flusher, &rig->err), LEAT_OK, &rig->err);
}

static int set_up(void **state)
{
    struct rig *rig = leat_calloc(1, sizeof *rig);
    rig->dir = kit_tmp_dir("log");
    assert_int_equal(leat_flusher_start(&rig->flusher, &rig->err), LEAT_OK);
    open_log(rig);
    *state = rig;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *rig = *state;
    if (rig->log)
        leat_log_close(rig->log);
    leat_flusher_stop(rig->flusher);
    kit_tmp_remove(rig->dir);
    free(rig);
    return 0;
}

static uint64_t append(struct rig *rig, const char *topic, const char *text, const char *key, const char *value)
{
    struct leat_log_unit *unit;
    uint64_t end;
    enum leat_status status;
    while ((status = leat_log_unit_begin(rig->log, false, &unit, &rig->err)) == LEAT_AGAIN) /* the flusher is behind */
        leat_os->poll(NULL, 0, 1);
    assert_status(status, LEAT_OK, &rig->err);
    uint32_t slot = leat_log_unit_slot(unit, leat_log_topic(rig->log, topic, 0));
    leat_bytes_add(leat_log_unit_stream(unit), text, strlen(text));
    leat_log_unit_count(unit, slot, 1);
    if (key)
        leat_log_unit_state(unit, key, strlen(key), value, value ? strlen(value) : 0);
    assert_int_equal(leat_log_unit_append(rig->log, unit, 1, &end, &rig->err), LEAT_OK);
    return end;
}

static void wait_durable(struct rig *rig, uint64_t lsn)
{
    for (int i = 0; i < 5000 && leat_log_durable(rig->log) < lsn; i++)
        usleep(1000);
    assert_true(leat_log_durable(rig->log) >= lsn);
}

static void reopen(struct rig *rig)
{
    leat_log_close(rig->log);
    open_log(rig);
}

static uint64_t count_records(struct rig *rig, const char *last)
{
    struct leat_log_reader *reader;
    struct leat_log_frame frame;
    uint64_t count = 0;
    enum leat_status status;
    assert_int_equal(leat_log_reader_open(rig->log, NULL, NULL, &reader, &rig->err), LEAT_OK);
    char text[64] = "";
    while ((status = leat_log_next(reader, &frame, &rig->err)) == LEAT_OK) {
        for (uint32_t i = 0; i < frame.part_count; i++)
            count += frame.parts[i].count;
        snprintf(text, sizeof text, "%.*s", (int)frame.stream_len, (const char *)frame.stream);
    }
    assert_status(status, LEAT_AGAIN, &rig->err);
    leat_log_reader_close(reader);
    if (last)
        assert_string_equal(text, last);
    return count;
}

static void what_is_appended_is_read_after_it_is_durable(void **state)
{
    struct rig *rig = *state;
    wait_durable(rig, append(rig, "a", "one", "k", "v1"));
    wait_durable(rig, append(rig, "b", "two", "k", "v2"));
    assert_int_equal(count_records(rig, "two"), 2);
}

static void records_and_state_survive_a_clean_stop(void **state)
{
    struct rig *rig = *state;
    struct leat_bytes value;
    leat_bytes_init(&value, 100);
    append(rig, "a", "one", "k", "v1");
    append(rig, "a", "two", "gone", "x");
    append(rig, "b", "three", "gone", NULL);
    reopen(rig);
    assert_int_equal(count_records(rig, "three"), 3);
    assert_true(leat_log_state_get(rig->log, "k", 1, &value));
    assert_memory_equal(value.data, "v1", 2);
    assert_false(leat_log_state_get(rig->log, "gone", 4, &value));
    leat_bytes_fini(&value);
}

static void many_units_cross_segments_and_folds(void **state)
{
    struct rig *rig = *state;
    char text[1000], key[32];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    for (int i = 0; i < 2000; i++) {
        snprintf(key, sizeof key, "k%d", i % 50);
        uint64_t end = append(rig, i % 3 ? "a" : "b", text, key, key);
        if (i % 100 == 0)
            wait_durable(rig, end);
    }
    reopen(rig);
    assert_int_equal(count_records(rig, NULL), 2000);
    reopen(rig);
    append(rig, "a", "last", NULL, NULL);
    reopen(rig);
    assert_int_equal(count_records(rig, "last"), 2001);
    struct leat_bytes value;
    leat_bytes_init(&value, 100);
    assert_true(leat_log_state_get(rig->log, "k49", 3, &value));
    leat_bytes_fini(&value);
}

static void note_topic(void *arg, const struct leat_log_topic *topic)
{
    struct leat_log_topic *into = arg;
    if (strcmp(topic->name, "a") == 0)
        *into = *topic;
}

static void offsets_go_on_after_a_restart(void **state)
{
    struct rig *rig = *state;
    struct leat_log_topic a = {0};
    append(rig, "z", "other", NULL, NULL);
    append(rig, "a", "one", NULL, NULL);
    reopen(rig);
    wait_durable(rig, append(rig, "a", "two", NULL, NULL));
    leat_log_topics(rig->log, note_topic, &a);
    assert_int_equal(a.first, 0);
    assert_int_equal(a.next, 2);
}

static void a_second_opener_is_turned_away(void **state)
{
    struct rig *rig = *state;
    struct leat_log *second;
    struct leat_log_config config = {.dir = rig->dir, .name = "t", .os = leat_os};
    assert_int_equal(leat_log_open(&second, &config, rig->flusher, &rig->err), LEAT_STOP);
    assert_int_equal(rig->err.cause, LEAT_CAUSE_IN_USE);
    char pid[32];
    snprintf(pid, sizeof pid, "with pid %d", (int)getpid());
    assert_non_null(strstr(rig->err.text, pid));
}

static void a_reader_beside_the_daemon_sees_what_is_durable(void **state)
{
    struct rig *rig = *state;
    struct leat_log *beside;
    struct leat_log_config config = {.dir = rig->dir, .name = "t", .os = leat_os, .is_read_only = true};
    wait_durable(rig, append(rig, "a", "one", NULL, NULL));
    usleep(300000); /* the hint is written every 200 ms */
    assert_status(leat_log_open(&beside, &config, NULL, &rig->err), LEAT_OK, &rig->err);
    struct leat_log *kept = rig->log;
    rig->log = beside;
    assert_int_equal(count_records(rig, "one"), 1);
    rig->log = kept;
    wait_durable(rig, append(rig, "c", "two", NULL, NULL));
    usleep(300000);
    rig->log = beside;
    assert_int_equal(count_records(rig, "two"), 2);
    rig->log = kept;
    leat_log_close(beside);
}

static void newest_segment(const char *dir, char *path, size_t size)
{
    char command[512];
    snprintf(command, sizeof command, "ls %s/segments/*.seg | tail -1", dir);
    FILE *pipe = popen(command, "r");
    assert_non_null(fgets(path, (int)size, pipe));
    path[strcspn(path, "\n")] = '\0';
    pclose(pipe);
}

static void rotten_acknowledged_bytes_stop_the_start(void **state)
{
    struct rig *rig = *state;
    char path[512];
    uint64_t first = append(rig, "a", "one", NULL, NULL);
    wait_durable(rig, first);
    wait_durable(rig, append(rig, "a", "two", NULL, NULL));
    leat_log_close(rig->log);
    rig->log = NULL;
    newest_segment(rig->dir, path, sizeof path);
    char index[512];
    snprintf(index, sizeof index, "%.*sidx", (int)strlen(path) - 3, path);
    unlink(index);
    int fd = open(path, O_RDWR);
    assert_int_equal(pwrite(fd, "XXXX", 4, (off_t)first - 12), 4);
    close(fd);
    struct leat_log_config config = {.dir = rig->dir, .name = "t", .os = leat_os};
    assert_int_equal(leat_log_open(&rig->log, &config, rig->flusher, &rig->err), LEAT_STOP);
    assert_int_equal(rig->err.cause, LEAT_CAUSE_DAMAGED);
    assert_int_equal(leat_log_verify(rig->dir, leat_os, NULL, NULL, NULL, &rig->err), LEAT_STOP);
    assert_int_equal(rig->err.cause, LEAT_CAUSE_DAMAGED);
    rig->log = NULL;
}

/* A crash between the making of a segment and its first unit leaves a header and nothing behind it. */
static void a_segment_without_a_unit_keeps_its_header(void **state)
{
    struct rig *rig = *state;
    char path[512], command[2000];
    char text[30000];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    wait_durable(rig, append(rig, "a", text, NULL, NULL));
    struct leat_log_info before;
    do {
        wait_durable(rig, append(rig, "a", text, NULL, NULL));
        leat_log_info(rig->log, &before);
    } while (before.durable_lsn < 200000);
    leat_log_close(rig->log);
    newest_segment(rig->dir, path, sizeof path);
    snprintf(command, sizeof command, "cd %s && rm -f segments/*.idx durable.hint && truncate -s 128 %s && truncate -s 200000 %s",
             rig->dir, path, path);
    assert_int_equal(system(command), 0);
    open_log(rig);
    wait_durable(rig, append(rig, "a", "after", NULL, NULL));
    reopen(rig);
    reopen(rig);
    count_records(rig, "after");
    assert_int_equal(leat_log_verify(rig->dir, leat_os, NULL, NULL, NULL, &rig->err), LEAT_OK);
}

static void a_restored_backup_does_not_claim_what_it_never_wrote(void **state)
{
    struct rig *rig = *state;
    char command[1024];
    struct leat_log_info later, restored;
    wait_durable(rig, append(rig, "a", "one", NULL, NULL));
    leat_log_close(rig->log);
    snprintf(command, sizeof command, "cp -a %s %s.backup", rig->dir, rig->dir);
    assert_int_equal(system(command), 0);
    open_log(rig);
    uint64_t end = append(rig, "a", "after the backup", NULL, NULL);
    wait_durable(rig, end);
    leat_log_info(rig->log, &later);
    assert_true(leat_log_wrote(rig->log, &later.incarnation, end));
    leat_log_close(rig->log);
    snprintf(command, sizeof command, "rm -r %s && mv %s.backup %s", rig->dir, rig->dir, rig->dir);
    assert_int_equal(system(command), 0);
    open_log(rig);
    leat_log_info(rig->log, &restored);
    assert_memory_equal(&restored.uuid, &later.uuid, sizeof later.uuid);
    assert_false(leat_log_wrote(rig->log, &later.incarnation, end));
}

static void copy_dir(const struct rig *rig, const char *ext)
{
    char command[1024];
    snprintf(command, sizeof command, "cp -a %s %s.%s", rig->dir, rig->dir, ext);
    assert_int_equal(system(command), 0);
}

static void of_a_cloned_directory_each_knows_only_what_it_wrote(void **state)
{
    struct rig *rig = *state, clone = {.flusher = rig->flusher};
    struct leat_log_info ours, theirs;
    uint64_t shared = append(rig, "a", "before", NULL, NULL);
    wait_durable(rig, shared);
    leat_log_info(rig->log, &ours);
    struct leat_uuid before = ours.incarnation;
    leat_log_close(rig->log);
    copy_dir(rig, "clone");
    clone.dir = leat_format_dup("%s.clone", rig->dir);
    open_log(rig);
    open_log(&clone);
    uint64_t end = append(rig, "a", "ours", NULL, NULL), clone_end = append(&clone, "a", "theirs", NULL, NULL);
    leat_log_info(rig->log, &ours);
    leat_log_info(clone.log, &theirs);
    assert_true(leat_log_wrote(rig->log, &before, shared) && leat_log_wrote(clone.log, &before, shared));
    assert_true(leat_log_wrote(rig->log, &ours.incarnation, end));
    assert_false(leat_log_wrote(rig->log, &theirs.incarnation, clone_end));
    assert_false(leat_log_wrote(clone.log, &ours.incarnation, end));
    leat_log_close(clone.log);
    kit_tmp_remove(clone.dir);
}

/* The fold that durable.hint names, as a crash finds it. */
static uint64_t hinted_fold(const struct rig *rig)
{
    char path[512];
    uint8_t slots[64] = {0};
    snprintf(path, sizeof path, "%s/durable.hint", rig->dir);
    int fd = leat_os->open(path, O_RDONLY, 0);
    leat_os_pread_all(leat_os, fd, slots, sizeof slots, 0);
    leat_os->close(fd);
    const uint8_t *newest = leat_get_u64(slots + 16) > leat_get_u64(slots + 48) ? slots : slots + 32;
    return leat_get_u64(newest + 8);
}

static void assert_offset_is_found(struct rig *rig, const char *topic, uint64_t offset)
{
    struct leat_log_reader *reader;
    struct leat_log_frame frame;
    uint32_t id = leat_log_topic(rig->log, topic, 0);
    assert_status(leat_log_reader_open(rig->log, NULL, NULL, &reader, &rig->err), LEAT_OK, &rig->err);
    assert_status(leat_log_seek_offset(reader, id, offset, &rig->err), LEAT_OK, &rig->err);
    assert_status(leat_log_next(reader, &frame, &rig->err), LEAT_OK, &rig->err);
    assert_int_equal(frame.parts[0].topic_id, id);
    assert_int_equal(frame.parts[0].base_offset, offset);
    leat_log_reader_close(reader);
}

/* A clean stop leaves an index of the newest segment's first part. Then a topic begins, a fold follows, and a crash:
 * recovery goes on from the fold, but what stands between index and fold belongs to the segment too. */
static void what_stands_between_an_index_and_a_newer_fold_is_found(void **state)
{
    struct rig *rig = *state, after = {.flusher = rig->flusher};
    char text[5000];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    uint64_t end = 0;
    while (end < 230 << 10) /* the third segment, of 256 KiB, begins at about 190 KiB */
        wait_durable(rig, end = append(rig, "a", text, NULL, NULL));
    reopen(rig);
    uint64_t stopped = append(rig, "late", "first", NULL, NULL);
    for (int i = 0; i < 30; i++)
        wait_durable(rig, append(rig, "a", text, NULL, NULL));
    wait_durable(rig, append(rig, "late", "second", NULL, NULL));
    for (int i = 0; i < 5000 && hinted_fold(rig) < stopped; i++)
        usleep(1000);
    assert_true(hinted_fold(rig) > stopped);
    copy_dir(rig, "crashed");
    after.dir = leat_format_dup("%s.crashed", rig->dir);
    open_log(&after);
    assert_offset_is_found(&after, "late", 1);
    assert_offset_is_found(&after, "late", 0);
    leat_log_close(after.log);
    kit_tmp_remove(after.dir);
}

/* A unit that uses a topic defines those before it too: a writer may have asked for their ids and given up its unit. */
static void topics_that_no_unit_used_find_room_in_the_segment(void **state)
{
    struct rig *rig = *state;
    char name[200], text[1000];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    for (int i = 0; i < 3; i++) {
        for (int k = 0; k < 400; k++) {
            snprintf(name, sizeof name, "%d.%d.%0150d", i, k, 0);
            leat_log_topic(rig->log, name, 0);
        }
        for (int k = 0; k < 100; k++)
            append(rig, name, text, NULL, NULL);
    }
    reopen(rig);
    assert_int_equal(count_records(rig, NULL), 300);
}

static void a_log_whose_segments_are_gone_does_not_begin_anew(void **state)
{
    struct rig *rig = *state;
    char command[1024];
    append(rig, "a", "one", "position", "7");
    leat_log_close(rig->log);
    snprintf(command, sizeof command, "rm %s/segments/*", rig->dir);
    assert_int_equal(system(command), 0);
    struct leat_log_config config = {.dir = rig->dir, .name = "t", .os = leat_os};
    assert_status(leat_log_open(&rig->log, &config, rig->flusher, &rig->err), LEAT_STOP, &rig->err);
    assert_int_equal(rig->err.cause, LEAT_CAUSE_DAMAGED);
    rig->log = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_appended_is_read_after_it_is_durable, set_up, tear_down),
        cmocka_unit_test_setup_teardown(records_and_state_survive_a_clean_stop, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_units_cross_segments_and_folds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(offsets_go_on_after_a_restart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_second_opener_is_turned_away, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_reader_beside_the_daemon_sees_what_is_durable, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rotten_acknowledged_bytes_stop_the_start, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_segment_without_a_unit_keeps_its_header, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_restored_backup_does_not_claim_what_it_never_wrote, set_up, tear_down),
        cmocka_unit_test_setup_teardown(of_a_cloned_directory_each_knows_only_what_it_wrote, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_stands_between_an_index_and_a_newer_fold_is_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(topics_that_no_unit_used_find_room_in_the_segment, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_log_whose_segments_are_gone_does_not_begin_anew, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
