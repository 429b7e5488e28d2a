/* inside.h - what the files of this folder share. */
#ifndef LEAT_CONTRACT_INSIDE_H
#define LEAT_CONTRACT_INSIDE_H

#include <base/buffer.h>
#include <base/thread.h>
#include <contract/contract.h>
#include <model/batch.h>

enum law { /* watch.c has a sentence for each */
    LAW_LIVES,
    LAW_ENDS,
    LAW_OPTIONS,
    LAW_ERROR_TEXT,
    LAW_POLL,
    LAW_RECORD,
    LAW_POSITION,
    LAW_POLL_STOPS,
    LAW_SAME_RECORDS,
    LAW_ORIGIN,
    LAW_SETTLE,
    LAW_MARK,
    LAW_MARK_BACK,
    LAW_PEEK,
    LAW_GUARANTEE,
    LAW_FLUSH_STOPS,
    LAW_CONTENT,
    LAW_DRIVER_READ,
    LAW_DRIVER_POSITIONS,
    LAW_DRIVER_FENCE,
    LAW_DRIVER_NEWS,
    LAW_DRIVER_CURSOR,
    LAW_DRIVER_HINT,
    LAW_DRIVER_LAG,
    LAW_DRIVER_STATE,
    LAW_COUNT
};
extern const char *const law_sentences[LAW_COUNT];

#define WATCHED_MOST 64
#define SPLITS_MOST 16
#define SPOTS_MOST 64

struct spot { /* a mark, without what the sink alone knows */
    uint64_t batch;
    uint32_t split;
    uint8_t log_uuid[16], incarnation[16];
    struct leat_cursor cursor;
};

struct watched { /* one task's plug-in; in shared memory, so that it outlives kills */
    char name[96];
    uint32_t number;
    bool is_source;
    char plugin[64];
    const struct leat_source_type *source; /* the real ones */
    const struct leat_sink_type *sink;
    const struct leat_use *use;
    char doing[32]; /* which call it is in; "": none */
    uint64_t moves; /* atomic: batches given, taken and settled: a kill waits for some */
    uint64_t last_put, last_done; /* sinks: of this life */
    struct spot settled[SPLITS_MOST]; /* by split; batch 0: none */
    struct spot put[SPOTS_MOST];      /* taken since, newest last */
    uint32_t put_count;
    uint64_t epochs[SPLITS_MOST];
    bool was_tried[LAW_COUNT];
    char broken[LAW_COUNT][400]; /* "": kept */
};

struct bench {
    const struct leat_contract *contract;
    struct leat_config config; /* with watches in it */
    struct watched *watched;   /* shared with children */
    uint32_t count;
    uint64_t random;
};

/* watch.c */
void bench_open(struct bench *bench, const struct leat_contract *contract);
void bench_close(struct bench *bench);
struct watched *watched_of(const struct leat_task *task);
void watch_enter(struct watched *watched, const char *call);
void watch_leave(struct watched *watched);
/* The law was looked at, and holds if `is_kept`. The first breach stays. Returns is_kept. */
bool law_try(struct watched *watched, enum law law, bool is_kept, const char *fmt, ...) LEAT_PRINTF(4, 5);
/* RETRY, REJECT, STOP and FENCED come with a text. */
void law_try_error(struct watched *watched, const char *call, enum leat_status status, const struct leat_error *err);

/* source.c, sink.c: the type with watches instead of its functions. */
struct leat_source_type source_watch(const struct leat_source_type *real);
struct leat_sink_type sink_watch(const struct leat_sink_type *real);

/* drivers.c */
void drivers_try(struct watched *watched, const char *url, const char *data_dir);
/* compare.c */
void compare_sources(struct bench *bench, const char *reference_dir);
void compare_target(struct bench *bench);

#endif
