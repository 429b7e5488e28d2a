#include <redis/request.h>

#include <base/assert.h>
#include <base/memory.h>
#include <base/number.h>
#include <stdio.h>
#include <stdlib.h>

#define BODY_MOST    ((size_t)512 << 20) /* Redis takes requests of up to 1 GB (client-query-buffer-limit) */
#define BODY_KEEP    ((size_t)4 << 20)
#define RECORD_MOST  ((size_t)256 << 20)
#define RECORDS_MOST 999999u             /* of a run: its count has six digits */

struct request *request_new(void)
{
    struct request *request = leat_calloc(1, sizeof *request);
    leat_bytes_init(&request->head, BODY_MOST);
    leat_bytes_init(&request->body, BODY_MOST);
    leat_bytes_init(&request->lead, RECORD_MOST);
    leat_bytes_init(&request->act, 2 * BODY_MOST);
    leat_bytes_init(&request->cursors, BODY_MOST);
    leat_bytes_init(&request->form, RECORD_MOST);
    leat_bytes_init(&request->run_prefix, RECORD_MOST);
    leat_bytes_init(&request->prefix, RECORD_MOST);
    leat_bytes_init(&request->arguments, RECORD_MOST);
    return request;
}

void request_free(struct request *request)
{
    if (!request)
        return;
    leat_bytes_fini(&request->head);
    leat_bytes_fini(&request->body);
    leat_bytes_fini(&request->lead);
    leat_bytes_fini(&request->act);
    leat_bytes_fini(&request->cursors);
    leat_bytes_fini(&request->form);
    leat_bytes_fini(&request->run_prefix);
    leat_bytes_fini(&request->prefix);
    leat_bytes_fini(&request->arguments);
    free(request->indices);
    free(request);
}

static void empty(struct leat_bytes *bytes)
{
    leat_bytes_clear(bytes);
    leat_bytes_shrink(bytes, BODY_KEEP);
}

void request_clear(struct request *request)
{
    empty(&request->head);
    empty(&request->body);
    empty(&request->lead);
    empty(&request->act);
    empty(&request->cursors);
    empty(&request->form);
    empty(&request->run_prefix);
    empty(&request->prefix);
    empty(&request->arguments);
    request->next = NULL;
    request->sent = 0;
    request->body_count = 0;
    request->count = request->from = request->width = 0;
    request->is_claim = request->is_void = false;
    request->runs = request->run_records = request->call_count = 0;
}

/* ---- RESP ---- */

void resp_argument(struct leat_bytes *out, const void *bytes, size_t len)
{
    if (!leat_bytes_reserve(out, len + 32))
        return;
    uint8_t *at = out->data + out->len;
    *at++ = '$';
    at += leat_print_u64((char *)at, len);
    *at++ = '\r';
    *at++ = '\n';
    if (len > 0)
        memcpy(at, bytes, len);
    at += len;
    *at++ = '\r';
    *at++ = '\n';
    out->len = (size_t)(at - out->data);
}

void resp_number(struct leat_bytes *out, uint64_t number)
{
    char text[LEAT_NUMBER_MAX];
    resp_argument(out, text, leat_print_u64(text, number));
}

/* ---- one record ---- */

void request_begin(struct request *request)
{
    request->call_count = 0;
    leat_bytes_clear(&request->prefix);
    leat_bytes_clear(&request->arguments);
}

void request_call(struct request *request)
{
    leat_assert(request->call_count < REQUEST_CALLS);
    request->calls[request->call_count++] = (struct request_form){.at = request->prefix.len};
}

static struct request_form *call_at_hand(struct request *request)
{
    leat_assert(request->call_count > 0);
    return &request->calls[request->call_count - 1];
}

void request_prefix(struct request *request, const void *bytes, size_t len)
{
    struct request_form *call = call_at_hand(request);
    leat_assert(call->arguments == 0);
    resp_argument(&request->prefix, bytes, len);
    call->prefixes++;
    call->len = request->prefix.len - call->at;
}

void request_argument(struct request *request, const void *bytes, size_t len)
{
    call_at_hand(request)->arguments++;
    resp_argument(&request->arguments, bytes, len);
}

bool request_has_calls(const struct request *request)
{
    return request->call_count > 0;
}

/* What the record shares with those before it: calls, and of each the counts and the prefix. */
static bool is_same_form(const struct request *request)
{
    return request->run_records > 0 && request->run_records < RECORDS_MOST && request->run_calls == request->call_count &&
           memcmp(request->run_call, request->calls, request->call_count * sizeof *request->calls) == 0 &&
           request->run_prefix.len == request->prefix.len &&
           memcmp(request->run_prefix.data, request->prefix.data, request->prefix.len) == 0;
}

static uint32_t write_form(struct request *request)
{
    struct leat_bytes *form = &request->form;
    uint32_t count = 1;
    leat_bytes_clear(form);
    resp_number(form, request->call_count);
    for (uint32_t i = 0; i < request->call_count; i++) {
        const struct request_form *call = &request->calls[i];
        resp_number(form, call->prefixes);
        resp_number(form, call->arguments);
        leat_bytes_add(form, request->prefix.data + call->at, call->len);
        count += 2 + call->prefixes;
    }
    return count;
}

static void begin_run(struct request *request)
{
    request->body_count += 1 + write_form(request);
    leat_bytes_text(&request->body, "$6\r\n");
    request->run_at = request->body.len;
    leat_bytes_text(&request->body, "000000\r\n");
    leat_bytes_add(&request->body, request->form.data, request->form.len);
    leat_bytes_clear(&request->run_prefix);
    leat_bytes_add(&request->run_prefix, request->prefix.data, request->prefix.len);
    memcpy(request->run_call, request->calls, sizeof request->calls);
    request->runs++;
    request->run_calls = request->call_count;
    request->run_records = 0;
    request->run_begin = request->body.len;
}

static void count_in_run(struct request *request)
{
    uint32_t rest = ++request->run_records;
    for (size_t at = 6; at-- > 0; rest /= 10)
        request->body.data[request->run_at + at] = (uint8_t)('0' + rest % 10);
}

static enum leat_status judge_size(const struct request *request, struct leat_error *err)
{
    for (uint32_t i = 0; i < request->call_count; i++)
        if (request->calls[i].prefixes + request->calls[i].arguments > REQUEST_ARGUMENTS)
            return leat_fail(err, LEAT_REJECT, "it has more than %d fields", REQUEST_ARGUMENTS / 2);
    if (request->prefix.is_over || request->arguments.is_over ||
        request->body.len + request->prefix.len + request->arguments.len + 1024 > BODY_MOST)
        return leat_fail(err, LEAT_REJECT, "it is too large");
    return LEAT_OK;
}

static void note_place(struct request *request, uint32_t index, const struct leat_cursor *cursor)
{
    if (request->count == request->cap) {
        request->cap = request->cap ? request->cap * 2 : 256;
        request->indices = leat_realloc(request->indices, request->cap * sizeof *request->indices);
    }
    leat_assert(request->width == 0 || request->width == cursor->len);
    request->width = cursor->len;
    request->indices[request->count++] = index;
    leat_bytes_add(&request->cursors, cursor->bytes, cursor->len);
}

enum leat_status request_end(struct request *request, uint32_t index, const struct leat_cursor *cursor,
                             struct leat_error *err)
{
    uint32_t arguments = 0;
    enum leat_status status = judge_size(request, err);
    if (status != LEAT_OK)
        return status;
    if (!is_same_form(request))
        begin_run(request);
    leat_bytes_add(&request->body, request->arguments.data, request->arguments.len);
    for (uint32_t i = 0; i < request->call_count; i++)
        arguments += request->calls[i].arguments;
    request->body_count += arguments;
    count_in_run(request);
    note_place(request, index, cursor);
    leat_assert(!request->body.is_over);
    return LEAT_OK;
}
