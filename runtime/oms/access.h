/* access.h - access point URLs and the drivers behind them.
 *
 *   oms:commitlog:                    in the data directory
 *   oms:commitlog:///var/lib/leat     everything after the driver is a path
 *   oms:memory:                       the bounded twin in RAM, for tests
 *   oms:kafka://host:port,host:port/NAMESPACE[?property=value&...]
 */
#ifndef LEAT_OMS_ACCESS_H
#define LEAT_OMS_ACCESS_H

#include <leat/driver.h>

extern const struct leat_driver_type leat_driver_commitlog;
extern const struct leat_driver_type leat_driver_memory;

/* Parts of "oms:<driver>://[account@]host[:port][,host[:port]]/<region>[?...]"; text is the caller's (arena of the struct). */
struct leat_url {
    char driver[32];
    char account[128];
    char hosts[512];
    char region[256]; /* or the path of commitlog */
};
enum leat_status leat_url_parse(const char *text, struct leat_url *url, struct leat_error *err);

/* Adds a driver (plug-ins; before threads start) and finds one. */
bool leat_driver_add(const struct leat_driver_type *type);
const struct leat_driver_type *leat_driver(const char *name);

/* Parses, finds the driver, opens. The access point is closed by config->type->close(). */
enum leat_status leat_access_open(const char *url, const char *data_dir, bool is_read_only,
                                  const struct leat_driver_type **type, struct leat_access **access,
                                  struct leat_error *err);

#endif
