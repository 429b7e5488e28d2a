/* positions.h - keyed maps of typed values, as the host builds them for leat_positions_*(). */
#ifndef LEAT_MODEL_POSITIONS_H
#define LEAT_MODEL_POSITIONS_H

#include <base/buffer.h>
#include <leat/record.h>

struct leat_positions *leat_positions_new(void);
void leat_positions_free(struct leat_positions *positions);
/* Deep copies; a NULL value removes the key. */
void leat_positions_set(struct leat_positions *positions, const struct leat_value *key,
                        const struct leat_value *value);
/* [{"key":...,"value":...}] as JSON, for `leat offsets` and for a mark's origin. */
void leat_positions_json(const struct leat_positions *positions, struct leat_bytes *out);

#endif
