/* shop_writer.c - a shop that never sleeps: fills a database and goes on changing it, and keeps the books.
 *
 *   shop_writer fill --port P [--rows N]             schema `shop`, N rows over its tables
 *   shop_writer run  --port P [--seconds S] [--threads T] [--rate TX] [--alter]
 *                                                    until S seconds have passed or SIGTERM; then the books
 *
 * Work: inserts, updates of one row and of ranges, deletes, changes of the primary key, transactions of one to
 * eight statements over several tables, roll-backs, roll-backs to a savepoint, and one ALTER TABLE. Every row
 * has `ver`, which each change raises by one, and identities are never used twice. So whoever replays the
 * changes can see a lost, a doubled and a reordered one; the books (changes of each table and kind that were
 * *committed*) show a row that vanished with its whole life.
 *
 * Threads share nothing but the server: thread t owns the identities that leave t when divided by T.
 */
#include <errno.h>
#include <inttypes.h>
#include <mysql.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum table { CUSTOMERS, ORDERS, ITEMS, TABLES };
static const char *const table_names[TABLES] = {"customers", "orders", "items"};
enum kind { INSERTS, UPDATES, DELETES, KINDS };

struct books {
    uint64_t changes[TABLES][KINDS];
    uint64_t committed, rolled_back, key_changes;
};

struct ids { /* live identities of one table, of one thread */
    uint64_t *live;
    size_t count, cap;
    uint64_t next;
};

struct options {
    const char *host, *user, *password, *books;
    unsigned port, rows, seed, seconds, threads, rate;
    bool alters;
};

struct writer {
    const struct options *opt;
    unsigned number;
    MYSQL *db;
    uint64_t random;
    struct ids ids[TABLES];
    struct books books;   /* committed */
    struct books pending; /* of the open transaction */
    pthread_t thread;
};

static volatile sig_atomic_t is_over;

static void on_signal(int number)
{
    (void)number;
    is_over = 1;
}

static _Noreturn void die(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fputs("shop_writer: ", stderr);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

static uint64_t draw(struct writer *w, uint64_t below)
{
    w->random ^= w->random << 13;
    w->random ^= w->random >> 7;
    w->random ^= w->random << 17;
    return w->random % below;
}

static MYSQL *connect_shop(const struct options *opt, const char *database)
{
    MYSQL *db = mysql_init(NULL);
    mysql_options(db, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    if (!mysql_real_connect(db, opt->host, opt->user, opt->password, database, opt->port, NULL, 0))
        die("%s:%u: %s", opt->host, opt->port, mysql_error(db));
    return db;
}

/* Runs one statement; false for a deadlock or lock-wait time-out (the transaction is gone). */
static bool run(MYSQL *db, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static bool run(MYSQL *db, const char *fmt, ...)
{
    char sql[4096];
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(sql, sizeof sql, fmt, args);
    va_end(args);
    if (len < 0 || (size_t)len >= sizeof sql)
        die("a statement is too long");
    if (mysql_real_query(db, sql, (unsigned long)len) == 0)
        return true;
    if (mysql_errno(db) == 1213 || mysql_errno(db) == 1205)
        return false;
    die("%s\n  in: %.300s", mysql_error(db), sql);
}

/* ---- schema and filling ---- */

static const char *const schema[] = {
    "DROP DATABASE IF EXISTS shop",
    "CREATE DATABASE shop CHARACTER SET utf8mb4",
    "CREATE TABLE shop.customers ("
    " id BIGINT UNSIGNED NOT NULL PRIMARY KEY, ver INT NOT NULL, email VARCHAR(120) NOT NULL,"
    " name VARCHAR(80) NOT NULL, country CHAR(2) CHARACTER SET ascii NOT NULL, city VARCHAR(60) CHARACTER SET latin1,"
    " card_number VARCHAR(20), balance DECIMAL(14,2) NOT NULL, points INT UNSIGNED NOT NULL, age TINYINT UNSIGNED,"
    " birthday DATE, level ENUM('basic','plus','größer') NOT NULL, wants SET('news','offers','calls') NOT NULL,"
    " is_active BOOLEAN NOT NULL, created DATETIME(6) NOT NULL, seen TIMESTAMP(3) NULL, notes TEXT)",
    "CREATE TABLE shop.orders ("
    " id BIGINT NOT NULL PRIMARY KEY, ver INT NOT NULL, customer BIGINT UNSIGNED NOT NULL,"
    " contact_email VARCHAR(120), state ENUM('new','paid','sent','back') NOT NULL, total DECIMAL(10,2) NOT NULL,"
    " tax DECIMAL(30,10), discount DOUBLE, weight FLOAT, placed DATETIME(3) NOT NULL, paid TIMESTAMP NULL,"
    " slot TIME(3), year YEAR, details JSON, flags BIT(9), remark VARCHAR(200), KEY (customer))",
    "CREATE TABLE shop.items ("
    " order_id BIGINT NOT NULL, line SMALLINT UNSIGNED NOT NULL, ver INT NOT NULL, sku VARCHAR(24) NOT NULL,"
    " qty MEDIUMINT NOT NULL, price DECIMAL(10,4) NOT NULL, big BIGINT UNSIGNED NOT NULL, small SMALLINT,"
    " code BINARY(4), picture VARBINARY(64), label BLOB, PRIMARY KEY (order_id, line))",
};

static const char *const cities[] = {"Köln", "São Paulo", "Łódź"};

/* The columns behind (id, ver), as one SQL list; deterministic in the writer's random numbers. */
static void customer_values(struct writer *w, uint64_t id, char *out, size_t size)
{
    char city[40] = "NULL";
    if (draw(w, 4) != 0)
        snprintf(city, sizeof city, "'%s'", cities[draw(w, 2)]);
    snprintf(out, size,
             "'user%" PRIu64 ".%" PRIu64 "@mail.example','Name \\'%" PRIu64 "\\' ✓ 😀','%s',%s,'4111%012" PRIu64
             "',%s%" PRIu64 ".%02" PRIu64 ",%" PRIu64 ",%s,'19%02" PRIu64 "-%02" PRIu64 "-%02" PRIu64
             "',%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",NOW(6),%s,%s",
             id, draw(w, 1000), draw(w, 100000), draw(w, 2) ? "DE" : "BR", city, draw(w, 1000000000000),
             draw(w, 5) ? "" : "-", draw(w, 1000000), draw(w, 100), draw(w, 4294967296),
             draw(w, 3) ? "255" : "NULL", draw(w, 100), 1 + draw(w, 12), 1 + draw(w, 28), 1 + draw(w, 3),
             draw(w, 8), draw(w, 2), draw(w, 3) ? "NOW(3)" : "NULL",
             draw(w, 3) ? "'line\\nbreak \\\"quoted\\\" \\\\ tab\\t end'" : "NULL");
}

static void order_values(struct writer *w, uint64_t id, char *out, size_t size)
{
    snprintf(out, size,
             "%" PRIu64 ",%s,%" PRIu64 ",%" PRIu64 ".%02" PRIu64 ",%" PRIu64 ".%010" PRIu64 ",%s%" PRIu64
             "e-%" PRIu64 ",%" PRIu64 ".5,NOW(3),%s,'%s%02" PRIu64 ":%02" PRIu64 ":07.%03" PRIu64 "',%" PRIu64
             ",'{\"id\": %" PRIu64 ", \"tags\": [true, null, \"ü\"], \"w\": 1.50}',%" PRIu64 ",%s",
             1 + draw(w, 1000), draw(w, 3) ? "'guest@other.example'" : "NULL", 1 + draw(w, 4), draw(w, 10000),
             draw(w, 100), draw(w, 1000000000000), draw(w, 10000000000), draw(w, 2) ? "-" : "", draw(w, 1000000007),
             draw(w, 30), draw(w, 1000), draw(w, 2) ? "NOW()" : "NULL", draw(w, 3) ? "" : "-", draw(w, 24),
             draw(w, 60), draw(w, 1000), 1901 + draw(w, 250), id, draw(w, 512), draw(w, 3) ? "'as usual'" : "NULL");
}

static void item_values(struct writer *w, uint64_t id, char *out, size_t size)
{
    snprintf(out, size,
             "'SKU-%" PRIu64 "',%" PRId64 ",%" PRIu64 ".%04" PRIu64 ",%s,%" PRId64 ",x'%08" PRIx64 "',x'00ff%04" PRIx64
             "',%s",
             id % 997, (int64_t)draw(w, 16000000) - 8000000, draw(w, 10000), draw(w, 10000),
             draw(w, 2) ? "18446744073709551615" : "7", (int64_t)draw(w, 65536) - 32768, draw(w, 4294967296),
             draw(w, 65536), draw(w, 2) ? "x'deadbeef00'" : "NULL");
}

/* "(key, ver, columns)" of a new row. */
static void row_values(struct writer *w, enum table table, uint64_t id, char *out, size_t size)
{
    char rest[1200];
    if (table == CUSTOMERS)
        customer_values(w, id, rest, sizeof rest);
    else if (table == ORDERS)
        order_values(w, id, rest, sizeof rest);
    else
        item_values(w, id, rest, sizeof rest);
    if (table == ITEMS)
        snprintf(out, size, "(%" PRIu64 ",%" PRIu64 ",1,%s)", id / 4, id % 4, rest);
    else
        snprintf(out, size, "(%" PRIu64 ",1,%s)", id, rest);
}

static const char *const columns[TABLES] = {
    "(id,ver,email,name,country,city,card_number,balance,points,age,birthday,level,wants,is_active,created,seen,notes)",
    "(id,ver,customer,contact_email,state,total,tax,discount,weight,placed,paid,slot,year,details,flags,remark)",
    "(order_id,line,ver,sku,qty,price,big,small,code,picture,label)"};

static void fill_table(struct writer *w, enum table table, uint64_t rows)
{
    enum { GROUP = 200 };
    size_t size = GROUP * 1400;
    char *sql = malloc(size);
    for (uint64_t id = 1; id <= rows;) {
        size_t len = (size_t)snprintf(sql, size, "INSERT INTO shop.%s %s VALUES ", table_names[table], columns[table]);
        for (unsigned i = 0; i < GROUP && id <= rows; i++, id++) {
            if (i)
                sql[len++] = ',';
            row_values(w, table, id, sql + len, size - len);
            len += strlen(sql + len);
        }
        if (mysql_real_query(w->db, sql, len))
            die("filling %s: %s", table_names[table], mysql_error(w->db));
    }
    free(sql);
}

static void fill(const struct options *opt)
{
    struct writer w = {.opt = opt, .random = opt->seed * 2654435761u + 88172645463325252u};
    w.db = connect_shop(opt, NULL);
    for (size_t i = 0; i < sizeof schema / sizeof *schema; i++)
        run(w.db, "%s", schema[i]);
    run(w.db, "SET autocommit = 0");
    fill_table(&w, CUSTOMERS, opt->rows / 2);
    fill_table(&w, ORDERS, opt->rows / 4);
    fill_table(&w, ITEMS, opt->rows - opt->rows / 2 - opt->rows / 4);
    run(w.db, "COMMIT");
    mysql_close(w.db);
}

/* ---- the work ---- */

static void ids_add(struct ids *ids, uint64_t id)
{
    if (ids->count == ids->cap) {
        ids->cap = ids->cap ? 2 * ids->cap : 1024;
        ids->live = realloc(ids->live, ids->cap * sizeof *ids->live);
        if (!ids->live)
            die("out of memory");
    }
    ids->live[ids->count++] = id;
}

static uint64_t fresh_id(struct writer *w, enum table table)
{
    uint64_t id = w->ids[table].next;
    w->ids[table].next += w->opt->threads;
    return id;
}

static void where_id(enum table table, uint64_t id, char out[80])
{
    if (table == ITEMS)
        snprintf(out, 80, "order_id = %" PRIu64 " AND line = %" PRIu64, id / 4, id % 4);
    else
        snprintf(out, 80, "id = %" PRIu64, id);
}

struct change { /* of the live set, applied at commit */
    enum table table;
    uint64_t gone, born; /* 0: none */
};

struct transaction {
    struct change changes[16];
    unsigned count;
};

static void note(struct writer *w, struct transaction *t, enum table table, uint64_t gone, uint64_t born)
{
    t->changes[t->count++] = (struct change){table, gone, born};
    if (gone)
        w->pending.changes[table][DELETES]++;
    if (born)
        w->pending.changes[table][INSERTS]++;
}

static bool insert_row(struct writer *w, struct transaction *t, enum table table)
{
    char values[1400];
    uint64_t id = fresh_id(w, table);
    row_values(w, table, id, values, sizeof values);
    if (!run(w->db, "INSERT INTO %s %s VALUES %s", table_names[table], columns[table], values))
        return false;
    note(w, t, table, 0, id);
    return true;
}

static uint64_t pick(struct writer *w, enum table table, struct transaction *t)
{
    if (w->ids[table].count == 0)
        return 0;
    uint64_t id = w->ids[table].live[draw(w, w->ids[table].count)];
    for (unsigned i = 0; i < t->count; i++) /* gone in this transaction */
        if (t->changes[i].table == table && t->changes[i].gone == id)
            return 0;
    return id;
}

static const char *const edits[TABLES] = {
    "points = ver, email = CONCAT('u', ver, '@mail.example'), notes = IF(ver % 3, NULL, 'changed: ü')",
    "total = ver + 0.01, state = 1 + ver % 4, discount = ver / 3, paid = NOW()",
    "small = -ver % 100, picture = IF(ver % 2, x'0001', NULL), price = price + 0.0001"};

static bool update_where(struct writer *w, enum table table, const char *where)
{
    if (!run(w->db, "UPDATE %s SET ver = ver + 1, %s WHERE %s", table_names[table], edits[table], where))
        return false;
    w->pending.changes[table][UPDATES] += mysql_affected_rows(w->db);
    return true;
}

static bool update_row(struct writer *w, struct transaction *t, enum table table)
{
    char where[80];
    uint64_t id = pick(w, table, t);
    if (!id)
        return true;
    where_id(table, id, where);
    return update_where(w, table, where);
}

static bool update_range(struct writer *w, struct transaction *t, enum table table)
{
    char where[80];
    uint64_t id = pick(w, table, t);
    uint64_t rows = 1 + draw(w, 40), first = table == ITEMS ? id / 4 : id;
    snprintf(where, sizeof where, "%s BETWEEN %" PRIu64 " AND %" PRIu64, table == ITEMS ? "order_id" : "id",
             first, first + rows);
    return id == 0 || update_where(w, table, where);
}

static bool delete_row(struct writer *w, struct transaction *t, enum table table)
{
    char where[80];
    uint64_t id = pick(w, table, t);
    if (!id)
        return true;
    where_id(table, id, where);
    if (!run(w->db, "DELETE FROM %s WHERE %s", table_names[table], where))
        return false;
    if (mysql_affected_rows(w->db) != 1)
        die("%s %s should have been there", table_names[table], where);
    note(w, t, table, id, 0);
    return true;
}

static bool change_key(struct writer *w, struct transaction *t, enum table table)
{
    char where[80];
    uint64_t id = pick(w, table, t);
    if (!id || table == ITEMS)
        return true;
    uint64_t new_id = fresh_id(w, table);
    where_id(table, id, where);
    if (!run(w->db, "UPDATE %s SET ver = ver + 1, id = %" PRIu64 " WHERE %s", table_names[table], new_id, where))
        return false;
    note(w, t, table, id, new_id);
    w->pending.key_changes++;
    return true;
}

static bool step(struct writer *w, struct transaction *t)
{
    enum table table = (enum table)draw(w, TABLES);
    uint64_t roll = draw(w, 100);
    if (roll < 35)
        return insert_row(w, t, table);
    if (roll < 70)
        return update_row(w, t, table);
    if (roll < 76)
        return update_range(w, t, table);
    if (roll < 94)
        return delete_row(w, t, table);
    return change_key(w, t, table);
}

/* A part that is taken back, inside a transaction that stays. */
static bool savepoint(struct writer *w, const struct transaction *t)
{
    struct transaction lost = *t;
    struct books kept = w->pending;
    bool is_fine = run(w->db, "SAVEPOINT here") && insert_row(w, &lost, CUSTOMERS) && update_row(w, &lost, ORDERS) &&
                   run(w->db, "ROLLBACK TO here");
    w->pending = kept;
    return is_fine;
}

static void add_books(struct books *to, const struct books *from)
{
    for (int table = 0; table < TABLES; table++)
        for (int kind = 0; kind < KINDS; kind++)
            to->changes[table][kind] += from->changes[table][kind];
    to->committed += from->committed;
    to->rolled_back += from->rolled_back;
    to->key_changes += from->key_changes;
}

static void settle(struct writer *w, const struct transaction *t)
{
    for (unsigned i = 0; i < t->count; i++) {
        struct ids *ids = &w->ids[t->changes[i].table];
        for (size_t j = 0; t->changes[i].gone && j < ids->count; j++)
            if (ids->live[j] == t->changes[i].gone) {
                ids->live[j] = ids->live[--ids->count];
                break;
            }
        if (t->changes[i].born)
            ids_add(ids, t->changes[i].born);
    }
    add_books(&w->books, &w->pending);
    w->books.committed++;
}

static void transaction(struct writer *w)
{
    struct transaction t = {.count = 0};
    w->pending = (struct books){0};
    bool is_fine = run(w->db, "BEGIN");
    uint64_t steps = 1 + (draw(w, 3) ? 0 : draw(w, 8));
    for (uint64_t i = 0; is_fine && i < steps; i++)
        is_fine = step(w, &t);
    if (is_fine && draw(w, 20) == 0)
        is_fine = savepoint(w, &t);
    if (is_fine && draw(w, 12) != 0) {
        if (!run(w->db, "COMMIT"))
            die("COMMIT met a deadlock");
        settle(w, &t);
        return;
    }
    run(w->db, "ROLLBACK");
    w->books.rolled_back++;
}

static double seconds_since(const struct timespec *start)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - start->tv_sec) + (double)(now.tv_nsec - start->tv_nsec) / 1e9;
}

static void *work(void *arg)
{
    struct writer *w = arg;
    struct timespec start;
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (uint64_t n = 1; !is_over; n++) {
        transaction(w);
        double seconds = seconds_since(&start);
        if (w->opt->seconds && seconds >= w->opt->seconds)
            break;
        double ahead = w->opt->rate ? (double)n * w->opt->threads / w->opt->rate - seconds : 0;
        if (ahead > 0)
            nanosleep(&(struct timespec){(time_t)ahead, (long)((ahead - (double)(time_t)ahead) * 1e9)}, NULL);
    }
    return NULL;
}

/* The live identities of this thread, and the first fresh one. */
static void load_ids(struct writer *w, enum table table)
{
    const char *id = table == ITEMS ? "order_id * 4 + line" : "id";
    if (!run(w->db, "SELECT %s FROM %s WHERE (%s) %% %u = %u", id, table_names[table], id, w->opt->threads, w->number))
        die("reading identities met a deadlock");
    MYSQL_RES *result = mysql_use_result(w->db);
    for (MYSQL_ROW row; (row = mysql_fetch_row(result));)
        ids_add(&w->ids[table], strtoull(row[0], NULL, 10));
    mysql_free_result(result);
    run(w->db, "SELECT COALESCE(MAX(%s), 0) FROM %s", id, table_names[table]);
    result = mysql_store_result(w->db);
    uint64_t most = strtoull(mysql_fetch_row(result)[0], NULL, 10);
    mysql_free_result(result);
    /* Identities of earlier runs that are deleted by now must not come back: leave a wide gap. */
    w->ids[table].next = (most / w->opt->threads + 1000003) * w->opt->threads + w->number;
}

static void write_books(const struct options *opt, const struct books *books, unsigned alters)
{
    FILE *out = opt->books ? fopen(opt->books, "w") : stdout;
    if (!out)
        die("%s: %s", opt->books, strerror(errno));
    fputs("{\"changes\": {", out);
    for (int table = 0; table < TABLES; table++)
        fprintf(out, "%s\"%s\": {\"c\": %" PRIu64 ", \"u\": %" PRIu64 ", \"d\": %" PRIu64 "}", table ? ", " : "",
                table_names[table], books->changes[table][INSERTS], books->changes[table][UPDATES],
                books->changes[table][DELETES]);
    fprintf(out, "}, \"transactions\": %" PRIu64 ", \"rolled_back\": %" PRIu64 ", \"key_changes\": %" PRIu64
            ", \"alters\": %u}\n", books->committed, books->rolled_back, books->key_changes, alters);
    if (out != stdout)
        fclose(out);
}

static unsigned alter_half_way(const struct options *opt)
{
    struct timespec left = {.tv_sec = opt->seconds ? opt->seconds / 2 : 5};
    while (!is_over && nanosleep(&left, &left) != 0)
        ;
    if (is_over)
        return 0;
    MYSQL *db = connect_shop(opt, "shop");
    bool is_done = run(db, "ALTER TABLE customers ADD COLUMN region VARCHAR(20) NULL DEFAULT 'none' AFTER name");
    mysql_close(db);
    return is_done;
}

static void run_shop(const struct options *opt)
{
    struct writer *writers = calloc(opt->threads, sizeof *writers);
    struct books total = {0};
    for (unsigned i = 0; i < opt->threads; i++) {
        struct writer *w = &writers[i];
        *w = (struct writer){.opt = opt, .number = i, .random = (opt->seed + i + 1) * 0x9e3779b97f4a7c15u | 1};
        w->db = connect_shop(opt, "shop");
        for (int table = 0; table < TABLES; table++)
            load_ids(w, (enum table)table);
    }
    for (unsigned i = 0; i < opt->threads; i++)
        if (pthread_create(&writers[i].thread, NULL, work, &writers[i]))
            die("no thread");
    unsigned alters = opt->alters ? alter_half_way(opt) : 0;
    for (unsigned i = 0; i < opt->threads; i++) {
        pthread_join(writers[i].thread, NULL);
        mysql_close(writers[i].db);
        add_books(&total, &writers[i].books);
        for (int table = 0; table < TABLES; table++)
            free(writers[i].ids[table].live);
    }
    free(writers);
    write_books(opt, &total, alters);
}

static void set_option(struct options *opt, const char *name, const char *value)
{
    const struct {
        const char *name;
        const char **text;
    } texts[] = {{"--host", &opt->host}, {"--user", &opt->user}, {"--password", &opt->password}, {"--books", &opt->books}};
    const struct {
        const char *name;
        unsigned *number;
    } numbers[] = {{"--port", &opt->port}, {"--rows", &opt->rows}, {"--seed", &opt->seed},
                   {"--seconds", &opt->seconds}, {"--threads", &opt->threads}, {"--rate", &opt->rate}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (!strcmp(name, texts[i].name)) {
            *texts[i].text = value;
            return;
        }
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (!strcmp(name, numbers[i].name)) {
            *numbers[i].number = (unsigned)strtoul(value, NULL, 10);
            return;
        }
    die("unknown option %s", name);
}

int main(int argc, char **argv)
{
    struct options opt = {.host = "127.0.0.1", .user = "root", .password = "", .rows = 100000, .seed = 1, .threads = 2};
    for (int i = 2; i < argc; i++) {
        if (!strcmp(argv[i], "--alter"))
            opt.alters = true;
        else if (i + 1 < argc)
            set_option(&opt, argv[i], argv[i + 1]), i++;
        else
            die("%s needs a value", argv[i]);
    }
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    mysql_library_init(0, NULL, NULL);
    if (argc > 1 && !strcmp(argv[1], "fill"))
        fill(&opt);
    else if (argc > 1 && !strcmp(argv[1], "run"))
        run_shop(&opt);
    else
        die("usage: shop_writer fill|run --port P [...]");
    mysql_library_end();
    return 0;
}
