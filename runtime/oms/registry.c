#include <oms/access.h>

#include <base/text.h>
#include <base/thread.h>

#define DRIVERS_MOST 32

static struct leat_lock lock = LEAT_LOCK("drivers", LEAT_RANK_ACCESS);
static const struct leat_driver_type *drivers[DRIVERS_MOST] = {&leat_driver_commitlog, &leat_driver_memory};
static size_t driver_count = 2;

static const struct leat_driver_type *find(const char *name)
{
    for (size_t i = 0; i < driver_count; i++)
        if (strcmp(drivers[i]->name, name) == 0)
            return drivers[i];
    return NULL;
}

bool leat_driver_add(const struct leat_driver_type *type)
{
    leat_lock_take(&lock);
    bool is_new = driver_count < DRIVERS_MOST && !find(type->name);
    if (is_new)
        drivers[driver_count++] = type;
    leat_lock_give(&lock);
    return is_new;
}

const struct leat_driver_type *leat_driver(const char *name)
{
    leat_lock_take(&lock);
    const struct leat_driver_type *type = find(name);
    leat_lock_give(&lock);
    return type;
}

static enum leat_status unknown(const char *url, const char *name, struct leat_error *err)
{
    const char *names[DRIVERS_MOST];
    leat_lock_take(&lock);
    size_t count = driver_count;
    for (size_t i = 0; i < count; i++)
        names[i] = drivers[i]->name;
    leat_lock_give(&lock);
    const char *meant = leat_did_you_mean(name, names, count);
    return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG, "access point \"%s\": there is no driver \"%s\"%s%s%s",
                        url, name, meant ? "; did you mean \"" : "", meant ? meant : "", meant ? "\"?" : "");
}

enum leat_status leat_access_open(const char *url, const char *data_dir, bool is_read_only,
                                  const struct leat_driver_type **type, struct leat_access **access,
                                  struct leat_error *err)
{
    struct leat_url parts;
    enum leat_status status = leat_url_parse(url, &parts, err);
    if (status != LEAT_OK)
        return status;
    *type = leat_driver(parts.driver);
    if (!*type)
        return unknown(url, parts.driver, err);
    struct leat_access_config config = {
        .url = url, .data_dir = data_dir, .is_read_only = is_read_only, .type = *type};
    return (*type)->open(&config, access, err);
}
