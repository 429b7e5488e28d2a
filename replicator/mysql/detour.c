#include <mysql/detour.h>

#include <mysql/reader.h>

static enum leat_status open_dump(struct detour *detour, const struct xa_group *group, const struct client_options *options,
                                  unsigned timeout_s, int64_t heartbeat_us, struct leat_task *task, struct leat_error *err)
{
    struct client client;
    struct reader none = {0};
    enum leat_status status = client_open(&client, options, timeout_s, task, err);
    if (status == LEAT_OK)
        status = dump_open(&detour->dump, &client, &group->place, 0, &none, heartbeat_us, task, err);
    leat_task_guard(task, -1);
    return status;
}

enum leat_status detour_next(struct detour *detour, const struct xa_group *group, const struct client_options *options,
                             unsigned timeout_s, int64_t heartbeat_us, struct leat_task *task, const uint8_t **bytes,
                             size_t *len, struct leat_error *err)
{
    enum leat_status status = LEAT_OK;
    if (!detour->dump)
        status = open_dump(detour, group, options, timeout_s, heartbeat_us, task, err);
    if (status == LEAT_OK)
        status = dump_next(detour->dump, bytes, len, err);
    if (status == LEAT_STOP)
        leat_error_context(err, "XA COMMIT %s: its rows, prepared in %s behind %llu, have to be read once more", group->name,
                           group->place.file, (unsigned long long)group->place.pos);
    return status;
}

int detour_fd(const struct detour *detour, int otherwise)
{
    return detour->dump ? dump_fd(detour->dump) : otherwise;
}

void detour_close(struct detour *detour)
{
    if (detour->dump)
        dump_close(detour->dump);
    detour->dump = NULL;
}
