/* api.h - what the files of the OpenMessaging API (api*.c) share. */
#ifndef LEAT_OMS_API_H
#define LEAT_OMS_API_H

#include <base/os.h>
#include <leat/oms.h>
#include <model/batch.h>
#include <oms/access.h>

/* Keys of the headers under which a message's own headers travel; properties must not begin like this. */
#define OMS_HEADER "oms:"
#define OMS_ID OMS_HEADER "messageId"
#define OMS_CORRELATION OMS_HEADER "correlationId"
#define OMS_TRACE OMS_HEADER "traceId"

struct leat_oms {
    const struct leat_driver_type *driver;
    struct leat_access *access;
    bool is_read_only;
};

/* What a driver's status is called here; `fenced` and `fallback` tell whose it was. */
enum leat_oms_status oms_status_of(enum leat_status status, enum leat_oms_status fenced, const struct leat_error *err);

enum leat_oms_status oms_fail(struct leat_error *err, enum leat_oms_status status, const char *fmt, ...)
    LEAT_PRINTF(3, 4);

/* Waits until `ticket` is durable. */
enum leat_oms_status oms_wait_durable(const struct leat_driver_type *driver, struct leat_writer *writer,
                                      uint64_t ticket, struct leat_time deadline, enum leat_oms_status fenced,
                                      struct leat_error *err);

/* api_message.c: the message as a record of the batch, and back; what it points to lives in the batch. */
enum leat_oms_status oms_message_put(struct leat_oms_message *message, struct leat_batch *batch, struct leat_error *err);
void oms_message_take(const struct leat_record *rec, struct leat_batch *batch, struct leat_oms_message *message);

#endif
