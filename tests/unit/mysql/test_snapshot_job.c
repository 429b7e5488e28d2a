// packages: mariadb
#include <kit/cmocka.h>

#include <model/batch.h>
#include <mysql/snapshots_parts.h>

/* A table (id BIGINT PRIMARY KEY, note TEXT), of which all up to 10 is read. */
static struct column columns[2];
static struct table *table;
static struct snapshots snapshots;
static struct stream stream;
static struct snapshot_job *job;
static struct leat_batch *room;

static void note(const char *to)
{
    struct leat_value text = leat_value_string(to);
    struct extent_key *key = extent_key_new(&job->extent, &text);
    struct extent_part *part = extent_take(&job->extent);
    extent_note(&job->extent, part, key);
    part->is_taken = false;
    extent_key_free(key);
}

static int set_up(void **state)
{
    (void)state;
    columns[0] = (struct column){.name = "id", .type = "bigint(20)", .data_type = "bigint", .charset = "", .key_place = 1};
    columns[1] = (struct column){.name = "note", .type = "varchar(20)", .data_type = "varchar", .charset = "utf8mb4", .is_nullable = true};
    table = table_new("shop", "t");
    table->columns = columns;
    table->column_count = 2;
    room = leat_batch_new(4096, 1);
    table_store(table, room);
    assert_true(table_load(table, &room->positions[0].value, true));
    snapshots = (struct snapshots){.has_news = false};
    stream.snapshots = &snapshots;
    job = job_new(table, SNAPSHOT_FIRST, NULL);
    extent_init(&job->extent, table);
    job->has_extent = job->extent.has_begun = true;
    job->is_changed = false;
    note("10");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    job_free(job);
    table_free(table);
    leat_batch_free(room);
    return 0;
}

/* What the positions tell of the job now. */
static bool has_stored(const char *name)
{
    job_store(job, room);
    for (uint32_t i = 0; i < room->position_count; i++) {
        const struct leat_value *key = &room->positions[i].key;
        if (key->as.items[0].len == strlen("snapshot"))
            return leat_map_get(&room->positions[i].value, name) != NULL;
    }
    fail();
    return false;
}

static void a_job_tells_what_is_left(void **state)
{
    (void)state;
    assert_true(has_stored("left"));
    assert_false(has_stored("anew"));
}

/* The row moves to what is read, and its image there is not whole: it goes out nowhere, so the table begins anew, whatever happens. */
static void that_a_job_is_to_begin_anew_is_kept_with_the_event(void **state)
{
    (void)state;
    struct leat_value was[2] = {leat_value_int(20), leat_value_string("x")},
                      is[2] = {leat_value_int(5), {.type = LEAT_ABSENT}};
    const struct leat_value *before = was, *after = is;
    snapshot_judge(job, &stream, &before, &after);
    assert_null(before);
    assert_true(job->begins_anew && job->is_changed && snapshots.has_news);
    assert_true(has_stored("anew"));
    assert_false(has_stored("left"));
}

static void a_whole_row_that_moves_is_a_create(void **state)
{
    (void)state;
    struct leat_value was[2] = {leat_value_int(20), leat_value_string("x")}, is[2] = {leat_value_int(5), leat_value_string("x")};
    const struct leat_value *before = was, *after = is;
    assert_true(snapshot_judge(job, &stream, &before, &after));
    assert_true(!before && after == is && !job->begins_anew && !job->is_changed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_job_tells_what_is_left, set_up, tear_down),
        cmocka_unit_test_setup_teardown(that_a_job_is_to_begin_anew_is_kept_with_the_event, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_whole_row_that_moves_is_a_create, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
