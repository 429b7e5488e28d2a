/* schema_file.h - definitions of tables from a file of SQL: what mariadb-dump or mysqldump --no-data writes, or statements by
 * hand. CREATE, ALTER, RENAME and DROP of tables and databases count, and USE; all else is passed over. */
#ifndef LEAT_MYSQL_SCHEMA_FILE_H
#define LEAT_MYSQL_SCHEMA_FILE_H

#include <mysql/tables.h>

/* `version` as leat_server_version() gives it. STOP, naming the line: the file cannot be read, or what it says of a captured
 * table is not enough. */
enum leat_status schema_file_read(const char *path, struct tables *tables, uint32_t version, struct leat_error *err);

#endif
