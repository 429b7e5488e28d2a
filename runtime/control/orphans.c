#include <control/orphans.h>

#include <base/text.h>
#include <stddef.h>

bool leat_is_orphan(const struct leat_config *config, const char *consumer)
{
    for (size_t i = 0; i < config->pipeline_count; i++)
        for (size_t k = 0; k < config->pipelines[i].sink_count; k++)
            if (strcmp(config->pipelines[i].sinks[k].name, consumer) == 0)
                return false;
    return true;
}

void leat_consumers(const struct leat_driver_type *driver, struct leat_access *access, leat_consumer_f *each, void *arg)
{
    if (driver->struct_size > offsetof(struct leat_driver_type, consumers) && driver->consumers)
        driver->consumers(access, each, arg);
}

struct choosing {
    const struct leat_config *config;
    leat_consumer_f *each;
    void *arg;
};

static void choose(void *arg, const struct leat_consumer_info *info)
{
    const struct choosing *choosing = arg;
    if (leat_is_orphan(choosing->config, info->name))
        choosing->each(choosing->arg, info);
}

void leat_orphans(const struct leat_config *config, const struct leat_driver_type *driver, struct leat_access *access,
                  leat_consumer_f *each, void *arg)
{
    leat_consumers(driver, access, choose, &(struct choosing){config, each, arg});
}

void leat_orphan_text(struct leat_bytes *out, const struct leat_consumer_info *orphan)
{
    char size[32];
    leat_bytes_printf(out,
                      "no sink of the pipeline files has this name; log %s keeps %s for it, until `leat offsets forget %s`, "
                      "which runs while no daemon does",
                      orphan->log, leat_text_size(size, orphan->kept), orphan->name);
}
