/* greeting.h - does the server speak TLS? Asked on a connection of its own, before any other: libmariadb, told to use TLS, goes on
 * without it where the server has none, and caching_sha2_password then sends the password as it is, for all to read.
 *
 *   packet: length u24, number u8, then: version u8 (10), server's version text, 0, thread u32, 8 bytes, 0, capabilities u16, ... */
#ifndef LEAT_MYSQL_GREETING_H
#define LEAT_MYSQL_GREETING_H

#include <leat/error.h>

enum greeting {
    GREETING_NONE,   /* nobody takes the connection, or what is said is no greeting */
    GREETING_SILENT, /* taken, and nothing is said in time */
    GREETING_TLS,
    GREETING_PLAIN,
};

enum greeting greeting_ask(const char *host, int64_t port, int64_t timeout_us);

#endif
