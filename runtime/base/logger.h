/* logger.h - how the daemon's own lines are printed; leat/logger.h is how they are said. */
#ifndef LEAT_BASE_LOGGER_H
#define LEAT_BASE_LOGGER_H

#include <leat/logger.h>

struct leat_logger_config {
    int fd; /* 2 */
    bool is_json;
    enum leat_level level; /* the least that is printed */
};

/* Before threads start. Until then: plain lines of INFO and above on descriptor 2. */
void leat_logger_use(const struct leat_logger_config *config);

#endif
