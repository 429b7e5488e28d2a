/* letters.h - dead letters, for a person: listed, replayed, dropped. What stands in one: model/letter.h.
 *
 * A letter stays where it is; whether it is open, replayed or dropped is keyed state of the same log (ranges.h). So a
 * replay is one commit unit: the record, for the one sink that refused it, and the letter's new state.
 *
 *   connector  "dead letters of TOPIC"      key  partition      value  ranges of offsets that are settled
 *
 * Beside a running daemon letters are read from its files; they are settled by the daemon alone.
 */
#ifndef LEAT_CONTROL_LETTERS_H
#define LEAT_CONTROL_LETTERS_H

#include <base/buffer.h>
#include <config/definition.h>
#include <control/ranges.h>
#include <model/letter.h>

enum leat_letter_state { LEAT_LETTER_OPEN, LEAT_LETTER_REPLAYED, LEAT_LETTER_DROPPED };
const char *leat_letter_state_name(enum leat_letter_state state);

struct leat_letter_id { /* "shop.dead:17", "shop.dead/1:17" */
    char topic[256];
    int32_t partition;
    uint64_t offset;
};
bool leat_letter_id_parse(const char *text, struct leat_letter_id *id);
char *leat_letter_id_text(const struct leat_letter_id *id, char text[300]); /* returns text */

struct leat_letters { /* where they are */
    const struct leat_driver_type *driver;
    struct leat_access *access;
    const struct leat_config *config; /* NULL: nobody knows; then every topic *.dead holds letters, and no other */
    /* Appends records of a source once more, through its transforms, and the states in the same unit; durable on return.
     * NULL: nothing runs. */
    enum leat_status (*again)(void *arg, const char *connector, struct leat_batch *batch, bool is_undecoded,
                              const struct leat_state *states, size_t count, struct leat_error *err);
    void *arg;
};

struct leat_letters_query {
    const char *topic;     /* NULL: all that hold letters */
    const char *connector; /* who refused; NULL: anybody */
    const struct leat_letter_id *id; /* NULL: all */
};

struct leat_letter_seen {
    struct leat_letter_id id;
    enum leat_letter_state state;
    const struct leat_record *letter;
};
/* False: enough. */
typedef bool leat_letters_f(void *arg, const struct leat_letter_seen *seen);
enum leat_status leat_letters_each(const struct leat_letters *letters, const struct leat_letters_query *query,
                                   leat_letters_f *each, void *arg, struct leat_error *err);

/* Replays or drops what is open and asked for. *report says what was done, one line each, in words. LEAT_REJECT: nothing
 * fits the query, or what fits cannot be replayed; err says why. */
enum leat_status leat_letters_settle(const struct leat_letters *letters, const struct leat_letters_query *query,
                                     enum leat_letter_state to, struct leat_bytes *report, struct leat_error *err);

/* ---- the inside: topics that hold letters, and what is settled of them ---- */

struct leat_shelf {
    char topic[256], log[256];
    int32_t partition;
    uint64_t first; /* offset of the oldest that is kept */
    struct leat_ranges settled;
    bool is_changed;
};
struct leat_shelves {
    struct leat_shelf *items;
    size_t count;
};
enum leat_status leat_shelves_load(const struct leat_letters *letters, const struct leat_letters_query *query,
                                   struct leat_shelves *shelves, struct leat_error *err);
void leat_shelves_fini(struct leat_shelves *shelves);

/* The state that says what is settled; memory is that of the batch. */
struct leat_state leat_shelf_state(const struct leat_shelf *shelf, struct leat_batch *memory);

/* Letters of one log that the query asks for, in order; `shelf` is where each lies. */
typedef enum leat_status leat_shelf_f(void *arg, struct leat_shelf *shelf, const struct leat_letter_seen *seen,
                                      struct leat_error *err); /* LEAT_EOF: enough */
enum leat_status leat_shelves_read(const struct leat_letters *letters, const struct leat_letters_query *query,
                                   struct leat_shelves *shelves, const char *log, leat_shelf_f *each, void *arg,
                                   struct leat_error *err);

#endif
