/* transform.h - what the transforms that run scripts share. */
#ifndef LEAT_SCRIPT_TRANSFORM_H
#define LEAT_SCRIPT_TRANSFORM_H

#include <leat/transform.h>

struct script_host;

enum leat_status script_transform_open(struct script_host **host, struct leat_task *task,
                                       const char *text, size_t len, const char *chunk,
                                       int64_t time_us, int64_t memory_bytes,
                                       struct leat_error *err);
enum leat_status script_transform_apply(struct script_host *host, struct leat_batch *batch,
                                        struct leat_error *err);
/* Calls timer(emit), where the script has one. */
enum leat_status script_transform_timer(struct script_host *host, struct leat_batch *batch,
                                        struct leat_error *err);
void script_transform_close(struct script_host **host);

#endif
