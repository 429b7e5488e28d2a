#!/usr/bin/env python3
"""Statements that change tables, behind which the daemon comes later: each row is read as its table was when it was written,
whatever the log tells of columns (binlog_row_metadata), and whatever information_schema tells by then."""
import kit
from kit import has, lacks, same, shop_yaml, wait

OUT = "out/shop.{}.ndjson"


def in_each_mode(case):
    """One case for each of the server's settings; where it has none (MySQL 5.6), only as it is."""
    for mode in ("NO_LOG", "MINIMAL", "FULL"):
        def run(box, mode=mode):
            if mode == "NO_LOG" and not box.shared.is_mariadb:
                return # MINIMAL is the least there
            before = box.shared.sql("SELECT @@GLOBAL.binlog_row_metadata")
            box.shared.sql(f"SET GLOBAL binlog_row_metadata = {mode}")
            try:
                case(box, mode)
            finally:
                box.shared.sql(f"SET GLOBAL binlog_row_metadata = {before}")
        globals()[f"case_{case.__name__}_{mode.lower()}"] = run


def created(box, table):
    return [r["after"] for r in box.lines(OUT.format(table)) if r["op"] == "c"]


def start(box, *statements, **more):
    """What was there before, read by a snapshot."""
    box.shared.sql("USE shop", *statements)
    box.write("shop.yaml", shop_yaml(box.shared.port, **more))
    box.run("run", "shop.yaml", "--once", status=0)


def once(box, status=0):
    return box.run("run", "shop.yaml", "--once", status=status, seconds=60).both


def tables_of(box):
    """The columns that are kept for each table: [name, type, ...]."""
    import json
    shown = [json.loads(line) for line in box.run("offsets", "show", "shop", "--format", "json", status=0).stdout.splitlines()]
    return {e["key"][1]: e["value"] for e in shown if e["key"][0] == "table"}


def as_the_server_tells(box, table):
    rows = box.shared.sql("SELECT column_name, column_type, IFNULL(character_set_name, ''), is_nullable = 'YES', column_key = 'PRI' FROM "
                          f"information_schema.columns WHERE table_schema = 'shop' AND table_name = '{table}' ORDER BY ordinal_position")
    return [line.split("\t") for line in rows.split("\n")]


def check_definition(box, table):
    """What was followed is what the server says by now."""
    kept = tables_of(box)[f"shop.{table}"]
    told = as_the_server_tells(box, table)
    same([[c[0], c[1], c[3], str(int(c[4])), str(int(c[6] > 0))] for c in kept["columns"]], told, f"columns of {table}")


@in_each_mode
def columns_come_go_and_change(box, mode):
    start(box, "CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(9) CHARACTER SET latin1, b INT UNSIGNED) DEFAULT CHARSET=latin1",
          "INSERT INTO t VALUES (0, 'ä', 4000000000)")
    steps = [
        ("ADD COLUMN c ENUM('x','y') FIRST", "('y', 1, 'ö', 4000000001)", {"c": "y", "id": 1, "a": "ö", "b": 4000000001}),
        ("CHANGE a z VARCHAR(9) CHARACTER SET utf8mb4, MODIFY b INT UNSIGNED AFTER c", "('x', 7, 2, '中')", {"c": "x", "b": 7, "id": 2, "z": "中"}),
        ("MODIFY c ENUM('y','x','w')", "('x', 8, 3, 'q')", {"c": "x", "b": 8, "id": 3, "z": "q"}),
        ("DROP COLUMN c, ADD COLUMN (d TINYINT UNSIGNED, e VARCHAR(5))", "(9, 4, 'q', 255, 'ü')", {"b": 9, "id": 4, "z": "q", "d": 255, "e": "ü"}),
        ("CHANGE b d INT UNSIGNED, CHANGE d b TINYINT UNSIGNED", "(4000000000, 5, 'q', 200, 'é')",
         {"d": 4000000000, "id": 5, "z": "q", "b": 200, "e": "é"}),
        ("DROP PRIMARY KEY, ADD PRIMARY KEY (z, id)", "(10, 6, 'k', 1, NULL)", {"d": 10, "id": 6, "z": "k", "b": 1, "e": None}),
        ("CONVERT TO CHARACTER SET utf8mb4, ADD f TEXT", "(11, 7, 'k', 1, '本', '😀')",
         {"d": 11, "id": 7, "z": "k", "b": 1, "e": "本", "f": "😀"}),
        ("ADD g JSON AFTER z, ADD h BIT(3), ADD i SET('p','q') NOT NULL", "(12, 8, 'k', '[1]', 1, '', 't', b'101', 'p,q')",
         {"d": 12, "id": 8, "z": "k", "g": "[1]", "b": 1, "e": "", "f": "t", "h": 5, "i": "p,q"}),
        ("ENGINE=InnoDB, ADD INDEX x (b), ALTER COLUMN b SET DEFAULT 3, COMMENT='DROP COLUMN z'", "(13, 9, 'k', NULL, 2, NULL, NULL, NULL, '')",
         {"d": 13, "id": 9, "z": "k", "g": None, "b": 2, "e": None, "f": None, "h": None, "i": ""}),
    ]
    for change, row, _ in steps:
        box.shared.sql("USE shop", f"ALTER TABLE t {change}", f"INSERT INTO t VALUES {row}")
    box.shared.sql("USE shop", "INSERT INTO items VALUES (1, 'x')")
    lacks(once(box), r"shop\.\w+ is parked")
    for got, (change, _, wanted) in zip(created(box, "t"), steps):
        bits = got.get("h")
        if isinstance(bits, str): # BIT(n) as debezium has it: bytes
            import base64
            got["h"] = int.from_bytes(base64.b64decode(bits), "little")
        same(got, wanted, change)
    same(len(created(box, "t")), len(steps))
    check_definition(box, "t")
    same([r["id"] for r in created(box, "items")], [1])


def case_alter_in_two_phases(box):
    """MariaDB logs the statement when it begins, and again when it is done or has failed."""
    if not box.shared.is_mariadb or "binlog_alter_two_phase" not in box.shared.sql("SHOW VARIABLES LIKE 'binlog_alter_two_phase'"):
        return # no server of these logs it so
    start(box, "CREATE TABLE t (a VARCHAR(9), b VARCHAR(9), id INT PRIMARY KEY)")
    swap = "ALTER TABLE t MODIFY a VARCHAR(9) AFTER b"
    box.shared.sql("USE shop", "SET binlog_alter_two_phase = ON", "INSERT INTO t VALUES ('a', 'b', 1)", swap, "INSERT INTO t VALUES ('b', 'a', 2)",
                   "INSERT INTO t VALUES ('b', 'a', 3)")
    try:
        box.shared.sql("USE shop", "SET binlog_alter_two_phase = ON", "ALTER TABLE t MODIFY a VARCHAR(9) FIRST, ADD UNIQUE (b)")
        raise kit.Wrong("a unique key over two equal rows")
    except kit.Wrong as e:
        has(str(e), "Duplicate")
    box.shared.sql("USE shop", "INSERT INTO t VALUES ('b', 'a', 4)")
    once(box)
    same([(r["a"], r["b"], r["id"]) for r in created(box, "t")], [("a", "b", n) for n in (1, 2, 3, 4)])
    logged = box.shared.sql("SHOW BINARY LOGS").split("\n")[-1].split("\t")[0]
    same(box.shared.sql(f"SHOW BINLOG EVENTS IN '{logged}'").count("START ALTER"), 2)


@in_each_mode
def online_schema_changes(box, mode):
    """gh-ost and pt-osc: rows in flight while the copy takes the table's place, twice while the daemon is away."""
    start(box, tables="[shop.orders, shop.items]")
    gho = ["CREATE TABLE `shop`.`_orders_gho` LIKE `shop`.`orders`",
           "ALTER TABLE `shop`.`_orders_gho` ADD COLUMN n INT UNSIGNED FIRST",
           "INSERT INTO `shop`.`_orders_gho` (id, what) SELECT id, what FROM shop.orders",
           "INSERT INTO shop.orders VALUES (10, 'before')",
           "RENAME TABLE `shop`.`orders` TO `shop`.`_orders_del`, `shop`.`_orders_gho` TO `shop`.`orders`",
           "INSERT INTO shop.orders VALUES (4000000000, 11, 'after')", "DROP TABLE `shop`.`_orders_del`"]
    # pt-osc writes the table anew, as SHOW CREATE TABLE tells it
    text = ["CREATE TABLE `shop`.`_orders_new` (\n  `n` int(10) unsigned DEFAULT NULL,\n  `id` int(11) NOT NULL,\n  `what` varchar(40) DEFAULT NULL,\n"
            "  PRIMARY KEY (`id`)\n) ENGINE=InnoDB",
            "ALTER TABLE `shop`.`_orders_new` DROP COLUMN n, ADD COLUMN at DATE, CHANGE what name VARCHAR(50)",
            "INSERT LOW_PRIORITY IGNORE INTO `shop`.`_orders_new` (`id`, `name`) SELECT `id`, `what` FROM `shop`.`orders`",
            "UPDATE shop.orders SET what = 'flying' WHERE id = 11",
            "RENAME TABLE `shop`.`orders` TO `shop`.`_orders_old`, `shop`.`_orders_new` TO `shop`.`orders`",
            "DROP TABLE IF EXISTS `shop`.`_orders_old`", "INSERT INTO shop.orders VALUES (12, 'last', '2026-11-22')",
            "UPDATE shop.orders SET name = 'landed' WHERE id = 11"]
    box.shared.sql(*gho, *text, "INSERT INTO shop.items VALUES (1, 'x')")
    said = once(box)
    has(said, "table shop.orders is from here on the copy of it that was made as _orders_gho", "made as _orders_new")
    lacks(said, r"shop\.\w+ is parked")
    same([(r["op"], r["after"]) for r in box.lines(OUT.format("orders")) if r["op"] != "r"],
         [("c", {"id": 10, "what": "before"}), ("c", {"n": 4000000000, "id": 11, "what": "after"}),
          ("u", {"n": 4000000000, "id": 11, "what": "flying"}), ("c", {"id": 12, "name": "last", "at": 20779}),
          ("u", {"id": 11, "name": "landed", "at": None})])
    check_definition(box, "orders")
    same(sorted(tables_of(box)), ["shop.items", "shop.orders"])


@in_each_mode
def tables_come_and_go(box, mode):
    start(box)
    maria = box.shared.is_mariadb
    box.shared.sql(
        "USE shop", "CREATE TABLE IF NOT EXISTS orders (x INT, y INT)", "INSERT INTO orders VALUES (10, 'not overwritten')",
        "CREATE TABLE n (a INT UNSIGNED, PRIMARY KEY (a))", "INSERT INTO n VALUES (4000000000)", "CREATE TABLE m LIKE n",
        "INSERT INTO m VALUES (4000000001)", "RENAME TABLE n TO tmp, m TO n, tmp TO m", "INSERT INTO n VALUES (1)", "INSERT INTO m VALUES (2)",
        "ALTER TABLE m ADD b VARCHAR(3) CHARACTER SET latin1, RENAME TO o", "INSERT INTO o VALUES (3, 'ä')", "DROP TABLE n",
        "CREATE TABLE n (b DATE, a TINYINT)", "INSERT INTO n VALUES ('2026-11-22', -1)", "TRUNCATE n", "INSERT INTO n VALUES ('2026-11-23', -2)",
        "DROP TABLE n, o", "CREATE TABLE from_select (id INT PRIMARY KEY, extra INT UNSIGNED DEFAULT 7) SELECT id, what FROM orders WHERE id < 3",
        "ALTER TABLE from_select DROP what", "INSERT INTO from_select (id, extra) VALUES (9, 4000000000)", "CREATE TABLE IF NOT EXISTS p (a INT UNSIGNED)",
        "INSERT INTO p VALUES (4000000000)", "ALTER TABLE p ADD c INT", "INSERT INTO p VALUES (1, 2)",
        *(["CREATE OR REPLACE TABLE p (z VARCHAR(3))", "INSERT INTO p VALUES ('z')"] if maria else []),
        "CREATE DATABASE other DEFAULT CHARACTER SET latin1", "RENAME TABLE shop.p TO other.p", "DROP DATABASE other",
        "INSERT INTO items VALUES (1, 'x')")
    lacks(once(box), r"shop\.\w+ is parked")
    same(created(box, "orders"), [{"id": 10, "what": "not overwritten"}])
    same(created(box, "n"), [{"a": 4000000000}, {"a": 1}, {"b": 20779, "a": -1}, {"b": 20780, "a": -2}])
    same(created(box, "m"), [{"a": 4000000001}, {"a": 2}])
    same(created(box, "o"), [{"a": 3, "b": "ä"}])
    same(created(box, "from_select")[-1], {"extra": 4000000000, "id": 9})
    same(created(box, "p"), [{"a": 4000000000}, {"a": 1, "c": 2}] + ([{"z": "z"}] if maria else []))
    same(created(box, "items"), [{"id": 1, "what": "x"}])
    same(sorted(tables_of(box)), ["shop.from_select", "shop.items", "shop.orders"])


def case_a_table_that_is_renamed_while_it_is_read(box):
    """Changes of what is not read yet were left out: they come with the rows of the new name."""
    box.shared.sql("USE shop", "CREATE TABLE a (id INT PRIMARY KEY, what VARCHAR(40))",
                   f"INSERT INTO a SELECT seq, 'old' FROM {box.shared.seq(60)}")
    box.write("shop.yaml", shop_yaml(box.shared.port, tables="[shop.a, shop.b]",
                                     source_more="        snapshot_rows_per_second: 30\n        chunk_rows: 10\n"))
    daemon = box.start("run", "shop.yaml")
    wait("its first rows", lambda: len(box.lines(OUT.format("a"))) >= 10)
    box.shared.sql("USE shop", "UPDATE a SET what = 'new' WHERE id > 55", "RENAME TABLE a TO b", "INSERT INTO b VALUES (100, 'last')")
    wait("all rows", lambda: {r["after"]["id"]: r["after"]["what"] for r in box.lines(OUT.format("b")) if r["op"] in "cru"} ==
         {**{n: "old" for n in range(1, 56)}, **{n: "new" for n in range(56, 61)}, 100: "last"})
    has(daemon.log(), "shop.b is read anew")
    daemon.says("streaming")
    daemon.stop()


@in_each_mode
def one_table_is_parked(box, mode):
    """A statement that is not followed, and a change behind it: nothing tells what the rows between looked like."""
    start(box, "CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(9) CHARACTER SET latin1)", "CREATE TABLE u LIKE t")
    box.shared.sql(
        "USE shop", "ALTER TABLE t CONVERT TO CHARACTER SET DEFAULT", "ALTER TABLE u CONVERT TO CHARACTER SET DEFAULT",
        "INSERT INTO t VALUES (1, '中')", "INSERT INTO u VALUES (1, '本')", "INSERT INTO orders VALUES (10, 'goes on')",
        "ALTER TABLE t CHANGE a b VARCHAR(9)", "INSERT INTO t VALUES (2, 'x')", "UPDATE orders SET what = 'and on' WHERE id = 10")
    said = once(box)
    same(created(box, "u"), [{"id": 1, "a": "本"}])
    same([r["op"] for r in box.lines(OUT.format("orders")) if r["op"] != "r"], ["c", "u"])
    if mode == "FULL":
        lacks(said, r"shop\.\w+ is parked")
        same(created(box, "t"), [{"id": 1, "a": "中"}, {"id": 2, "b": "x"}])
        return
    has(said, "table shop.t is parked: .*could not be followed.*`leat snapshot start shop shop.t` reads it anew")
    same(box.lines(OUT.format("t")), [])
    box.shared.sql("USE shop", "INSERT INTO t VALUES (3, 'x')", "INSERT INTO orders VALUES (11, 'still')")
    daemon = box.start("run", "shop.yaml")
    daemon.says("streaming")
    has(daemon.log(), "table shop.t is parked")
    wait("the others", lambda: created(box, "orders")[-1]["id"] == 11)
    same(box.lines(OUT.format("t")), [])
    has(box.run("status", status=0).stdout, "1 table parked")
    has(box.run("offsets", "show", "shop", status=0).stdout, "parked")
    box.run("snapshot", "start", "shop", "shop.t", status=0)
    wait("its rows", lambda: [(r["op"], r["after"]) for r in box.lines(OUT.format("t"))] ==
         [("t", None), *[("r", {"id": i, "b": v}) for i, v in ((1, "中"), (2, "x"), (3, "x"))]])
    lacks(box.run("status", status=0).stdout, "parked")
    box.shared.sql("USE shop", "ALTER TABLE t ADD c INT", "INSERT INTO t VALUES (4, 'y', 5)", "UPDATE t SET b = 'z' WHERE id = 1")
    wait("its changes", lambda: [(r["op"], r["after"]) for r in box.lines(OUT.format("t"))[-2:]] ==
         [("c", {"id": 4, "b": "y", "c": 5}), ("u", {"id": 1, "b": "z", "c": None})])
    box.shared.sql("USE shop", "ALTER TABLE t CONVERT TO CHARACTER SET DEFAULT", "DROP TABLE t", "CREATE TABLE t (id INT PRIMARY KEY)", "INSERT INTO t VALUES (4)")
    wait("the new table", lambda: created(box, "t")[-1] == {"id": 4})
    lacks(box.run("status", status=0).stdout, "parked")
    daemon.stop()
    lacks(box.run("offsets", "show", "shop", status=0).stdout, "parked")


def case_parked_stays_parked(box):
    """A copy, made by gh-ost, takes the place of a table that is parked: what was passed over is missing still."""
    before = box.shared.sql("SELECT @@GLOBAL.binlog_row_metadata") if box.shared.kind != "mysql-5.6" else None
    if before:
        box.shared.sql(f"SET GLOBAL binlog_row_metadata = {'NO_LOG' if box.shared.is_mariadb else 'MINIMAL'}")
    try:
        start(box, "CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(9) CHARACTER SET latin1)", "CREATE TABLE u LIKE t", tables="[shop.orders, shop.t, shop.u]")
        for name in "tu":
            box.shared.sql("USE shop", f"ALTER TABLE {name} CONVERT TO CHARACTER SET DEFAULT", f"INSERT INTO {name} VALUES (1, 'x')",
                           f"ALTER TABLE {name} CHANGE a b VARCHAR(9)")
        box.shared.sql("USE shop", "CREATE TABLE _t_gho LIKE t", "INSERT INTO _t_gho SELECT * FROM t", "RENAME TABLE t TO _t_del, _t_gho TO t",
                       "DROP TABLE _t_del", "INSERT INTO t VALUES (2, 'y')", "RENAME TABLE u TO away", "RENAME TABLE away TO u",
                       "INSERT INTO u VALUES (2, 'y')")
        said = once(box)
        has(said, r"table shop.t, which is parked, is shop._t_del from here on", r"table shop.t stays parked: it is the copy .*:\d+ on were passed over.*snapshot start")
        lacks(said, "is parked no more")
        for name in "tu":
            same(box.lines(OUT.format(name)), [])
            has(box.run("offsets", "show", "shop", status=0).stdout, rf'parked.*shop\.{name}')
    finally:
        if before:
            box.shared.sql(f"SET GLOBAL binlog_row_metadata = {before}")


@in_each_mode
def charsets_of_databases(box, mode):
    """CREATE DATABASE IF NOT EXISTS is logged also where it does nothing."""
    start(box)
    own = box.shared.sql("SELECT default_character_set_name FROM information_schema.schemata WHERE schema_name = 'shop'")
    other = "utf8mb4" if own == "latin1" else "latin1"
    box.shared.sql(f"CREATE DATABASE IF NOT EXISTS shop CHARACTER SET {other}", "USE shop", "CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(9), b TEXT)",
                   "INSERT INTO t VALUES (1, 'é', 'ü')")
    once(box)
    same(created(box, "t"), [{"id": 1, "a": "é", "b": "ü"}])
    check_definition(box, "t")
    if mode == "NO_LOG": # nothing tells the database's charset of long ago
        return
    box.shared.sql("USE shop", f"ALTER DATABASE shop CHARACTER SET {other}", "CREATE TABLE u (id INT PRIMARY KEY, a VARCHAR(9))", "INSERT INTO u VALUES (1, 'é')",
                   f"CREATE DATABASE IF NOT EXISTS shop CHARACTER SET {own}", "CREATE TABLE v (id INT PRIMARY KEY, a VARCHAR(9))", "INSERT INTO v VALUES (1, 'é')")
    once(box)
    same(created(box, "u") + created(box, "v"), [{"id": 1, "a": "é"}] * 2)
    for name in "uv":
        check_definition(box, name)


def case_charsets_that_the_log_tells(box):
    """A table made before its database's charset changed: MySQL's log tells the charset of each text."""
    if box.shared.kind == "mysql-5.6":
        return # its log does not
    before = box.shared.sql("SELECT @@GLOBAL.binlog_row_metadata")
    box.shared.sql("SET GLOBAL binlog_row_metadata = MINIMAL")
    try:
        start(box)
        box.shared.sql("CREATE DATABASE crm CHARACTER SET latin1", "CREATE TABLE crm.t (id INT PRIMARY KEY, a VARCHAR(9), b TEXT, c VARCHAR(9) CHARACTER SET utf8mb4)",
                       "RENAME TABLE crm.t TO shop.t", "INSERT INTO shop.t VALUES (1, 'é', 'ü', '中')", "DROP DATABASE crm",
                       "USE shop", "ALTER DATABASE shop CHARACTER SET latin1", "CREATE TABLE u (id INT PRIMARY KEY, a VARCHAR(9))", "INSERT INTO u VALUES (1, 'é')",
                       "ALTER DATABASE shop CHARACTER SET utf8mb4")
        lacks(once(box), r"shop\.\w+ is parked")
        same(created(box, "t"), [{"id": 1, "a": "é", "b": "ü", "c": "中"}])
        same(created(box, "u"), [{"id": 1, "a": "é"}])
    finally:
        box.shared.sql(f"SET GLOBAL binlog_row_metadata = {before}")


@in_each_mode
def tables_without_a_snapshot(box, mode):
    """What they looked like where the source began is known before their first row."""
    start(box, "CREATE TABLE t (id INT PRIMARY KEY, a INT UNSIGNED, b ENUM('x','y'))", source_more="        snapshot: never\n")
    box.shared.sql("USE shop", "INSERT INTO t VALUES (1, 4000000000, 'y')", "ALTER TABLE t MODIFY b ENUM('y','x'), ADD c INT UNSIGNED FIRST",
                   "INSERT INTO t VALUES (4000000001, 2, 1, 'y')", "ALTER TABLE t DROP a, CHANGE b z ENUM('q','y','x')",
                   "INSERT INTO t VALUES (4, 3, 'q')", "DROP TABLE t", "INSERT INTO items VALUES (1, 'x')")
    lacks(once(box), r"shop\.\w+ is parked")
    same(created(box, "t"), [{"id": 1, "a": 4000000000, "b": "y"}, {"c": 4000000001, "id": 2, "a": 1, "b": "y"}, {"c": 4, "id": 3, "z": "q"}])


def case_statements_as_records(box):
    """Debezium's schema changes, between the rows before and behind them; tables that are not captured have none."""
    sinks = "".join(f'      {f}:\n        file: {{path: "out/{f}.{{topic}}.ndjson", format: {f}, keys: true}}\n'
                    for f in ("debezium", "maxwell", "native-json"))
    start(box, "CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(9) CHARACTER SET latin1) DEFAULT CHARSET=latin1", tables="[shop.orders, shop.t, shop.u]",
          sinks=sinks, source_more="        schema_changes: true\n")
    statements = ["ALTER TABLE t ADD b DECIMAL(5,2) UNSIGNED NOT NULL FIRST", "RENAME TABLE t TO u", "ALTER TABLE items ADD x INT", "DROP TABLE u"]
    box.shared.sql("USE shop", *statements[:2], "INSERT INTO u VALUES (1.5, 1, 'ü')", *statements[2:])
    once(box)
    for name in ("debezium", "maxwell", "native-json"):
        lines = box.lines(f"out/{name}.shop.ndjson")
        records = [r["value"] if name != "native-json" else r["value"]["value"] for r in lines]
        same([r["tableChanges"][0]["type"] for r in records], ["ALTER", "ALTER", "DROP"], name)
        same([r["tableChanges"][0]["id"] for r in records], ['"shop"."t"', '"shop"."u"', '"shop"."u"'])
    alter, rename, drop = [r["value"] for r in box.lines("out/debezium.shop.ndjson")]
    same([r["key"] for r in box.lines("out/debezium.shop.ndjson")], [{"databaseName": "shop"}] * 3)
    same((alter["ddl"], alter["databaseName"], alter["source"]["table"], alter["source"]["name"]), (statements[0], "shop", "t", "shop"))
    table = alter["tableChanges"][0]["table"]
    same((table["defaultCharsetName"], table["primaryKeyColumnNames"]), ("latin1", ["id"]))
    same(table["columns"][0], {"name": "b", "jdbcType": 3, "nativeType": None, "typeName": "DECIMAL UNSIGNED", "typeExpression": "DECIMAL UNSIGNED",
                               "charsetName": None, "length": 5, "scale": 2, "position": 1, "optional": False})
    same([c["name"] for c in table["columns"]], ["b", "id", "a"])
    same((rename["tableChanges"][0]["previousId"], rename["tableChanges"][0]["table"]), ('"shop"."t"', table))
    same(drop["tableChanges"][0]["table"], None)


def case_statements_of_hidden_columns(box):
    """What rules hide in rows is not in the records of statements; a hidden column that gets another name is warned of."""
    sinks = '      native:\n        file: {path: "out/{topic}.ndjson", format: debezium, keys: true}\n'
    start(box, "CREATE TABLE t (id INT PRIMARY KEY, card VARCHAR(19), pin INT)", tables="[shop.t, shop.u]", sinks=sinks,
          source_more="        schema_changes: true\n        columns: {mask: [shop.t.card], exclude: [shop.t.pin]}\n")
    box.shared.sql("USE shop", "ALTER TABLE t ALTER COLUMN card SET DEFAULT '4111', ADD n INT DEFAULT 4112", "ALTER TABLE t CHANGE card credit VARCHAR(19) DEFAULT '4113'",
                   "RENAME TABLE t TO u", "ALTER TABLE u ALTER COLUMN n SET DEFAULT 7")
    said = once(box)
    has(said, "column credit of shop.t is shown as it is from here on: it was shop.t.card", "column pin of shop.u is shown as it is")
    told = [r["value"] for r in box.lines("out/shop.ndjson")]
    same([r["ddl"] for r in told], ["ALTER TABLE t ALTER COLUMN card SET DEFAULT '***', ADD n INT DEFAULT '***'",
         "ALTER TABLE t CHANGE card credit VARCHAR('***') DEFAULT '***'", "RENAME TABLE t TO u", "ALTER TABLE u ALTER COLUMN n SET DEFAULT 7"])
    same([[c["name"] for c in r["tableChanges"][0]["table"]["columns"]] for r in told],
         [["id", "card", "n"], ["id", "credit", "n"], ["id", "credit", "pin", "n"], ["id", "credit", "pin", "n"]])


if __name__ == "__main__":
    kit.main()
