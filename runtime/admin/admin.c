#include <admin/admin.h>

#include <admin/errand.h>
#include <admin/listen.h>
#include <admin/status.h>
#include <base/memory.h>
#include <base/os.h>
#include <microhttpd.h>
#include <stdlib.h>

#define ANSWER_MAX ((size_t)16 << 20)

struct door { /* where a request came in */
    struct leat_admin *admin;
    bool takes_orders; /* the socket's does: files say who may; a port knows nobody */
    struct MHD_Daemon *daemon;
};

struct leat_admin {
    struct leat_control *control;
    char *socket_path;
    struct door doors[2]; /* the socket, and the port where there is one */
};

/* ---- answers ---- */

static void add_status(void *arg, const struct leat_task_status *status, bool is_source)
{
    leat_status_json(arg, status, is_source);
}

static void add_orphan(void *arg, const struct leat_consumer_info *orphan)
{
    leat_status_orphan_json(arg, orphan);
}

static void write_status(struct leat_control *control, struct leat_bytes *out)
{
    leat_control_each(control, add_status, out);
    leat_control_orphans(control, add_orphan, out);
}

struct statuses {
    struct leat_task_status *items;
    size_t count;
};

static void copy_status(void *arg, const struct leat_task_status *status, bool is_source)
{
    struct statuses *statuses = arg;
    (void)is_source;
    statuses->items = leat_realloc(statuses->items, (statuses->count + 1) * sizeof *statuses->items);
    statuses->items[statuses->count++] = *status;
}

static void write_metrics(struct leat_control *control, struct leat_bytes *out)
{
    struct statuses statuses = {0};
    leat_control_each(control, copy_status, &statuses);
    leat_status_metrics(out, statuses.items, statuses.count);
    free(statuses.items);
}

static void look_for_trouble(void *arg, const struct leat_task_status *status, bool is_source)
{
    (void)is_source;
    if (status->state == LEAT_TASK_FAILED || status->state == LEAT_TASK_FENCED || status->state == LEAT_TASK_WAITING ||
        status->state == LEAT_TASK_STALLED)
        leat_bytes_printf(arg, "%s: %s: %s\n", status->name, leat_task_state_name(status->state), status->error.text);
}

static unsigned write_health(struct leat_control *control, struct leat_bytes *out)
{
    leat_control_each(control, look_for_trouble, out);
    if (out->len > 0)
        return MHD_HTTP_SERVICE_UNAVAILABLE;
    leat_bytes_text(out, "all connectors work\n");
    return MHD_HTTP_OK;
}

static unsigned answer(struct leat_control *control, const char *url, struct leat_bytes *out, const char **type)
{
    *type = "text/plain; charset=utf-8";
    if (strcmp(url, "/status") == 0) {
        *type = "application/x-ndjson";
        write_status(control, out);
    } else if (strcmp(url, "/metrics") == 0) {
        *type = "text/plain; version=0.0.4; charset=utf-8";
        write_metrics(control, out);
    } else if (strcmp(url, "/health") == 0) {
        return write_health(control, out);
    } else {
        leat_bytes_text(out, "There are /status, /metrics and /health.\n");
        return MHD_HTTP_NOT_FOUND;
    }
    return MHD_HTTP_OK;
}

/* PUT /connectors/NAME/pause; `url` is decoded by the server. */
static unsigned take_order(const struct door *door, const char *url, struct leat_bytes *out)
{
    static const char prefix[] = "/connectors/";
    const char *slash = strrchr(url, '/');
    enum leat_order order;
    struct leat_error err = {.text = ""};
    if (strncmp(url, prefix, strlen(prefix)) != 0 || slash < url + strlen(prefix) ||
        !leat_order_by_name(slash + 1, &order)) {
        leat_bytes_text(out, "There are /connectors/NAME/pause, resume, restart and stop.\n");
        return MHD_HTTP_NOT_FOUND;
    }
    if (!door->takes_orders) {
        leat_bytes_text(out, "Orders are taken at DATA/admin.sock alone.\n");
        return MHD_HTTP_FORBIDDEN;
    }
    char *name = leat_strndup(url + strlen(prefix), (size_t)(slash - url) - strlen(prefix));
    enum leat_status status = leat_control_order(door->admin->control, name, order, &err);
    free(name);
    leat_bytes_printf(out, "%s\n", status == LEAT_OK ? "The order is taken." : err.text);
    return status == LEAT_OK                  ? MHD_HTTP_ACCEPTED
           : err.cause == LEAT_CAUSE_CONFIG ? MHD_HTTP_NOT_FOUND
                                              : MHD_HTTP_CONFLICT;
}

static const char *find_argument(void *arg, const char *name)
{
    return MHD_lookup_connection_value(arg, MHD_GET_ARGUMENT_KIND, name);
}

static unsigned run_errand(const struct door *door, struct MHD_Connection *connection, const char *url,
                           struct leat_bytes *out)
{
    if (door->takes_orders)
        return leat_errand(door->admin->control, url, find_argument, connection, out);
    leat_bytes_text(out, "Orders are taken at DATA/admin.sock alone.\n");
    return MHD_HTTP_FORBIDDEN;
}

static enum MHD_Result handle(void *arg, struct MHD_Connection *connection, const char *url, const char *method,
                              const char *version, const char *upload, size_t *upload_size, void **state)
{
    const struct door *door = arg;
    struct leat_bytes out;
    const char *type = "text/plain; charset=utf-8";
    (void)version, (void)upload, (void)upload_size, (void)state;
    leat_bytes_init(&out, ANSWER_MAX);
    unsigned code = MHD_HTTP_METHOD_NOT_ALLOWED;
    if (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0)
        code = answer(door->admin->control, url, &out, &type);
    else if (strcmp(method, "PUT") == 0)
        code = take_order(door, url, &out);
    else if (strcmp(method, "POST") == 0)
        code = run_errand(door, connection, url, &out);
    struct MHD_Response *response = MHD_create_response_from_buffer(out.len, out.data, MHD_RESPMEM_MUST_COPY);
    MHD_add_response_header(response, "Content-Type", type);
    enum MHD_Result result = MHD_queue_response(connection, code, response);
    MHD_destroy_response(response);
    leat_bytes_fini(&out);
    return result;
}

/* ---- life ---- */

static bool serve(struct door *door, int fd, struct leat_error *err)
{
    door->daemon =
        MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL | MHD_USE_ITC, 0, NULL, NULL, handle, door,
                         MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_TIMEOUT, 10u, MHD_OPTION_END);
    if (!door->daemon) {
        leat_os->close(fd);
        leat_fail(err, LEAT_STOP, "cannot start the admin server");
    }
    return door->daemon != NULL;
}

enum leat_status leat_admin_open(struct leat_admin **admin, struct leat_control *control,
                                 const struct leat_config *config, struct leat_error *err)
{
    struct leat_admin *made = leat_calloc(1, sizeof *made);
    made->control = control;
    made->socket_path = leat_format_dup("%s/admin.sock", config->data);
    bool is_open = true;
    for (int i = 0; is_open && i < (config->admin ? 2 : 1); i++) {
        int fd = i == 0 ? leat_listen_unix(config->data, err) : leat_listen_tcp(config->admin, err);
        made->doors[i] = (struct door){.admin = made, .takes_orders = i == 0};
        is_open = fd >= 0 && serve(&made->doors[i], fd, err);
    }
    if (!is_open) {
        leat_admin_close(made);
        return LEAT_STOP;
    }
    *admin = made;
    return LEAT_OK;
}

void leat_admin_close(struct leat_admin *admin)
{
    for (int i = 0; i < 2; i++)
        if (admin->doors[i].daemon)
            MHD_stop_daemon(admin->doors[i].daemon);
    leat_os->unlink(admin->socket_path);
    free(admin->socket_path);
    free(admin);
}
