/* file.h - the file sink: one record a line, one file for each filled path, exact across crashes.
 *
 *   out/shop.orders.ndjson                        the open file
 *   out/.shop.orders.ndjson.leat                  its mark: how much of it counts, and up to which record
 *   out/shop.orders-00000000000000000000.ndjson   a closed one (rotate_size, rotate_every); .gz with gzip;
 *                                                 _1, _2 ... where another begins with the same offset
 *   out/.shop.archive.leat                        the sink's own mark and lock, named after the connector
 *
 * Reading order: slots.h (two slots of bytes), target.h (one file and its mark), marks.h (the sink's mark), settler.h (the
 * thread that syncs), pack.h (gzip of closed files), sink.c.
 */
#ifndef LEAT_FILE_FILE_H
#define LEAT_FILE_FILE_H

#include <leat/sink.h>

extern const struct leat_sink_type leat_sink_file;

#endif
