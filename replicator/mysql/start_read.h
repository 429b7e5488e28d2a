/* start_read.h - where a new source without a snapshot begins.
 *
 *   current            where the server is now          earliest       with its oldest binary log
 *   bin.000007:4711    at that place                    0-1-77         behind those transactions (MariaDB), or uuid:1-77 (MySQL)
 *   2026-01-02T03:04:05Z    with the first transaction of that time or later, as the log stamps it, in whole seconds */
#ifndef LEAT_MYSQL_START_READ_H
#define LEAT_MYSQL_START_READ_H

#include <stdbool.h>
#include <stdint.h>

enum start_kind { START_CURRENT, START_EARLIEST, START_PLACE, START_GTIDS, START_TIME };

struct start {
    enum start_kind kind;
    char file[256]; /* of a place */
    uint64_t pos;
    int64_t time_us;
};

/* False: `text` is none of these. */
bool start_read(struct start *start, const char *text);

#endif
