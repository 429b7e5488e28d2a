#include <commitlog/inside.h>

#include <base/memory.h>
#include <stdio.h>
#include <stdlib.h>

struct verify {
    struct leat_log *log;
    leat_log_finding_f *each;
    void *arg;
    uint64_t damages;
};

static void find(struct verify *verify, uint64_t lsn, bool is_damage, const char *text)
{
    const struct segment *segment = segment_of(verify->log, lsn);
    char name[32] = "";
    if (segment)
        snprintf(name, sizeof name, "%020llu.seg", (unsigned long long)segment->base);
    verify->damages += is_damage;
    if (verify->each)
        verify->each(verify->arg, &(struct leat_log_finding){name, lsn, is_damage, text});
}

static enum leat_status verify_segment(struct verify *verify, struct scan *scan, const struct segment *segment, uint64_t end,
                                       void (*progress)(void *arg, uint64_t done, uint64_t total), uint64_t first,
                                       struct leat_error *err)
{
    struct frame_head head;
    const uint8_t *body;
    enum leat_status status = LEAT_OK;
    scan_seek(scan, segment->base);
    while (status == LEAT_OK && scan->lsn < end) {
        enum scan_result result = scan_next(scan, &head, &body, err);
        if (result == SCAN_FAILED) {
            status = LEAT_STOP;
        } else if (result != SCAN_FRAME) {
            find(verify, scan->lsn, true, result == SCAN_END ? "acknowledged bytes are missing" : scan->why);
            scan_seek(scan, scan_find(scan, scan->lsn + 8, end, 0, &head) ? head.lsn : end);
        } else if (head.kind == KIND_GAP) {
            find(verify, head.lsn, false, "a gap that salvage left: what stood here is lost");
        }
        if (progress)
            progress(verify->arg, scan->lsn - first, end - first);
    }
    return status;
}

static enum leat_status verify_all(struct verify *verify, uint64_t durable,
                                   void (*progress)(void *arg, uint64_t done, uint64_t total), struct leat_error *err)
{
    struct leat_log *log = verify->log;
    struct scan scan;
    enum leat_status status = LEAT_OK;
    scan_init(&scan, log);
    for (size_t i = 0; status == LEAT_OK && i < log->segment_count; i++) {
        const struct segment *segment = &log->segments[i];
        bool is_newest = i + 1 == log->segment_count;
        status = verify_segment(verify, &scan, segment, is_newest ? durable : segment->end, progress, log->segments[0].base, err);
    }
    scan_fini(&scan);
    return status;
}

/* How far frames reach that say themselves what was durable: the hint may be old, or lost. Beyond what is no frame, too:
 * there stand those that tell a torn tail from rot. */
static uint64_t newest_durable(struct leat_log *log, uint64_t durable)
{
    struct scan scan;
    struct frame_head head;
    const uint8_t *body;
    struct leat_error err;
    const struct segment *newest = &log->segments[log->segment_count - 1];
    uint64_t end = newest->base + newest->size;
    enum scan_result result;
    scan_init(&scan, log);
    scan_seek(&scan, newest->base);
    while ((result = scan_next(&scan, &head, &body, &err)) != SCAN_FAILED) {
        if (result != SCAN_FRAME) {
            uint64_t to = result == SCAN_END && scan.lsn + QUICK_LOOK < end ? scan.lsn + QUICK_LOOK : end;
            if (!scan_find(&scan, scan.lsn + 8, to, 0, &head))
                break;
            scan_seek(&scan, head.lsn);
        }
        if (head.durable > durable)
            durable = head.durable;
    }
    scan_fini(&scan);
    return durable;
}

enum leat_status leat_log_verify(const char *dir, const struct leat_os *os, leat_log_finding_f *each,
                                 void (*progress)(void *arg, uint64_t done, uint64_t total), void *arg,
                                 struct leat_error *err)
{
    struct leat_log_config config = {.dir = dir, .name = strrchr(dir, '/') ? strrchr(dir, '/') + 1 : dir, .os = os,
                                     .is_read_only = true};
    struct leat_log *log;
    uint64_t durable = 0, fold, sequence;
    enum leat_status status = log_open_bare(&log, &config, err);
    if (status != LEAT_OK)
        return status;
    struct verify verify = {log, each, arg, 0};
    status = segments_list(log, err);
    if (status == LEAT_OK && log->segment_count > 0) {
        hint_read(log, &durable, &fold, &sequence);
        status = verify_all(&verify, newest_durable(log, durable), progress, err);
    }
    log_free(log);
    if (status == LEAT_OK && verify.damages > 0)
        status = leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_DAMAGED, "log %s: %llu places are damaged", config.name,
                              (unsigned long long)verify.damages);
    return status;
}
