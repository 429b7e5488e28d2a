/* growth_log.c - what does not grow: files, descriptors, memory, and what a start reads, with the
 * age of a log and the number of topics; and what one more log costs.
 *
 *   growth_log            quick: asserts bounds on counts and bytes, never on durations
 *   growth_log --bench    the sizes that users have; prints figures
 *
 * Time is a fake clock's, at 200 units a second. Syncs are left out: nothing is killed here but by
 * fork.
 */
#include <base/memory.h>
#include <commitlog/inside.h>
#include <dirent.h>
#include <errno.h>
#include <kit/tmp.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(truth)                                                                               \
    do {                                                                                           \
        if (!(truth)) {                                                                            \
            fprintf(stderr, "growth_log: line %d: %s does not hold\n", __LINE__, #truth);          \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

/* ---- calls, counted ---- */

static struct leat_os table;
static uint64_t opens, calls, read_bytes;
static int open_files;

static int count_open(const char *path, int flags, mode_t mode)
{
    int fd = leat_os->open(path, flags, mode);
    opens++, calls++;
    open_files += fd >= 0;
    return fd;
}

static int count_close(int fd)
{
    calls++;
    open_files--;
    return leat_os->close(fd);
}

static ssize_t count_pread(int fd, void *to, size_t len, off_t at)
{
    ssize_t have = leat_os->pread(fd, to, len, at);
    calls++;
    read_bytes += have > 0 ? (uint64_t)have : 0;
    return have;
}

static ssize_t count_pwrite(int fd, const void *from, size_t len, off_t at)
{
    calls++;
    return leat_os->pwrite(fd, from, len, at);
}

static ssize_t count_pwritev(int fd, const struct iovec *parts, int count, off_t at)
{
    calls++;
    return leat_os->pwritev(fd, parts, count, at);
}

static int no_sync(int fd)
{
    (void)fd;
    calls++;
    return 0;
}

static int no_fallocate(int fd, int mode, off_t at, off_t len)
{
    (void)fd, (void)mode, (void)at, (void)len;
    calls++;
    errno = EOPNOTSUPP;
    return -1;
}

static void use_table(bool is_sparse)
{
    table = *leat_os;
    table.open = count_open;
    table.close = count_close;
    table.pread = count_pread;
    table.pwrite = count_pwrite;
    table.pwritev = count_pwritev;
    table.fsync = table.fdatasync = no_sync;
    if (is_sparse)
        table.fallocate = no_fallocate;
}

/* ---- time ---- */

static int64_t now_us = 1700000000000000;

static struct leat_time clock_now(void *arg)
{
    (void)arg;
    return (struct leat_time){now_us * 1000};
}

static int64_t clock_wall_us(void *arg)
{
    (void)arg;
    return now_us;
}

static double real_seconds(void)
{
    return (double)leat_clock_real.now(NULL).ns / 1e9;
}

/* ---- what there is ---- */

struct use {
    uint64_t segments, files, disk_bytes, heap_bytes, rss_bytes;
    int open_files;
    uint64_t start_opens, start_bytes;
    double start_s;
};

static uint64_t rss_bytes(void)
{
    unsigned long size = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    CHECK(file && fscanf(file, "%lu %lu", &size, &resident) == 2);
    fclose(file);
    return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void count_files(const char *dir, struct use *use)
{
    char *path = leat_format_dup("%s/segments", dir);
    DIR *listing = opendir(path);
    CHECK(listing);
    for (struct dirent *entry; (entry = readdir(listing));) {
        struct stat st;
        char *name = leat_format_dup("%s/%s", path, entry->d_name);
        if (entry->d_name[0] != '.' && stat(name, &st) == 0) {
            use->files++;
            use->disk_bytes += (uint64_t)st.st_blocks * 512;
        }
        free(name);
    }
    closedir(listing);
    free(path);
}

static struct use look(const char *dir, const struct leat_log *log)
{
    struct use use = {.segments = log->segment_count, .open_files = open_files};
    count_files(dir, &use);
    use.heap_bytes = mallinfo2().uordblks;
    use.rss_bytes = rss_bytes();
    return use;
}

static void show(const char *what, const struct use *use)
{
    printf("growth %s: segments=%llu files=%llu disk_mib=%.1f heap_mib=%.1f rss_mib=%.1f "
           "open_files=%d | start: "
           "opens=%llu read_kib=%.0f ms=%.1f\n",
           what, (unsigned long long)use->segments, (unsigned long long)use->files,
           (double)use->disk_bytes / 1048576, (double)use->heap_bytes / 1048576,
           (double)use->rss_bytes / 1048576, use->open_files, (unsigned long long)use->start_opens,
           (double)use->start_bytes / 1024, use->start_s * 1e3);
    fflush(stdout);
}

/* ---- a log ---- */

static struct leat_log *open_log(const char *dir, const struct leat_log_config *how,
                                 struct leat_flusher *flusher)
{
    struct leat_log_config config = *how;
    struct leat_log *log;
    struct leat_error err;
    config.dir = dir;
    config.name = "growth";
    config.os = &table;
    if (leat_log_open(&log, &config, flusher, &err) != LEAT_OK) {
        fprintf(stderr, "growth_log: %s\n", err.text);
        exit(1);
    }
    return log;
}

static void measure_start(const char *dir, const struct leat_log_config *how,
                          struct leat_flusher *flusher, struct use *use)
{
    opens = read_bytes = 0;
    double began = real_seconds();
    struct leat_log *log = open_log(dir, how, flusher);
    use->start_s = real_seconds() - began;
    use->start_opens = opens;
    use->start_bytes = read_bytes;
    leat_log_close(log);
}

static void name_topics(struct leat_log *log, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        char name[32];
        snprintf(name, sizeof name, "shop.table_%u", i);
        leat_log_topic(log, name, 0);
    }
}

/* A unit of one frame with `each` topics, `bytes` in all. */
static void append(struct leat_log *log, uint64_t number, uint32_t topics, uint32_t each,
                   size_t bytes)
{
    static uint8_t noise[64 << 10];
    struct leat_log_unit *unit;
    struct leat_error err;
    uint64_t end;
    CHECK(bytes <= sizeof noise && leat_log_unit_begin(log, false, &unit, &err) == LEAT_OK);
    leat_bytes_add(leat_log_unit_stream(unit), noise, bytes);
    for (uint32_t k = 0; k < each; k++)
        leat_log_unit_count(
            unit, leat_log_unit_slot(unit, (uint32_t)((number * each + k) * 7919 % topics) + 1), 1);
    leat_log_unit_state(unit, "position", 8, &number, sizeof number);
    CHECK(leat_log_unit_append(log, unit, 1, &end, &err) == LEAT_OK);
}

/* ---- age: retention runs, a sink follows ---- */

struct ages {
    uint32_t topics;
    uint64_t units; /* at age 1 */
    uint64_t segment, keep;
};

static void check_age(const struct ages *ages, const struct use *use, const struct use *young)
{
    uint64_t most = ages->keep / ages->segment + 3;
    CHECK(use->segments <= most && use->files <= 2 * most + 1);
    CHECK(use->disk_bytes <= ages->keep + 3 * ages->segment + most * (256 << 10) + (8 << 20));
    CHECK(use->open_files == young->open_files);
    CHECK(use->heap_bytes <= young->heap_bytes + young->heap_bytes / 4 + (2 << 20));
    CHECK(use->start_opens <= young->start_opens + 2 * most);
    CHECK(use->start_bytes <= young->start_bytes + 4 * ages->segment);
}

static void grow_old(const char *dir, const struct ages *ages)
{
    struct leat_log_config how = {.segment_max = ages->segment,
                                  .fold_bytes = ages->segment,
                                  .settings = {.retain_bytes = (int64_t)ages->keep}};
    struct leat_flusher *flusher = leat_flusher_manual();
    struct use young = {0};
    uint64_t number = 0;
    for (uint64_t age = 1; age <= 100; age *= 10) {
        struct leat_log *log = open_log(dir, &how, flusher);
        char what[80];
        name_topics(log, ages->topics);
        for (; number < age * ages->units; number++) {
            now_us += 5000;
            append(log, number, ages->topics, 5, 400);
            if (number % 50 == 0)
                leat_log_consumer_set(log, "sink", leat_log_durable(log));
            leat_flusher_step(flusher);
        }
        leat_log_retain(log);
        struct use use = look(dir, log);
        leat_log_close(log);
        measure_start(dir, &how, flusher, &use);
        snprintf(what, sizeof what, "age %llux (%llu units, %u topics)", (unsigned long long)age,
                 (unsigned long long)number, ages->topics);
        show(what, &use);
        if (age == 1)
            young = use;
        if (age >= 100)
            check_age(ages, &use, &young);
    }
    leat_flusher_stop(flusher);
}

/* ---- a thousand logs ---- */

static void many_logs(const char *dir, uint32_t count)
{
    struct leat_log_config how = {0};
    struct leat_flusher *flusher = leat_flusher_manual();
    struct leat_log **logs = leat_calloc(count, sizeof *logs);
    struct use use = {0};
    int files = open_files;
    use_table(false);
    uint64_t heap = mallinfo2().uordblks, rss = rss_bytes();
    for (uint32_t i = 0; i < count; i++) {
        char *path = leat_format_dup("%s/%u", dir, i);
        logs[i] = open_log(path, &how, flusher);
        name_topics(logs[i], 3);
        append(logs[i], i, 3, 2, 400);
        leat_flusher_step(flusher);
        if (i % 50 == 0)
            count_files(path, &use);
        free(path);
    }
    uint32_t looked = (count + 49) / 50;
    now_us += 11000000; /* hints, a look at retention */
    leat_flusher_step(flusher);
    calls = 0;
    double began = real_seconds();
    for (int i = 0; i < 100; i++) {
        now_us += 200000;
        leat_flusher_step(flusher);
    }
    double round_ms = (real_seconds() - began) * 10;
    heap = mallinfo2().uordblks - heap;
    printf("growth %u idle logs: open_files=%.1f heap_kib=%.1f rss_kib=%.1f disk_kib=%.0f (each) | "
           "a round of the flusher: "
           "calls=%.2f ms=%.3f\n",
           count, (double)(open_files - files) / count, (double)heap / 1024 / count,
           (double)(rss_bytes() - rss) / 1024 / count, (double)use.disk_bytes / 1024 / looked,
           (double)calls / 100, round_ms);
    CHECK(open_files - files <= 3 * (int)count);
    CHECK(heap <= count * (uint64_t)(96 << 10));
    CHECK(use.disk_bytes <= looked * (uint64_t)(4 << 20));
    CHECK(calls <= 2 * (uint64_t)count); /* in 20 seconds: nothing moves, nothing is written */
    for (uint32_t i = 0; i < count; i++)
        leat_log_close(logs[i]);
    free(logs);
    leat_flusher_stop(flusher);
}

/* ---- a billion records behind ---- */

/* Takes the newest segment for full of frames: tables and lists as if they stood there, and a hole
 * in the file. */
static void pretend(struct leat_log *log, uint64_t records)
{
    struct segment *segment = &log->segments[log->segment_count - 1];
    uint64_t end = (segment->base + segment->size - 64) & ~(uint64_t)7, from = log->next_lsn;
    uint64_t frames = 26ull * log->topic_count / 10, each = records / (26ull * log->topic_count);
    for (uint64_t f = 0; f < frames; f++) {
        uint64_t lsn = (from + (end - from) / frames * f) & ~(uint64_t)7;
        now_us += 50000;
        index_frame(segment->notes, lsn, now_us, true);
        for (uint32_t k = 0; k < 10; k++) {
            struct topic *topic = &log->topics[(f * 10 + k) % log->topic_count];
            struct leat_log_part part = {topic->info.id, (uint32_t)each, topic->info.next};
            index_part(segment->notes, lsn, now_us, &part, each * 100);
            topic->info.next = topic->durable_next = topic->info.next + each;
            topic->ever_bytes += each * 100;
            topic->info.last_us = now_us;
        }
    }
    segment->end = segment->notes->end = end;
    segment->last_us = now_us;
    log->next_lsn = log->written_lsn = end;
    __atomic_store_n(&log->durable, end, __ATOMIC_RELEASE);
}

/* In another process, which ends as if it was killed. */
static void fabricate(const char *dir, const struct leat_log_config *how, uint64_t records,
                      uint32_t topics, uint32_t starts)
{
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        struct leat_flusher *flusher = leat_flusher_manual();
        struct leat_log *log = open_log(dir, how, flusher);
        struct leat_uuid uuid = {{1}};
        for (uint32_t i = 1; i < starts; i++) {
            memcpy(uuid.bytes, &i, sizeof i);
            lineage_add(log, &uuid, log->next_lsn);
            lineage_wrote(log, true);
        }
        unit_queue(log, unit_of_kind(log, KIND_FOLD), 0);
        leat_flusher_step(flusher);
        name_topics(log, topics);
        uint64_t left = records;
        for (uint64_t number = 0; left > 0; number++) {
            uint64_t here = left < 2500000 ? left : 2500000;
            append(log, number, topics, 10, 1000);
            leat_flusher_step(flusher);
            pretend(log, here);
            left -= here;
        }
        append(log, 1, topics, 10, 1000);
        leat_flusher_step(flusher);
        _exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}

static void far_behind(const char *dir, uint64_t records, uint32_t topics)
{
    struct leat_log_config how = {.segment_min = 256 << 20, .segment_max = 256 << 20};
    struct leat_flusher *flusher = leat_flusher_manual();
    struct use killed = {0}, use;
    char what[100];
    use_table(true);
    fabricate(dir, &how, records, topics, 1);
    measure_start(dir, &how, flusher, &killed);
    struct leat_log *log = open_log(dir, &how, flusher);
    use = look(dir, log);
    leat_log_close(log);
    measure_start(dir, &how, flusher, &use);
    snprintf(what, sizeof what, "%.0e records behind, after a kill", (double)records);
    killed.segments = use.segments, killed.files = use.files;
    show(what, &killed);
    snprintf(what, sizeof what, "%.0e records behind, after a stop", (double)records);
    show(what, &use);
    CHECK(use.segments >= records / 2500000);
    CHECK(killed.start_opens <= use.segments + 40 && use.start_opens <= use.segments + 40);
    /* A header of each, the oldest one's table of topics, folds; and the zeros behind the end, up
     * to what is looked at of them. */
    uint64_t most = use.segments * SEGMENT_HEADER + (uint64_t)topics * 1000 + 3 * QUICK_LOOK;
    CHECK(killed.start_bytes <= most && use.start_bytes <= most);
    leat_flusher_stop(flusher);
}

/* ---- many starts ---- */

static void many_starts(const char *dir, uint32_t starts)
{
    struct leat_log_config how = {0};
    struct leat_flusher *flusher = leat_flusher_manual();
    struct use use = {0};
    char what[80];
    fabricate(dir, &how, 0, 3, starts);
    measure_start(dir, &how, flusher, &use);
    struct leat_log *log = open_log(dir, &how, flusher);
    uint64_t fold = fold_most(log);
    count_files(dir, &use);
    use.segments = log->segment_count;
    snprintf(what, sizeof what, "%u starts before (lineage %zu, fold_kib=%llu)", starts,
             log->lineage_count, (unsigned long long)fold / 1024);
    leat_log_close(log);
    show(what, &use);
    leat_flusher_stop(flusher);
}

/* ---- a sink that was away, and wants one topic of thousands ---- */

static bool wants_one(void *arg, uint32_t id)
{
    return id == *(const uint32_t *)arg;
}

static void catch_up(const char *dir, uint64_t units, uint32_t topics, uint64_t segment)
{
    struct leat_log_config how = {.segment_max = segment};
    struct leat_flusher *flusher = leat_flusher_manual();
    struct leat_log_reader *reader;
    struct leat_log_frame frame;
    struct leat_error err;
    uint64_t frames = 0, bytes = 0;
    uint32_t wanted = topics / 2;
    use_table(false);
    struct leat_log *log = open_log(dir, &how, flusher);
    name_topics(log, topics);
    for (uint64_t i = 0; i < units; i++) {
        now_us += 5000;
        append(log, i, topics, 10, 4000);
        leat_flusher_step(flusher);
    }
    CHECK(leat_log_reader_open(log, wants_one, &wanted, &reader, &err) == LEAT_OK);
    read_bytes = 0;
    double began = real_seconds();
    while (leat_log_next(reader, &frame, &err) == LEAT_OK) {
        frames++;
        bytes += frame.next_lsn - frame.lsn;
    }
    double took = real_seconds() - began;
    const struct segment *newest = &log->segments[log->segment_count - 1];
    uint64_t whole = log->next_lsn, scanned = log->next_lsn - newest->base;
    CHECK(leat_log_reader_lsn(reader) == leat_log_durable(log));
    CHECK(frames == units * 10 / topics);
    leat_log_reader_close(reader);
    printf("growth one topic of %u, %.0f MiB behind: frames=%llu of_them_kib=%.0f read_kib=%.0f "
           "(newest segment, which is scanned: %.0f) "
           "amplification=%.2f, by scanning: %.0f | ms=%.1f\n",
           topics, (double)whole / 1048576, (unsigned long long)frames, (double)bytes / 1024,
           (double)read_bytes / 1024, (double)scanned / 1024,
           (double)(read_bytes - scanned) / (double)bytes, (double)whole / (double)bytes,
           took * 1e3);
    /* Twice its frames, and of each index the table of topics. */
    CHECK(read_bytes <=
          2 * bytes + scanned + log->segment_count * (uint64_t)(topics * 20 + (32 << 10)));
    leat_log_close(log);
    leat_flusher_stop(flusher);
}

/* ---- */

static char *part_dir(const char *dir, const char *part)
{
    return leat_format_dup("%s/%s", dir, part);
}

static void in_dir(const char *dir, const char *part, bool is_bench,
                   void (*run)(const char *dir, bool is_bench))
{
    char *path = part_dir(dir, part);
    use_table(false);
    run(path, is_bench);
    CHECK(open_files == 0);
    kit_tmp_remove(path);
}

static void run_ages(const char *dir, bool is_bench)
{
    struct ages quick = {.topics = 300, .units = 700, .segment = 512 << 10, .keep = 4 << 20};
    struct ages whole = {.topics = 5000, .units = 20000, .segment = 16 << 20, .keep = 128 << 20};
    grow_old(dir, is_bench ? &whole : &quick);
}

static void run_logs(const char *dir, bool is_bench)
{
    many_logs(dir, is_bench ? 1000 : 50);
}

static void run_behind(const char *dir, bool is_bench)
{
    far_behind(dir, is_bench ? 1000000000 : 100000000, is_bench ? 5000 : 500);
}

static void run_starts(const char *dir, bool is_bench)
{
    many_starts(dir, is_bench ? 500000 : 5000);
}

static void run_catch_up(const char *dir, bool is_bench)
{
    if (is_bench)
        catch_up(dir, 260000, 5000, 64 << 20);
    else
        catch_up(dir, 12000, 1000, 4 << 20);
}

int main(int argc, char **argv)
{
    static const struct leat_clock clock = {.now = clock_now, .wall_us = clock_wall_us};
    bool is_bench = argc > 1 && strcmp(argv[1], "--bench") == 0;
    char *dir = argc > 2 ? leat_strdup(argv[2]) : kit_tmp_dir("growth");
    leat_clock_use(&clock);
    in_dir(dir, "ages", is_bench, run_ages);
    in_dir(dir, "logs", is_bench, run_logs);
    in_dir(dir, "behind", is_bench, run_behind);
    in_dir(dir, "starts", is_bench, run_starts);
    in_dir(dir, "catch_up", is_bench, run_catch_up);
    if (argc > 2)
        free(dir);
    else
        kit_tmp_remove(dir);
    return 0;
}
