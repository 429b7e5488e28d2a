#include <oms/access.h>

#define DRIVERS_MOST 16

static const struct leat_driver_type *added[DRIVERS_MOST]; /* written before threads start */
static size_t added_count;

const struct leat_driver_type *leat_driver(const char *name)
{
    static const struct leat_driver_type *const built_in[] = {&leat_driver_commitlog, &leat_driver_memory};
    for (size_t i = 0; i < sizeof built_in / sizeof *built_in; i++)
        if (strcmp(built_in[i]->name, name) == 0)
            return built_in[i];
    for (size_t i = 0; i < added_count; i++)
        if (strcmp(added[i]->name, name) == 0)
            return added[i];
    return NULL;
}

bool leat_driver_add(const struct leat_driver_type *type)
{
    if (leat_driver(type->name) || added_count == DRIVERS_MOST)
        return false;
    added[added_count++] = type;
    return true;
}

enum leat_status leat_access_open(const char *url_text, const char *data_dir, bool is_read_only,
                                  const struct leat_driver_type **type, struct leat_access **access,
                                  struct leat_error *err)
{
    struct leat_url url;
    enum leat_status status = leat_url_parse(url_text, &url, err);
    if (status != LEAT_OK)
        return status;
    *type = leat_driver(url.driver);
    if (!*type)
        return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG,
                            "topics: there is no driver \"%s\"; `leat plugins` lists what there is", url.driver);
    struct leat_access_config config = {url_text, data_dir, is_read_only, *type};
    return (*type)->open(&config, access, err);
}
