#!/usr/bin/env python3
"""What a MySQL source must get right at the edges of what servers, tables and statements can be."""
import json
import os
import re
import shutil
import time

import kit
from kit import only, same, shop_yaml, wait

OUT = "out/shop.{}.ndjson"


def ids(box, table, op, part="after"):
    return [r[part]["id"] for r in box.lines(OUT.format(table)) if r["op"] == op]


def case_more_tables_in_one_statement_than_the_cache_has_slots(box):
    count = 270
    body = " ".join(f"INSERT INTO t{i} VALUES (NEW.id);" for i in range(1, count))
    box.shared.sql("USE shop", *[f"CREATE TABLE t{i} (id INT PRIMARY KEY)" for i in range(count)],
                   f"DELIMITER //\nCREATE TRIGGER all_of_them AFTER INSERT ON t0 FOR EACH ROW BEGIN {body} END//\nDELIMITER ;\nSELECT 1")
    box.write("shop.yaml", shop_yaml(box.shared.port))
    daemon = box.start("run", "shop.yaml")
    daemon.says("streaming")
    box.shared.sql("INSERT INTO shop.t0 VALUES (7)")
    wait("the last table", lambda: ids(box, f"t{count - 1}", "c") == [7])
    wait("every table", lambda: [ids(box, f"t{i}", "c") for i in range(count)] == [[7]] * count)
    daemon.stop()


def case_chunks_of_a_snapshot_whatever_the_key(box):
    """The order of a key is not always the order of its text."""
    keys = {
        "ke": ("ENUM('z','m','a')", ["'z'", "'m'", "'a'"]),
        "ks": ("SET('z','a')", ["''", "'z'", "'a'", "'z,a'"]),
        "kb": ("BIT(12)", ["0", "1", "49", "300", "4095"]),
        "ky": ("YEAR", ["0000", "1901", "2026", "2155"]),
        "kf": ("FLOAT", ["-1.5", "0.1", "0.3", "1e20"]),
        "kd": ("DOUBLE", ["-1.5", "0.1", "0.3", "1e20"]),
        "kn": ("DECIMAL(30,10)", ["-9.5", "-10", "9", "10"]),
        "kt": ("TIME(3)", ["'-10:00:00.5'", "'-9:00:00'", "'00:00:00'", "'100:00:00'"]),
        "km": ("TIMESTAMP", ["'2026-03-29 02:30:00'", "'2026-10-25 02:30:00'", "'2026-10-25 01:30:00'"]),
        "kx": ("VARBINARY(9)", ["X''", "X'00'", "X'0A27'", "X'5C'", "X'80'", "X'FF'", "X'FFFF'"]),
        "kc": ("VARCHAR(9)", ["''", "'a'", "'B'", "'ä'", "'z'", "'\\\\'", "''''", "'😀'"]),
        "kl": ("VARCHAR(9) CHARACTER SET latin1 COLLATE latin1_swedish_ci", ["''", "'a'", "'B'", "'ä'", "'z'", "'€'"]),
        "ku": ("UUID", ["'123e4567-e89b-12d3-a456-426655440000'", "'00000000-0000-0000-0000-000000000001'",
                        "'ffffffff-ffff-ffff-ffff-ffffffffffff'"]),
        "ki": ("INET6", ["'::1'", "'::ffff:10.0.0.1'", "'2001:db8::1'"]),
        "kg": ("BIGINT UNSIGNED", ["0", "9", "10", "9223372036854775808", "18446744073709551615"]),
    }
    if not box.shared.is_mariadb:
        del keys["ku"], keys["ki"]
    for name, (kind, values) in keys.items():
        box.shared.sql("USE shop", "SET time_zone = '+00:00'", f"CREATE TABLE {name} (k {kind}, id INT, PRIMARY KEY (k, id))",
                       *[f"INSERT INTO {name} VALUES ({v}, {i}), ({v}, {i + 100})" for i, v in enumerate(values)])
    box.write("shop.yaml", shop_yaml(box.shared.port, source_more="        chunk_rows: 1\n"))
    box.start("run", "shop.yaml", "--once").ends(0, 60)
    problems = []
    for name, (kind, values) in keys.items():
        wanted = sorted(i + more for i in range(len(values)) for more in (0, 100))
        if sorted(ids(box, name, "r")) != wanted:
            problems.append(f"{name} {kind}: {sorted(ids(box, name, 'r'))}, wanted {wanted}")
    same(problems, [])


@only("mysql", "mysql-9.7")
def case_a_lock_that_does_not_come(box):
    """A table without a key is read by a lock on all; what holds one back is said, and waited for."""
    box.shared.sql("USE shop", "CREATE TABLE keyless (n INT)", "INSERT INTO keyless VALUES (1), (2)")
    held = box.shared.session("LOCK TABLES shop.items WRITE")
    box.write("shop.yaml", shop_yaml(box.shared.port, tables="[shop.keyless]"))
    daemon = box.start("run", "shop.yaml")
    daemon.says("needs FLUSH TABLES WITH READ LOCK for a moment")
    held.close()
    wait("its rows", lambda: [r["after"]["n"] for r in box.lines("out/shop.keyless.ndjson")] == [1, 2])
    daemon.stop()


def case_a_stop_in_the_middle_of_a_snapshot(box):
    """The thread that reads has to let go of the tables before they go."""
    box.shared.sql("USE shop", "CREATE TABLE big (id INT PRIMARY KEY, what VARCHAR(200))",
                   f"INSERT INTO big SELECT seq, REPEAT('x', 200) FROM {box.shared.seq(100000)}")
    box.write("shop.yaml", shop_yaml(box.shared.port))
    file = box.path(OUT.format("big"))
    size = lambda: os.path.getsize(file) if os.path.exists(file) else 0
    for _ in range(3):
        before = size()
        daemon = box.start("run", "shop.yaml")
        wait("more rows", lambda: size() > before)
        daemon.stop()
    box.start("run", "shop.yaml", "--once").ends(0)
    records = box.lines(OUT.format("big"))
    last = max((i for i, r in enumerate(records) if r["op"] == "t"), default=-1)
    same(sorted(r["after"]["id"] for r in records[last + 1:]), list(range(1, 100001)))


def case_a_table_made_within_a_transaction(box):
    """CREATE TABLE ... SELECT logs its rows behind the statement, in one transaction with it."""
    box.write("shop.yaml", shop_yaml(box.shared.port))
    daemon = box.start("run", "shop.yaml")
    daemon.says("streaming")
    box.shared.sql("USE shop", "CREATE TABLE copy (id INT PRIMARY KEY, what VARCHAR(40)) SELECT * FROM orders",
                   "INSERT INTO items VALUES (1, 'x')")
    wait("the next insert", lambda: ids(box, "items", "c") == [1])
    same(ids(box, "copy", "c"), [1, 2, 3])
    gtids = {r["source"]["gtid"] for r in box.lines(OUT.format("copy"))}
    same(len(gtids), 1)
    same(None in gtids, False, "a GTID of None")
    daemon.stop()


def case_the_connection_to_the_definitions_is_lost(box):
    """The rows behind a TABLE_MAP that could not be taken must not be read by the definition before."""
    box.write("shop.yaml", shop_yaml(box.shared.port))
    daemon = box.start("run", "shop.yaml")
    daemon.says("streaming")
    box.shared.sql("USE shop", "ALTER TABLE items ADD COLUMN a INT", "INSERT INTO items VALUES (1, 'x', 1)")
    wait("the new column", lambda: ids(box, "items", "c") == [1])
    daemon.freeze()
    box.shared.sql("USE shop", "ALTER TABLE items ADD COLUMN b INT UNSIGNED", "START TRANSACTION",
                   f"INSERT INTO orders SELECT seq, REPEAT('x', 40) FROM {box.shared.seq(3099, 100)} ORDER BY seq",
                   "INSERT INTO items VALUES (2, 'y', 2, 4000000000)", "COMMIT")
    for line in box.shared.sql("SELECT id FROM information_schema.processlist WHERE user = 'leat' AND command = 'Sleep'").split():
        box.shared.sql(f"KILL {line}")
    daemon.thaw()
    wait("the row after", lambda: ids(box, "items", "c") == [1, 2])
    same(box.lines(OUT.format("items"))[-1]["after"], {"id": 2, "what": "y", "a": 2, "b": 4000000000})
    wait("the rows of the other file", lambda: ids(box, "orders", "c") == list(range(100, 3100)))
    daemon.stop()


def case_a_change_ahead_of_the_log(box):
    """information_schema tells what a table is now; its rows in the log may be older. A statement about another table
    is no reason to ask."""
    box.write("shop.yaml", shop_yaml(box.shared.port))
    daemon = box.start("run", "shop.yaml")
    daemon.says("streaming")
    box.shared.sql("USE shop", "CREATE TABLE n (id INT PRIMARY KEY, v INT, e ENUM('a','b'))", "INSERT INTO n VALUES (1, -1, 'a')")
    wait("the first", lambda: ids(box, "n", "c") == [1])
    daemon.freeze()
    box.shared.sql("USE shop", "ALTER TABLE orders ADD COLUMN more INT", "INSERT INTO n VALUES (2, -1, 'b')", "DELETE FROM n",
                   "ALTER TABLE n MODIFY v INT UNSIGNED, MODIFY e ENUM('b','a')", "INSERT INTO n VALUES (3, 4000000000, 'b')")
    daemon.thaw()
    wait("the last", lambda: ids(box, "n", "c") == [1, 2, 3])
    same([r["after"] for r in box.lines(OUT.format("n")) if r["op"] == "c"],
         [{"id": 1, "v": -1, "e": "a"}, {"id": 2, "v": -1, "e": "b"}, {"id": 3, "v": 4000000000, "e": "b"}])
    daemon.stop()


def case_digits_that_change(box):
    """The log tells digits: a definition with others is not the one that the rows were written by."""
    box.write("shop.yaml", shop_yaml(box.shared.port))
    daemon = box.start("run", "shop.yaml")
    daemon.says("streaming")
    box.shared.sql("USE shop", "CREATE TABLE sums (id INT PRIMARY KEY, v DECIMAL(10,2), t TIMESTAMP(3) NULL)",
                   "INSERT INTO sums VALUES (1, 1.25, '2026-01-02 03:04:05.678')")
    wait("the first", lambda: ids(box, "sums", "c") == [1])
    daemon.freeze()
    box.shared.sql("USE shop", "ALTER TABLE sums COMMENT 'x'", "INSERT INTO sums VALUES (2, 1.25, '2026-01-02 03:04:05.678')",
                   "ALTER TABLE sums MODIFY v DECIMAL(10,4), MODIFY t TIMESTAMP(6) NULL",
                   "INSERT INTO sums VALUES (3, 1.2525, '2026-01-02 03:04:05.678901')")
    daemon.thaw()
    wait("the last", lambda: ids(box, "sums", "c") == [1, 2, 3])
    values = [(r["after"]["v"], r["after"]["t"]) for r in box.lines(OUT.format("sums"))]
    same(values[1], values[0])
    daemon.stop()


def case_truncate_in_every_spelling(box):
    box.shared.sql("USE shop", "INSERT INTO items VALUES (1, 'x')")
    box.write("shop.yaml", shop_yaml(box.shared.port))
    daemon = box.start("run", "shop.yaml")
    daemon.says("streaming")
    box.shared.sql("USE shop", "TRUNCATE items", "TRUNCATE TABLE `shop` . `items`", "/* why */ TRUNCATE/**/TABLE shop.items",
                   "SET sql_mode = 'ANSI_QUOTES'", 'TRUNCATE TABLE "items"', 'TRUNCATE TABLE "shop"."items"',
                   "INSERT INTO items VALUES (1, 'x')")
    wait("the insert", lambda: ids(box, "items", "c") == [1])
    same([r["op"] for r in box.lines(OUT.format("items"))], ["r", "t", "t", "t", "t", "t", "c"])
    daemon.stop()


@only("mariadb") # a MySQL has to be made with it
def case_truncate_where_case_means_nothing(box):
    server = box.server("--lower-case-table-names=1").start()
    server.user()
    server.shop()
    box.write("shop.yaml", shop_yaml(server.port))
    daemon = box.start("run", "shop.yaml")
    daemon.says("streaming")
    server.sql("TRUNCATE TABLE SHOP.Orders", "INSERT INTO SHOP.ORDERS VALUES (7, 'x')")
    wait("the insert", lambda: ids(box, "orders", "c") == [7])
    same([r["op"] for r in box.lines(OUT.format("orders"))], ["r", "r", "r", "t", "c"])
    daemon.stop()


def case_a_table_that_joins_later(box):
    """What it had before is read then; of a table that the config named when it was made the log has all."""
    box.shared.sql("USE shop", "INSERT INTO items VALUES (1, 'x')", "CREATE TABLE fresh (id INT PRIMARY KEY)")
    box.write("shop.yaml", shop_yaml(box.shared.port, tables="[shop.orders]"))
    kit.lacks(box.run("run", "shop.yaml", "--once", status=0).both, "is new to the config")
    box.write("shop.yaml", shop_yaml(box.shared.port))
    said = box.run("run", "shop.yaml", "--once", status=0).both
    kit.has(said, "table shop.items is new to the config", "table shop.fresh is new to the config")
    kit.lacks(said, "shop.orders is new")
    box.shared.sql("INSERT INTO shop.items VALUES (2, 'y')", "CREATE TABLE shop.later (id INT PRIMARY KEY)", "INSERT INTO shop.later VALUES (5)")
    kit.lacks(box.run("run", "shop.yaml", "--once", status=0).both, "is new to the config")
    same((ids(box, "items", "r"), ids(box, "items", "c"), ids(box, "later", "c")), ([1], [2], [5]))


def case_other_tables_after_a_stop_within_a_transaction(box):
    """What of a transaction is in the topic is told by places in the log, whichever tables were captured then."""
    count = 150000
    box.shared.sql("USE shop", "CREATE TABLE big (id INT PRIMARY KEY, t CHAR(40))", "CREATE TABLE other (id INT PRIMARY KEY)")
    box.write("shop.yaml", shop_yaml(box.shared.port, tables="[shop.big]"))
    box.run("run", "shop.yaml", "--once", status=0)
    inserts = [f"INSERT INTO {table} SELECT seq{more} FROM {box.shared.seq(first + 4999, first)}"
               for first in range(1, count, 5000) for table, more in (("other", ""), ("big", ", REPEAT('x', 40)"))]
    box.shared.sql("USE shop", "BEGIN", *inserts, "COMMIT")
    shutil.copytree(box.path("leat-data"), box.path("before"))
    for delay_ms in range(100):  # until a kill meets the transaction
        shutil.rmtree(box.path("leat-data"))
        shutil.rmtree(box.path("out"), ignore_errors=True)
        shutil.copytree(box.path("before"), box.path("leat-data"))
        daemon = box.start("run", "shop.yaml")
        daemon.says("streaming")
        time.sleep(delay_ms / 1000)
        daemon.process.kill()
        daemon.process.wait()
        if re.search(r'"done": ?[1-9]', box.run("offsets", "show", "shop", status=0).stdout):
            break
    else:
        raise kit.Wrong("no kill came within the transaction")
    box.write("shop.yaml", shop_yaml(box.shared.port, tables="[shop.big, shop.other]"))
    box.run("run", "shop.yaml", "--once", status=0, seconds=60)
    same(sorted(ids(box, "big", "c")) == list(range(1, count + 1)), True, "each row once")
    same(sorted(ids(box, "other", "r")) == list(range(1, count + 1)), True, "each row of the table that is new")


def case_rows_that_go_without_a_word(box):
    box.shared.sql("USE shop", "CREATE TABLE parts (id INT PRIMARY KEY) PARTITION BY RANGE (id) (PARTITION low VALUES LESS THAN "
                   "(10), PARTITION high VALUES LESS THAN MAXVALUE)", "CREATE TABLE old (id INT PRIMARY KEY) ENGINE = MyISAM")
    box.write("shop.yaml", shop_yaml(box.shared.port))
    kit.has(box.run("check", "shop.yaml", "--connect").both, "shop.old is of engine MyISAM.*ALTER TABLE shop.old ENGINE = InnoDB")
    daemon = box.start("run", "shop.yaml")
    daemon.says("streaming")
    box.shared.sql("USE shop", "INSERT INTO parts VALUES (1), (11)", "ALTER TABLE parts DROP PARTITION low", "DROP TABLE old")
    daemon.says("ALTER TABLE parts DROP PARTITION low .*takes rows away")
    daemon.says("DROP TABLE .*old.* takes rows away")
    box.shared.sql("ALTER TABLE shop.parts ADD COLUMN partition_key INT", "INSERT INTO shop.parts VALUES (12, 1)")
    wait("the row", lambda: ids(box, "parts", "c") == [1, 11, 12])
    kit.lacks(daemon.stop(), "ADD COLUMN.*takes rows away")


def case_another_history(box):
    """RESET MASTER and a restored backup begin another log under the old names."""
    server = box.server().start()
    server.sql("CREATE DATABASE shop", "CREATE TABLE shop.orders (id INT PRIMARY KEY)", "INSERT INTO shop.orders VALUES (1)")
    server.user()
    box.write("password", "water")
    box.write("shop.yaml", shop_yaml(server.port))
    box.run("run", "shop.yaml", "--once", status=0)
    server.sql("INSERT INTO shop.orders VALUES (2)")
    box.run("run", "shop.yaml", "--once", status=0)
    server.sql(server.reset_log(), "INSERT INTO shop.orders VALUES (3)")
    kit.has(box.run("run", "shop.yaml", "--once", status=1).both, "not the one that was read.*leat offsets reset shop")
    server.sql(*[f"INSERT INTO shop.orders VALUES ({n})" for n in range(4, 40)])  # longer than the old one was
    kit.has(box.run("run", "shop.yaml", "--once", status=1).both, "not the one that was read")
    server.sql("DELETE FROM shop.orders WHERE id = 1")
    box.run("offsets", "reset", "shop", status=0)
    box.write("shop.yaml", shop_yaml(server.port, source_more="        heartbeat: 1s\n"))
    daemon = box.start("run", "shop.yaml")
    daemon.says("streaming")
    server.sql(server.reset_log())
    daemon.says("not the one that was read")
    daemon.clean_up()
    rows = {}
    for record in box.lines(OUT.format("orders")):  # replayed, the files are the table
        if record["op"] == "t":
            rows = {}
        elif record["op"] == "d":
            del rows[record["before"]["id"]]
        else:
            rows[record["after"]["id"]] = 1
    same(sorted(rows), list(range(2, 40)))


def case_columns_and_labels_of_odd_kinds(box):
    """Snapshot and stream say the same of them."""
    definition = r"""(id INT PRIMARY KEY, v INT AS (id + 1) VIRTUAL, hidden INT INVISIBLE DEFAULT 7, p INT AS (id * 2) STORED,
        e ENUM('a,b', 'it''s', 'x\\y', '\\\\n', 'ü') CHARACTER SET latin1, s SET('one', 't''wo', 'grün') CHARACTER SET latin1,
        g VARCHAR(20) CHARACTER SET gbk, j VARCHAR(20) CHARACTER SET sjis, k VARCHAR(20) CHARACTER SET koi8r, c VARCHAR(100) %s,
        f FLOAT, t TIME(2), d DATETIME DEFAULT '0000-00-00 00:00:00', z DATE DEFAULT '2026-00-00',
        u TIMESTAMP(3) NOT NULL DEFAULT '0000-00-00 00:00:00.000', last BIGINT UNSIGNED ZEROFILL)""" % ("COMPRESSED" if box.shared.is_mariadb else "")
    rows = ["(1, 'a,b', 'one', '中文', '日本', 'привет', REPEAT('q', 90), 0.1, '-00:00:00.01', 5)",
            "(2, 'it''s', 'one,t''wo', '', '', '', '', -1e-30, '-00:00:01.5', 18446744073709551615)",
            "(3, 'x\\\\y', 'grün', NULL, NULL, NULL, NULL, 16777217, '100:00:00', 0)",
            "(4, '\\\\\\\\n', '', '中', '本', 'я', 'w', 3.4e38, '00:00:00', 1)", "(5, 'ü', 'one,grün', '中', '本', 'я', 'w', 1, '00:00:00', 1)",
            "(6, 0, '', '中', '本', 'я', 'w', 1, '00:00:00', 1)"]
    names = "(id, e, s, g, j, k, c, f, t, last)"
    box.shared.sql("USE shop", "SET sql_mode = ''", *[f"CREATE TABLE {t} {definition}" for t in ("o1", "o2")],
                   f"INSERT INTO o1 {names} VALUES {', '.join(rows)}")
    box.write("shop.yaml", shop_yaml(box.shared.port))
    daemon = box.start("run", "shop.yaml")
    daemon.says("streaming")
    box.shared.sql("USE shop", "SET sql_mode = ''", f"INSERT INTO o2 {names} VALUES {', '.join(rows)}")
    wait("the rows", lambda: len(ids(box, "o2", "c")) == len(rows))
    read = [r["after"] for r in box.lines(OUT.format("o1"))]
    logged = [r["after"] for r in box.lines(OUT.format("o2"))]
    same(logged, read)
    same([r["e"] for r in read], ["a,b", "it's", "x\\y", "\\\\n", "ü", ""])
    same([r["s"] for r in read], ["one", "one,t'wo", "grün", "", "one,grün", ""])
    same([r["v"] for r in read], [2, 3, 4, 5, 6, 7])
    same([r["hidden"] for r in read], [7] * 6)
    daemon.stop()


def case_a_name_that_must_be_quoted(box):
    name = "o'br\\ien`s \"x\""
    quoted = "`" + name.replace("`", "``") + "`"
    box.shared.sql("USE shop", f"CREATE TABLE {quoted} (id INT PRIMARY KEY, `it's` INT)", f"INSERT INTO {quoted} VALUES (1, 2)")
    sinks = '      archive:\n        file: {path: "out/all.ndjson", format: debezium}\n'
    box.write("shop.yaml", shop_yaml(box.shared.port, sinks=sinks))
    daemon = box.start("run", "shop.yaml")
    daemon.says("streaming")
    box.shared.sql("USE shop", f"INSERT INTO {quoted} VALUES (3, 4)", f"TRUNCATE TABLE {quoted}")
    mine = lambda: [(r["op"], r["after"]) for r in box.lines("out/all.ndjson") if r["source"]["table"] == name]
    wait("three records", lambda: len(mine()) == 3)
    same(mine(), [("r", {"id": 1, "it's": 2}), ("c", {"id": 3, "it's": 4}), ("t", None)])
    daemon.stop()


def case_tables_that_are_gone_when_their_rows_come(box):
    """With binlog_row_metadata=FULL the log itself tells what they looked like; what that does not tell (JSON, UUID)
    stays as it was known before."""
    uuid = lambda i: f"00000000-0000-1000-8000-00000000000{i}"
    shape = lambda i, rest: f"INSERT INTO shape VALUES ({i}, '[{i}]', '{uuid(i)}', {rest})"
    box.shared.sql("USE shop", f"CREATE TABLE shape (id INT PRIMARY KEY, j JSON, x {'UUID' if box.shared.is_mariadb else 'CHAR(36)'}, e ENUM('a','b'))",
                   shape(1, "'a'"))
    box.write("shop.yaml", shop_yaml(box.shared.port))
    box.run("run", "shop.yaml", "--once", status=0)
    changes = [
        "CREATE TABLE w (id INT PRIMARY KEY, v VARCHAR(9))", "INSERT INTO w VALUES (1, 'w')", "RENAME TABLE w TO w2",
        "INSERT INTO w2 VALUES (2, 'w2')", "ALTER TABLE w2 RENAME TO w3", "INSERT INTO w3 VALUES (3, 'w3')",
        "CREATE TABLE tmp1 (a INT, id INT, b INT, PRIMARY KEY (b, id))", "INSERT INTO tmp1 VALUES (1, 2, 3)", "TRUNCATE tmp1",
        "INSERT INTO tmp1 VALUES (4, 5, 6)", "DROP TABLE tmp1",
        "ALTER TABLE shape ADD COLUMN u BIGINT UNSIGNED", shape(2, "'b', 18446744073709551615"),
        "ALTER TABLE shape CHANGE u s VARCHAR(20)", shape(3, "'a', 'ä'"),
        "ALTER TABLE shape DROP COLUMN s", shape(4, "'b'"),
        "ALTER TABLE shape MODIFY e ENUM('c','b','a')", shape(5, "'c'"),
        "ALTER TABLE shape MODIFY e ENUM('b','c','a','d')", shape(6, "'d'")]
    box.shared.sql("USE shop", *changes)
    daemon = box.start("run", "shop.yaml")
    daemon.says("streaming")
    wait("the last row", lambda: ids(box, "shape", "c") == [2, 3, 4, 5, 6])
    same([ids(box, t, "c") for t in ("w", "w2", "w3", "tmp1")], [[1], [2], [3], [2, 5]])
    n = {i: {"id": i, "j": f"[{i}]", "x": uuid(i)} for i in range(1, 7)}
    same([r["after"] for r in box.lines(OUT.format("shape"))],
         [n[1] | {"e": "a"}, n[2] | {"e": "b", "u": 18446744073709551615}, n[3] | {"e": "a", "s": "ä"}, n[4] | {"e": "b"},
          n[5] | {"e": "c"}, n[6] | {"e": "d"}])
    box.shared.sql("USE shop", "CREATE TABLE w (id INT PRIMARY KEY)", "INSERT INTO w VALUES (7)", "DROP TABLE w",
                   "INSERT INTO items VALUES (1, 'x')")
    wait("the next table", lambda: ids(box, "items", "c") == [1])
    same(ids(box, "w", "c"), [1, 7])
    daemon.stop()


def case_types_of_a_table_that_is_gone(box):
    """Its records are those of a table that is there."""
    kinds = ["TINYINT", "TINYINT UNSIGNED", "SMALLINT", "MEDIUMINT UNSIGNED", "INT", "BIGINT UNSIGNED", "DECIMAL(12,3) UNSIGNED", "FLOAT",
             "DOUBLE", "BIT(11)", "YEAR", "DATE", "TIME", "TIME(3)", "DATETIME", "DATETIME(6)", "TIMESTAMP(2) NULL", "CHAR(7)",
             "CHAR(100) CHARACTER SET utf8mb4", "VARCHAR(70) CHARACTER SET utf8mb3", "VARCHAR(30) CHARACTER SET gbk", "VARCHAR(30) COMPRESSED",
             "VARCHAR(30) COMPRESSED CHARACTER SET latin1", "TINYTEXT", "TEXT CHARACTER SET latin1", "MEDIUMTEXT", "LONGTEXT", "TEXT COMPRESSED",
             "BINARY(5)", "VARBINARY(70)", "TINYBLOB", "BLOB", "MEDIUMBLOB", "LONGBLOB",
             "ENUM('a,b','it''s','x\\\\y','ü','中') CHARACTER SET gbk", "SET('grün','t''wo') CHARACTER SET latin1", "POINT", "GEOMETRY"]
    if not box.shared.is_mariadb:
        kinds = [kind.replace(" COMPRESSED", "") for kind in kinds]
    columns = ", ".join(f"c{i} {kind}" for i, kind in enumerate(kinds))
    values = {"FLOAT": "0.5", "DOUBLE": "0.1", "YEAR": "2026", "DATE": "'2026-01-02'", "TIME": "'-10:00:01.5'", "DATETIME": "'2026-01-02 03:04:05'",
              "TIMESTAMP": "'2026-01-02 03:04:05'", "ENUM": "4", "SET": "3", "POINT": "POINT(1, 2)", "GEOMETRY": "POINT(1, 2)"}
    row = ", ".join(values.get(re.match("[A-Z]+", k)[0], "'1'" if re.search("CHAR|TEXT|BLOB|BINARY", k) else "1") for k in kinds)
    box.write("shop.yaml", shop_yaml(box.shared.port))
    box.run("run", "shop.yaml", "--once", status=0)
    box.shared.sql("DROP DATABASE IF EXISTS aside", "CREATE DATABASE aside", f"CREATE TABLE aside.gone (id INT PRIMARY KEY, {columns})",
                   "RENAME TABLE aside.gone TO shop.gone", "DROP DATABASE aside", f"CREATE TABLE shop.there (id INT PRIMARY KEY, {columns})",
                   "USE shop", *[f"INSERT INTO {table} VALUES (1, {row})" for table in ("gone", "there")], "ALTER TABLE gone ADD more INT")
    box.run("run", "shop.yaml", "--once", status=0)
    gone, there = [box.lines(OUT.format(t))[0]["after"] for t in ("gone", "there")]
    same(gone, there)
    shown = [json.loads(line) for line in box.run("offsets", "show", "shop", "--format", "json", status=0).stdout.splitlines()]
    gone, there = [[e["value"]["columns"] for e in shown if e["key"] == ["table", f"shop.{t}"]] for t in ("gone", "there")]
    same(gone[0][:-1], there[0])


def case_a_table_that_is_gone_where_the_log_does_not_tell(box):
    server = box.server(f"--binlog-row-metadata={'NO_LOG' if box.shared.is_mariadb else 'MINIMAL'}").start()
    server.user()
    server.shop()
    box.write("shop.yaml", shop_yaml(server.port))
    box.run("run", "shop.yaml", "--once", status=0)
    server.sql("CREATE DATABASE aside", "CREATE TABLE aside.w (id INT PRIMARY KEY)", "RENAME TABLE aside.w TO shop.w",
               "INSERT INTO shop.w VALUES (1)", "RENAME TABLE shop.w TO shop.v", "INSERT INTO shop.v VALUES (2)", "INSERT INTO shop.items VALUES (1, 'x')")
    said = box.run("run", "shop.yaml", "--once", status=0).both
    kit.has(said, "table shop.w is from here on what w was, which was not captured.*leat snapshot start shop shop.w",
            "table shop.w is parked: .*binlog_row_metadata is FULL.*leat snapshot start shop shop.w")
    same(ids(box, "items", "c"), [1])
    same(box.lines(OUT.format("v")), [])
    kit.has(box.run("offsets", "show", "shop", status=0).stdout, "parked.*shop.v")
    box.write("shop.yaml", shop_yaml(server.port, tables='["shop.*", "!shop.v"]'))
    server.sql("INSERT INTO shop.items VALUES (2, 'x')")
    box.run("run", "shop.yaml", "--once", status=0)
    kit.lacks(box.run("offsets", "show", "shop", status=0).stdout, "parked")


if __name__ == "__main__":
    kit.main()
