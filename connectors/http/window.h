/* window.h - the Idempotency-Keys that the http source remembers, oldest out first.
 *
 *   position ["key", ID] -> {"n": order of arrival, "h": hash of name and body}
 *
 * A key's position is in the unit of its record: after a crash the key is known exactly if the record is there.
 * Thread: the owner.
 */
#ifndef LEAT_HTTP_WINDOW_H
#define LEAT_HTTP_WINDOW_H

#include <base/hash.h>
#include <leat/record.h>

struct http_key {
    struct http_key *next; /* the one that came after */
    uint64_t n, hash;
    bool is_durable;
    uint32_t len;
    char id[];
};

struct http_window {
    struct leat_table by_id;
    struct http_key *oldest, **last;
    uint64_t next_n;
    size_t most;
};

/* Loads what an earlier run stored; more than `most` go with the next batch. LEAT_STOP for strange positions. */
enum leat_status http_window_open(struct http_window *window, size_t most, const struct leat_positions *from,
                                  struct leat_error *err);
void http_window_close(struct http_window *window);

/* NULL: not seen (or forgotten). */
struct http_key *http_window_find(const struct http_window *window, const char *id);

/* Notes the key in the batch that holds its record. */
void http_window_add(struct http_window *window, struct leat_batch *batch, const char *id, uint64_t hash);
void http_window_durable(struct http_window *window, const char *id);

/* Removes the oldest durable keys beyond the limit, in this batch. */
void http_window_trim(struct http_window *window, struct leat_batch *batch);

#endif
