/* guard.h - how much of a transaction is in the topic, told in a way that holds on every server.
 *
 * Behind a restart within a transaction the rows that are in the topic are passed over: on the same server by place, on another one,
 * where files and places differ, by the bytes of their row images. Either way the CRC-32C of what is passed over must be the one
 * of what was taken; otherwise it is not the transaction that was begun, and going on would lose or double rows.
 *
 * Counted are the images of captured tables, in their order, however the server has cut them into events. */
#ifndef LEAT_MYSQL_GUARD_H
#define LEAT_MYSQL_GUARD_H

#include <leat/option.h>
#include <mysql_protocol/gtid.h>

struct guard_begun { /* kept with the position; gtid "": none */
    char gtid[LEAT_GTID_TEXT_MAX];
    uint64_t bytes;
    uint32_t crc, tables; /* of `tables`: by another choice other rows count */
};

struct guard {
    struct guard_begun begun; /* before the restart, until it is passed */
    struct guard_begun now;   /* of the transaction at hand */
    bool is_passing;          /* the transaction at hand is the one that was begun */
    bool is_broken;           /* it is not what it was */
};

void guard_init(struct guard *guard, const struct guard_begun *begun, const struct leat_list *tables);

/* A transaction begins. `by_place`: what is in the topic of it is known by file and place. */
void guard_begin(struct guard *guard, const char *gtid, bool by_place);
/* Bytes of images that are in the topic for certain: passed over by place, or taken. */
void guard_add(struct guard *guard, const uint8_t *bytes, size_t len);
/* One row's images: true where they are in the topic already. */
bool guard_passes(struct guard *guard, const uint8_t *bytes, size_t len);
/* It ends. */
void guard_end(struct guard *guard);

/* What the position keeps, at a place within the transaction. */
struct guard_begun guard_begun(const struct guard *guard);

#endif
