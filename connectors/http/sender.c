/* sender.c - lanes, calls, retries. What is not under the lock is the thread's alone. */
#include <http/sender.h>

#include <base/assert.h>
#include <base/hash.h>
#include <base/memory.h>
#include <base/thread.h>
#include <stdio.h>
#include <stdlib.h>

#define AFTER_MOST_US ((int64_t)600 * 1000000) /* a longer Retry-After is not obeyed */
#define TURN_MS       1000                     /* nothing depends on it: news ring */

struct jobs {
    struct http_job *first, **last;
};

struct http_sender {
    struct http_sender_config config;
    struct leat_task *task;
    pthread_t thread;
    CURLM *multi;
    struct http_call *calls; /* in_flight of them */
    struct leat_table lanes; /* key hash -> its last job */
    struct jobs ready;       /* first of their lanes, no call yet */
    struct leat_lock lock;
    struct leat_cond ended;
    /* under the lock */
    struct jobs fresh, finished;
    bool is_closing, is_draining, has_failed;
    uint32_t running; /* requests that are on their way, as far as the thread has told */
    struct leat_error failure;
};

/* ---- jobs ---- */

struct http_job *http_job_new(const char *id, const char *url, const void *body, size_t body_len)
{
    size_t id_size = strlen(id) + 1, url_size = strlen(url) + 1;
    struct http_job *job = leat_malloc(sizeof *job + id_size + url_size + body_len);
    char *text = (char *)(job + 1);
    memcpy(text, id, id_size);
    memcpy(text + id_size, url, url_size);
    if (body_len)
        memcpy(text + id_size + url_size, body, body_len);
    *job = (struct http_job){.id = text, .url = text + id_size, .body = text + id_size + url_size, .body_len = body_len};
    return job;
}

void http_job_free(struct http_job *job)
{
    free(job->reason);
    free(job);
}

static void jobs_init(struct jobs *jobs)
{
    *jobs = (struct jobs){NULL, &jobs->first};
    jobs->last = &jobs->first;
}

static void jobs_push(struct jobs *jobs, struct http_job *job)
{
    job->next = NULL;
    *jobs->last = job;
    jobs->last = &job->next;
}

static struct http_job *jobs_take_all(struct jobs *jobs)
{
    struct http_job *first = jobs->first;
    jobs_init(jobs);
    return first;
}

static struct http_job *jobs_pop(struct jobs *jobs)
{
    struct http_job *job = jobs->first;
    if (job) {
        jobs->first = job->next;
        if (!jobs->first)
            jobs->last = &jobs->first;
    }
    return job;
}

/* ---- lanes: one job of a key at a time ---- */

static void lane_enter(struct http_sender *sender, struct http_job *job)
{
    struct http_job *before = NULL;
    if (job->is_ordered)
        before = leat_table_set(&sender->lanes, &job->key_hash, sizeof job->key_hash, job);
    if (before)
        before->lane_next = job;
    else
        jobs_push(&sender->ready, job);
}

static void lane_leave(struct http_sender *sender, struct http_job *job)
{
    if (!job->is_ordered)
        return;
    if (job->lane_next)
        jobs_push(&sender->ready, job->lane_next);
    else
        leat_table_remove(&sender->lanes, &job->key_hash, sizeof job->key_hash);
}

/* ---- calls ---- */

static void start_call(struct http_sender *sender, struct http_call *call)
{
    call->is_waiting = false;
    call->job->tries++;
    http_call_prepare(call, &sender->config.target);
    CURLMcode code = curl_multi_add_handle(sender->multi, call->easy);
    leat_assert(code == CURLM_OK);
    (void)code;
}

static void finish(struct http_sender *sender, struct http_call *call, const char *reason)
{
    struct http_job *job = call->job;
    call->job = NULL;
    lane_leave(sender, job); /* before it is the owner's */
    job->reason = reason ? leat_strdup(reason) : NULL;
    leat_lock_take(&sender->lock);
    jobs_push(&sender->finished, job);
    leat_lock_give(&sender->lock);
    leat_task_wake(sender->task);
}

static void fail(struct http_sender *sender, struct http_call *call, const char *text)
{
    leat_lock_take(&sender->lock);
    if (!sender->has_failed)
        leat_fail(&sender->failure, LEAT_RETRY, "http: %s (try %u)", text, call->job->tries);
    sender->has_failed = true;
    leat_lock_give(&sender->lock);
    call->is_waiting = true;
    call->due = LEAT_NEVER;
    leat_task_wake(sender->task);
}

/* Twice as long each time, within the limits, and never before what the server asked for. */
static struct leat_time next_try(const struct http_sender *sender, const struct http_job *job, int64_t after_s)
{
    int64_t pause_us = sender->config.retry_first_us, most_us = sender->config.retry_most_us;
    for (uint32_t i = 1; i < job->tries && pause_us < most_us; i++)
        pause_us *= 2;
    if (pause_us > most_us)
        pause_us = most_us;
    int64_t after_us = after_s > AFTER_MOST_US / 1000000 ? AFTER_MOST_US : after_s * 1000000;
    return leat_after_us(after_us > pause_us ? after_us : pause_us);
}

static void end_call(struct http_sender *sender, struct http_call *call, CURLcode result)
{
    char text[512];
    int64_t after_s;
    enum http_outcome outcome = http_call_outcome(call, result, text, &after_s);
    curl_multi_remove_handle(sender->multi, call->easy);
    if (outcome == HTTP_DONE) {
        finish(sender, call, NULL);
    } else if (outcome == HTTP_REFUSED) {
        finish(sender, call, text);
    } else if (outcome == HTTP_SHUT || call->job->tries > sender->config.retries) {
        fail(sender, call, text);
    } else {
        call->is_waiting = true;
        call->due = next_try(sender, call->job, after_s);
    }
}

/* ---- the thread ---- */

/* False: the end. */
static bool take_fresh(struct http_sender *sender, bool *may_start)
{
    leat_lock_take(&sender->lock);
    struct http_job *job = jobs_take_all(&sender->fresh), *next;
    bool is_closing = sender->is_closing;
    *may_start = !sender->has_failed && !sender->is_draining;
    leat_lock_give(&sender->lock);
    for (; job; job = next) {
        next = job->next;
        lane_enter(sender, job);
    }
    return !is_closing;
}

/* Starts what may start; when the next retry is due goes to *due. */
static void start_calls(struct http_sender *sender, struct leat_time *due)
{
    *due = LEAT_NEVER;
    for (uint32_t i = 0; i < sender->config.in_flight; i++) {
        struct http_call *call = &sender->calls[i];
        if (!call->job && (call->job = jobs_pop(&sender->ready)))
            start_call(sender, call);
        else if (call->job && call->is_waiting && leat_is_past(call->due))
            start_call(sender, call);
        else if (call->job && call->is_waiting && call->due.ns < due->ns)
            *due = call->due;
    }
}

static bool end_calls(struct http_sender *sender)
{
    int running, left;
    bool has_ended = false;
    curl_multi_perform(sender->multi, &running);
    for (CURLMsg *message; (message = curl_multi_info_read(sender->multi, &left));) {
        struct http_call *call = NULL;
        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&call);
        leat_assert(call && call->job);
        end_call(sender, call, message->data.result);
        has_ended = true;
    }
    return has_ended;
}

static void tell_running(struct http_sender *sender)
{
    uint32_t running = 0;
    for (uint32_t i = 0; i < sender->config.in_flight; i++)
        running += sender->calls[i].job && !sender->calls[i].is_waiting;
    leat_lock_take(&sender->lock);
    sender->running = running;
    leat_cond_signal(&sender->ended);
    leat_lock_give(&sender->lock);
}

static int until_ms(struct leat_time due)
{
    int64_t left_ns = due.ns == INT64_MAX ? INT64_MAX : due.ns - leat_now().ns;
    if (left_ns >= (int64_t)TURN_MS * 1000000)
        return TURN_MS;
    return left_ns <= 0 ? 0 : (int)(left_ns / 1000000) + 1;
}

static void run(void *arg)
{
    struct http_sender *sender = arg;
    bool may_start;
    while (take_fresh(sender, &may_start)) {
        struct leat_time due = LEAT_NEVER;
        if (may_start)
            start_calls(sender, &due);
        bool has_ended = end_calls(sender);
        tell_running(sender);
        if (!has_ended)
            curl_multi_poll(sender->multi, NULL, 0, until_ms(due), NULL);
    }
}

/* ---- the owner ---- */

enum leat_status http_sender_start(const struct http_sender_config *config, struct leat_task *task,
                                   struct http_sender **made, struct leat_error *err)
{
    struct http_sender *sender = leat_calloc(1, sizeof *sender);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    sender->config = *config;
    sender->task = task;
    sender->multi = curl_multi_init();
    leat_assert(sender->multi != NULL);
    sender->calls = leat_calloc(config->in_flight, sizeof *sender->calls);
    for (uint32_t i = 0; i < config->in_flight; i++)
        http_call_open(&sender->calls[i]);
    leat_table_init(&sender->lanes);
    jobs_init(&sender->ready);
    jobs_init(&sender->fresh);
    jobs_init(&sender->finished);
    leat_lock_init(&sender->lock, "http", LEAT_RANK_MAILBOX);
    leat_cond_init(&sender->ended);
    *made = sender;
    return leat_thread_start(&sender->thread, "http", run, sender, err);
}

static void free_jobs(struct http_job *job)
{
    for (struct http_job *next; job; job = next) {
        next = job->next;
        http_job_free(job);
    }
}

/* A job that waits in a lane is reached from the one before it. */
static void free_lanes_from(struct http_job *job)
{
    for (struct http_job *next; job; job = next) {
        next = job->lane_next;
        http_job_free(job);
    }
}

void http_sender_stop(struct http_sender *sender)
{
    struct http_job *job;
    leat_lock_take(&sender->lock);
    sender->is_closing = true;
    leat_lock_give(&sender->lock);
    curl_multi_wakeup(sender->multi);
    leat_thread_join(sender->thread);
    for (uint32_t i = 0; i < sender->config.in_flight; i++) {
        curl_multi_remove_handle(sender->multi, sender->calls[i].easy);
        free_lanes_from(sender->calls[i].job);
        http_call_close(&sender->calls[i]);
    }
    while ((job = jobs_pop(&sender->ready)))
        free_lanes_from(job);
    free_jobs(sender->fresh.first);
    free_jobs(sender->finished.first);
    leat_table_fini(&sender->lanes, NULL);
    free(sender->calls);
    curl_multi_cleanup(sender->multi);
    curl_global_cleanup();
    leat_cond_fini(&sender->ended);
    leat_lock_fini(&sender->lock);
    free(sender);
}

void http_sender_add(struct http_sender *sender, struct http_job *first)
{
    leat_lock_take(&sender->lock);
    for (struct http_job *next; first; first = next) {
        next = first->next;
        jobs_push(&sender->fresh, first);
    }
    leat_lock_give(&sender->lock);
    curl_multi_wakeup(sender->multi);
}

enum leat_status http_sender_finished(struct http_sender *sender, struct http_job **jobs, struct leat_error *err)
{
    leat_lock_take(&sender->lock);
    *jobs = jobs_take_all(&sender->finished);
    bool has_failed = sender->has_failed;
    if (has_failed)
        *err = sender->failure;
    leat_lock_give(&sender->lock);
    return has_failed ? LEAT_RETRY : LEAT_OK;
}

void http_sender_drain(struct http_sender *sender, struct leat_time deadline)
{
    leat_lock_take(&sender->lock);
    sender->is_draining = true;
    curl_multi_wakeup(sender->multi);
    while (sender->running > 0 && leat_cond_wait_until(&sender->ended, &sender->lock, deadline))
        ;
    leat_lock_give(&sender->lock);
}
