/* life.h - a simulated life: logs on one disk under one flusher, with sources before them and sinks behind.
 *
 *   sim_log.c   the program, and a life from its first opening to its last
 *   site.c      one log: opened, compared, written to
 *   faults.c    what the disk and the clock do to it
 *   source.c    numbered events, and the position in keyed state
 *   sink.c      a target that keeps its mark with what it applied
 *   seek.c      readers that want some topics and begin somewhere
 *   damage.c    rot, and disks that lie: what must be found
 *   model.c     what a log must hold
 */
#ifndef LEAT_SIM_LIFE_H
#define LEAT_SIM_LIFE_H

#include "model.h"

#include <kit/sim_disk.h>

#define WRITERS 2
#define SINKS_MOST 3
#define SITES_MOST 3

enum how { QUIET, DIGESTED, TOLD };

struct mark { /* where a target says it is */
    uint64_t lsn;
    struct leat_uuid incarnation;
    size_t count; /* of what it had then */
};

struct item { /* a frame that a target applied */
    uint64_t number;
    uint32_t frame;
};

struct sink {
    char name[8];
    uint32_t wants; /* topics, by bit */
    struct leat_log_reader *reader; /* NULL: not running */
    uint64_t begin_lsn;           /* of what it delivers */
    uint64_t floor_lsn, told_lsn; /* the floor that it told; the highest ever */
    bool has_told;
    struct item *items;  /* the target: content and marks change as one */
    struct mark *marks;  /* all that it ever had, as far as it was not taken back */
    size_t count, mark_count;
    uint32_t rewinds, again; /* how often the target lost its tail, the sink an acknowledgement */
};

struct source {
    bool is_there;
    uint64_t next;     /* the event that comes now */
    uint64_t let_go;   /* events up to here were acknowledged: who sends them has forgotten them */
    uint64_t told_lsn; /* the watermark that it was told last */
    struct leat_log_unit *writing;
    uint64_t number;
};

struct site {
    struct life *life;
    char dir[16];
    struct model model;
    struct leat_log_config config;
    struct leat_log *log; /* NULL: closed */
    struct leat_log_unit *writing[WRITERS];
    uint64_t numbers[WRITERS];
    struct source source;
    struct sink sinks[SINKS_MOST];
    uint32_t sink_count;
    uint8_t topic_of[64]; /* topic id -> topic + 1 */
    bool has_lost;        /* what was acknowledged, and nobody on the disk knew */
    uint64_t frozen;      /* the watermark when it failed; 0: it has not */
};

struct life {
    struct kit_random random;
    uint64_t seed;
    struct sim_disk *disk;
    struct leat_flusher *flusher;
    struct site sites[SITES_MOST];
    uint32_t site_count;
    int64_t now_us, wall_us; /* the one never goes back, the other jumps */
    enum how how;
    uint32_t steps; /* a checksum of all that was told */
    bool lies;      /* the disk loses writes, or misplaces them */
    bool may_lack;  /* it lacks what was acknowledged: it lied, or was never synced */
    bool may_stop;  /* something was armed that explains a call that fails */
    bool may_fail_reads, has_bad_sector, is_short_of_room;
    bool is_over;   /* damage was found: there is no going on */
    const char *complaint; /* of the site that has one */
};

static inline uint32_t below(struct life *life, uint32_t end)
{
    return kit_below(&life->random, end);
}

/* A step: printed where one life is watched; counted where two runs of it are compared. */
void tell(struct life *life, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* faults.c */
void life_pass(struct life *life, int64_t us);
void life_advance(struct life *life); /* some time passes, or the clock is set */
void life_arm(struct life *life, uint32_t most); /* something happens within `most` calls, or nothing */
void life_disarm(struct life *life);
void life_heal(struct life *life); /* what could not be read can be */
void life_restart(struct life *life, bool may_lose_power);

/* site.c */
void site_begin(struct site *site, struct life *life, uint32_t number);
enum leat_status site_open(struct site *site, struct leat_error *err);
bool site_check(struct site *site); /* just opened */
bool site_step(struct site *site);
bool site_settle(struct site *site); /* whole again: what was queued becomes durable */
void site_drop_units(struct site *site);
void site_end(struct site *site);

/* source.c */
bool source_start(struct site *site);
bool source_step(struct site *site);

/* sink.c */
void sink_begin(struct site *site, uint32_t number);
void sinks_register(struct site *site); /* the first that they do when the log is open */
bool sink_step(struct site *site, struct sink *sink);
void sink_stop(struct sink *sink);
bool sink_finish(struct site *site, struct sink *sink); /* reads to the end, and compares */
void sink_end(struct sink *sink);
uint32_t site_topic(struct site *site, uint32_t id); /* TOPICS: none of ours */

/* seek.c */
bool seek_check(struct site *site);

/* damage.c */
bool damage_open(struct life *life); /* of a disk that lacks something: opens all, or finds what must be found (then is_over) */
void damage_show(struct life *life); /* the disk, as it is read */
bool damage_rot(struct life *life);  /* after a clean stop: a bit flips somewhere */

#endif
