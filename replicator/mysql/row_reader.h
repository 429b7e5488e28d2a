/* row_reader.h - a side thread that reads chunks, for its files: chunk.c its life and what it shares with the owner, chunk_read.c
 * what it does. */
#ifndef LEAT_MYSQL_ROW_READER_H
#define LEAT_MYSQL_ROW_READER_H

#include <mysql/chunk.h>

struct row_reader {
    struct readers *readers;
    struct chunk *work; /* under the lock */
    uint32_t held;      /* batches; under the lock */
    /* its thread's alone */
    struct client client;
    struct leat_bytes sql;
    struct leat_arena arena; /* of one chunk */
};

/* Carries the order out; the chunk's answer is written then. */
void row_reader_work(struct row_reader *reader, struct chunk *chunk);

/* The view is open: the owner may look at it. */
void row_reader_open(struct row_reader *reader, struct chunk *chunk);
bool row_reader_is_unwanted(struct row_reader *reader, const struct chunk *chunk);
/* Waits until the quota and the task's budget have room. NULL: the chunk is not wanted any more. */
struct leat_batch *row_reader_batch(struct row_reader *reader, const struct chunk *chunk);
void row_reader_give(struct row_reader *reader, struct leat_batch **batch);
void row_reader_post(struct row_reader *reader, struct chunk *chunk, struct parcel *parcel);

/* chunk_read.c, for chunk_rows.c: the SELECT of a part, in reader->sql; its result (is_kept: as a whole); what a refusal means; the columns of a
 * result as a number. */
void row_reader_select(struct row_reader *reader, const struct chunk *chunk);
enum leat_status row_reader_ask(struct row_reader *reader, struct chunk *chunk, MYSQL_RES **result, bool is_kept, struct leat_error *err);
enum leat_status row_reader_judge(struct row_reader *reader, struct chunk *chunk, struct leat_error *err);
uint64_t row_reader_sign(MYSQL_RES *result);
/* chunk_rows.c: reads the part, posts its parcels. */
enum leat_status row_reader_rows(struct row_reader *reader, struct chunk *chunk, struct leat_error *err);

#endif
