/* call.c - libcurl's easy interface, one handle for each request in flight. */
#include <http/call.h>

#include <base/assert.h>
#include <base/memory.h>
#include <stdio.h>
#include <stdlib.h>

static size_t take_answer(char *data, size_t size, size_t count, void *arg)
{
    struct http_call *call = arg;
    size_t len = size * count, room = HTTP_ANSWER_MOST - call->answer_len, kept = len < room ? len : room;
    memcpy(call->answer + call->answer_len, data, kept);
    call->answer_len += kept;
    return len;
}

void http_call_open(struct http_call *call)
{
    *call = (struct http_call){.easy = curl_easy_init()};
    leat_assert(call->easy != NULL);
}

void http_call_close(struct http_call *call)
{
    curl_slist_free_all(call->headers);
    curl_easy_cleanup(call->easy);
    *call = (struct http_call){0};
}

static void add_header(struct http_call *call, const char *name, const char *value)
{
    char *line = leat_format_dup("%s: %s", name, value);
    struct curl_slist *grown = curl_slist_append(call->headers, line);
    leat_assert(grown != NULL);
    call->headers = grown;
    free(line);
}

static void make_headers(struct http_call *call, const struct http_target *target)
{
    curl_slist_free_all(call->headers);
    call->headers = curl_slist_append(NULL, "Expect:"); /* no round trip before the body */
    add_header(call, "Idempotency-Key", call->job->id);
    add_header(call, "Content-Type", target->content_type);
    for (size_t i = 0; i < target->headers.count; i++)
        add_header(call, target->headers.names[i], target->headers.values[i]);
}

static void set_auth(CURL *easy, const struct http_target *target)
{
    if (target->bearer) {
        curl_easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
        curl_easy_setopt(easy, CURLOPT_XOAUTH2_BEARER, target->bearer);
    } else if (target->user) {
        curl_easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
        curl_easy_setopt(easy, CURLOPT_USERNAME, target->user);
        curl_easy_setopt(easy, CURLOPT_PASSWORD, target->password ? target->password : "");
    }
}

void http_call_prepare(struct http_call *call, const struct http_target *target)
{
    const struct http_job *job = call->job;
    CURL *easy = call->easy;
    long timeout_ms = (long)(target->timeout_us / 1000);
    call->answer_len = 0;
    call->curl_error[0] = '\0';
    make_headers(call, target);
    curl_easy_reset(easy); /* keeps the connection */
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_URL, job->url);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, job->body);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)job->body_len);
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, target->method);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, call->headers);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "leat/" LEAT_VERSION);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout_ms);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, timeout_ms);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->curl_error);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_answer);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
    if (target->ca_file)
        curl_easy_setopt(easy, CURLOPT_CAINFO, target->ca_file);
    set_auth(easy, target);
}

static enum http_outcome meaning(long code)
{
    if (code >= 200 && code < 300)
        return HTTP_DONE;
    if (code == 408 || code == 409 || code == 425 || code == 429 || code >= 500 || code < 200)
        return HTTP_AGAIN;
    return code < 400 || code == 401 || code == 403 || code == 407 ? HTTP_SHUT : HTTP_REFUSED;
}

enum http_outcome http_call_outcome(struct http_call *call, CURLcode result, char text[512], int64_t *after_s)
{
    const char *url = call->job->url;
    long code = 0;
    curl_off_t after = 0;
    *after_s = 0;
    if (result != CURLE_OK) { /* the server may have it or not */
        const char *why = call->curl_error[0] ? call->curl_error : curl_easy_strerror(result);
        snprintf(text, 512, "%.200s: %.200s", url, why);
        return result == CURLE_URL_MALFORMAT || result == CURLE_UNSUPPORTED_PROTOCOL ? HTTP_REFUSED : HTTP_AGAIN;
    }
    curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &code);
    curl_easy_getinfo(call->easy, CURLINFO_RETRY_AFTER, &after);
    *after_s = (int64_t)after;
    call->answer[call->answer_len] = '\0';
    size_t line = strcspn(call->answer, "\r\n");
    snprintf(text, 512, "%.200s: answered %ld%s%.*s", url, code, line ? ": " : "", (int)line, call->answer);
    return meaning(code);
}
