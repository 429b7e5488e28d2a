/* host_name.h - a server as a list of them names it: "db1", "db2:3307", "[::1]:3307". */
#ifndef LEAT_MYSQL_HOST_NAME_H
#define LEAT_MYSQL_HOST_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* False: it is no name, with or without a port. */
bool host_name_read(const char *item, int64_t preset_port, char *name, size_t size, int64_t *port);

#endif
