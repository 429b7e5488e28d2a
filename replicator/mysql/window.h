/* window.h - the rows of a chunk are made to be of one place, where the server's view is not (MySQL, see snapshots.h).
 *
 *     S ---- a ---- b ---- c ---- P        seen: the transactions that the view shows for certain
 *
 * Of those between S and P that are not in `seen` the view shows some and others not. Each row that they touch is known as of P all the same: by the last
 * image of it. So the stream notes those images, and where the chunk's rows go out, at P, they take the place of what was read.
 * An image that is not whole (binlog_row_image other than FULL), and more of them than a bound, spoil the chunk: it is read again.
 */
#ifndef LEAT_MYSQL_WINDOW_H
#define LEAT_MYSQL_WINDOW_H

#include <mysql/chunk.h>
#include <mysql/stream.h>

/* A row of the chunk's table was changed; `before` and `after` as in record.h. */
void window_note(struct chunk *chunk, const struct stream *stream, const struct leat_value *before, const struct leat_value *after);
/* Mends a parcel, before it is noted as read: replaces rows, takes those away that are gone, adds those that are new.
 * `is_exact` false: the events themselves went out, so rows that they touched are left out. */
void window_mend(struct chunk *chunk, struct parcel *parcel, bool is_exact);
void window_free(struct chunk *chunk);

#endif
