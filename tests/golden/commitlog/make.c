/* make.c - a log that has one of everything, as this version writes it: `golden_commitlog_make DIR`.
 *
 * Its result is kept (v1.tar.gz, v1.txt: see write.py), because every later version must read it. Random numbers are the
 * same in each run; times are not. */
#include <kit/records.h>

#include <base/assert.h>
#include <base/memory.h>
#include <commitlog/salvage.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIVES 3
#define UNITS 10

static uint64_t chance_state = 7;

static ssize_t chance(void *to, size_t len)
{
    struct kit_random random = {chance_state++};
    for (size_t i = 0; i < len; i++)
        ((uint8_t *)to)[i] = (uint8_t)kit_random(&random);
    return (ssize_t)len;
}

static struct leat_os os;

static struct leat_log *open_log(const char *dir, struct leat_flusher *flusher)
{
    const struct leat_log_config config = {
        .dir = dir, .name = "toy", .os = &os, .segment_min = 16 << 10, .segment_max = 16 << 10, .fold_bytes = 20 << 10};
    struct leat_log *log;
    struct leat_error err;
    if (leat_log_open(&log, &config, flusher, &err) == LEAT_OK)
        return log;
    fprintf(stderr, "%s\n", err.text);
    exit(1);
}

static struct leat_log_unit *begin(struct leat_log *log)
{
    struct leat_log_unit *unit;
    struct leat_error err;
    leat_assert(leat_log_unit_begin(log, false, &unit, &err) == LEAT_OK);
    return unit;
}

static uint64_t append(struct leat_log *log, struct leat_log_unit *unit, struct leat_flusher *flusher)
{
    struct leat_error err;
    uint64_t end;
    leat_assert(leat_log_unit_append(log, unit, LEAT_NATIVE_FORMAT, &end, &err) == LEAT_OK);
    leat_flusher_step(flusher);
    return end;
}

/* ---- what stands in a unit ---- */

static void put_schemas(struct leat_log_unit *unit)
{
    for (uint32_t id = 1; id <= 16; id++) {
        struct leat_bytes bytes;
        uint8_t key[5] = {'s', 0, 0, 0, (uint8_t)id};
        leat_bytes_init(&bytes, SIZE_MAX);
        leat_native_put_schema(&bytes, kit_schema_of(id));
        leat_log_unit_state(unit, key, sizeof key, bytes.data, bytes.len);
        leat_bytes_fini(&bytes);
    }
}

static void put_state(struct leat_log_unit *unit, const char *key, size_t key_len, const char *name, const struct leat_value *value)
{
    struct leat_bytes bytes, full;
    struct leat_value text = leat_value_string(name);
    leat_bytes_init(&bytes, SIZE_MAX);
    leat_bytes_init(&full, SIZE_MAX);
    leat_bytes_add(&full, key, key_len);
    leat_native_put_value(&full, &text);
    if (value)
        leat_native_put_value(&bytes, value);
    leat_log_unit_state(unit, full.data, full.len, value ? bytes.data : NULL, bytes.len);
    leat_bytes_fini(&full);
    leat_bytes_fini(&bytes);
}

static void put_position(struct leat_log_unit *unit, int64_t seq)
{
    struct leat_value pair[2] = {leat_value_string("seq"), leat_value_int(seq)};
    struct leat_value value = leat_value_items(LEAT_MAP, pair, 1);
    put_state(unit, "ptoy", 5, "toy", &value);
}

/* Records of three topics, by turns. */
static void put_records(struct kit_random *random, struct leat_log *log, struct leat_log_unit *unit, uint32_t count)
{
    static const char *const names[] = {"shop.orders", "shop.items", "toy.t0"};
    struct leat_batch *batch = leat_batch_new(1 << 20, 1000);
    for (uint32_t i = 0; i < count; i++)
        kit_record(random, batch);
    for (uint32_t slot = 0; slot < 3 && slot < count; slot++)
        leat_log_unit_count(unit, leat_log_unit_slot(unit, leat_log_topic(log, names[slot], 0)), (count - slot + 2) / 3);
    kit_put_stream(batch, 0, leat_log_unit_stream(unit));
    leat_batch_free(batch);
}

static void put_dead_letter(struct kit_random *random, struct leat_log *log, struct leat_log_unit *unit)
{
    struct leat_batch *batch = leat_batch_new(1 << 20, 1000);
    kit_record(random, batch);
    leat_log_unit_count(unit, leat_log_unit_slot(unit, leat_log_topic(log, "toy.dead", 0)), 1);
    kit_put_stream(batch, 0, leat_log_unit_stream(unit));
    leat_batch_free(batch);
    leat_log_unit_audience(unit, "toy.out");
}

/* ---- the log ---- */

static void write_life(struct kit_random *random, const char *dir, int life, uint64_t *middle)
{
    struct leat_flusher *flusher = leat_flusher_manual();
    struct leat_log *log = open_log(dir, flusher);
    struct leat_log_unit *unit = begin(log);
    if (life == 0)
        put_schemas(unit);
    put_records(random, log, unit, 4);
    append(log, unit, flusher);
    for (int i = 0; i < UNITS; i++) {
        unit = begin(log);
        put_records(random, log, unit, 1 + kit_below(random, 3) + (i == 3 ? 3 : 0)); /* the one that will rot has all topics */
        for (int frames = i == 5 ? 3 : 0; frames > 0; frames--) {
            leat_log_unit_cut(unit);
            put_records(random, log, unit, 4);
        }
        put_position(unit, life * 100 + i);
        if (i == 7) {
            struct leat_value value = leat_value_string("asked for");
            put_state(unit, "itoy.out", 9, "intent", &value);
        }
        uint64_t end = append(log, unit, flusher);
        if (life == 1 && i == 2)
            *middle = end;
    }
    unit = begin(log);
    put_dead_letter(random, log, unit);
    put_state(unit, "itoy.out", 9, "intent", NULL);
    append(log, unit, flusher);
    leat_log_consumer_set(log, "toy.out", 128);
    leat_log_close(log);
    leat_flusher_stop(flusher);
}

static void overwrite(const char *dir, uint64_t lsn, const char *bytes, size_t len)
{
    uint64_t base = 0, found;
    char *path = leat_format_dup("%s/segments", dir);
    DIR *list = opendir(path);
    for (struct dirent *entry; (entry = readdir(list));)
        if (strstr(entry->d_name, ".seg") && (found = strtoull(entry->d_name, NULL, 10)) <= lsn && found > base)
            base = found;
    closedir(list);
    free(path);
    path = leat_format_dup("%s/segments/%020llu.seg", dir, (unsigned long long)base);
    int fd = open(path, O_RDWR);
    leat_assert(pwrite(fd, bytes, len, (off_t)(lsn - base)) == (ssize_t)len);
    close(fd);
    free(path);
}

/* Half a unit that nobody was told of. */
static void tear(const char *dir)
{
    const struct leat_log_config config = {.dir = dir, .name = "toy", .os = &os, .is_read_only = true};
    struct leat_log *log;
    struct leat_log_info info;
    struct leat_error err;
    leat_assert(leat_log_open(&log, &config, NULL, &err) == LEAT_OK);
    leat_log_info(log, &info);
    leat_log_close(log);
    overwrite(dir, info.end_lsn, "LTF1 torn", 9);
}

int main(int argc, char **argv)
{
    struct kit_random random = {1};
    struct leat_log_salvaged sum;
    struct leat_error err;
    uint64_t middle = 0;
    leat_assert(argc == 2);
    os = leat_os_real;
    os.getrandom = chance;
    char *first = leat_format_dup("%s.damaged", argv[1]);
    for (int life = 0; life + 1 < LIVES; life++)
        write_life(&random, first, life, &middle);
    overwrite(first, middle + 70, "rotten", 6);
    const struct leat_log_salvage_calls calls = {.arg = NULL};
    if (leat_log_salvage(first, argv[1], &os, &calls, &sum, &err) != LEAT_OK || sum.holes != 1) {
        fprintf(stderr, "salvage: %llu holes\n", (unsigned long long)sum.holes);
        return 1;
    }
    write_life(&random, argv[1], LIVES - 1, &middle);
    tear(argv[1]);
    free(first);
    return 0;
}
