/* call.h - one HTTP request of the sink: how it is made with libcurl, and what its outcome means.
 *
 *   2xx                                      done
 *   no answer, 408, 409, 425, 429, 5xx       again: the same key and the same body, later
 *   401, 403, 407, 3xx                       nobody gets through: the sink as a whole tries again later
 *   any other                                the record is refused
 *
 * Thread: the sender's.
 */
#ifndef LEAT_HTTP_CALL_H
#define LEAT_HTTP_CALL_H

#include <curl/curl.h>
#include <leat/option.h>
#include <leat/task.h>

#define HTTP_ANSWER_MOST 200 /* bytes of an answer that error texts quote */

struct http_target { /* what all requests share; texts are the sink's */
    const char *method, *content_type, *bearer, *user, *password, *ca_file;
    struct leat_pairs headers;
    int64_t timeout_us;
};

/* One record on its way. The body stays as it is until the record is done: every try sends the same bytes. */
struct http_job {
    struct http_job *next;      /* in the list that it is in */
    struct http_job *lane_next; /* the next one of the same key */
    uint64_t batch;
    uint32_t index, key_hash;
    bool is_ordered;            /* has a key */
    uint32_t tries;
    char *reason;               /* why it was refused, or NULL */
    const char *id, *url;       /* Idempotency-Key; all three behind this struct */
    const void *body;
    size_t body_len;
};

enum http_outcome { HTTP_DONE, HTTP_AGAIN, HTTP_SHUT, HTTP_REFUSED };

struct http_call {
    CURL *easy;
    struct curl_slist *headers;
    struct http_job *job;  /* NULL: free */
    bool is_waiting;       /* until ... */
    struct leat_time due;  /* ... the next try */
    char curl_error[CURL_ERROR_SIZE];
    char answer[HTTP_ANSWER_MOST + 1];
    size_t answer_len;
};

void http_call_open(struct http_call *call);
void http_call_close(struct http_call *call);

/* Prepares the next try of call->job. */
void http_call_prepare(struct http_call *call, const struct http_target *target);

/* What became of it; `text` says so, *after_s is Retry-After (0: none). */
enum http_outcome http_call_outcome(struct http_call *call, CURLcode result, char text[512], int64_t *after_s);

#endif
