#!/usr/bin/env python3
"""Every character of every charset that the server has: what leat makes of it is what the server's own
CONVERT(... USING utf8mb4) makes of it, read by the snapshot and from the binary log.

Case `unicode` goes through all code points, and takes long; the others take seconds.
"""
import kit
from kit import same, shop_yaml

OUT = "out/chars.{}.ndjson"
UNICODE = {"ucs2", "utf16", "utf16le", "utf32", "utf8mb3", "utf8mb4"}
IN_A_ROW = 64


def load(server, table, codes):
    codes = list(codes)
    server.sql(f"CREATE TABLE chars.{table} (id INT PRIMARY KEY, c VARBINARY(4)) ENGINE=MyISAM",
               *["INSERT INTO chars.{} VALUES {}".format(table, ",".join(f"({at + i},0x{code.hex()})" for i, code in
                                                                         enumerate(codes[at:at + 50000])))
                 for at in range(0, len(codes), 50000)])


def fill(server, charset, codes, through):
    """A table t_CHARSET whose texts hold those of the codes that are characters in `through`."""
    char = "c" if through == charset else f"CONVERT(c USING {charset})"
    server.sql("SET group_concat_max_len = 100000, sql_mode = '', NAMES utf8mb4", "USE chars", "DROP TABLE IF EXISTS valid",
               f"CREATE TABLE valid (id INT PRIMARY KEY, c VARCHAR(4) CHARACTER SET {through}) ENGINE=MyISAM",
               f"INSERT IGNORE INTO valid SELECT id, c FROM {codes}", # what is no character becomes '' or '?'
               f"CREATE TABLE IF NOT EXISTS t_{charset} (id INT PRIMARY KEY AUTO_INCREMENT, c VARCHAR(400) CHARACTER SET {charset})",
               f"INSERT INTO t_{charset} (c) SELECT GROUP_CONCAT({char} ORDER BY id SEPARATOR '') FROM valid "
               f"WHERE LENGTH(c) > 0 GROUP BY id DIV {IN_A_ROW} ORDER BY MIN(id)")


def check(box, charsets):
    """Snapshot, the same rows again as inserts, and both against the server."""
    server = box.shared
    tables = ", ".join(f"chars.t_{charset}" for charset in charsets)
    box.write("shop.yaml", shop_yaml(server.port, tables=f"[{tables}]").replace("format: debezium", "format: native-json"))
    box.run("run", "--once", "shop.yaml", status=0, seconds=200)
    counts = {c: int(server.sql(f"SELECT COUNT(*) FROM chars.t_{c}")) for c in charsets}
    server.sql(*[f"INSERT INTO chars.t_{c} (id, c) SELECT id + 1000000, c FROM chars.t_{c}" for c in charsets])
    box.run("run", "--once", "shop.yaml", status=0, seconds=200)
    problems = []
    for charset in charsets:
        rows = {r["value"]["id"]: r["value"]["c"] for r in box.lines(OUT.format(f"t_{charset}"))}
        same(len(rows), 2 * counts[charset], f"rows of {charset}")
        for line in server.sql(f"SELECT id, HEX(CONVERT(c USING utf8mb4)) FROM chars.t_{charset} WHERE id < 1000000").splitlines():
            number, text = line.split("\t")
            wanted = bytes.fromhex(text).decode()
            for how, row in ("snapshot", int(number)), ("stream", int(number) + 1000000):
                if rows[row] != wanted:
                    at = next((i for i, (a, b) in enumerate(zip(rows[row], wanted)) if a != b), "its end")
                    problems.append(f"{charset} row {number}, {how}, at {at}: {rows[row]!r}, wanted {wanted!r}")
    if problems:
        raise kit.Wrong(f"{len(problems)} rows differ\n" + "\n".join(problems[:20]))


def begin(server):
    server.sql("DROP DATABASE IF EXISTS chars", "CREATE DATABASE chars")
    known = server.sql("SELECT character_set_name FROM information_schema.character_sets").split()
    return sorted(name for name in known if name != "binary")


def case_one_two_and_three_bytes(box):
    server = box.shared
    charsets = [name for name in begin(server) if name not in UNICODE]
    load(server, "one", (bytes([a]) for a in range(256)))
    load(server, "two", (bytes([a, b]) for a in range(0x81, 0xff) for b in range(0x40, 0xff)))
    load(server, "three", (bytes([0x8f, a, b]) for a in range(0xa1, 0xff) for b in range(0xa1, 0xff)))
    sizes = dict(line.split("\t") for line in server.sql(
        "SELECT character_set_name, maxlen FROM information_schema.character_sets").splitlines())
    for charset in charsets:
        for codes in ["one"] + (["two"] if sizes[charset] > "1" else []) + (["three"] if sizes[charset] == "3" else []):
            fill(server, charset, codes, charset)
    check(box, charsets)


def case_unicode(box):
    server = box.shared
    charsets = [name for name in begin(server) if name in UNICODE or name == "gb18030"]
    points = [p for p in range(0x110000) if not 0xd800 <= p < 0xe000]
    load(server, "points", (p.to_bytes(4, "big") for p in points))
    if "gb18030" in charsets:
        load(server, "four", (bytes([a, b, c, d]) for a in (*range(0x81, 0x85), 0x90, 0x95, 0xe3) for b in range(0x30, 0x3a)
                              for c in range(0x81, 0xff) for d in range(0x30, 0x3a)))
        fill(server, "gb18030", "four", "gb18030")
    for charset in charsets:
        fill(server, charset, "points", "utf32")
    check(box, charsets)


def case_every_collation(box):
    """The charset is told by the id of a collation: all of them, in columns of a few tables."""
    server = box.shared
    begin(server)
    name = "full_collation_name" if server.is_mariadb else "collation_name"
    table = "collation_character_set_applicability" if server.is_mariadb else "collations"
    collations = server.sql(f"SELECT DISTINCT {name} FROM information_schema.{table} WHERE character_set_name <> 'binary'").split()
    parts = [collations[at:at + 400] for at in range(0, len(collations), 400)]
    for number, part in enumerate(parts):
        columns = ", ".join(f"c{i} VARCHAR(3) COLLATE {collation}" for i, collation in enumerate(part))
        values = ", ".join("'a\u00e4'" for _ in part)
        server.sql("SET sql_mode = ''", "USE chars", f"CREATE TABLE t{number} (id INT PRIMARY KEY, {columns}) ROW_FORMAT=DYNAMIC",
                   f"INSERT INTO t{number} VALUES (1, {values})")
    box.write("shop.yaml", shop_yaml(server.port, tables='["chars.*"]').replace("format: debezium", "format: native-json"))
    box.run("run", "--once", "shop.yaml", status=0)
    for number, metadata in enumerate(("FULL", "MINIMAL", "NO_LOG" if server.is_mariadb else "MINIMAL"), 2):
        server.sql(*([] if server.kind == "mysql-5.6" else [f"SET GLOBAL binlog_row_metadata = {metadata}"]), *[
            f"INSERT INTO chars.t{i} SELECT {number}, {', '.join(f'c{k}' for k in range(len(part)))} FROM chars.t{i} WHERE id = 1"
            for i, part in enumerate(parts)])
        box.run("run", "--once", "shop.yaml", status=0)
    if server.kind != "mysql-5.6":
        server.sql("SET GLOBAL binlog_row_metadata = FULL")
    for number, part in enumerate(parts):
        rows = {r["value"].pop("id"): r["value"] for r in box.lines(OUT.format(f"t{number}"))}
        same(sorted(rows), [1, 2, 3, 4], "rows")
        for id in (2, 3, 4):
            wrong = [(collation, rows[1][f"c{i}"], rows[id][f"c{i}"]) for i, collation in enumerate(part)
                     if rows[1][f"c{i}"] != rows[id][f"c{i}"]]
            same(wrong, [], f"texts of row {id} that are not as in the snapshot")


if __name__ == "__main__":
    kit.main()
