#!/usr/bin/env python3
"""Values of every common column type: the snapshot and the binary log say the same of them, and both say what SELECT says.

Also what happens to a stream when a table is changed under it: ALTER, TRUNCATE, keys that change.
"""
import base64
import json

import kit
from kit import same, shop_yaml, wait

# column -> (type, values as SQL, what Debezium's JSON says of each; None: only compared snapshot with stream)
COLUMNS = {
    "t1": ("TINYINT", ["-128", "127", "0"], [-128, 127, 0]),
    "t1u": ("TINYINT UNSIGNED", ["0", "255", "128"], [0, 255, 128]),
    "t2": ("SMALLINT", ["-32768", "32767", "0"], [-32768, 32767, 0]),
    "t2u": ("SMALLINT UNSIGNED", ["0", "65535", "32768"], [0, 65535, 32768]),
    "t3": ("MEDIUMINT", ["-8388608", "8388607", "-1"], [-8388608, 8388607, -1]),
    "t3u": ("MEDIUMINT UNSIGNED", ["0", "16777215", "8388608"], [0, 16777215, 8388608]),
    "t4": ("INT", ["-2147483648", "2147483647", "-1"], [-2147483648, 2147483647, -1]),
    "t4u": ("INT UNSIGNED", ["0", "4294967295", "2147483648"], [0, 4294967295, 2147483648]),
    "t8": ("BIGINT", ["-9223372036854775808", "9223372036854775807", "-1"], [-2**63, 2**63 - 1, -1]),
    "t8u": ("BIGINT UNSIGNED", ["0", "18446744073709551615", "9223372036854775808"], [0, 2**64 - 1, 2**63]),
    "yes": ("BOOLEAN", ["TRUE", "FALSE", "1"], None),
    "f4": ("FLOAT", ["1.5", "-3.25e10", "0.1"], None),
    "f8": ("DOUBLE", ["1.7976931348623157e308", "-2.2250738585072014e-308", "0.1"],
           [1.7976931348623157e308, -2.2250738585072014e-308, 0.1]),
    "d1": ("DECIMAL(10,2)", ["-99999999.99", "0.01", "0"], None),
    "d2": ("DECIMAL(65,30)", ["-" + "9" * 35 + "." + "9" * 30, "0." + "0" * 29 + "1", "0"], None),
    "d3": ("DECIMAL(5,0) UNSIGNED", ["99999", "0", "1"], None),
    "c1": ("CHAR(5)", ["'a'", "''", "'äöü€x'"], ["a", "", "äöü€x"]),
    "v1": ("VARCHAR(300)", ["'it''s'", "'😀'", "REPEAT('x', 300)"], ["it's", "😀", "x" * 300]),
    "v2": ("VARCHAR(20) CHARACTER SET latin1", ["'grün'", "'€'", "''"], ["grün", "€", ""]),
    "v3": ("VARCHAR(20) CHARACTER SET ucs2", ["'grün'", "'я'", "''"], ["grün", "я", ""]),
    "v4": ("VARCHAR(20) CHARACTER SET utf8mb3 COLLATE utf8mb3_bin", ["'a\\nb\"\\\\'", "'\\t'", "'€'"], ["a\nb\"\\", "\t", "€"]),
    "x1": ("TINYTEXT", ["'t'", "''", "'ä'"], ["t", "", "ä"]),
    "x2": ("LONGTEXT", ["REPEAT('ab', 40000)", "''", "'z'"], ["ab" * 40000, "", "z"]),
    "b1": ("BINARY(4)", ["X'0102'", "X'FF00FF00'", "''"], [b"\1\2\0\0", b"\xff\0\xff\0", b"\0\0\0\0"]),
    "b2": ("VARBINARY(300)", ["X'00'", "X'FF'", "''"], [b"\0", b"\xff", b""]),
    "b3": ("BLOB", ["X'DEADBEEF'", "''", "REPEAT(X'00', 1000)"], [b"\xde\xad\xbe\xef", b"", b"\0" * 1000]),
    "e1": ("ENUM('small','mid size','größe')", ["'small'", "'größe'", "2"], ["small", "größe", "mid size"]),
    "s1": ("SET('a','b','c')", ["'a,c'", "''", "'a,b,c'"], ["a,c", "", "a,b,c"]),
    "bit1": ("BIT(1)", ["b'1'", "b'0'", "b'1'"], [True, False, True]),
    "bit9": ("BIT(9)", ["b'100000001'", "b'0'", "b'11'"], None),
    "bit64": ("BIT(64)", ["b'1'", "0xFFFFFFFFFFFFFFFF", "0"], None),
    "y": ("YEAR", ["1901", "2155", "2026"], [1901, 2155, 2026]),
    "da": ("DATE", ["'1970-01-01'", "'9999-12-31'", "'1000-01-01'"], [0, 2932896, -354285]),
    "ti": ("TIME", ["'-838:59:59'", "'838:59:59'", "'00:00:00'"], [-3020399000000, 3020399000000, 0]),
    "ti6": ("TIME(6)", ["'-00:00:00.000001'", "'23:59:59.999999'", "'-01:02:03.4'"], [-1, 86399999999, -3723400000]),
    "dt": ("DATETIME", ["'1970-01-01 00:00:00'", "'9999-12-31 23:59:59'", "'1000-01-01 00:00:00'"],
           [0, 253402300799000, -30610224000000]),
    "dt3": ("DATETIME(3)", ["'2026-01-02 03:04:05.678'", "'1969-12-31 23:59:59.999'", "'2000-02-29 00:00:00'"],
            [1767323045678, -1, 951782400000]),
    "dt6": ("DATETIME(6)", ["'2026-01-02 03:04:05.678901'", "'1969-12-31 23:59:59.999999'", "'2000-02-29 00:00:00'"],
            [1767323045678901, -1, 951782400000000]),
    "ts": ("TIMESTAMP NULL", ["'1970-01-01 00:00:01'", "'2038-01-19 03:14:07'", "'2026-01-02 03:04:05'"],
           ["1970-01-01T00:00:01Z", "2038-01-19T03:14:07Z", "2026-01-02T03:04:05Z"]),
    "ts6": ("TIMESTAMP(6) NULL", ["'2026-01-02 03:04:05.678901'", "'2026-01-02 03:04:05.1'", "'1970-01-01 00:00:01'"],
            ["2026-01-02T03:04:05.678901Z", "2026-01-02T03:04:05.1Z", "1970-01-01T00:00:01Z"]),
    "js": ("JSON", ["'{\"a\": [1, null]}'", "'[]'", "'\"x\"'"], ['{"a": [1, null]}', "[]", '"x"']),
    "uu": ("UUID", ["'123e4567-e89b-12d3-a456-426655440000'", "'00000000-0000-0000-0000-000000000000'",
                    "'ffffffff-ffff-ffff-ffff-ffffffffffff'"], None),
    "ip6": ("INET6", ["'::'", "'2001:db8::1'", "'::ffff:1.2.3.4'"], None),
    "ge": ("POINT", ["ST_GeomFromText('POINT(1 2)')", "ST_GeomFromText('POINT(-1.5 0)')", "POINT(0,0)"], None),
}
NOT_THERE = {"mysql": ("uu", "ip6"), "mysql-5.6": ("js", "v4")} # what the server does not know
OUT = "out/shop.{}.ndjson"


def as_json(value):
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def row_sql(table, row, columns):
    """Row 0..2: the values; 3: all NULL."""
    values = [COLUMNS[c][1][row] if row < 3 else "NULL" for c in columns]
    return f"INSERT INTO {table} (id, {', '.join(columns)}) VALUES ({row}, {', '.join(values)})"


def rows_of(box, table, op, part="after"):
    return {r[part]["id"]: r[part] for r in box.lines(OUT.format(table)) if r["op"] == op}


def decimal_of(text, scale):
    """Debezium's bytes of a DECIMAL: the unscaled number, big-endian, as short as can be."""
    number = int(base64.b64decode(text).hex() or "0", 16)
    bits = 8 * len(base64.b64decode(text))
    number -= (1 << bits) if bits and number >> (bits - 1) else 0
    digits = f"{abs(number):0{scale + 1}d}"
    return ("-" if number < 0 else "") + (digits[:-scale] + "." + digits[-scale:] if scale else digits)


def compare(box, got, name, what):
    kind, _, wanted = COLUMNS[name]
    problems = []
    for row in range(3):
        value = got[row][name]
        if wanted and value != as_json(wanted[row]):
            problems.append(f"{what} {name} {kind} row {row}: {value!r:.90}, wanted {as_json(wanted[row])!r:.90}")
        if kind.startswith("DECIMAL"):
            scale = int(kind.split(",")[1].split(")")[0])
            asked = box.shared.sql(f"SELECT {name} FROM shop.two WHERE id = {row}")
            if decimal_of(value, scale) != asked:
                problems.append(f"{what} {name} {kind} row {row}: {value!r} is {decimal_of(value, scale)}, not {asked}")
    if got[3][name] is not None:
        problems.append(f"{what} {name} {kind}: NULL is {got[3][name]!r}")
    return problems


def case_every_type(box):
    """Table one is there before the snapshot; table two gets the same rows while the daemon streams."""
    names = [name for name in COLUMNS if name not in NOT_THERE.get(box.shared.kind, ()) + NOT_THERE.get(box.shared.family, ())]
    definition = "(id INT PRIMARY KEY, " + ", ".join(f"{n} {COLUMNS[n][0]}" for n in names) + ")"
    zone = "SET time_zone = '+00:00'"
    box.shared.sql("USE shop", zone, f"CREATE TABLE one {definition}", f"CREATE TABLE two {definition}",
                   *[row_sql("one", row, names) for row in range(4)])
    box.write("shop.yaml", shop_yaml(box.shared.port))
    daemon = box.start("run", "shop.yaml")
    daemon.says("streaming")
    box.shared.sql("USE shop", zone, *[row_sql("two", row, names) for row in range(4)])
    wait("inserts", lambda: len(rows_of(box, "two", "c")) == 4)
    box.shared.sql("UPDATE shop.two SET id = id + 0, t1 = IF(t1 = 1, 2, 1)")
    wait("updates", lambda: len(rows_of(box, "two", "u")) == 4)
    snapshot, inserted = rows_of(box, "one", "r"), rows_of(box, "two", "c")
    problems = []
    for name in names:
        problems += compare(box, snapshot, name, "snapshot") + compare(box, inserted, name, "stream")
        problems += [f"{name} {COLUMNS[name][0]} row {row}: snapshot {snapshot[row][name]!r:.90}, stream "
                     f"{inserted[row][name]!r:.90}" for row in range(4) if snapshot[row][name] != inserted[row][name]]
    same(list(snapshot[0]), ["id", *names], "order of columns in the snapshot")
    same(list(inserted[0]), ["id", *names], "order of columns in the stream")
    same(rows_of(box, "two", "u", "before"), inserted, "rows before an update")
    box.shared.sql("DELETE FROM shop.two")
    wait("deletes", lambda: len(rows_of(box, "two", "d", "before")) == 4)
    same(rows_of(box, "two", "d", "before"), rows_of(box, "two", "u"), "rows before a delete")
    if problems:
        raise kit.Wrong("\n".join(problems))
    daemon.stop()


def case_charsets_after_a_geometry(box):
    box.shared.sql("USE shop", "CREATE TABLE places (id INT PRIMARY KEY, g POINT, a VARCHAR(9) CHARACTER SET latin1, b VARCHAR(9), "
                   "c VARBINARY(9), d VARCHAR(9), e VARCHAR(9), f VARCHAR(9))")
    box.write("shop.yaml", shop_yaml(box.shared.port))
    daemon = box.start("run", "shop.yaml")
    daemon.says("streaming")
    box.shared.sql("INSERT INTO shop.places VALUES (1, POINT(1, 2), 'ä', 'ö', 'x', 'ü', 'ß', '€')")
    row = wait("the row", lambda: box.lines(OUT.format("places")))[0]["after"]
    same([row[c] for c in "abdef"], list("äöüß€"), "texts")
    daemon.stop()


def case_zero_dates(box):
    box.shared.sql("SET sql_mode = ''", "USE shop", "CREATE TABLE zero (id INT PRIMARY KEY, a DATE, b DATETIME, c TIMESTAMP NULL, "
                   "d DATE NOT NULL, e DATETIME(6) NOT NULL)",
                   "INSERT INTO zero VALUES (1, '0000-00-00', '0000-00-00', 0, '2026-00-00', '0000-00-00')")
    box.write("shop.yaml", shop_yaml(box.shared.port))
    daemon = box.start("run", "shop.yaml")
    daemon.says("streaming")
    box.shared.sql("SET sql_mode = ''", "INSERT INTO shop.zero SELECT 2, a, b, c, d, e FROM shop.zero")
    rows = wait("both", lambda: len(box.lines(OUT.format("zero"))) == 2 and box.lines(OUT.format("zero")))
    first, second = rows[0]["after"], rows[1]["after"]
    first.pop("id"), second.pop("id")
    same(second, first, "zero dates in the stream, as in the snapshot")
    daemon.stop()


def case_alter(box):
    """Each statement between two inserts; every record has the columns of its time."""
    box.write("shop.yaml", shop_yaml(box.shared.port))
    daemon = box.start("run", "shop.yaml")
    daemon.says("streaming")
    rename = "CHANGE COLUMN extra more INT" if box.shared.kind == "mysql-5.6" else "RENAME COLUMN extra TO more"
    steps = (
        ("INSERT INTO orders VALUES (10, 'plain')",),
        ("ALTER TABLE orders ADD COLUMN extra INT DEFAULT 7 AFTER id", "INSERT INTO orders VALUES (11, 1, 'added')"),
        (f"ALTER TABLE orders {rename}", "INSERT INTO orders VALUES (12, 2, 'renamed')"),
        ("ALTER TABLE orders CHANGE COLUMN more more VARCHAR(10)", "INSERT INTO orders VALUES (13, 'two', 'changed')"),
        ("ALTER TABLE orders DROP COLUMN what, ADD COLUMN amount DECIMAL(6,2)", "INSERT INTO orders VALUES (14, 'x', 1.25)"),
        ("RENAME TABLE orders TO old_orders", "CREATE TABLE orders (id INT PRIMARY KEY, n INT)",
         "INSERT INTO orders VALUES (15, 5)", "INSERT INTO old_orders VALUES (16, 'y', 2)"))
    for number, statements in enumerate(steps, 10):
        box.shared.sql("USE shop", *statements)
        wait(f"row {number}", lambda: [r for r in box.lines(OUT.format("orders")) if r["after"]["id"] == number])
    rows = {r["after"]["id"]: r["after"] for r in box.lines(OUT.format("orders")) if r["after"]}
    same(rows[10], {"id": 10, "what": "plain"}, "before")
    same(rows[11], {"id": 11, "extra": 1, "what": "added"}, "ADD COLUMN")
    same(rows[12], {"id": 12, "more": 2, "what": "renamed"}, "RENAME COLUMN")
    same(rows[13], {"id": 13, "more": "two", "what": "changed"}, "CHANGE COLUMN")
    same((rows[14]["id"], rows[14]["more"], decimal_of(rows[14]["amount"], 2)), (14, "x", "1.25"), "DROP COLUMN")
    same(rows[15], {"id": 15, "n": 5}, "a new table of the old name")
    wait("the renamed table", lambda: [r for r in box.lines(OUT.format("old_orders")) if r["after"]["id"] == 16])
    daemon.stop()


def case_alter_while_down(box):
    """Rows of before the ALTER are read after it: the names in the binary log count, not those of today."""
    box.write("shop.yaml", shop_yaml(box.shared.port))
    box.run("run", "--once", "shop.yaml", status=0)
    box.shared.sql("USE shop", "INSERT INTO orders VALUES (10, 'old')", "ALTER TABLE orders ADD COLUMN a INT FIRST, DROP COLUMN what",
                   "INSERT INTO orders VALUES (1, 11)", "DROP TABLE items")
    box.run("run", "--once", "shop.yaml", status=0)
    rows = [r["after"] for r in box.lines(OUT.format("orders"))][-2:]
    same(rows, [{"id": 10, "what": "old"}, {"a": 1, "id": 11}], "rows")


def case_altered_twice_while_down(box):
    """A shape that is gone, and was never seen: it stops, nothing is guessed, and what is printed resolves it."""
    box.write("shop.yaml", shop_yaml(box.shared.port))
    box.run("run", "--once", "shop.yaml", status=0)
    box.shared.sql("USE shop", "ALTER TABLE orders ADD COLUMN a INT", "INSERT INTO orders VALUES (10, 'x', 1)",
                   "ALTER TABLE orders ADD COLUMN b INT", "INSERT INTO orders VALUES (11, 'y', 1, 2)")
    done = box.run("run", "--once", "shop.yaml")
    if done.returncode != 0:
        kit.has(done.both, r"shop\.orders", r"leat offsets reset shop\b")
        box.run("offsets", "reset", "shop", status=0)
        box.run("run", "--once", "shop.yaml", status=0)
    rows = [r["after"] for r in box.lines(OUT.format("orders"))]
    same(rows[-1], {"id": 11, "what": "y", "a": 1, "b": 2}, "the last row")


def case_truncate(box):
    box.write("shop.yaml", shop_yaml(box.shared.port))
    daemon = box.start("run", "shop.yaml")
    daemon.says("streaming")
    box.shared.sql("TRUNCATE TABLE shop.orders", "INSERT INTO shop.orders VALUES (1, 'again')")
    rows = wait("truncate and insert", lambda: len(box.lines(OUT.format("orders"))) == 5 and box.lines(OUT.format("orders")))
    same([r["op"] for r in rows], ["r", "r", "r", "t", "c"], "operations")
    same((rows[3]["before"], rows[3]["after"]), (None, None), "a truncate")
    daemon.stop()


def case_key_change(box):
    """As Debezium: a delete of the old key, then a create of the new one."""
    box.write("shop.yaml", shop_yaml(box.shared.port).replace("format: debezium", "format: debezium, keys: true"))
    box.run("run", "--once", "shop.yaml", status=0)
    box.shared.sql("UPDATE shop.orders SET id = 30 WHERE id = 3", "UPDATE shop.orders SET what = 'x' WHERE id = 1")
    box.run("run", "--once", "shop.yaml", status=0)
    rows = box.lines(OUT.format("orders"))[3:]
    told = [((r["value"] or {}).get("op"), r["key"]["id"]) for r in rows]
    same(told, [("d", 3), ("c", 30), ("u", 1)], f"records ({json.dumps(told)})")


if __name__ == "__main__":
    kit.main()
