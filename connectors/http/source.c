/* source.c - the http source: a request is a record, and its 200 says that the record is durable.
 *
 *   taken --- replay of a durable key: 200 --- other body: 422 --- key in flight: 409 --- no such text: 400
 *     |
 *   in a batch --- durable(): 200
 *              \-- close(): 503; the client tries again, and its key tells whether the record is there
 */
#include <http/http.h>

#include <base/assert.h>
#include <http/address.h>
#include <http/server.h>
#include <http/window.h>
#include <model/coder.h>
#include <stdlib.h>

#define NAMES_MOST 10000 /* a topic lives as long as the process: clients may not invent without end */

struct http_source {
    const char *listen, *path, *bearer;
    int64_t format, max_body, max_waiting, window_most;
    /* open */
    struct http_server *server;
    struct http_window window;
    bool has_window;
    struct leat_coder codecs[HTTP_BYTES + 1];
    struct leat_table topics;           /* name -> topic */
    struct http_request *first, **last; /* taken and not durable, in order of batches */
};

#define AT(member) offsetof(struct http_source, member)
static const char *const formats[] = {"auto", "json", "text", "bytes", NULL}; /* enum http_format */
static const struct leat_option options[] = {
    {.name = "listen", .type = LEAT_OPT_TEXT, .flags = LEAT_OPT_MAIN, .offset = AT(listen), .preset = "127.0.0.1:8090",
     .about = "Address to listen on; there is no TLS: a proxy goes before it on other networks.",
     .example = "0.0.0.0:8090"},
    {.name = "path", .type = LEAT_OPT_TEXT, .offset = AT(path), .preset = "/",
     .about = "Path that is posted to; what follows it after a slash is {table} of the topic.", .example = "/events"},
    {.name = "format", .type = LEAT_OPT_CHOICE, .offset = AT(format), .preset = "auto", .choices = formats,
     .about = "What a body is; auto: as its Content-Type says."},
    {.name = "max_body", .type = LEAT_OPT_SIZE, .offset = AT(max_body), .preset = "1MiB", .min = 1, .max = 64 << 20,
     .about = "Largest body; a larger one is answered 413."},
    {.name = "max_waiting", .type = LEAT_OPT_INT, .offset = AT(max_waiting), .preset = "256", .min = 1, .max = 900,
     .about = "Most requests that wait for their answer; more are answered 503."},
    {.name = "idempotency_window", .type = LEAT_OPT_INT, .offset = AT(window_most), .preset = "100000", .min = 1,
     .max = 10000000, .about = "How many of the latest Idempotency-Keys are remembered."},
    {.name = "bearer", .type = LEAT_OPT_TEXT, .flags = LEAT_OPT_SECRET, .offset = AT(bearer),
     .about = "Token that requests must bear; without it anybody may post."},
    {0}};

static enum leat_status validate_source(void *arg, struct leat_error *err)
{
    const struct http_source *self = arg;
    if (self->path[0] != '/')
        return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG, "path: \"%s\" does not begin with a slash", self->path);
    return http_address_check(self->listen, err);
}

static enum leat_status check_source(void *arg, struct leat_report *report, struct leat_error *err)
{
    (void)arg;
    (void)err;
    leat_report_guarantee(report, LEAT_AT_LEAST_ONCE,
                          "exactly once for clients that send an Idempotency-Key and repeat what was not answered 200; "
                          "a request that is repeated without a key is a second record");
    return LEAT_OK;
}

static enum leat_status open_source(void *arg, struct leat_task *task, const struct leat_positions *from,
                                    struct leat_error *err)
{
    struct http_source *self = arg;
    const struct http_server_config config = {.listen = self->listen, .path = self->path, .bearer = self->bearer,
                                              .format = (enum http_format)self->format,
                                              .max_body = (size_t)self->max_body,
                                              .max_waiting = (uint32_t)self->max_waiting};
    self->server = NULL;
    self->first = NULL;
    self->last = &self->first;
    self->has_window = true;
    leat_table_init(&self->topics);
    enum leat_status status = http_window_open(&self->window, (size_t)self->window_most, from, err);
    for (int i = HTTP_JSON; status == LEAT_OK && i <= HTTP_BYTES; i++) {
        struct leat_format format = leat_format_named(formats[i]);
        status = leat_coder_open(&self->codecs[i], &format, leat_task_name(task), err);
    }
    if (status == LEAT_OK)
        status = http_server_start(&config, task, &self->server, err);
    if (status == LEAT_OK)
        leat_task_progress(task, "listening on port %u", http_server_port(self->server));
    return status;
}

static void close_source(void *arg, struct leat_task *task)
{
    struct http_source *self = arg;
    (void)task;
    while (self->first) {
        struct http_request *request = self->first;
        self->first = request->next;
        http_server_answer(request, 503, "it is not known to be durable; try again");
    }
    if (self->server)
        http_server_stop(self->server);
    self->server = NULL;
    if (self->has_window) {
        http_window_close(&self->window);
        leat_table_fini(&self->topics, NULL);
    }
    for (int format = HTTP_JSON; format <= HTTP_BYTES; format++)
        leat_coder_close(&self->codecs[format]);
    self->has_window = false;
}

/* ---- a request becomes a record ---- */

/* Over the name and the body: the same key must come with the same. */
static uint64_t fingerprint(const struct http_request *request)
{
    uint64_t name = leat_hash(request->name, strlen(request->name), request->format);
    return leat_hash(request->body.data, request->body.len, name);
}

/* True where the key says that there is no record to make: the request is answered. */
static bool is_known(struct http_source *self, struct http_request *request)
{
    struct http_key *key = request->key ? http_window_find(&self->window, request->key) : NULL;
    if (!key)
        return false;
    request->is_replay = key->is_durable && key->hash == request->hash;
    if (request->is_replay)
        http_server_answer(request, 200, "durable");
    else if (key->hash != request->hash)
        http_server_answer(request, 422, "this Idempotency-Key came with another body or path before");
    else
        http_server_answer(request, 409, "the first request with this Idempotency-Key is not durable yet");
    return true;
}

/* NULL: too many names. */
static const struct leat_topic *topic_of(struct http_source *self, struct leat_task *task, const char *name)
{
    const struct leat_topic *topic = leat_table_get(&self->topics, name, strlen(name));
    if (topic || self->topics.count >= NAMES_MOST)
        return topic;
    topic = leat_task_route(task, "", name);
    leat_table_set(&self->topics, name, strlen(name), (void *)topic);
    return topic;
}

static enum leat_status decode(struct http_source *self, const struct http_request *request, struct leat_batch *batch,
                               struct leat_record *rec, struct leat_error *err)
{
    const struct leat_coder *codec = &self->codecs[request->format];
    const struct leat_bytes *body = &request->body;
    return codec->type->decode(codec->self, body->len ? body->data : (const void *)"", body->len, LEAT_PART_VALUE,
                               batch, rec, err);
}

static void take_request(struct http_source *self, struct leat_task *task, struct leat_batch *batch,
                         struct http_request *request)
{
    struct leat_record made = {.time_us = leat_wall_us(), .op = LEAT_CREATE, .key = leat_value_null()};
    struct leat_error err;
    request->hash = fingerprint(request);
    if (is_known(self, request))
        return;
    made.topic = topic_of(self, task, request->name);
    if (!made.topic) {
        http_server_answer(request, 404, "more than %d names; one that came before is needed", NAMES_MOST);
        return;
    }
    if (decode(self, request, batch, &made, &err) != LEAT_OK) {
        http_server_answer(request, 400, "%s", err.text);
        return;
    }
    *leat_batch_add(batch) = made;
    if (request->key)
        http_window_add(&self->window, batch, request->key, request->hash);
    request->batch = leat_batch_number(batch);
    leat_bytes_fini(&request->body);
    *self->last = request;
    self->last = &request->next;
}

static enum leat_status poll_source(void *arg, struct leat_task *task, struct leat_batch **out, struct leat_error *err)
{
    struct http_source *self = arg;
    struct http_request *request;
    (void)err;
    struct leat_batch *batch = leat_batch_take(task);
    if (!batch)
        return LEAT_AGAIN;
    while (!leat_batch_is_full(batch) && (request = http_server_take(self->server)))
        take_request(self, task, batch, request);
    if (leat_batch_count(batch) > 0) {
        http_window_trim(&self->window, batch);
        *out = batch;
        return LEAT_OK;
    }
    leat_batch_give(task, &batch);
    leat_wait(task, -1, 0, LEAT_NEVER);
    return LEAT_AGAIN;
}

static void durable_source(void *arg, struct leat_task *task, uint64_t up_to_batch)
{
    struct http_source *self = arg;
    (void)task;
    while (self->first && self->first->batch <= up_to_batch) {
        struct http_request *request = self->first;
        self->first = request->next;
        if (!self->first)
            self->last = &self->first;
        if (request->key)
            http_window_durable(&self->window, request->key);
        http_server_answer(request, 200, "durable");
    }
}

const struct leat_source_type leat_source_http = {
    .struct_size = sizeof(struct leat_source_type),
    .traits = LEAT_PUSH | LEAT_SOURCE_OF_MACHINE,
    .name = "http",
    .about = "Takes records by POST; the answer 200 says that the record is durable. Idempotency-Key is honoured.",
    .size = sizeof(struct http_source),
    .options = options,
    .validate = validate_source,
    .check = check_source,
    .open = open_source,
    .poll = poll_source,
    .durable = durable_source,
    .close = close_source,
};
