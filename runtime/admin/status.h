/* status.h - what connectors say of themselves, as JSON lines and as Prometheus text. */
#ifndef LEAT_ADMIN_STATUS_H
#define LEAT_ADMIN_STATUS_H

#include <base/buffer.h>
#include <control/orphans.h>
#include <task/task_run.h>

/* {"name":"shop.archive","kind":"sink","state":"running",...,"lag":{"records":0,"bytes":0,"us":1200}}\n; unknown: null. */
void leat_status_json(struct leat_bytes *out, const struct leat_task_status *status, bool is_source);

/* {"name":"shop.copy","kind":"sink","state":"orphaned","log":"shop","kept":4096,"error":"no sink ..."}\n */
void leat_status_orphan_json(struct leat_bytes *out, const struct leat_consumer_info *orphan);

/* All of Prometheus' text for `count` connectors. */
void leat_status_metrics(struct leat_bytes *out, const struct leat_task_status *statuses, size_t count);

#endif
