/* salvage.h - a new log of what is whole in a damaged one: see salvage.c. */
#ifndef LEAT_COMMITLOG_SALVAGE_H
#define LEAT_COMMITLOG_SALVAGE_H

#include <commitlog/commitlog.h>

struct leat_log_loss { /* of a topic, in one hole */
    const char *topic;
    int32_t partition;
    uint64_t first, count; /* count: LEAT_LOG_UNKNOWN: from `first` on, if any */
};

struct leat_log_hole {
    const char *segment; /* file */
    uint64_t from, to;   /* LSNs */
    uint64_t base;       /* of the segment: bytes are from - base up to to - base */
    int64_t after_us, before_us; /* commit times of the neighbours; 0: there is none */
    const struct leat_log_loss *losses;
    uint32_t loss_count;
};

/* What is told on the way; each may be NULL. */
struct leat_log_salvage_calls {
    void *arg;
    void (*note)(void *arg, const char *text);
    void (*progress)(void *arg, const char *what, uint64_t done, uint64_t total);
    void (*hole)(void *arg, const struct leat_log_hole *hole);
    /* Of what was lost the whole sum: one call for each topic and range. */
    void (*loss)(void *arg, const struct leat_log_loss *loss);
    /* A key whose value may have been another one in a unit that is lost. */
    void (*older)(void *arg, const void *key, size_t key_len);
    /* Of units behind a hole, because what makes their records readable may be lost: state that is set, then frames. False:
     * such a unit is lost too. */
    void (*state)(void *arg, const void *key, size_t key_len, const void *value, size_t value_len, bool is_set);
    bool (*is_readable)(void *arg, uint16_t record_format, const uint8_t *stream, size_t len);
};

struct leat_log_salvaged {
    uint64_t segments, units, frames, bytes; /* kept */
    uint64_t first_lsn, end_lsn;
    uint64_t holes, hole_bytes;
    uint64_t lost_records; /* those that can be counted */
    bool has_uncounted;
    bool is_end_lost; /* the last hole is the end */
    uint64_t torn_bytes; /* a tail that was never acknowledged: no loss */
};

/* Copies what can be proven from the log in `from` into `to`, which must not exist. LEAT_OK also where something was lost
 * (holes > 0). Nothing in `from` is written to. */
enum leat_status leat_log_salvage(const char *from, const char *to, const struct leat_os *os,
                                  const struct leat_log_salvage_calls *calls, struct leat_log_salvaged *sum,
                                  struct leat_error *err);

#endif
