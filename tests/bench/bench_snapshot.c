/* bench_snapshot.c - the ceiling of `scripts/bench snapshot`: a whole table by one prepared statement on one connection.
 *
 *   bench_snapshot PORT TABLE     prints the rows, their bytes, and the seconds
 *
 * Numbers arrive as the server's own binary ones, everything else as the bytes that it sends: what a reader written for
 * this one table would do.
 */
// packages: mariadb
#include <mysql.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define COLUMNS 64
#define ROOM 4096 /* of one value */

static void need(int is_fine, const char *what, const char *why)
{
    if (is_fine)
        return;
    fprintf(stderr, "bench_snapshot: %s: %s\n", what, why);
    exit(1);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static char values[COLUMNS][ROOM];
static unsigned long lengths[COLUMNS];
static MYSQL_BIND binds[COLUMNS];

static void bind_all(MYSQL_STMT *stmt)
{
    MYSQL_RES *columns = mysql_stmt_result_metadata(stmt);
    unsigned count = mysql_num_fields(columns);
    need(count <= COLUMNS, "bind", "too many columns");
    for (unsigned i = 0; i < count; i++) {
        enum enum_field_types type = mysql_fetch_field_direct(columns, i)->type;
        binds[i] = (MYSQL_BIND){.buffer = values[i], .buffer_length = ROOM, .length = &lengths[i], .buffer_type = type};
    }
    need(mysql_stmt_bind_result(stmt, binds) == 0, "bind", mysql_stmt_error(stmt));
    mysql_free_result(columns);
}

int main(int argc, char **argv)
{
    char sql[300];
    if (argc < 3)
        return 2;
    MYSQL *db = mysql_init(NULL);
    need(mysql_real_connect(db, "127.0.0.1", "root", NULL, NULL, (unsigned)atoi(argv[1]), NULL, 0) != NULL, "connect", mysql_error(db));
    MYSQL_STMT *stmt = mysql_stmt_init(db);
    int len = snprintf(sql, sizeof sql, "SELECT * FROM %s", argv[2]);
    double began = now();
    need(mysql_stmt_prepare(stmt, sql, (unsigned long)len) == 0, "prepare", mysql_stmt_error(stmt));
    bind_all(stmt);
    need(mysql_stmt_execute(stmt) == 0, "execute", mysql_stmt_error(stmt));
    unsigned long long rows = 0, bytes = 0;
    unsigned columns = mysql_stmt_field_count(stmt);
    int status;
    while ((status = mysql_stmt_fetch(stmt)) == 0 || status == MYSQL_DATA_TRUNCATED) {
        rows++;
        for (unsigned i = 0; i < columns; i++)
            bytes += lengths[i];
    }
    need(status == MYSQL_NO_DATA, "fetch", mysql_stmt_error(stmt));
    printf("{\"rows\": %llu, \"bytes\": %llu, \"seconds\": %.4f}\n", rows, bytes, now() - began);
    mysql_stmt_close(stmt);
    mysql_close(db);
    return 0;
}
