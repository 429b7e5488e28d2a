/* bench_ticks.c - commits single-row transactions at a steady rate, and says when each was committed.
 *
 *   bench_ticks PORT PER_SECOND SECONDS
 */
// folders: base
// packages: mariadb
#include <mysql.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define THREADS 8

struct writer {
    pthread_t thread;
    unsigned number, port, per_s, seconds;
    double *committed;
};

static double now_s(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void wait_until(double at)
{
    double left = at - now_s(CLOCK_MONOTONIC);
    if (left <= 0)
        return;
    struct timespec pause = {(time_t)left, (long)((left - (double)(time_t)left) * 1e9)};
    nanosleep(&pause, NULL);
}

static void *write_rows(void *arg)
{
    struct writer *w = arg;
    MYSQL *mysql = mysql_init(NULL);
    if (!mysql_real_connect(mysql, "127.0.0.1", "root", "", "bench", w->port, NULL, 0)) {
        fprintf(stderr, "%s\n", mysql_error(mysql));
        exit(1);
    }
    unsigned total = w->per_s * w->seconds;
    double began = now_s(CLOCK_MONOTONIC);
    for (unsigned row = w->number; row < total; row += THREADS) {
        char sql[128];
        int len = snprintf(sql, sizeof sql, "INSERT INTO ticks VALUES (%u, %.6f)", row, now_s(CLOCK_REALTIME));
        wait_until(began + (double)row / w->per_s);
        if (mysql_real_query(mysql, sql, (unsigned long)len) != 0) {
            fprintf(stderr, "%s\n", mysql_error(mysql));
            exit(1);
        }
        w->committed[row] = now_s(CLOCK_REALTIME);
    }
    mysql_close(mysql);
    return NULL;
}

int main(int argc, char **argv)
{
    static struct writer writers[THREADS];
    if (argc != 4) {
        fprintf(stderr, "bench_ticks PORT PER_SECOND SECONDS\n");
        return 2;
    }
    unsigned per_s = (unsigned)atoi(argv[2]), seconds = (unsigned)atoi(argv[3]);
    double *committed = calloc((size_t)per_s * seconds + 1, sizeof *committed);
    for (unsigned i = 0; i < THREADS; i++) {
        writers[i] = (struct writer){.number = i, .port = (unsigned)atoi(argv[1]), .per_s = per_s, .seconds = seconds,
                                     .committed = committed};
        pthread_create(&writers[i].thread, NULL, write_rows, &writers[i]);
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(writers[i].thread, NULL);
    for (unsigned row = 0; row < per_s * seconds; row++)
        printf("%u %.6f\n", row, committed[row]);
    free(committed);
    return 0;
}
