/* rot.h - a log in memory, what of its bytes counts, and a look at it after something happened to it.
 *
 *   subject_make() -> change bytes of the image -> subject_judge() -> subject_back() -> ...
 */
#ifndef LEAT_SIM_ROT_H
#define LEAT_SIM_ROT_H

#include "model.h"

#include <kit/image.h>

#define ROT_DIR "/d/log"
#define SEGMENTS_MOST 64
#define STALE_MOST 64

struct part { /* a segment file */
    uint64_t base;
    char path[80];
    size_t size;    /* of what counts in the file: all but the last unit's, and zeros behind it */
    bool *counts;   /* per byte: it was acknowledged, that is proved, and somebody reads it */
    bool is_sealed;
    uint64_t *heads; /* places of frame headers in the file */
    size_t head_count;
};

struct stale { /* what a segment file was at an earlier time */
    uint64_t base;
    uint8_t *bytes;
    size_t len;
};

struct seen { /* what a reader and a start see of it, up to what is proved to be acknowledged */
    uint64_t frames;
    uint32_t content, state;
};

struct subject {
    struct model model;
    struct leat_log_config config;
    struct leat_flusher *flusher;
    struct part parts[SEGMENTS_MOST];
    size_t part_count;
    struct stale stale[STALE_MOST];
    size_t stale_count;
    uint64_t proved_lsn; /* up to here it is proved on the disk that it was acknowledged */
    struct seen whole;
    bool has_hint;
    uint64_t cases, touched, refused, found, fine, cut; /* figures */
    char wrong[1400];
};

/* Small segments, or also one of 1 MiB. Without its hint what is in the last unit is not proved. False: ->wrong. */
bool subject_make(struct subject *subject, uint64_t seed, uint64_t segment_max, uint64_t bytes, bool has_hint);
/* Everything as it was made. */
void subject_back(struct subject *subject);
/* Verify, start, read all. Something that counts is not what it was: verify calls it damage, and the start refuses or the reader
 * stops, with cause DAMAGED. Else: no damage anywhere, and all that counts is there. False: ->wrong says what was not so. */
bool subject_judge(struct subject *subject);
void subject_fini(struct subject *subject);

#endif
