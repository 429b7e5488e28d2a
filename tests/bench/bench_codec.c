/* bench_codec.c - CPU time per record of the codecs, updates of ten columns with before and after:
 *
 *     bench_codec [records]
 */
// folders: model
#include <kit/orders.h>
#include <model/codecs.h>
#include <model/json.h>
#include <model/native.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { BATCH = 1000, ROUNDS = 7 };

static double cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void encode_all(const struct leat_codec_type *type, void *self, const struct leat_batch *batch,
                       struct leat_bytes *out)
{
    struct leat_error err;
    bool is_null;
    leat_bytes_clear(out);
    for (uint32_t i = 0; i < BATCH; i++) {
        if (type->encode(self, leat_batch_get(batch, i), LEAT_PART_VALUE, out, &is_null, &err) != LEAT_OK)
            exit(1);
        leat_bytes_put(out, '\n');
    }
}

/* The best of some rounds: the machine is shared. */
static void bench_encode(const struct leat_codec_type *type, const struct leat_batch *batch, uint32_t records)
{
    struct leat_error err;
    struct leat_bytes out;
    double best = 1e18;
    void *self = calloc(1, type->size);
    leat_bytes_init(&out, 64 << 20);
    if (type->open)
        type->open(self, "shop", &err);
    for (int round = 0; round < ROUNDS; round++) {
        double start = cpu_ns();
        for (uint32_t done = 0; done < records; done += BATCH)
            encode_all(type, self, batch, &out);
        double spent = (cpu_ns() - start) / records;
        best = spent < best ? spent : best;
    }
    printf("encode %-12s %6.0f ns/record  %5zu bytes  %6.0f MB/s\n", type->name, best, out.len / BATCH,
           (double)(out.len / BATCH) * 1e3 / best);
    if (type->close)
        type->close(self);
    leat_bytes_fini(&out);
    free(self);
}

static void bench_decode(const struct leat_codec_type *type, const struct leat_batch *batch, uint32_t records)
{
    struct leat_error err;
    struct leat_bytes out;
    bool is_null;
    double best = 1e18;
    void *self = calloc(1, type->size);
    leat_bytes_init(&out, 1 << 20);
    if (type->open)
        type->open(self, "shop", &err);
    type->encode(self, leat_batch_get(batch, 0), LEAT_PART_VALUE, &out, &is_null, &err);
    for (int round = 0; round < ROUNDS; round++) {
        double start = cpu_ns();
        for (uint32_t done = 0; done < records; done += BATCH) {
            struct leat_batch *into = leat_batch_new(16 << 20, BATCH);
            for (uint32_t i = 0; i < BATCH; i++)
                if (type->decode(self, out.data, out.len, LEAT_PART_VALUE, into, leat_batch_add(into), &err) != LEAT_OK)
                    exit(1);
            leat_batch_free(into);
        }
        double spent = (cpu_ns() - start) / records;
        best = spent < best ? spent : best;
    }
    printf("decode %-12s %6.0f ns/record  %5zu bytes  %6.0f MB/s\n", type->name, best, out.len,
           (double)out.len * 1e3 / best);
    if (type->close)
        type->close(self);
    leat_bytes_fini(&out);
    free(self);
}

/* As the log is written: the texts of `source` are the same ones in all records of a transaction. */
static void share_source(struct leat_batch *batch)
{
    const struct leat_value *first = leat_batch_get(batch, 0)->source.as.items;
    for (uint32_t i = 1; i < BATCH; i++) {
        struct leat_record *rec = leat_batch_edit(batch, i);
        struct leat_value *items = leat_batch_alloc(batch, rec->source.len * sizeof *items);
        memcpy(items, rec->source.as.items, rec->source.len * sizeof *items);
        items[1] = first[1];
        items[2] = first[2];
        rec->source = leat_value_items(LEAT_STRUCT, items, rec->source.len);
    }
}

static void bench_log(struct leat_batch *batch, uint32_t records)
{
    struct leat_bytes out;
    double best = 1e18;
    leat_bytes_init(&out, 64 << 20);
    for (int round = 0; round < ROUNDS; round++) {
        double start = cpu_ns();
        for (uint32_t done = 0; done < records; done += BATCH) {
            struct leat_native_writer writer = {0};
            leat_bytes_clear(&out);
            for (uint32_t i = 0; i < BATCH; i++)
                leat_native_put_record(&writer, &out, leat_batch_edit(batch, i), 0, 1);
        }
        double spent = (cpu_ns() - start) / records;
        best = spent < best ? spent : best;
    }
    printf("encode %-12s %6.0f ns/record  %5zu bytes  %6.0f MB/s\n", "for the log", best, out.len / BATCH,
           (double)(out.len / BATCH) * 1e3 / best);
    leat_bytes_fini(&out);
}

int main(int argc, char **argv)
{
    uint32_t records = argc > 1 ? (uint32_t)atoi(argv[1]) : 200000;
    struct leat_batch *batch = leat_batch_new(64 << 20, BATCH);
    for (uint32_t i = 0; i < BATCH; i++)
        kit_order_update(batch, 1000000 + i);
    share_source(batch);
    bench_log(batch, records);
    bench_encode(&leat_codec_debezium, batch, records);
    bench_encode(&leat_codec_json, batch, records);
    bench_encode(&leat_codec_native_json, batch, records);
    bench_decode(&leat_codec_debezium, batch, records / 4);
    bench_decode(&leat_codec_json, batch, records / 4);
    leat_batch_free(batch);
    return 0;
}
