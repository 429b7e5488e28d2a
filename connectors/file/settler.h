/* settler.h - the thread that makes durable what the sink has taken, while the sink takes more.
 *
 *   settler_begin   lines, targets and marks are frozen: that alone is what the thread touches
 *   the thread      write all -> fdatasync all -> mark all -> fdatasync all -> the sink's own mark -> fdatasync
 *   wakes the task  settler_is_busy() is false again, settler_wait() says how it went
 *
 * The order is what makes a crash harmless: no mark is durable before the bytes that it speaks of, and the sink's mark
 * comes after all its files. Thread: the owner's, but for the thread itself.
 */
#ifndef LEAT_FILE_SETTLER_H
#define LEAT_FILE_SETTLER_H

#include <file/marks.h>
#include <file/target.h>

struct settler;

enum leat_status settler_start(struct settler **settler, struct leat_task *task, struct marks *marks,
                               struct leat_error *err);
/* Room for `count` targets of the next round: the caller fills them in, frozen. Not while it is busy. */
struct target **settler_targets(struct settler *settler, uint32_t count);
/* `bytes`, which the targets' slices speak of, are the settler's until the round has ended. */
void settler_begin(struct settler *settler, uint32_t count, uint8_t *bytes);
bool settler_is_busy(struct settler *settler);
/* Waits for the end of the round at hand. What it failed with is said once; the sink is closed then. */
enum leat_status settler_wait(struct settler *settler, struct leat_error *err);
/* Waits, and ends the thread. The host joins it after close(); the settler frees itself there. */
void settler_stop(struct settler *settler);

#endif
