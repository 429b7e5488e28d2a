/* sink.c - the http sink: a record is a request, sent again with the same key and the same body until it is answered.
 *
 *   Idempotency-Key   LOG_UUID-TOPIC-PARTITION-OFFSET[.N]     .N: the Nth further record that a script made of one
 *
 * Nothing is stored in the target: the mark is the host's. After a crash the records since then are sent once more, with
 * the keys that they had.
 */
#include <http/http.h>

#include <base/assert.h>
#include <base/buffer.h>
#include <base/memory.h>
#include <http/sender.h>
#include <model/coder.h>
#include <model/template.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define URL_MOST     4096
#define BODY_MOST    ((size_t)256 << 20)
#define BODY_KEEP    ((size_t)1 << 20)
#define WAITING_MOST ((size_t)8 << 20) /* bytes of bodies that wait; a batch more than that may */

struct waiting { /* a batch of which jobs are left */
    uint64_t number;
    uint32_t left;
};

struct http_sink {
    const char *url_text, *content_type, *bearer, *user, *password, *ca_file;
    struct leat_pairs headers;
    struct leat_format format;
    int64_t method, in_flight, timeout_us, retries, retry_first_us, retry_most_us;
    /* open */
    struct leat_template *url;
    struct leat_coder coder;
    struct http_sender *sender;
    struct leat_bytes body, filled;
    struct waiting *waiting; /* in order of batches */
    size_t waiting_count, waiting_cap, waiting_bytes;
    uint64_t done;
};

#define AT(member) offsetof(struct http_sink, member)
static const char *const methods[] = {"POST", "PUT", "PATCH", NULL};
static const struct leat_option options[] = {
    {.name = "url", .type = LEAT_OPT_TEMPLATE, .flags = LEAT_OPT_REQUIRED | LEAT_OPT_MAIN, .offset = AT(url_text),
     .about = "Where each record is sent; placeholders are filled per record.",
     .example = "https://example.org/in/{table}"},
    {.name = "method", .type = LEAT_OPT_CHOICE, .offset = AT(method), .preset = "POST", .choices = methods,
     .about = "Method of the requests."},
    {.name = "format", .type = LEAT_OPT_FORMAT, .offset = AT(format), .preset = "debezium",
     .about = "Format of a body: its name, or {name: {options}}; see `leat plugins debezium`."},
    {.name = "content_type", .type = LEAT_OPT_TEXT, .offset = AT(content_type), .preset = "application/json",
     .about = "Content-Type of the requests."},
    {.name = "headers", .type = LEAT_OPT_PAIRS, .offset = AT(headers), .about = "More headers.",
     .example = "{X-Origin: shop}"},
    {.name = "bearer", .type = LEAT_OPT_TEXT, .flags = LEAT_OPT_SECRET, .offset = AT(bearer),
     .about = "Token of Authorization: Bearer."},
    {.name = "user", .type = LEAT_OPT_TEXT, .offset = AT(user), .about = "User of basic authorization."},
    {.name = "password", .type = LEAT_OPT_TEXT, .flags = LEAT_OPT_SECRET, .offset = AT(password),
     .about = "Password of basic authorization."},
    {.name = "ca_file", .type = LEAT_OPT_PATH, .offset = AT(ca_file),
     .about = "Certificates that the server's must come from; without it those of the system."},
    {.name = "in_flight", .type = LEAT_OPT_INT, .offset = AT(in_flight), .preset = "16", .min = 1, .max = 256,
     .about = "Most requests at once; of one key there is never more than one."},
    {.name = "timeout", .type = LEAT_OPT_TIME, .offset = AT(timeout_us), .preset = "30s", .min = 1000,
     .max = 3600000000, .about = "Longest wait for an answer; then the request is sent again."},
    {.name = "retries", .type = LEAT_OPT_INT, .offset = AT(retries), .preset = "8", .min = 0, .max = 1000000,
     .about = "How often a request is sent again before the whole sink closes, backs off and starts anew."},
    {.name = "retry_first", .type = LEAT_OPT_TIME, .offset = AT(retry_first_us), .preset = "200ms", .min = 1000,
     .max = 3600000000, .about = "Pause before the first retry; it doubles with each."},
    {.name = "retry_most", .type = LEAT_OPT_TIME, .offset = AT(retry_most_us), .preset = "30s", .min = 1000,
     .max = 3600000000, .about = "Longest pause, unless the server asks for a longer one with Retry-After."},
    {0}};

/* One that the thread would lose at every request. */
static bool is_header_ours(const char *name)
{
    return strcasecmp(name, "Idempotency-Key") == 0 || strcasecmp(name, "Content-Type") == 0 ||
           strcasecmp(name, "Content-Length") == 0;
}

static enum leat_status validate_sink(void *arg, struct leat_error *err)
{
    const struct http_sink *self = arg;
    if (strncmp(self->url_text, "http://", 7) != 0 && strncmp(self->url_text, "https://", 8) != 0)
        return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG, "url: \"%s\" begins with neither http:// nor https://",
                            self->url_text);
    if (self->bearer && self->user)
        return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG, "bearer and user: a request has one authorization");
    for (size_t i = 0; i < self->headers.count; i++) {
        const char *name = self->headers.names[i], *value = self->headers.values[i];
        if (is_header_ours(name))
            return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG, "headers: %s is set by the sink", name);
        if (!name[0] || strpbrk(name, ": \r\n") || strpbrk(value, "\r\n"))
            return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG, "headers: \"%s\" is no header", name);
    }
    return leat_format_validate(&self->format, err);
}

/* ---- open and close ---- */

static enum leat_status open_sink(void *arg, struct leat_task *task, const struct leat_splits *claim,
                                  struct leat_marks *stored, enum leat_guarantee *guarantee, struct leat_error *err)
{
    struct http_sink *self = arg;
    const struct http_sender_config config = {
        .target = {.method = methods[self->method], .content_type = self->content_type, .bearer = self->bearer,
                   .user = self->user, .password = self->password, .ca_file = self->ca_file,
                   .headers = self->headers, .timeout_us = self->timeout_us},
        .in_flight = (uint32_t)self->in_flight, .retries = (uint32_t)self->retries,
        .retry_first_us = self->retry_first_us, .retry_most_us = self->retry_most_us};
    (void)claim;
    (void)stored;
    *guarantee = LEAT_EFFECTIVELY_ONCE;
    leat_bytes_init(&self->body, BODY_MOST);
    leat_bytes_init(&self->filled, URL_MOST);
    self->waiting_count = self->waiting_bytes = 0;
    self->done = 0;
    self->url = leat_template_new(self->url_text, true, err);
    if (!self->url)
        return LEAT_STOP;
    enum leat_status status = leat_coder_open(&self->coder, &self->format, leat_task_name(task), err);
    return status == LEAT_OK ? http_sender_start(&config, task, &self->sender, err) : status;
}

static void close_sink(void *arg, struct leat_task *task)
{
    struct http_sink *self = arg;
    (void)task;
    if (self->sender)
        http_sender_stop(self->sender);
    self->sender = NULL;
    leat_coder_close(&self->coder);
    if (self->url)
        leat_template_free(self->url);
    self->url = NULL;
    leat_bytes_fini(&self->body);
    leat_bytes_fini(&self->filled);
    free(self->waiting);
    self->waiting = NULL;
    self->waiting_count = self->waiting_cap = 0;
}

/* ---- put ---- */

static void make_id(char *id, size_t size, const struct leat_batch *batch, uint32_t index, uint32_t further)
{
    struct leat_mark mark;
    const struct leat_record *rec = leat_batch_get(batch, index);
    char *end = id + size;
    leat_batch_mark(batch, &mark);
    for (int i = 0; i < 16; i++)
        id += snprintf(id, (size_t)(end - id), "%02x", mark.log_uuid[i]);
    id += snprintf(id, (size_t)(end - id), "-%s-%d-%llu", rec->topic->name, rec->partition,
                   (unsigned long long)rec->offset);
    if (further)
        snprintf(id, (size_t)(end - id), ".%u", further);
}

/* Records that stand before this one in the batch and came from the same place of the log. */
static uint32_t count_further(const struct leat_batch *batch, uint32_t index)
{
    const struct leat_record *rec = leat_batch_get(batch, index);
    uint32_t further = 0;
    while (further < index) {
        const struct leat_record *before = leat_batch_get(batch, index - further - 1);
        if (before->offset != rec->offset || before->partition != rec->partition || before->topic != rec->topic)
            break;
        further++;
    }
    return further;
}

/* *job stays NULL for a record that the format leaves out. */
static enum leat_status make_job(struct http_sink *self, const struct leat_batch *batch, uint32_t index,
                                 struct http_job **job, struct leat_error *err)
{
    const struct leat_record *rec = leat_batch_get(batch, index);
    char id[64 + 250 + 48];
    bool is_null = false;
    if (rec->flags & LEAT_DROPPED)
        return LEAT_OK;
    leat_bytes_clear(&self->body);
    leat_bytes_clear(&self->filled);
    enum leat_status status = leat_coder_encode(&self->coder, rec, LEAT_PART_VALUE, &self->body, &is_null, err);
    if (status != LEAT_OK || is_null)
        return status;
    status = leat_template_fill(self->url, rec, &self->filled, err);
    leat_bytes_put(&self->filled, 0);
    if (status == LEAT_OK && (self->filled.is_over || self->body.is_over))
        status = leat_fail(err, LEAT_REJECT, "its %s is too long", self->body.is_over ? "body" : "url");
    if (status != LEAT_OK)
        return status;
    make_id(id, sizeof id, batch, index, count_further(batch, index));
    *job = http_job_new(id, (const char *)self->filled.data, self->body.data, self->body.len);
    (*job)->batch = leat_batch_number(batch);
    (*job)->index = index;
    (*job)->key_hash = rec->key_hash;
    (*job)->is_ordered = rec->key.type > LEAT_NULL;
    return LEAT_OK;
}

static void free_list(struct http_job *job)
{
    for (struct http_job *next; job; job = next) {
        next = job->next;
        http_job_free(job);
    }
}

/* All jobs of the batch; on any other status than OK there are none. */
static enum leat_status make_jobs(struct http_sink *self, const struct leat_batch *batch, struct http_job **jobs,
                                  struct leat_error *err)
{
    struct http_job **last = jobs;
    bool has_rejects = false;
    enum leat_status status = LEAT_OK;
    *jobs = NULL;
    for (uint32_t i = 0; i < leat_batch_count(batch) && status == LEAT_OK; i++) {
        struct http_job *job = NULL;
        status = make_job(self, batch, i, &job, err);
        if (status == LEAT_REJECT) {
            leat_batch_reject(batch, i, "%s", err->text);
            has_rejects = true;
            status = LEAT_OK;
        } else if (job) {
            *last = job;
            last = &job->next;
        }
    }
    if (status == LEAT_OK && has_rejects)
        status = LEAT_REJECT;
    if (status != LEAT_OK)
        free_list(*jobs);
    return status;
}

static void note_batch(struct http_sink *self, uint64_t number, const struct http_job *jobs)
{
    if (self->waiting_count == self->waiting_cap) {
        self->waiting_cap = self->waiting_cap ? self->waiting_cap * 2 : 16;
        self->waiting = leat_realloc(self->waiting, self->waiting_cap * sizeof *self->waiting);
    }
    struct waiting *waiting = &self->waiting[self->waiting_count++];
    *waiting = (struct waiting){.number = number};
    for (const struct http_job *job = jobs; job; job = job->next) {
        waiting->left++;
        self->waiting_bytes += job->body_len;
    }
}

static enum leat_status put(void *arg, struct leat_task *task, const struct leat_batch *batch, struct leat_error *err)
{
    struct http_sink *self = arg;
    struct http_job *jobs;
    (void)task;
    if (self->waiting_bytes > WAITING_MOST)
        return LEAT_AGAIN;
    enum leat_status status = make_jobs(self, batch, &jobs, err);
    leat_bytes_clear(&self->body);
    leat_bytes_shrink(&self->body, BODY_KEEP);
    if (status != LEAT_OK)
        return status;
    note_batch(self, leat_batch_number(batch), jobs);
    http_sender_add(self->sender, jobs);
    return LEAT_OK;
}

/* ---- settle ---- */

static void note_finished(struct http_sink *self, const struct http_job *job, struct leat_rejects *rejects)
{
    size_t at = 0;
    while (at < self->waiting_count && self->waiting[at].number != job->batch)
        at++;
    leat_assert(at < self->waiting_count && self->waiting[at].left > 0);
    self->waiting[at].left--;
    self->waiting_bytes -= job->body_len;
    if (job->reason)
        leat_rejects_add(rejects, job->batch, job->index, "%s", job->reason);
}

static void count_done(struct http_sink *self)
{
    size_t over = 0;
    while (over < self->waiting_count && self->waiting[over].left == 0)
        self->done = self->waiting[over++].number;
    self->waiting_count -= over;
    if (over)
        memmove(self->waiting, self->waiting + over, self->waiting_count * sizeof *self->waiting);
}

static enum leat_status settle(void *arg, struct leat_task *task, uint64_t *done, struct leat_rejects *rejects,
                               struct leat_time *next, struct leat_error *err)
{
    struct http_sink *self = arg;
    struct http_job *jobs;
    (void)task;
    enum leat_status status = http_sender_finished(self->sender, &jobs, err);
    for (const struct http_job *job = jobs; job; job = job->next)
        note_finished(self, job, rejects);
    bool has_news = jobs != NULL;
    free_list(jobs);
    count_done(self);
    *done = self->done;
    *next = LEAT_NEVER;
    if (status == LEAT_OK || !has_news)
        return status;
    *next = leat_now(); /* what is over counts first; the failure stays */
    return LEAT_OK;
}

/* At a stop nothing new is sent, and what is on its way gets its answer: fewer records go twice. */
static enum leat_status flush(void *arg, struct leat_task *task, struct leat_time deadline, struct leat_error *err)
{
    struct http_sink *self = arg;
    (void)err;
    if (leat_task_is_stopping(task))
        http_sender_drain(self->sender, deadline);
    return LEAT_OK;
}

static enum leat_guarantee promise(void *arg, const char **why)
{
    (void)arg;
    *why = "a request without an answer is sent again, under the same Idempotency-Key";
    return LEAT_EFFECTIVELY_ONCE;
}

const struct leat_sink_type leat_sink_http = {
    .struct_size = sizeof(struct leat_sink_type),
    .traits = LEAT_IDEMPOTENT | LEAT_ORDER_BY_KEY | LEAT_WANTS_SCHEMA,
    .name = "http",
    .about = "Sends each record as a request with an Idempotency-Key, until it is answered; in order for each key.",
    .size = sizeof(struct http_sink),
    .options = options,
    .validate = validate_sink,
    .open = open_sink,
    .put = put,
    .settle = settle,
    .flush = flush,
    .close = close_sink,
    .promise = promise,
};
