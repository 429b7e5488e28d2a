#include <mysql/hosts.h>

#include <mysql/host_name.h>
#include <stdio.h>

uint32_t hosts_count(const struct leat_list *list)
{
    return list->count ? (uint32_t)list->count : 1;
}

void hosts_choose(struct hosts *hosts, uint32_t at)
{
    at %= hosts_count(hosts->list);
    hosts->chosen = *hosts->options;
    hosts->at = at;
    if (hosts->list->count == 0)
        return;
    host_name_read(hosts->list->items[at], hosts->options->port, hosts->name, sizeof hosts->name, &hosts->chosen.port);
    hosts->chosen.host = hosts->name;
    hosts->chosen.socket = NULL;
}

static enum leat_status open_one(struct hosts *hosts, struct client *client, unsigned read_timeout_s, struct leat_task *task,
                                 hosts_judge_f *judge, void *arg, struct leat_error *err)
{
    enum leat_status status = client_open(client, &hosts->chosen, read_timeout_s, task, err);
    if (status != LEAT_OK)
        return status;
    hosts->chosen.tls = (int)client->tls; /* for the connections that follow */
    status = judge(arg, client, err);
    if (status != LEAT_OK) {
        if (task)
            leat_task_guard(task, -1);
        client_close(client);
    }
    return status;
}

enum leat_status hosts_open(struct hosts *hosts, struct client *client, unsigned read_timeout_s, struct leat_task *task,
                            hosts_judge_f *judge, void *arg, struct leat_error *err)
{
    uint32_t count = hosts_count(hosts->list), first = hosts->at;
    enum leat_status all = LEAT_STOP;
    struct leat_error one = {0};
    char said[sizeof one.text] = "";
    for (uint32_t i = 0; i < count; i++) {
        hosts_choose(hosts, first + i);
        enum leat_status status = open_one(hosts, client, read_timeout_s, task, judge, arg, &one);
        if (status == LEAT_OK || (task && leat_task_is_stopping(task))) {
            *err = one;
            return status;
        }
        if (status != LEAT_STOP)
            all = LEAT_RETRY;
        size_t len = strlen(said);
        snprintf(said + len, sizeof said - len, "%s%.*s", i ? "; " : "", (int)(sizeof said / count), one.text);
    }
    if (count == 1) {
        *err = one;
        return all;
    }
    return leat_fail(err, all, "none of `hosts` will do: %s", said);
}
