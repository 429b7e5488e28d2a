/* bench_mysql_bulk.c - the ceiling of the mysql sink: a loader written for one table, with array binds.
 *
 *   bench_mysql_bulk PORT TABLE ROWS [upsert]     prints the seconds that ROWS rows of the toy's shape take
 */
// packages: mariadb
#include <mysql.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ARRAY 10000 /* rows of one execute */
#define NUMBERS 7
#define PAYLOAD 32

static void need(int is_fine, MYSQL *db, const char *what)
{
    if (is_fine)
        return;
    fprintf(stderr, "bench_mysql_bulk: %s: %s\n", what, mysql_error(db));
    exit(1);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int64_t numbers[NUMBERS][ARRAY];
static char payloads[ARRAY][PAYLOAD];
static char *payload_at[ARRAY];
static unsigned long payload_len[ARRAY];

static void make(uint64_t first, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        for (unsigned n = 0; n < NUMBERS; n++)
            numbers[n][i] = (int64_t)(first + i) * (n + 1);
        numbers[2][i] = (int64_t)(first + i);
        for (unsigned n = 0; n < PAYLOAD; n++)
            payloads[i][n] = (char)('a' + (first + i + n) % 26);
        payload_at[i] = payloads[i];
        payload_len[i] = PAYLOAD;
    }
}

int main(int argc, char **argv)
{
    if (argc < 4)
        return 2;
    MYSQL *db = mysql_init(NULL);
    unsigned long long rows = strtoull(argv[3], NULL, 10);
    need(mysql_real_connect(db, "127.0.0.1", "root", NULL, NULL, (unsigned)atoi(argv[1]), NULL, 0) != NULL, db, "connect");
    char sql[600];
    snprintf(sql, sizeof sql, "INSERT INTO %s (writer, seq, id, tx, tx_size, row, crc, payload) VALUES (?,?,?,?,?,?,?,?)%s", argv[2],
             argc > 4 ? " ON DUPLICATE KEY UPDATE writer=VALUES(writer), seq=VALUES(seq), tx=VALUES(tx), "
                        "tx_size=VALUES(tx_size), row=VALUES(row), crc=VALUES(crc), payload=VALUES(payload)"
                      : "");
    MYSQL_STMT *stmt = mysql_stmt_init(db);
    need(mysql_stmt_prepare(stmt, sql, (unsigned long)strlen(sql)) == 0, db, "prepare");
    MYSQL_BIND binds[NUMBERS + 1];
    memset(binds, 0, sizeof binds);
    for (unsigned n = 0; n < NUMBERS; n++) {
        binds[n].buffer_type = MYSQL_TYPE_LONGLONG;
        binds[n].buffer = numbers[n];
    }
    binds[NUMBERS].buffer_type = MYSQL_TYPE_STRING;
    binds[NUMBERS].buffer = payload_at;
    binds[NUMBERS].length = payload_len;
    mysql_autocommit(db, 0);
    double begin = now();
    for (unsigned long long done = 0; done < rows;) {
        unsigned count = rows - done < ARRAY ? (unsigned)(rows - done) : ARRAY;
        make(done, count);
        need(mysql_stmt_attr_set(stmt, STMT_ATTR_ARRAY_SIZE, &count) == 0, db, "array");
        need(mysql_stmt_bind_param(stmt, binds) == 0, db, "bind");
        need(mysql_stmt_execute(stmt) == 0, db, mysql_stmt_error(stmt));
        need(mysql_commit(db) == 0, db, "commit");
        done += count;
    }
    printf("%.4f\n", now() - begin);
    mysql_stmt_close(stmt);
    mysql_close(db);
    return 0;
}
