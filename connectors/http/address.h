/* address.h - "127.0.0.1:8090", "[::1]:8090", ":8090". */
#ifndef LEAT_HTTP_ADDRESS_H
#define LEAT_HTTP_ADDRESS_H

#include <leat/error.h>

/* Checks the form alone. */
enum leat_status http_address_check(const char *where, struct leat_error *err);

/* A listening socket, and its port (where `where` says port 0); -1 with err. */
int http_listen(const char *where, uint16_t *port, struct leat_error *err);

#endif
