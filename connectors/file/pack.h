/* pack.h - gzip of closed files, in a side thread.
 *
 *   NAME-N.EXT -> NAME-N.EXT.gz.tmp -> fsync -> rename to NAME-N.EXT.gz -> unlink NAME-N.EXT
 *
 * A crash anywhere leaves the plain file or both: pack_leftovers() finds what is still plain.
 * Thread: owner; the side thread is the packer's own.
 */
#ifndef LEAT_FILE_PACK_H
#define LEAT_FILE_PACK_H

#include <leat/task.h>

struct packer;

enum leat_status packer_start(struct packer **packer, struct leat_task *task, struct leat_error *err);
/* Packs `path` some time soon; takes the text over. */
void packer_add(struct packer *packer, char *path);
/* Adds closed files of `path` ("out/a.ndjson") that are not packed yet. */
void packer_leftovers(struct packer *packer, const char *path);
/* Tells the side thread to end after the file at hand; the rest is found at the next start. The host joins it after
 * close(); the packer frees itself there. */
void packer_stop(struct packer *packer);

#endif
