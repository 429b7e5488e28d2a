/* position.h - where the source is in the binary log, as it stands in the positions. */
#ifndef LEAT_MYSQL_POSITION_H
#define LEAT_MYSQL_POSITION_H

#include <leat/source.h>
#include <mysql/gtids.h>
#include <mysql/guard.h>

struct position {
    char file[256];
    uint64_t pos;               /* the next event, at the start of a transaction */
    struct gtids gtids;         /* what is before `pos` */
    char server[48];            /* whose file it is: server_uuid of a MySQL, server_id of a MariaDB; "": not known */
    uint64_t done; /* events of `file` that end at or before it are in the topic: of the transaction at `pos`, or, behind
                    * `leat recover`, of more of them in the targets; 0: none */
    struct guard_begun begun; /* of the transaction at `pos`, what is in the topic of it on any server */
    int64_t since_us; /* transactions before that time are passed over; 0: none */
    uint64_t inner; /* and of the event that begins at `done` and holds events, those of its first so many bytes */
};

void position_init(struct position *position);
void position_fini(struct position *position);
void position_copy(struct position *to, const struct position *from);

struct client_place;
/* Where the server is. STOP: its GTIDs cannot be read. */
enum leat_status position_set(struct position *position, const struct client_place *place, struct leat_error *err);

/* To another server, where only the GTIDs mean something. */
void position_move(struct position *position);

/* False: there is none; a position that cannot be read is STOP. */
enum leat_status position_load(struct position *position, const struct leat_positions *from, bool *is_there,
                               struct leat_error *err);
void position_store(const struct position *position, struct leat_batch *batch);

/* Places of 32 bits in events wrap in files beyond 4 GiB: the one that lies next to `near`. */
uint64_t position_whole(uint64_t near, uint32_t pos);

/* Before, at or after `file`:`pos`? Files of one server order by their number. */
int position_compare(const struct position *position, const char *file, uint64_t pos);

/* Keys ["snapshot", "db.t"] and ["table", "db.t"]; ["snapshot", "*"] after `leat recover`: the targets may hold rows of any. */
#define POSITION_ANY_TABLE "*"
struct leat_value position_key(struct leat_value items[2], const char *kind, const char *table);

#endif
