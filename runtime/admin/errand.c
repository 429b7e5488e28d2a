#include <admin/errand.h>

#include <control/letters.h>
#include <microhttpd.h>

static unsigned settle(struct leat_control *control, enum leat_letter_state to, leat_argument_f *argument, void *arg,
                       struct leat_bytes *out)
{
    struct leat_letters letters;
    struct leat_letter_id id;
    struct leat_error err = {.text = ""};
    const char *id_text = argument(arg, "id");
    struct leat_letters_query query = {argument(arg, "topic"), argument(arg, "connector"), id_text ? &id : NULL};
    if (id_text && !leat_letter_id_parse(id_text, &id)) {
        leat_bytes_printf(out, "\"%s\" is no ID of a letter\n", id_text);
        return MHD_HTTP_BAD_REQUEST;
    }
    leat_control_letters(control, &letters);
    enum leat_status status = leat_letters_settle(&letters, &query, to, out, &err);
    if (status != LEAT_OK)
        leat_bytes_printf(out, "%s\n", err.text);
    return status == LEAT_OK ? MHD_HTTP_OK : MHD_HTTP_CONFLICT;
}

static unsigned send_back(struct leat_control *control, leat_argument_f *argument, void *arg, struct leat_bytes *out)
{
    struct leat_error err = {.text = ""};
    const char *sink = argument(arg, "sink"), *from = argument(arg, "from");
    if (!sink || !from) {
        leat_bytes_text(out, "/replay?sink=NAME&from=PLACE\n");
        return MHD_HTTP_BAD_REQUEST;
    }
    enum leat_status status = leat_control_replay(control, sink, from, out, &err);
    if (status != LEAT_OK)
        leat_bytes_printf(out, "%s\n", err.text);
    return status == LEAT_OK ? MHD_HTTP_OK : MHD_HTTP_CONFLICT;
}

static struct leat_value text_or_null(const char *text)
{
    return text ? leat_value_string(text) : leat_value_null();
}

/* The words of an order, as sources know them: {do: "snapshot-start", tables: "db.t,db.u", where: ..., anew: "1"}. */
static unsigned order_snapshot(struct leat_control *control, const char *what, leat_argument_f *argument, void *arg, struct leat_bytes *out)
{
    struct leat_error err = {.text = ""};
    const char *pipeline = argument(arg, "pipeline");
    struct leat_value pairs[] = {leat_value_string("do"),     leat_value_string(what),
                                 leat_value_string("tables"), text_or_null(argument(arg, "tables")),
                                 leat_value_string("where"),  text_or_null(argument(arg, "where")),
                                 leat_value_string("anew"),   text_or_null(argument(arg, "anew"))};
    struct leat_value ask = leat_value_items(LEAT_MAP, pairs, sizeof pairs / sizeof *pairs / 2);
    if (!pipeline) {
        leat_bytes_text(out, "/snapshot/start?pipeline=NAME&tables=DB.T,...&where=SQL&anew=1\n");
        return MHD_HTTP_BAD_REQUEST;
    }
    enum leat_status status = leat_control_command(control, pipeline, &ask, &err);
    leat_bytes_printf(out, "%s\n", status == LEAT_OK ? "The order is taken." : err.text);
    return status == LEAT_OK ? MHD_HTTP_OK : MHD_HTTP_CONFLICT;
}

unsigned leat_errand(struct leat_control *control, const char *url, leat_argument_f *argument, void *arg,
                     struct leat_bytes *out)
{
    if (strcmp(url, "/dead/replay") == 0)
        return settle(control, LEAT_LETTER_REPLAYED, argument, arg, out);
    if (strcmp(url, "/dead/drop") == 0)
        return settle(control, LEAT_LETTER_DROPPED, argument, arg, out);
    if (strcmp(url, "/replay") == 0)
        return send_back(control, argument, arg, out);
    if (strcmp(url, "/snapshot/start") == 0)
        return order_snapshot(control, "snapshot-start", argument, arg, out);
    if (strcmp(url, "/snapshot/stop") == 0)
        return order_snapshot(control, "snapshot-stop", argument, arg, out);
    leat_bytes_text(out, "There are /dead/replay, /dead/drop, /replay, /snapshot/start and /snapshot/stop.\n");
    return MHD_HTTP_NOT_FOUND;
}
