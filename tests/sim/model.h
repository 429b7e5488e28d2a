/* model.h - what a log must hold, told by the calls that were made to it. Content comes from the seed and a unit's
 * number, so the model keeps no bytes. */
#ifndef LEAT_SIM_MODEL_H
#define LEAT_SIM_MODEL_H

#include <commitlog/commitlog.h>
#include <kit/random.h>

#define TOPICS 5
#define KEYS 12
/* A unit of a source says in its number which of its events it holds, and leaves the last one in keyed state. */
#define UNIT_SOURCE ((uint64_t)1 << 41)
#define SOURCE_EVENTS_MOST 7
#define FRAMES_MOST 300
#define FRAMES_USUAL 6
#define UNIT_WIDE ((uint64_t)1 << 40) /* added to its number, a unit has FRAMES_MOST frames: more than one pwritev() takes */

struct spec { /* of one unit: what its writer put into it */
    uint32_t frame_count;
    struct {
        uint32_t len;            /* of the stream */
        uint32_t counts[TOPICS]; /* records; 0: the topic is not in the frame */
    } frames[FRAMES_MOST];
    uint32_t op_count;
    struct {
        uint32_t key, value; /* value 0: removed */
    } ops[4];
};

struct unit { /* in the order of appending */
    uint64_t number, end_lsn; /* up to 1: durable, and nobody was told where */
    uint32_t incarnation; /* index in model->incarnations */
    int64_t time_us; /* as read; 0: not read yet */
};

struct model {
    uint64_t seed;
    struct unit *units, *lost;
    size_t count, lost_count;
    size_t durable; /* the first `durable` units were reported so */
    size_t first;   /* of those that were visible when all was read last */
    int64_t latest_us; /* of the wall clock, ever */
    uint64_t next_number;
    struct leat_uuid *incarnations;
    uint32_t incarnation_count;
    uint64_t floor; /* what every consumer has passed; 0: none yet */
    bool has_consumer;
    struct leat_log_settings settings;
    bool may_be_full; /* the disk was about to say so at some time */
    char complaint[400]; /* the first thing that was wrong */
};

bool complain(struct model *model, const char *format, ...) __attribute__((format(printf, 2, 3))); /* false */
void spec_make(const struct model *model, uint64_t number, struct spec *spec);
void spec_write(const struct model *model, uint64_t number, struct leat_log *log, struct leat_log_unit *unit);
uint64_t source_number(uint64_t first_event, uint32_t count);
uint64_t source_last(uint64_t number); /* the last event of the unit; 0: not a source's */
void stream_make(const struct model *model, uint64_t number, const struct spec *spec, uint32_t frame, uint8_t *bytes);
void model_append(struct model *model, uint64_t number, uint64_t end_lsn);
/* Takes the watermark in. */
void model_durable(struct model *model, uint64_t lsn);
void model_fini(struct model *model);

/* Reads the whole log. What is visible must be a run of the model's units, whole and in order, up to no fewer than the
 * first `least`; *seen: up to how many. Offsets without a gap. */
bool model_check_frames(struct model *model, struct leat_log *log, size_t least, size_t *seen);
/* Everything else, of the log that was just opened and holds all of the model. */
bool model_check_rest(struct model *model, struct leat_log *log);

#endif
