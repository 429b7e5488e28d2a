#include <mysql/gtids.h>

void gtids_init(struct gtids *gtids)
{
    gtids->kind = GTIDS_NONE;
    leat_gtid_list_init(&gtids->list);
    leat_gtid_set_init(&gtids->set);
}

void gtids_fini(struct gtids *gtids)
{
    leat_gtid_list_fini(&gtids->list);
    leat_gtid_set_fini(&gtids->set);
    gtids->kind = GTIDS_NONE;
}

void gtids_copy(struct gtids *to, const struct gtids *from)
{
    if (to == from)
        return;
    gtids_fini(to);
    to->kind = from->kind;
    for (uint32_t i = 0; i < from->list.count; i++)
        leat_gtid_list_set(&to->list, from->list.places[i].domain, from->list.places[i].server, from->list.places[i].seq);
    leat_gtid_set_add_set(&to->set, &from->set);
}

bool gtids_parse(struct gtids *gtids, const char *text, size_t len)
{
    gtids_fini(gtids);
    if (len == 0)
        return true;
    if (leat_gtid_list_parse(&gtids->list, text, len))
        gtids->kind = GTIDS_LIST;
    else if (leat_gtid_set_parse(&gtids->set, text, len))
        gtids->kind = GTIDS_SET;
    return gtids->kind != GTIDS_NONE;
}

void gtids_print(const struct gtids *gtids, struct leat_bytes *out)
{
    if (gtids->kind == GTIDS_LIST)
        leat_gtid_list_print(&gtids->list, out);
    else if (gtids->kind == GTIDS_SET)
        leat_gtid_set_print(&gtids->set, out);
}

void gtids_add(struct gtids *gtids, const struct leat_binlog_gtid *gtid, bool is_mariadb)
{
    if (is_mariadb) {
        leat_gtid_list_set(&gtids->list, gtid->domain, gtid->server, gtid->seq);
        gtids->kind = GTIDS_LIST;
    } else if (gtid->is_anonymous) {
        gtids_fini(gtids);
    } else if (gtids->kind == GTIDS_SET) {
        leat_gtid_set_add(&gtids->set, gtid->uuid, gtid->tag, gtid->seq);
    }
}

bool gtids_has(const struct gtids *gtids, const struct leat_binlog_gtid *gtid)
{
    return gtids->kind == GTIDS_SET && !gtid->is_anonymous && leat_gtid_set_has(&gtids->set, gtid->uuid, gtid->tag, gtid->seq);
}

bool gtids_read_previous(struct gtids *gtids, const struct leat_binlog_event *ev)
{
    gtids_fini(gtids);
    if (leat_gtid_set_decode(&gtids->set, ev->body.at, (size_t)(ev->body.end - ev->body.at)))
        gtids->kind = GTIDS_SET;
    return gtids->kind == GTIDS_SET;
}
