/* pattern.h - Lua's patterns, matched in steps that look at the clock.
 *
 * A pattern is cut into items once per call; matching walks the items, and goes deeper only where
 * it may have to come back (quantifiers, captures), so the depth is bounded by the number of items.
 */
#ifndef LEAT_SCRIPT_PATTERN_H
#define LEAT_SCRIPT_PATTERN_H

#include <script/host.h>

enum { PATTERN_ITEMS_MAX = 160, PATTERN_CAPTURES_MAX = 32 };

enum pattern_kind {
    ITEM_SINGLE,
    ITEM_OPEN,
    ITEM_POSITION,
    ITEM_CLOSE,
    ITEM_BACK,
    ITEM_BALANCE,
    ITEM_FRONTIER,
    ITEM_END
};

struct pattern_item {
    uint8_t kind;
    char quantifier;  /* of SINGLE: 0 ? * + - */
    const char *text; /* SINGLE, FRONTIER: the class; BALANCE: its two bytes; BACK: its digit */
    const char *end;
};

struct pattern {
    lua_State *L;
    const struct script_budget *budget;
    bool is_anchored;
    uint32_t count;
    struct pattern_item items[PATTERN_ITEMS_MAX];
    /* of a match */
    const char *subject, *subject_end;
    uint32_t captures;
    struct {
        const char *start;
        ptrdiff_t len; /* or OPEN, POSITION */
    } capture[PATTERN_CAPTURES_MAX];
};

/* Raises for what is no pattern. `text` must outlive it. */
void pattern_compile(lua_State *L, struct pattern *p, const char *text, size_t len);
/* Matches at `at` exactly; the end of the match, or NULL. */
const char *pattern_match(struct pattern *p, const char *at);
/* Pushes capture `index`; with no captures, 0 is the whole match [start, end). */
void pattern_push_capture(struct pattern *p, uint32_t index, const char *start, const char *end);
/* Pushes all (the whole match where there are none and `whole`); returns how many. */
int pattern_push_captures(struct pattern *p, const char *start, const char *end, bool whole);

#endif
