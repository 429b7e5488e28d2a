/* recorded.h - recorded binary log files in the place of a server: for audits, to load once more
 * what a target lost, for tests. What a table looks like is told by the log itself
 * (binlog_row_metadata=FULL), or by a file of SQL. */
#ifndef LEAT_MYSQL_RECORDED_H
#define LEAT_MYSQL_RECORDED_H

#include <leat/source.h>
#include <mysql/forms.h>

struct recorded_options {
    struct leat_list files;  /* names and patterns; none: there is a server */
    const char *schema_file; /* NULL: the log tells all */
    const struct leat_list *tables;
    const struct forms_options *forms;
    bool verify;
};

struct recorded; /* from open to close */

enum leat_status recorded_check(const struct recorded_options *options, struct leat_report *report,
                                struct leat_error *err);

enum leat_status recorded_open(struct recorded **recorded, const struct recorded_options *options,
                               struct leat_task *task, const struct leat_positions *from,
                               struct leat_error *err);
/* As a source's poll. EOF: --once, at the end of the newest file. */
enum leat_status recorded_poll(struct recorded *recorded, struct leat_task *task,
                               struct leat_batch **out, struct leat_error *err);
void recorded_close(struct recorded *recorded);

#endif
