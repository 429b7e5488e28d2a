/* extent.h - what of a table is not read yet: parts of it, by ranges of its primary key.
 *
 *     ---------(    part   ]-----( part ]-----( part ---->  keys, in the server's order
 *       read                 read         read
 *
 * At first all is one part; it is split, cut at its begin, and goes. Keys are kept as a SELECT spells them (for a WHERE), and as records have
 * them where they can be compared like the server does it: integers, dates, times, binary. Thread: one at a time.
 */
#ifndef LEAT_MYSQL_EXTENT_H
#define LEAT_MYSQL_EXTENT_H

#include <mysql/table.h>

#define EXTENT_KEYS_MAX 32 /* columns that a key of a server has at most: 16 or 32 */

struct extent_key {
    uint32_t count;
    struct leat_value *texts;  /* TEXT, or BYTES of a binary column */
    struct leat_value *values; /* as records have them */
};

struct extent_part { /* (from, to]; NULL: from the first row, to the last */
    struct extent_key *from, *to;
    bool is_taken;   /* on its way */
    bool is_planned; /* of the size of a chunk */
    struct extent_part *next;
};

struct extent {
    uint32_t key_count, keys[EXTENT_KEYS_MAX]; /* columns of the table, in the key's order */
    bool has_ranges;    /* it can be read by ranges; else it is one part */
    bool is_comparable; /* which range a key of an event is of */
    uint64_t order;     /* of what decides how the server orders keys that are not comparable: types, collations */
    const struct leat_schema *schema; /* by which keys are read */
    bool has_begun;           /* readers were asked for parts of it: where keys cannot be compared, events go out from then on */
    struct extent_part *parts;
};

/* Of a table that is_known; all of it is one part. */
void extent_init(struct extent *extent, const struct table *table);
void extent_fini(struct extent *extent);
/* The definition is another now. False: so is the key, and what was read cannot be told by it. */
bool extent_follow(struct extent *extent, const struct table *table);

/* A key from `texts` (TEXT), one for each of its columns. NULL: they cannot be read as such a key. */
struct extent_key *extent_key_new(const struct extent *extent, const struct leat_value *texts);
void extent_key_free(struct extent_key *key);
struct extent_key *extent_key_dup(const struct extent_key *key);
/* < 0: `a` is before `b`; only where is_comparable. `cells` are columns of a row. */
int extent_compare(const struct extent *extent, const struct extent_key *a, const struct extent_key *b);
int extent_compare_cells(const struct extent *extent, const struct leat_value *cells, const struct extent_key *key);
bool extent_part_has(const struct extent *extent, const struct extent_part *part, const struct leat_value *cells);

/* Is the row with these cells one that was read? Where that cannot be told: true. */
bool extent_is_read(const struct extent *extent, const struct leat_value *cells);
bool extent_is_whole(const struct extent *extent);

/* A part that nobody reads, is_taken then; NULL: there is none. */
struct extent_part *extent_take(struct extent *extent);
/* The part becomes two, neither taken: up to `at` (which it takes), is_planned, and what is behind it. */
void extent_split(struct extent *extent, struct extent_part *part, struct extent_key *at);
/* The part is read up to `to` (a copy is kept); NULL: all of it, and it is gone. */
void extent_note(struct extent *extent, struct extent_part *part, const struct extent_key *to);

/* From and to a position's value: {key: [names], order: number, left: [[from, to] ...]} and what the caller adds. False: it is of another key, or another order. */
bool extent_load(struct extent *extent, const struct leat_value *value);
#define EXTENT_PAIRS 3
/* Puts as many pairs into `pairs`, in the batch's memory. */
void extent_store(const struct extent *extent, struct leat_value *pairs, struct leat_batch *batch);

#endif
