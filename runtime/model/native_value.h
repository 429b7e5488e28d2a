/* native_value.h - single values of the native format, for native.c: raw writing into room that is already there,
 * and reading. */
#ifndef LEAT_MODEL_NATIVE_VALUE_H
#define LEAT_MODEL_NATIVE_VALUE_H

#include <model/native.h>

#define LEAT_NATIVE_DEPTH 1000 /* ARRAY, STRUCT and MAP inside each other; JSON ends at 512 */
#define LEAT_NATIVE_SCALAR 24  /* room for any value but for its text and items */

/* Room that writing the value may need at most; SIZE_MAX: it is nested too deep to be written. */
size_t leat_native_room(const struct leat_value *value);
/* Adds the room of `count` values, sticky at SIZE_MAX. */
size_t leat_native_room_of(const struct leat_value *items, size_t count, size_t room);

/* Writes where there is room, and returns the end. */
uint8_t *leat_native_write(uint8_t *p, const struct leat_value *value);
uint8_t *leat_native_write_items(uint8_t *p, const struct leat_value *items, size_t count); /* one after the other */

struct leat_native_in {
    struct leat_cut *cut;
    struct leat_arena *arena; /* NULL: texts point into the bytes, and nested values are only passed over */
    bool borrow;              /* texts point into the bytes */
    size_t items_left;        /* bytes that could still hold items: bounds what false counts allocate */
    unsigned depth;
};
struct leat_native_in leat_native_in(struct leat_cut *cut, struct leat_arena *arena, bool borrow);
/* Bad bytes set cut->is_bad and give ABSENT. */
void leat_native_take(struct leat_native_in *in, struct leat_value *value);
/* Room for `count` items in the arena, or NULL (and is_bad) where the bytes cannot hold as many. */
struct leat_value *leat_native_items(struct leat_native_in *in, uint64_t count);

#endif
