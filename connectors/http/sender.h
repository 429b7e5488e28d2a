/* sender.h - the http sink's thread: many requests at once, one at a time for each key.
 *
 *   owner     http_sender_add() --- fresh --->  thread: lanes (by key) -> ready -> calls (at most in_flight)
 *   owner     http_sender_finished() <--- finished (done, or refused with a reason) --- +
 *
 * A job that has to be tried again keeps its call and its lane, so that nothing overtakes it.
 */
#ifndef LEAT_HTTP_SENDER_H
#define LEAT_HTTP_SENDER_H

#include <http/call.h>

struct http_sender;

struct http_sender_config {
    struct http_target target;
    uint32_t in_flight, retries;
    int64_t retry_first_us, retry_most_us;
};

enum leat_status http_sender_start(const struct http_sender_config *config, struct leat_task *task,
                                   struct http_sender **sender, struct leat_error *err);
/* Gives up on what is in flight. */
void http_sender_stop(struct http_sender *sender);

/* A job for this record: texts and body are copied. */
struct http_job *http_job_new(const char *id, const char *url, const void *body, size_t body_len);
void http_job_free(struct http_job *job);

/* Takes a list of jobs, in the order of their records. */
void http_sender_add(struct http_sender *sender, struct http_job *first);

/* The list of jobs that are over, or NULL; the caller frees them. Wakes the task when there is news. Any other status
 * than OK: nobody gets through, and the sender has stopped sending. */
enum leat_status http_sender_finished(struct http_sender *sender, struct http_job **jobs, struct leat_error *err);

/* Starts nothing more, and waits until the requests that are on their way have ended. */
void http_sender_drain(struct http_sender *sender, struct leat_time deadline);

#endif
