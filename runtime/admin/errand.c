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

unsigned leat_errand(struct leat_control *control, const char *url, leat_argument_f *argument, void *arg,
                     struct leat_bytes *out)
{
    if (strcmp(url, "/dead/replay") == 0)
        return settle(control, LEAT_LETTER_REPLAYED, argument, arg, out);
    if (strcmp(url, "/dead/drop") == 0)
        return settle(control, LEAT_LETTER_DROPPED, argument, arg, out);
    if (strcmp(url, "/replay") == 0)
        return send_back(control, argument, arg, out);
    leat_bytes_text(out, "There are /dead/replay, /dead/drop and /replay.\n");
    return MHD_HTTP_NOT_FOUND;
}
