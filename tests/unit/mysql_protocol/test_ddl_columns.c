#include <kit/cmocka.h>
#include <stdio.h>

#include "ddl_check.h"

/* A column of this definition, on MariaDB 10.11 and on MySQL 8.0. */
static void is_told_as(const char *definition, const char *maria, const char *mysql)
{
    char statement[1000], wanted[1000];
    snprintf(statement, sizeof statement, "CREATE TABLE t (c %s)", definition);
    snprintf(wanted, sizeof wanted, "create t(+c %s)", maria);
    MARIA(statement, wanted);
    snprintf(wanted, sizeof wanted, "create t(+c %s)", mysql);
    MY(statement, wanted);
}

static void types_are_told_as_information_schema_tells_them(void **state)
{
    (void)state;
    static const struct {
        const char *definition, *maria, *mysql;
    } rows[] = {
        {"INT", "int(11)", "int"},
        {"INTEGER UNSIGNED", "int(10) unsigned", "int unsigned"},
        {"int(5)", "int(5)", "int"},
        {"INT4 ZEROFILL", "int(10) unsigned zerofill", "int(10) unsigned zerofill"},
        {"INT(3) UNSIGNED ZEROFILL", "int(3) unsigned zerofill", "int(3) unsigned zerofill"},
        {"TINYINT", "tinyint(4)", "tinyint"},
        {"TINYINT(1)", "tinyint(1)", "tinyint(1)"},
        {"TINYINT(1) UNSIGNED", "tinyint(1) unsigned", "tinyint unsigned"},
        {"BOOL", "tinyint(1)", "tinyint(1)"},
        {"boolean NOT NULL", "tinyint(1)!", "tinyint(1)!"},
        {"INT1 UNSIGNED", "tinyint(3) unsigned", "tinyint unsigned"},
        {"SMALLINT", "smallint(6)", "smallint"},
        {"MIDDLEINT", "mediumint(9)", "mediumint"},
        {"INT8 SIGNED", "bigint(20)", "bigint"},
        {"SERIAL", "bigint(20) unsigned!", "bigint unsigned!"},
        {"DECIMAL", "decimal(10,0)", "decimal(10,0)"},
        {"DEC(5)", "decimal(5,0)", "decimal(5,0)"},
        {"NUMERIC(65,30) UNSIGNED", "decimal(65,30) unsigned", "decimal(65,30) unsigned"},
        {"FIXED ( 5 , 2 ) ZEROFILL", "decimal(5,2) unsigned zerofill", "decimal(5,2) unsigned zerofill"},
        {"FLOAT", "float", "float"},
        {"FLOAT(7,4) UNSIGNED", "float(7,4) unsigned", "float(7,4) unsigned"},
        {"FLOAT(24)", "float", "float"},
        {"FLOAT(25)", "double", "double"},
        {"DOUBLE PRECISION", "double", "double"},
        {"REAL(10,2)", "double(10,2)", "double(10,2)"},
        {"FLOAT8", "double", "double"},
        {"BIT", "bit(1)", "bit(1)"},
        {"BIT(64)", "bit(64)", "bit(64)"},
        {"YEAR", "year(4)", "year"},
        {"YEAR(4)", "year(4)", "year"},
        {"YEAR(2)", "year(2)", "year"},
        {"DATE", "date", "date"},
        {"TIME", "time", "time"},
        {"TIME(6)", "time(6)", "time(6)"},
        {"DATETIME(0)", "datetime", "datetime"},
        {"TIMESTAMP(3) NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3)", "timestamp(3)", "timestamp(3)"},
        {"CHAR", "char(1)", "char(1)"},
        {"CHARACTER(9)", "char(9)", "char(9)"},
        {"CHARACTER VARYING(9)", "varchar(9)", "varchar(9)"},
        {"NATIONAL CHAR(3)", "char(3)@utf8mb3", "char(3)@utf8mb3"},
        {"NCHAR VARCHAR(3)", "varchar(3)@utf8mb3", "varchar(3)@utf8mb3"},
        {"NATIONAL CHARACTER VARYING(3)", "varchar(3)@utf8mb3", "varchar(3)@utf8mb3"},
        {"NVARCHAR(3)", "varchar(3)@utf8mb3", "varchar(3)@utf8mb3"},
        {"VARCHAR(255) CHARACTER SET latin1", "varchar(255)@latin1", "varchar(255)@latin1"},
        {"VARCHAR(5) CHARSET 'utf8' COLLATE utf8_bin", "varchar(5)@utf8mb3", "varchar(5)@utf8mb3"},
        {"VARCHAR(5) COLLATE latin2_general_ci", "varchar(5)@latin2", "varchar(5)@latin2"},
        {"VARCHAR(5) COLLATE uca1400_ai_ci", "varchar(5)", "varchar(5)"},
        {"VARCHAR(5) CHAR SET UTF8MB4 NOT NULL", "varchar(5)@utf8mb4!", "varchar(5)@utf8mb4!"},
        {"CHAR(5) BINARY", "char(5)", "char(5)"},
        {"CHAR(5) BYTE", "binary(5)", "binary(5)"},
        {"VARCHAR(5) CHARACTER SET binary", "varbinary(5)", "varbinary(5)"},
        {"TEXT CHARACTER SET binary", "blob", "blob"},
        {"CHAR(5) ASCII", "char(5)@latin1", "char(5)@latin1"},
        {"CHAR(5) UNICODE", "char(5)@ucs2", "char(5)@ucs2"},
        {"BINARY", "binary(1)", "binary(1)"},
        {"VARBINARY(70)", "varbinary(70)", "varbinary(70)"},
        {"TINYTEXT", "tinytext", "tinytext"},
        {"TEXT(300)", "text{300}", "text{300}"},
        {"BLOB(300)", "blob{300}", "blob{300}"},
        {"LONG", "mediumtext", "mediumtext"},
        {"LONG VARCHAR NOT NULL", "mediumtext!", "mediumtext!"},
        {"LONG VARBINARY", "mediumblob", "mediumblob"},
        {"LONGBLOB", "longblob", "longblob"},
        {"ENUM('a','b')", "enum('a','b')", "enum('a','b')"},
        {"enum ( 'a,b' , 'it''s','x\\\\y', \"q'\", 'trail  ') not null default 'a'", "enum('a,b','it''s','x\\\\y','q''','trail')!",
         "enum('a,b','it''s','x\\\\y','q''','trail')!"},
        {"SET('ü','(',')') CHARACTER SET latin1 COMMENT 'a,b)'", "set('ü','(',')')@latin1", "set('ü','(',')')@latin1"},
        {"JSON", "longtext@utf8mb4 json", "json"},
        {"POINT NOT NULL SRID 4326", "point!", "point!"},
        {"GEOMETRYCOLLECTION", "geometrycollection", "geomcollection"},
        {"POINT REF_SYSTEM_ID=101", "point", "point"},
        {"VARCHAR(30) COMPRESSED", "varchar(30) /*M!100301 COMPRESSED*/", "varchar(30)"},
        {"TEXT COMPRESSED=zlib DEFAULT 'x'", "text /*M!100301 COMPRESSED*/", "text"},
        {"VARCHAR(30) /*M!100301 COMPRESSED*/ NOT NULL", "varchar(30) /*M!100301 COMPRESSED*/!", "varchar(30)!"},
        {"UUID", "uuid", "uuid"},
        {"INET6 DEFAULT '::1'", "inet6", "inet6"},
        {"VECTOR(3)", "vector(3)", "vector(3)"},
        {"mariadb_schema.date", "date", "date"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        is_told_as(rows[i].definition, rows[i].maria, rows[i].mysql);
    reads_as("CREATE TABLE t (c REAL)", LEAT_SQL_REAL_AS_FLOAT, MYSQL, "create t(+c float)");
    reads_as("CREATE TABLE t (c INT, d YEAR)", 0, 50744, false, "create t(+c int(11), +d year(4))");
    reads_as("CREATE TABLE t (c ENUM('a\\','b'))", LEAT_SQL_NO_BACKSLASH_ESCAPES, MYSQL, "create t(+c enum('a\\\\','b'))");
    none_is_left();
}

static void attributes_of_a_column(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"DATE NULL", "date"},
        {"DATE NOT NULL", "date!"},
        {"DATE DEFAULT NULL", "date"},
        {"DATE NOT NULL DEFAULT '2020-01-01'", "date!"},
        {"DATE DEFAULT (curdate()) NOT NULL", "date!"},
        {"DATE DEFAULT curdate() NOT NULL", "date!"},
        {"DATE DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP NOT NULL", "date!"},
        {"DATE PRIMARY KEY", "date!*"},
        {"DATE KEY", "date!*"},
        {"DATE UNIQUE KEY", "date"},
        {"DATE NOT NULL UNIQUE", "date!"},
        {"DATE AUTO_INCREMENT PRIMARY KEY COMMENT 'x, y'", "date!*"},
        {"DATE COMMENT 'it''s, NOT NULL PRIMARY KEY'", "date"},
        {"DATE COMMENT 'a\\'b, c INT)'", "date"},
        {"DATE GENERATED ALWAYS AS (concat(a, ')', 'PRIMARY KEY')) STORED NOT NULL", "date!"},
        {"DATE AS (x + 1) VIRTUAL", "date"},
        {"DATE REFERENCES p (id) ON DELETE SET NULL ON UPDATE CASCADE NOT NULL", "date!"},
        {"DATE NOT NULL REFERENCES `p` (`id`) ON DELETE SET NULL", "date!"},
        {"DATE NOT NULL CHECK (c > 1 AND c IS NOT NULL)", "date!"},
        {"DATE CONSTRAINT x CHECK (c > (1)) NOT NULL", "date!"},
        {"DATE NOT NULL INVISIBLE", "date!"},
        {"DATE COLUMN_FORMAT DEFAULT NOT NULL", "date!"},
        {"DATE STORAGE DISK NOT NULL", "date!"},
        {"DATE DEFAULT -1 NOT NULL", "date!"},
        {"DATE DEFAULT b'0' NOT NULL", "date!"},
        {"DATE DEFAULT _utf8mb4'x' COLLATE utf8mb4_bin NOT NULL", "date!"},
        {"DATE WITHOUT SYSTEM VERSIONING NOT NULL", "date!"},
        {"DATE /*!80023 INVISIBLE */ NOT NULL", "date!"},
        {"DATE ENGINE_ATTRIBUTE='{\"a\": 1}' NOT NULL", "date!"},
        {"DATE `some option`='x' NOT NULL", "date!"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        is_told_as(rows[i][0], rows[i][1], rows[i][1]);
    MARIA("CREATE TABLE t (j LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin DEFAULT NULL CHECK (json_valid(`j`)))",
          "create t(+j longtext@utf8mb4 json)");
    MARIA("CREATE TABLE t (j LONGTEXT CHECK (json_valid(k)), k INT)", "create t(+j longtext, +k int(11))");
    none_is_left();
}

static void a_table_with_keys_and_options(void **state)
{
    (void)state;
    MARIA("CREATE TABLE `orders` (\n  `id` bigint(20) unsigned NOT NULL AUTO_INCREMENT,\n  `at` datetime(3) DEFAULT current_timestamp(3),\n"
          "  `state` enum('new','paid') NOT NULL DEFAULT 'new',\n  PRIMARY KEY (`id`),\n  UNIQUE KEY `u` (`at`,`state`),\n  KEY `k` (`state`),\n"
          "  CONSTRAINT `f` FOREIGN KEY (`id`) REFERENCES `x` (`id`) ON DELETE CASCADE\n) ENGINE=InnoDB AUTO_INCREMENT=7 DEFAULT CHARSET=utf8mb4 "
          "COLLATE=utf8mb4_general_ci COMMENT='a, (b'",
          "create orders(+id bigint(20) unsigned!, +at datetime(3), +state enum('new','paid')!) key(id) cs=utf8mb4");
    MY("CREATE TABLE IF NOT EXISTS d.t (a INT, b INT, CONSTRAINT pk PRIMARY KEY USING BTREE (b, a DESC)) CHARACTER SET latin1",
       "create d.t(+a int, +b int) key(b,a) cs=latin1?");
    MY("CREATE TABLE t (a VARCHAR(20), PRIMARY KEY (a(10)), FULLTEXT INDEX f (a), SPATIAL KEY (b), CHECK (a <> 'x'), INDEX ((a + 1)))",
       "create t(+a varchar(20)) key(a)");
    MY("CREATE TABLE t (id INT KEY) COLLATE = 'latin1_bin' PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES "
       "LESS THAN MAXVALUE)",
       "create t(+id int!*) cs=latin1");
    MARIA("CREATE OR REPLACE TABLE t (a INT)", "create t(+a int(11)) replace");
    MARIA("CREATE TABLE t (a INT, p DATE, q DATE, PERIOD FOR x (p, q), period INT, vector INT)",
          "create t(+a int(11), +p date, +q date, +period int(11), +vector int(11))");
    MARIA("CREATE TABLE t (v VECTOR(3) NOT NULL, VECTOR INDEX (v))", "create t(+v vector(3)!)");
    MY("CREATE TABLE t (a SOMETHING(3), b INT)", "create t(+a (none), +b int) ??");
    MY("CREATE TABLE t (a INT", "create t(+a int) ??");
    MY("CREATE TABLE t (a INT COMMENT 'no end)", "create t(+a int) ?? BAD");
    MY("CREATE TABLE t", "create t ??");
    reads_as("CREATE TABLE t (a NUMBER(3))", LEAT_SQL_ORACLE, MARIADB, "create t(+a (none)) ??");
    none_is_left();
}

static void alters(void **state)
{
    (void)state;
    MARIA("ALTER TABLE t ADD a INT", "alter t(+a int(11))");
    MARIA("ALTER TABLE d.t ADD COLUMN a INT NOT NULL DEFAULT 0 FIRST, ADD COLUMN `b` DATE AFTER `a`", "alter d.t(+a int(11)! first, +b date after a)");
    MY("ALTER TABLE t ADD (a INT, b DATE, KEY (a)), DROP c", "alter t(+a int, +b date, -c)");
    MY("ALTER TABLE t ADD COLUMN (a INT)", "alter t(+a int)");
    MARIA("ALTER TABLE IF EXISTS t ADD COLUMN IF NOT EXISTS a INT, DROP COLUMN IF EXISTS b", "alter t(+a int(11)?, -b?)?");
    MARIA("ALTER ONLINE TABLE t WAIT 5 DROP a", "alter t(-a)");
    MARIA("ALTER IGNORE TABLE t NOWAIT ADD UNIQUE (a)", "alter t");
    MY("ALTER TABLE t DROP COLUMN a, DROP b, DROP INDEX i, DROP KEY k, DROP FOREIGN KEY f, DROP CHECK c, DROP CONSTRAINT x", "alter t(-a, -b)");
    MY("ALTER TABLE t DROP `index`, DROP COLUMN `key`", "alter t(-index, -key)");
    MY("ALTER TABLE t MODIFY a BIGINT UNSIGNED NOT NULL AFTER z, MODIFY COLUMN b VARCHAR(9) CHARACTER SET latin1 FIRST",
       "alter t(a>a bigint unsigned! after z, b>b varchar(9)@latin1 first)");
    MY("ALTER TABLE t CHANGE a b INT, CHANGE COLUMN b a INT COMMENT 'swap'", "alter t(a>b int, b>a int)");
    MARIA("ALTER TABLE t CHANGE COLUMN IF EXISTS a b INT, MODIFY IF EXISTS c INT", "alter t(a>b int(11)?, c>c int(11)?)");
    MY("ALTER TABLE t RENAME COLUMN a TO b, RENAME COLUMN c TO `d e`", "alter t(a=b, c=d e)");
    MY("ALTER TABLE t DROP PRIMARY KEY, ADD PRIMARY KEY (b, c)", "alter t key(b,c) nokey");
    MY("ALTER TABLE t ADD CONSTRAINT PRIMARY KEY (b), ADD CONSTRAINT x UNIQUE KEY y (c), ADD CONSTRAINT FOREIGN KEY (a) REFERENCES p (a)", "alter t key(b)");
    MY("ALTER TABLE t DROP INDEX `PRIMARY`", "alter t nokey");
    MY("DROP INDEX `PRIMARY` ON d.t", "alter d.t nokey");
    MY("ALTER TABLE t ADD id INT AUTO_INCREMENT PRIMARY KEY FIRST", "alter t(+id int!* first)");
    MY("ALTER TABLE t CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", "alter t cs=utf8mb4 to=utf8mb4");
    MY("ALTER TABLE t CONVERT TO CHARSET DEFAULT", "alter t cs= to=");
    MY("ALTER TABLE t DEFAULT CHARACTER SET = latin1, ADD a CHAR(3)", "alter t(+a char(3)) cs=latin1");
    MY("ALTER TABLE t ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=latin1 COMMENT='a, DROP b', ALGORITHM=INPLACE, LOCK=NONE", "alter t cs=latin1");
    MY("ALTER TABLE t ALTER COLUMN a SET DEFAULT 'x', ALTER b DROP DEFAULT, ALTER INDEX i INVISIBLE", "alter t");
    MY("ALTER TABLE t ADD INDEX i (a, b), ADD KEY (c), ADD FULLTEXT (d), ADD SPATIAL INDEX (e), ADD UNIQUE INDEX u (f)", "alter t");
    MY("ALTER TABLE t ORDER BY a, b DESC", "alter t ??");
    MY("ALTER TABLE t FORCE, ALGORITHM=INSTANT", "alter t");
    MY("ALTER TABLE t DISABLE KEYS", "alter t");
    MY("ALTER TABLE t AUTO_INCREMENT=1000", "alter t");
    MY("ALTER TABLE t DISCARD TABLESPACE", "alter t");
    MY("ALTER TABLE t", "alter t");
    MY("ALTER TABLE t ADD PARTITION (PARTITION p3 VALUES LESS THAN (40))", "alter t");
    MY("ALTER TABLE t DROP PARTITION p0, p1", "alter t ~");
    MY("ALTER TABLE t TRUNCATE PARTITION p0, p1", "alter t ~");
    MY("ALTER TABLE t EXCHANGE PARTITION p0 WITH TABLE u", "alter t ~");
    MY("ALTER TABLE t REORGANIZE PARTITION p0, p1 INTO (PARTITION x VALUES LESS THAN (9))", "alter t");
    MY("ALTER TABLE t PARTITION BY HASH (id) PARTITIONS 4", "alter t");
    MY("ALTER TABLE t REMOVE PARTITIONING", "alter t");
    MARIA("ALTER TABLE t CONVERT PARTITION p0 TO TABLE u", "alter t ~; create u like t");
    MARIA("ALTER TABLE t CONVERT TABLE u TO PARTITION p0 VALUES LESS THAN (5)", "alter t ~; drop u");
    MARIA("ALTER TABLE t ADD SYSTEM VERSIONING, ADD PERIOD FOR p (a, b)", "alter t");
    MY("ALTER TABLE t SPLIT a INTO b, c", "alter t ??");
    MY("ALTER TABLE t ADD a NOTHING, DROP b", "alter t(+a (none), -b) ??");
    MARIA("SET STATEMENT lock_wait_timeout = 1, max_statement_time = 0 FOR ALTER TABLE t DROP a", "alter t(-a)");
    MARIA("/* pt-osc */ ALTER TABLE `d`.`_t_new` ADD COLUMN x INT /* , DROP y */, ADD KEY (x)", "alter d._t_new(+x int(11))");
    MARIA("ALTER TABLE t ADD a INT;", "alter t(+a int(11))");
    none_is_left();
}

static struct leat_ddl_column column(const char *type, const char *data_type, const char *charset, uint64_t length)
{
    return (struct leat_ddl_column){.name = "c", .type = type, .data_type = data_type, .charset = charset, .length = length};
}

static void settles(const char *type, const char *data_type, uint64_t length, const char *charset, const char *wanted)
{
    struct leat_arena arena;
    struct leat_ddl_column c = column(type, data_type, NULL, length);
    leat_arena_init(&arena, 0);
    leat_ddl_settle(&c, charset, &arena);
    assert_string_equal(c.type, wanted);
    leat_arena_fini(&arena);
}

static void a_column_takes_the_charset_of_its_table(void **state)
{
    (void)state;
    settles("varchar(9)", "varchar", 0, "latin1", "varchar(9)");
    settles("varchar(9)", "varchar", 0, "binary", "varbinary(9)");
    settles("char(1)", "char", 0, "binary", "binary(1)");
    settles("longtext", "longtext", 0, "binary", "longblob");
    settles("text", "text", 63, "utf8mb4", "tinytext");
    settles("text", "text", 64, "utf8mb4", "text");
    settles("text", "text", 64, "latin1", "tinytext");
    settles("text", "text", 70000, "latin1", "mediumtext");
    settles("text", "text", UINT32_MAX, "utf8mb4", "longtext");
    settles("text", "text", 300, "binary", "blob");
    settles("blob", "blob", 255, "latin1", "tinyblob");
    settles("blob", "blob", 256, "latin1", "blob");
    settles("enum('a')", "enum", 0, "binary", "enum('a')");
}

static void converts(const char *data_type, const char *from, const char *to, const char *wanted)
{
    struct leat_arena arena;
    struct leat_ddl_column c = column(data_type, data_type, from, 0);
    leat_arena_init(&arena, 0);
    leat_ddl_convert(&c, to, &arena);
    assert_string_equal(c.type, wanted);
    assert_string_equal(c.charset, strstr(wanted, "blob") || strcmp(from, "") == 0 ? "" : to);
    leat_arena_fini(&arena);
}

static void texts_grow_with_their_charset(void **state)
{
    (void)state;
    converts("tinytext", "latin1", "utf8mb4", "text");
    converts("text", "latin1", "utf8mb4", "mediumtext");
    converts("text", "utf8mb3", "utf8mb4", "mediumtext");
    converts("text", "utf8mb4", "latin1", "text");
    converts("text", "utf8mb4", "utf8mb4", "text");
    converts("mediumtext", "latin1", "utf8mb4", "longtext");
    converts("longtext", "latin1", "utf8mb4", "longtext");
    converts("tinytext", "utf8mb4", "latin1", "tinytext");
    converts("text", "latin1", "binary", "blob");
    converts("int", "", "latin1", "int");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_are_told_as_information_schema_tells_them),
        cmocka_unit_test(attributes_of_a_column),
        cmocka_unit_test(a_table_with_keys_and_options),
        cmocka_unit_test(alters),
        cmocka_unit_test(a_column_takes_the_charset_of_its_table),
        cmocka_unit_test(texts_grow_with_their_charset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
