/* client_options.h - the options of every connector that opens a connection: parts of its table. `member` is its
 * struct client_options. */
#ifndef LEAT_MYSQL_CLIENT_OPTIONS_H
#define LEAT_MYSQL_CLIENT_OPTIONS_H

#include <mysql/client.h>

extern const char *const client_ssl_choices[];

#define CLIENT_SERVER_OPTIONS(self_type, member) \
    {.name = "host", .type = LEAT_OPT_TEXT, .offset = offsetof(self_type, member.host), .preset = "127.0.0.1", .about = "Server.", \
     .alias = "database.hostname"}, \
    {.name = "port", .type = LEAT_OPT_INT, .offset = offsetof(self_type, member.port), .preset = "3306", .min = 1, .max = 65535, \
     .about = "Its port.", .alias = "database.port"}, \
    {.name = "socket", .type = LEAT_OPT_PATH, .offset = offsetof(self_type, member.socket), .about = "Unix socket, instead of host and port."}

#define CLIENT_PASSWORD_OPTION(self_type, member) \
    {.name = "password", .type = LEAT_OPT_TEXT, .flags = LEAT_OPT_SECRET, .offset = offsetof(self_type, member.password), \
     .about = "The user's password.", .example = "${file:password}", .alias = "database.password"}

#define CLIENT_ENCRYPTION_OPTIONS(self_type, member) \
    {.name = "ssl", .type = LEAT_OPT_CHOICE, .offset = offsetof(self_type, member.ssl), .preset = "preferred", .choices = client_ssl_choices, \
     .about = "Encryption; verify: with the server's certificate and name checked."}, \
    {.name = "ssl_ca", .type = LEAT_OPT_PATH, .offset = offsetof(self_type, member.ssl_ca), .about = "Certificates that sign the server's."}, \
    {.name = "ssl_cert", .type = LEAT_OPT_PATH, .offset = offsetof(self_type, member.ssl_cert), .about = "Our certificate."}, \
    {.name = "ssl_key", .type = LEAT_OPT_PATH, .flags = LEAT_OPT_SECRET, .offset = offsetof(self_type, member.ssl_key), .about = "Its key."}, \
    {.name = "connect_timeout", .type = LEAT_OPT_TIME, .offset = offsetof(self_type, member.connect_timeout_us), .preset = "10s", \
     .min = 1000000, .max = 3600000000, .about = "How long connecting may take."}

#endif
