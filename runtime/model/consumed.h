/* consumed.h - how far a consumer has come in one log, as the drivers of logs keep it.
 *
 *   read() -> mark of the batch -> the target stores it -> hint(): our copy -> floor: what retention keeps
 *                                                                         |
 *   the sink comes back with a mark --------------------------------> judge()
 *
 * Where a log keeps its frames is the driver's: a place is a number that grows from frame to frame (an LSN, an offset).
 */
#ifndef LEAT_MODEL_CONSUMED_H
#define LEAT_MODEL_CONSUMED_H

#include <base/wire.h>
#include <model/batch.h>

struct leat_consumed {
    uint64_t generation;       /* of the mark that was judged */
    struct leat_cursor handed; /* behind the last record that read() gave; len 0: none yet */
    char origin[LEAT_ORIGIN_MAX + 1]; /* of the last record handed out that has one, or of the mark that was judged */
    struct leat_mark hinted;   /* the newest hint, perhaps not written yet */
    bool has_hint, is_hint_new;
    uint64_t floor, written_floor; /* before this place nothing is needed */
};

/* Place of a frame, index of the next record in it: both big-endian, so that cursors compare as their bytes. */
struct leat_cursor leat_cursor_make(uint64_t place, uint32_t index);
bool leat_cursor_read(const struct leat_cursor *cursor, uint64_t *place, uint32_t *index);

void leat_consumed_hint(struct leat_consumed *consumed, const struct leat_mark *mark);
/* A hint as the log's keyed state holds it, in the native format: bytes, an encoded mark. */
void leat_consumed_load_hint(struct leat_consumed *consumed, struct leat_cut cut);
bool leat_consumed_is_settled(const struct leat_consumed *consumed); /* all that was handed out */
/* All between `cursor` and `place` was passed over for this consumer, or settled: retention may take it. */
bool leat_consumed_is_passed(const struct leat_consumed *consumed, const struct leat_cursor *cursor, uint64_t place);

/* What a mark is worth by our hint alone: NONE or LOST where there is none to go by, otherwise INSIDE or REWOUND, unless
 * the log itself knows better. */
enum leat_verdict leat_consumed_judge(struct leat_consumed *consumed, const struct leat_mark *mark);

/* Where a record comes from: its source struct as JSON, with "op", "ts_ms" and, of a row of a snapshot, "snapshot": true, or
 * "last" of the last one of all. "": it is longer than a mark may be. False: the record has none; nothing was written. */
bool leat_origin_write(const struct leat_record *rec, char origin[LEAT_ORIGIN_MAX + 1]);

/* The mark behind the last record of the batch; of an empty one, of a lane that found nothing of its own: at `passed`. */
void leat_consumed_mark(struct leat_consumed *consumed, struct leat_batch *batch, const uint8_t log_uuid[16],
                        const uint8_t incarnation[16], uint64_t passed);

#endif
