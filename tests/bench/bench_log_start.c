/* bench_log_start.c - what is read of a log: by `verify`, and by a start after a kill.
 *
 *   bench_log_start [DIR [MEGABYTES]]
 *
 * A log of units of 64 KiB (and one of 200-byte records, a unit each) whose writer ends without a clean stop. Its files are in the
 * page cache. Verify: against pread and CRC-32C of the same bytes, which no check can be faster than. Start: after that kill, and once
 * more without the indexes of its segments. Medians of three. */
// folders: commitlog base
#include <base/crc32c.h>
#include <base/memory.h>
#include <base/os.h>
#include <commitlog/commitlog.h>
#include <fcntl.h>
#include <kit/tmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS 3
#define PIECE ((size_t)1 << 20)

static double seconds_since(struct leat_time began)
{
    return (double)(leat_now().ns - began.ns) / 1e9;
}

static void die(const char *what)
{
    fprintf(stderr, "%s\n", what);
    exit(1);
}

static struct leat_log_config config_of(const char *dir)
{
    return (struct leat_log_config){.dir = dir, .name = "bench", .os = leat_os, .settings = {.fsync = LEAT_FSYNC_NEVER},
                                    .segment_min = (uint64_t)256 << 20};
}

/* In a process of its own, that is gone at once. */
static void write_log(const char *dir, size_t unit_bytes, uint32_t records, uint64_t total)
{
    struct leat_log_config config = config_of(dir);
    struct leat_flusher *flusher = leat_flusher_manual();
    struct leat_log *log = NULL;
    struct leat_log_unit *unit;
    struct leat_error err;
    uint64_t end = 0;
    uint8_t *bytes = leat_malloc(unit_bytes);
    for (size_t i = 0; i < unit_bytes; i++)
        bytes[i] = (uint8_t)(i * 2654435761u >> 13);
    pid_t child = fork();
    int how = 0;
    if (child > 0 && waitpid(child, &how, 0) == child && how == 0) {
        leat_flusher_stop(flusher);
        free(bytes);
        return;
    }
    if (child != 0 || leat_log_open(&log, &config, flusher, &err) != LEAT_OK)
        die("cannot write the log");
    uint32_t topic = leat_log_topic(log, "bench", 0);
    for (uint64_t i = 0; end < total; i++) {
        while (leat_log_unit_begin(log, false, &unit, &err) == LEAT_AGAIN)
            leat_flusher_step(flusher);
        leat_bytes_add(leat_log_unit_stream(unit), bytes, unit_bytes);
        leat_log_unit_count(unit, leat_log_unit_slot(unit, topic), records);
        if (leat_log_unit_append(log, unit, 1, &end, &err) != LEAT_OK)
            die(err.text);
    }
    leat_flusher_step(flusher);
    _exit(0);
}

/* ---- rounds over the same files ---- */

static void each_file(const char *dir, const char *ext, void (*take)(void *arg, const char *path), void *arg)
{
    char *segments = leat_format_dup("%s/segments", dir);
    DIR *list = leat_os->opendir(segments);
    for (struct dirent *entry; list && (entry = leat_os->readdir(list));) {
        const char *dot = strrchr(entry->d_name, '.');
        if (!dot || strcmp(dot, ext) != 0)
            continue;
        char *path = leat_format_dup("%s/%s", segments, entry->d_name);
        take(arg, path);
        free(path);
    }
    if (list)
        leat_os->closedir(list);
    free(segments);
}

struct sum {
    uint64_t bytes; /* the newest file has zeros behind what was written */
    uint32_t crc;
};

static void sum_file(void *arg, const char *path)
{
    static uint8_t piece[PIECE];
    int fd = leat_os->open(path, O_RDONLY, 0);
    struct sum *sum = arg;
    ssize_t have;
    for (off_t at = 0; (have = leat_os_pread_all(leat_os, fd, piece, PIECE, at)) > 0; at += have) {
        sum->crc = leat_crc32c(sum->crc, piece, (size_t)have);
        sum->bytes += (uint64_t)have;
    }
    leat_os->close(fd);
}

/* Seconds for as many bytes as a gigabyte has. */
static double sum_up(const char *dir)
{
    struct sum sum = {0};
    struct leat_time began = leat_now();
    each_file(dir, ".seg", sum_file, &sum);
    return seconds_since(began) * 1e9 / (double)sum.bytes;
}

static double verify(const char *dir)
{
    struct leat_error err;
    struct leat_time began = leat_now();
    if (leat_log_verify(dir, leat_os, NULL, NULL, NULL, &err) != LEAT_OK)
        die(err.text);
    return seconds_since(began);
}

static void copy_of(const char *dir, const char *to)
{
    char *command = leat_format_dup("rm -rf '%s' && cp -r --reflink=auto '%s' '%s'", to, dir, to);
    if (system(command) != 0)
        die("cannot copy the log");
    free(command);
}

static void remove_file(void *arg, const char *path)
{
    (void)arg;
    leat_os->unlink(path);
}

/* Of a copy, since a start leaves a fold; on the disk, and that is where a start reads the newest segment from. */
static double start(const char *dir, bool has_index)
{
    char *copy = leat_format_dup("%s.copy", dir);
    struct leat_log_config config = config_of(copy);
    struct leat_flusher *flusher = leat_flusher_manual();
    struct leat_log *log;
    struct leat_error err;
    config.settings.fsync = LEAT_FSYNC_EVERY_COMMIT;
    copy_of(dir, copy);
    sync();
    sum_up(copy);
    if (!has_index)
        each_file(copy, ".idx", remove_file, NULL);
    struct leat_time began = leat_now();
    if (leat_log_open(&log, &config, flusher, &err) != LEAT_OK)
        die(err.text);
    double took = seconds_since(began);
    leat_log_close(log);
    leat_flusher_stop(flusher);
    kit_tmp_remove(copy);
    return took;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double rounds[ROUNDS])
{
    qsort(rounds, ROUNDS, sizeof *rounds, by_size);
    return rounds[ROUNDS / 2];
}

static void measure(const char *name, const char *dir, uint64_t total)
{
    double plain[ROUNDS], ours[ROUNDS], started[ROUNDS], bare[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        plain[i] = sum_up(dir);
        ours[i] = verify(dir);
        started[i] = start(dir, true);
        bare[i] = start(dir, false);
    }
    double gigabytes = (double)total / 1e9, ceiling = median(plain), took = median(ours);
    printf("log units=%s verify_gb_s=%.2f read_and_crc_gb_s=%.2f ratio=%.2f\n", name, gigabytes / took, 1 / ceiling,
           gigabytes / took * ceiling);
    printf("log units=%s start_after_kill_ms=%.0f without_indexes_ms=%.0f of_mb=%.0f\n", name, median(started) * 1e3,
           median(bare) * 1e3, (double)total / 1e6);
}

int main(int argc, char **argv)
{
    char *root = argc > 1 ? leat_strdup(argv[1]) : kit_tmp_dir("bench-start");
    uint64_t total = (uint64_t)(argc > 2 ? atoi(argv[2]) : 1024) << 20;
    char *big = leat_format_dup("%s/big", root), *small = leat_format_dup("%s/small", root);
    write_log(big, (size_t)64 << 10, 100, total);
    measure("64KiB", big, total);
    kit_tmp_remove(big);
    write_log(small, 200, 1, total / 4);
    measure("200B", small, total / 4);
    kit_tmp_remove(small);
    if (argc > 1)
        free(root);
    else
        kit_tmp_remove(root);
    return 0;
}
