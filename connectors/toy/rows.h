/* rows.h - the numbered rows of the toy source: row n is a pure function of (settings, n), so that a source goes on
 * anywhere and a checker knows what must come.
 *
 *   block of 64 transactions   sizes 1..transaction, drawn once from the seed, the same in every block
 *     transaction t            belongs to writer t mod writers; all its rows do
 *       row                    seq: counts its writer's rows; key: one of the writer's own keys
 *
 * A row carries what the checker needs to judge it alone: writer, seq, key, tx, tx_size, row and a CRC over all of
 * them and the payload. Thread: settings are immutable once made.
 */
#ifndef LEAT_TOY_ROWS_H
#define LEAT_TOY_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LEAT_TOY_BLOCK 64          /* transactions */
#define LEAT_TOY_WRITERS_MAX 64
#define LEAT_TOY_PAYLOAD_MAX 65536 /* bytes */
#define LEAT_TOY_EPOCH_US 1767225600000000 /* 2026-01-01: the event time of row 0; each row adds a millisecond */

struct leat_toy_settings {
    int64_t seed, writers, keys, topics, transaction, payload_bytes;
};

struct leat_toy_rows { /* settings, and the block drawn from them */
    struct leat_toy_settings settings;
    uint64_t rows_per_block;
    uint64_t writer_rows[LEAT_TOY_WRITERS_MAX];  /* per block */
    uint64_t first_row[LEAT_TOY_BLOCK + 1];      /* of each transaction in the block */
    uint64_t first_seq[LEAT_TOY_BLOCK];          /* of its writer, in the block */
};

struct leat_toy_row {
    uint64_t number; /* over all writers, from 0 */
    uint32_t writer;
    uint64_t seq, key, tx;
    uint32_t tx_size, row;
    uint32_t topic;
    bool ends_transaction;
};

void leat_toy_rows_init(struct leat_toy_rows *rows, const struct leat_toy_settings *settings);
struct leat_toy_row leat_toy_row(const struct leat_toy_rows *rows, uint64_t number);

/* Letters and digits, `len` of them, drawn from (seed, number). */
void leat_toy_payload(const struct leat_toy_settings *settings, uint64_t number, char *to, size_t len);

/* CRC-32C over the numbers of the row and its payload. */
uint32_t leat_toy_crc(uint32_t writer, uint64_t seq, uint64_t key, uint64_t tx, uint32_t tx_size, uint32_t row,
                      const char *payload, size_t len);

#endif
