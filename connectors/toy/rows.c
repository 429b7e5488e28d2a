#include <toy/rows.h>

#include <base/assert.h>
#include <base/crc32c.h>
#include <base/hash.h>
#include <base/wire.h>

static uint64_t draw(int64_t seed, uint64_t what, uint64_t number)
{
    uint64_t parts[3] = {(uint64_t)seed, what, number};
    return leat_hash(parts, sizeof parts, 0);
}

void leat_toy_rows_init(struct leat_toy_rows *rows, const struct leat_toy_settings *settings)
{
    leat_assert(settings->writers >= 1 && settings->writers <= LEAT_TOY_WRITERS_MAX);
    leat_assert(settings->keys >= 1 && settings->topics >= 1 && settings->transaction >= 1);
    *rows = (struct leat_toy_rows){.settings = *settings};
    for (uint64_t t = 0; t < LEAT_TOY_BLOCK; t++) {
        uint64_t size = 1 + draw(settings->seed, 's', t) % (uint64_t)settings->transaction;
        uint64_t writer = t % (uint64_t)settings->writers;
        rows->first_seq[t] = rows->writer_rows[writer];
        rows->writer_rows[writer] += size;
        rows->first_row[t + 1] = rows->first_row[t] + size;
    }
    rows->rows_per_block = rows->first_row[LEAT_TOY_BLOCK];
}

/* The transaction of the block that holds row `at` of it. */
static uint64_t find_transaction(const struct leat_toy_rows *rows, uint64_t at)
{
    uint64_t low = 0, high = LEAT_TOY_BLOCK - 1;
    while (low < high) {
        uint64_t middle = (low + high + 1) / 2;
        if (rows->first_row[middle] <= at)
            low = middle;
        else
            high = middle - 1;
    }
    leat_assert(rows->first_row[low] <= at && at < rows->first_row[low + 1]);
    return low;
}

struct leat_toy_row leat_toy_row(const struct leat_toy_rows *rows, uint64_t number)
{
    const struct leat_toy_settings *settings = &rows->settings;
    uint64_t block = number / rows->rows_per_block, at = number % rows->rows_per_block;
    uint64_t t = find_transaction(rows, at);
    struct leat_toy_row row = {
        .number = number,
        .writer = (uint32_t)(t % (uint64_t)settings->writers),
        .tx = block * LEAT_TOY_BLOCK + t,
        .tx_size = (uint32_t)(rows->first_row[t + 1] - rows->first_row[t]),
        .row = (uint32_t)(at - rows->first_row[t]),
    };
    row.seq = block * rows->writer_rows[row.writer] + rows->first_seq[t] + row.row;
    row.key = row.writer * (uint64_t)settings->keys + draw(settings->seed, 'k', number) % (uint64_t)settings->keys;
    row.topic = (uint32_t)(row.key % (uint64_t)settings->topics);
    row.ends_transaction = row.row + 1 == row.tx_size;
    return row;
}

void leat_toy_payload(const struct leat_toy_settings *settings, uint64_t number, char *to, size_t len)
{
    static const char letters[64] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.";
    uint64_t bits = 0;
    for (size_t i = 0; i < len; i++) {
        if (i % 10 == 0)
            bits = draw(settings->seed, 'p' + (uint64_t)i, number);
        to[i] = letters[bits & 63];
        bits >>= 6;
    }
}

uint32_t leat_toy_crc(uint32_t writer, uint64_t seq, uint64_t key, uint64_t tx, uint32_t tx_size, uint32_t row,
                      const char *payload, size_t len)
{
    uint8_t numbers[36];
    leat_set_u32(numbers, writer);
    leat_set_u64(numbers + 4, seq);
    leat_set_u64(numbers + 12, key);
    leat_set_u64(numbers + 20, tx);
    leat_set_u32(numbers + 28, tx_size);
    leat_set_u32(numbers + 32, row);
    return leat_crc32c(leat_crc32c(0, numbers, sizeof numbers), payload, len);
}
