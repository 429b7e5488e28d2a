/* gtid.h - which transactions were seen: MySQL's GTID sets, MariaDB's GTID lists.
 *
 *   MySQL    uuid:1-5:7,uuid:tag:1-3    every transaction by number; a set has intervals with gaps
 *   MariaDB  0-1-48210,1-2-77           per domain the last one; server id of that one
 *
 * Thread: one at a time. Memory: heap, of the set.
 */
#ifndef LEAT_MYSQL_PROTOCOL_GTID_H
#define LEAT_MYSQL_PROTOCOL_GTID_H

#include <mysql_protocol/event.h>

#define LEAT_GTID_TEXT_MAX 96 /* one GTID of either kind with terminator: uuid:tag:number */

/* ---- MySQL ---- */

struct leat_gtid_interval {
    uint64_t first, end; /* end is not part of it */
};

struct leat_gtid_source {
    uint8_t uuid[16];
    char tag[33]; /* "": none */
    uint32_t count, cap;
    struct leat_gtid_interval *intervals; /* ascending, with gaps between */
};

struct leat_gtid_set {
    uint32_t count, cap;
    struct leat_gtid_source *sources; /* by uuid, then tag */
};

void leat_gtid_set_init(struct leat_gtid_set *set);
void leat_gtid_set_fini(struct leat_gtid_set *set);

/* Replaces the set by the text's ("" is the empty set); blanks, new lines and any order are fine. False: not
 * a GTID set, and the set is empty. */
bool leat_gtid_set_parse(struct leat_gtid_set *set, const char *text, size_t len);

/* As the server prints it, without new lines; appended. */
void leat_gtid_set_print(const struct leat_gtid_set *set, struct leat_bytes *out);

void leat_gtid_set_add(struct leat_gtid_set *set, const uint8_t uuid[16], const char *tag, uint64_t number);
void leat_gtid_set_add_range(struct leat_gtid_set *set, const uint8_t uuid[16], const char *tag,
                             uint64_t first, uint64_t end);
void leat_gtid_set_add_set(struct leat_gtid_set *set, const struct leat_gtid_set *other);

/* What `other` holds is no longer in `set`. */
void leat_gtid_set_subtract(struct leat_gtid_set *set, const struct leat_gtid_set *other);

bool leat_gtid_set_has(const struct leat_gtid_set *set, const uint8_t uuid[16], const char *tag,
                       uint64_t number);
bool leat_gtid_set_contains(const struct leat_gtid_set *set, const struct leat_gtid_set *subset);
bool leat_gtid_set_is_empty(const struct leat_gtid_set *set);

/* The form of PREVIOUS_GTIDS and COM_BINLOG_DUMP_GTID: count of sources u64, each uuid, [tag], count of
 * intervals u64, [first, end) u64 pairs. Tags make the second form (top byte of the count 1). */
void leat_gtid_set_encode(const struct leat_gtid_set *set, struct leat_bytes *out);
bool leat_gtid_set_decode(struct leat_gtid_set *set, const void *bytes, size_t len);

/* "3e11fa47-71ca-11e1-9e33-c80aa9429562" from 16 bytes, 36 characters without a terminator. */
void leat_uuid_print(char out[36], const uint8_t uuid[16]);

/* One GTID of an event, either kind, as the server prints it; terminated; returns its length. */
size_t leat_gtid_print(char out[LEAT_GTID_TEXT_MAX], const struct leat_binlog_gtid *gtid, bool is_mariadb);

/* ---- MariaDB ---- */

struct leat_gtid_place {
    uint32_t domain, server;
    uint64_t seq;
};

struct leat_gtid_list {
    uint32_t count, cap;
    struct leat_gtid_place *places; /* by domain, one each */
};

void leat_gtid_list_init(struct leat_gtid_list *list);
void leat_gtid_list_fini(struct leat_gtid_list *list);
bool leat_gtid_list_parse(struct leat_gtid_list *list, const char *text, size_t len);
void leat_gtid_list_print(const struct leat_gtid_list *list, struct leat_bytes *out);

/* Moves the domain to this transaction, whatever it held before. */
void leat_gtid_list_set(struct leat_gtid_list *list, uint32_t domain, uint32_t server, uint64_t seq);
const struct leat_gtid_place *leat_gtid_list_get(const struct leat_gtid_list *list, uint32_t domain);

/* The domain has reached `seq`. */
bool leat_gtid_list_has(const struct leat_gtid_list *list, uint32_t domain, uint64_t seq);

/* Each domain of `other` is reached. */
bool leat_gtid_list_contains(const struct leat_gtid_list *list, const struct leat_gtid_list *other);

/* From a GTID_LIST event (the state at the start of its file); where a domain has several servers, the last one
 * listed is the domain's place, as the server writes them. */
bool leat_gtid_list_read(struct leat_gtid_list *list, const struct leat_binlog_event *ev);

#endif
