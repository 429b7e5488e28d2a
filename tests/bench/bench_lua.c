/* bench_lua.c - CPU time per record of scripts, rows of ten fields:  bench_lua [records] */
// folders: script
#include <script/transform.h>
#include <unit/script/people.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* The best of five rounds: the machine is shared. */
static void measure(const char *name, const char *text, uint32_t records)
{
    enum { BATCH = 1000 };
    double best = 1e18;
    struct script_host *host;
    struct leat_error err = {0};
    if (script_transform_open(&host, NULL, text, strlen(text), "=bench", 100000, 16 << 20, &err) !=
        LEAT_OK) {
        printf("%s: %s\n", name, err.text);
        return;
    }
    for (int round = 0; round < 5; round++) {
        double spent = 0;
        for (uint32_t done = 0; done < records; done += BATCH) {
            struct leat_batch *batch = leat_batch_new(4 << 20, BATCH);
            for (uint32_t i = 0; i < BATCH; i++)
                add_person(batch, LEAT_CREATE, i);
            double start = cpu_ns();
            if (script_transform_apply(host, batch, &err) != LEAT_OK)
                printf("%s: %s\n", name,
                       batch->refusal_count ? batch->refusals[0].reason : err.text);
            spent += cpu_ns() - start;
            leat_batch_free(batch);
        }
        best = spent / records < best ? spent / records : best;
    }
    script_transform_close(&host);
    printf("%-28s %7.0f ns/record\n", name, best);
}

int main(int argc, char **argv)
{
    uint32_t records = argc > 1 ? (uint32_t)atoi(argv[1]) : 200000;
    measure("nothing", "function transform(r) end", records);
    measure(
        "two fields",
        "function transform(r) local v = r.value v.age = v.age + 1 v.name = 'x-' .. v.email end",
        records);
    measure("mask (gsub) of two rows",
            "function transform(r) for _, row in ipairs{r.value, r.before} do if row.email then\n"
            "row.email = row.email:gsub('^[^@]+', '***') end end end",
            records);
    measure("drop by a field",
            "function transform(r) if r.value.age > 30 then return false end end", records);
    measure("an unknown field", "function transform(r) if r.value.test then return false end end",
            records);
    measure("a member of a map", "function transform(r) r.value.extra.city = 'Paris' end", records);
    measure("emit of a copy", "function transform(r, emit) emit(leat.copy(r)) end", records / 10);
    return 0;
}
