/* lines.h - records as lines: what the file and console sinks share.
 *
 *   value alone            {"before":null,"after":{...},...}\n      tombstones (a null value) are left out
 *   with keys              {"key":{...},"value":{...}}\n
 *
 * Formats that are for changes of rows, debezium for one, leave records without a schema to json.
 * Thread: one at a time.
 */
#ifndef LEAT_LINES_LINES_H
#define LEAT_LINES_LINES_H

#include <base/buffer.h>
#include <leat/codec.h>

struct leat_lines;

struct leat_lines_config {
    struct leat_format format;
    bool keys;
    const char *connector;  /* of the sink; Debezium's source.name is its part before the dot */
};

/* Checks the options alone, for a plug-in's validate(). */
enum leat_status leat_lines_validate(const struct leat_format *format, bool keys, struct leat_error *err);

enum leat_status leat_lines_open(const struct leat_lines_config *config, struct leat_lines **lines,
                                 struct leat_error *err);
void leat_lines_close(struct leat_lines *lines);

/* Appends the record's line, or nothing where the format leaves it out. On any other status than OK `out` is as
 * it was; LEAT_REJECT: this record alone cannot be written. */
enum leat_status leat_lines_add(struct leat_lines *lines, const struct leat_record *rec,
                                struct leat_bytes *out, struct leat_error *err);

#endif
