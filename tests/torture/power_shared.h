/* power_shared.h - what the programs of power_run.py tell each other, in a file that all of them map, and the tape on
 * which power_disk writes what reached the disk. power_run.py knows both by their offsets. */
#ifndef LEAT_TORTURE_POWER_SHARED_H
#define LEAT_TORTURE_POWER_SHARED_H

#include <stdint.h>

#define POWER_RANGES 200

enum power_failing { POWER_FAIL_WRITES = 1, POWER_FAIL_FLUSHES = 2 };

struct power_shared {
    uint64_t begun; /* units 1..begun were handed to the log, set before that */
    uint64_t acked; /* units 1..acked were reported durable, set after that */
    uint64_t writes, flushes, failed; /* that reached the disk; answered with EIO */
    uint32_t failing;                 /* enum power_failing */
    uint32_t range_count;             /* writes fail that touch one of the ranges */
    struct {
        uint64_t from, to; /* bytes of the disk */
    } ranges[POWER_RANGES];
};

enum power_kind { POWER_WRITE = 1, POWER_FLUSH = 2 };

/* One event on the tape; `len` bytes follow those of a write. The counts are as they were when it arrived: what they
 * call acknowledged was so before the event. */
struct power_event {
    uint32_t kind, len;
    uint64_t at;
    uint64_t begun, acked;
};

#endif
