/* bench_log.c - append to durable, against write and fdatasync of as many bytes to a preallocated file.
 *
 *   bench_log [DIR [MEGABYTES]]
 *
 * Groups of 64 KiB and of 1 MiB: a group is one unit of frames of at most 256 KiB, waited for until it is durable. Both ways take turns, five times each; medians and their ratio. */
// folders: commitlog base
#include <base/memory.h>
#include <base/os.h>
#include <commitlog/commitlog.h>
#include <fcntl.h>
#include <kit/tmp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 5
#define SMALL ((size_t)64 << 10)
#define BIG ((size_t)1 << 20)
#define FRAME ((size_t)256 << 10)
#define FRAME_OVERHEAD 88 /* header and trailer */

static size_t frames_of(size_t group)
{
    return (group + FRAME - 1) / FRAME;
}

static double seconds_since(struct leat_time began)
{
    return (double)(leat_now().ns - began.ns) / 1e9;
}

static void die(const char *what)
{
    perror(what);
    exit(1);
}

/* The ceiling: what the disk gives to one who does nothing else. */
static double write_plainly(const char *dir, const uint8_t *bytes, size_t group, size_t total)
{
    char *path = leat_format_dup("%s/plain", dir);
    size_t piece = group + frames_of(group) * FRAME_OVERHEAD, end = total / group * piece;
    int fd = leat_os->open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || leat_os->fallocate(fd, 0, 0, (off_t)end) != 0 || leat_os->fsync(fd) != 0)
        die(path);
    struct leat_time began = leat_now();
    for (size_t at = 0; at < end; at += piece)
        if (!leat_os_pwrite_all(leat_os, fd, bytes, piece, (off_t)at) || leat_os->fdatasync(fd) != 0)
            die(path);
    double took = seconds_since(began);
    leat_os->close(fd);
    leat_os->unlink(path);
    free(path);
    return took;
}

static uint64_t append_group(struct leat_log *log, uint32_t topic, const uint8_t *bytes, size_t group)
{
    struct leat_error err;
    struct leat_log_unit *unit;
    uint64_t end = 0;
    if (leat_log_unit_begin(log, false, &unit, &err) != LEAT_OK)
        die("leat_log_unit_begin");
    for (size_t at = 0; at < group; at += FRAME) {
        if (at > 0)
            leat_log_unit_cut(unit);
        leat_bytes_add(leat_log_unit_stream(unit), bytes + at, group - at < FRAME ? group - at : FRAME);
        leat_log_unit_count(unit, leat_log_unit_slot(unit, topic), 100);
    }
    if (leat_log_unit_append(log, unit, 1, &end, &err) != LEAT_OK)
        die(err.text);
    return end;
}

static void wait_durable(struct leat_log *log, struct leat_log_watch *watch, uint64_t end)
{
    for (;;) {
        leat_log_watch_arm(watch);
        if (leat_log_durable(log) >= end)
            return;
        struct pollfd fd = {.fd = leat_log_watch_fd(watch), .events = POLLIN};
        leat_os->poll(&fd, 1, 1000);
    }
}

static double write_to_log(const char *dir, const uint8_t *bytes, size_t group, size_t total)
{
    char *path = leat_format_dup("%s/log", dir);
    struct leat_log_config config = {.dir = path, .name = "bench", .os = leat_os};
    struct leat_flusher *flusher;
    struct leat_log *log;
    struct leat_error err;
    if (leat_flusher_start(&flusher, &err) != LEAT_OK || leat_log_open(&log, &config, flusher, &err) != LEAT_OK)
        die(err.text);
    struct leat_log_watch *watch = leat_log_watch_open(log, &err);
    uint32_t topic = leat_log_topic(log, "bench", 0);
    struct leat_time began = leat_now();
    for (size_t at = 0; at < total; at += group)
        wait_durable(log, watch, append_group(log, topic, bytes, group));
    double took = seconds_since(began);
    leat_log_watch_close(watch);
    leat_log_close(log);
    leat_flusher_stop(flusher);
    kit_tmp_remove(path);
    return took;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void compare(const char *dir, const uint8_t *bytes, size_t group, size_t total)
{
    double plain[ROUNDS], ours[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        plain[i] = write_plainly(dir, bytes, group, total);
        ours[i] = write_to_log(dir, bytes, group, total);
    }
    qsort(plain, ROUNDS, sizeof *plain, by_size);
    qsort(ours, ROUNDS, sizeof *ours, by_size);
    double megabytes = (double)total / 1e6, ceiling = plain[ROUNDS / 2], median = ours[ROUNDS / 2];
    printf("log groups_kib=%zu log_mb_s=%.1f plain_mb_s=%.1f ratio=%.2f (of a group: %.0f us against %.0f us)\n",
           group >> 10, megabytes / median, megabytes / ceiling, ceiling / median,
           median * 1e6 * (double)group / (double)total, ceiling * 1e6 * (double)group / (double)total);
}

int main(int argc, char **argv)
{
    char *dir = argc > 1 ? leat_strdup(argv[1]) : kit_tmp_dir("bench-log");
    size_t total = (size_t)(argc > 2 ? atoi(argv[2]) : 256) << 20;
    size_t most = BIG + frames_of(BIG) * FRAME_OVERHEAD;
    uint8_t *bytes = leat_malloc(most);
    for (size_t i = 0; i < most; i++)
        bytes[i] = (uint8_t)(i * 2654435761u >> 13);
    compare(dir, bytes, SMALL, total / 4);
    compare(dir, bytes, BIG, total);
    free(bytes);
    if (argc > 1)
        free(dir);
    else
        kit_tmp_remove(dir);
    return 0;
}
