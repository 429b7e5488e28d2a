#include <oms/api.h>

#include <base/clock.h>
#include <base/memory.h>
#include <stdio.h>
#include <stdlib.h>

const char *leat_oms_status_name(enum leat_oms_status status)
{
    switch (status) {
    case LEAT_OMS_SUCCESS: return "success";
    case LEAT_OMS_BAD_REQUEST: return "bad request";
    case LEAT_OMS_FORBIDDEN: return "forbidden";
    case LEAT_OMS_NO_DESTINATION: return "destination not found";
    case LEAT_OMS_CONSUMER_EXISTS: return "consumer id exists";
    case LEAT_OMS_PRODUCER_EXISTS: return "producer id exists";
    case LEAT_OMS_TIMEOUT: return "timeout";
    case LEAT_OMS_BODY_TOO_LARGE: return "body too large";
    case LEAT_OMS_NO_NEW_MESSAGE: return "no new message";
    case LEAT_OMS_SERVER_ERROR: return "server error";
    case LEAT_OMS_STORAGE_ERROR: return "storage error";
    case LEAT_OMS_STORAGE_BUSY: return "storage busy";
    case LEAT_OMS_NOT_AVAILABLE: return "not available";
    case LEAT_OMS_NO_ACCESS_POINT: return "cannot construct access point";
    case LEAT_OMS_URL_ILLEGAL: return "URL illegal";
    }
    return "unknown";
}

enum leat_oms_status oms_fail(struct leat_error *err, enum leat_oms_status status, const char *fmt, ...)
{
    char text[LEAT_ERROR_MAX];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    leat_fail(err, LEAT_STOP, "%s", text);
    return status;
}

enum leat_oms_status oms_status_of(enum leat_status status, enum leat_oms_status fenced, const struct leat_error *err)
{
    switch (status) {
    case LEAT_OK:
        return LEAT_OMS_SUCCESS;
    case LEAT_AGAIN:
        return LEAT_OMS_STORAGE_BUSY;
    case LEAT_REJECT:
        return LEAT_OMS_BODY_TOO_LARGE;
    case LEAT_FENCED:
        return fenced;
    case LEAT_RETRY:
        return LEAT_OMS_NOT_AVAILABLE;
    case LEAT_EOF:
    case LEAT_STOP:
        break;
    }
    switch (err->cause) {
    case LEAT_CAUSE_CONFIG:
        return LEAT_OMS_BAD_REQUEST;
    case LEAT_CAUSE_IN_USE:
    case LEAT_CAUSE_DISK:
        return LEAT_OMS_NOT_AVAILABLE;
    case LEAT_CAUSE_DAMAGED:
        return LEAT_OMS_STORAGE_ERROR;
    case LEAT_CAUSE_FENCED:
        return fenced;
    case LEAT_CAUSE_BREAKER: /* of tasks */
    case LEAT_CAUSE_OTHER:
        break;
    }
    return LEAT_OMS_SERVER_ERROR;
}

enum leat_oms_status oms_wait_durable(const struct leat_driver_type *driver, struct leat_writer *writer,
                                      uint64_t ticket, struct leat_time deadline, enum leat_oms_status fenced,
                                      struct leat_error *err)
{
    for (;;) {
        uint64_t durable;
        enum leat_status status = driver->durable(writer, &durable, err);
        if (status != LEAT_OK)
            return oms_status_of(status, fenced, err);
        if (durable >= ticket)
            return LEAT_OMS_SUCCESS;
        int64_t left_ms = (deadline.ns - leat_now().ns) / 1000000;
        if (left_ms <= 0)
            return oms_fail(err, LEAT_OMS_TIMEOUT, "what was sent is not durable yet");
        struct pollfd news = {.fd = driver->writer_fd(writer), .events = POLLIN};
        leat_os->poll(&news, 1, left_ms < 1000 ? (int)left_ms + 1 : 1000);
    }
}

enum leat_oms_status leat_oms_open(const char *url, bool is_read_only, struct leat_oms **oms, struct leat_error *err)
{
    struct leat_url parts;
    if (leat_url_parse(url, &parts, err) != LEAT_OK)
        return LEAT_OMS_URL_ILLEGAL;
    if (strcmp(parts.driver, leat_driver_commitlog.name) == 0 && parts.region[0] == '\0')
        return oms_fail(err, LEAT_OMS_URL_ILLEGAL, "access point \"%s\": say where: oms:commitlog:///DIR", url);
    struct leat_oms *made = leat_calloc(1, sizeof *made);
    made->is_read_only = is_read_only;
    if (leat_access_open(url, parts.region, is_read_only, &made->driver, &made->access, err) != LEAT_OK) {
        free(made);
        return LEAT_OMS_NO_ACCESS_POINT;
    }
    *oms = made;
    return LEAT_OMS_SUCCESS;
}

void leat_oms_close(struct leat_oms *oms)
{
    oms->driver->close(oms->access);
    free(oms);
}
