#!/usr/bin/env python3
"""Columns that are more, or less, than what an INSERT names: generated, invisible, hidden; and settings of the server that
change what a SELECT shows. The snapshot, the binary log and the server's own SELECT say the same of them.
"""
import base64
import os
import re

import kit
from kit import same, shop_yaml

OUT = "out/shop.{}.ndjson"
METADATA = {"mariadb": ("NO_LOG", "MINIMAL", "FULL"), "mysql": ("MINIMAL", "FULL"), "mysql-5.6": (None,)} # None: no such setting


def check(box, table, columns, statements, again, names, source_more=""):
    """The table's rows as the snapshot reads them; `again` for each metadata setting, {n} being its number; then both are
    what SELECT says of `names`."""
    server = box.shared
    server.sql("USE shop", "SET sql_mode = ''", f"CREATE TABLE {table} ({columns})", *[s.format(n=0) for s in statements])
    box.write("shop.yaml", shop_yaml(server.port, tables=f"[shop.{table}]", source_more=source_more).replace("format: debezium", "format: native-json"))
    box.run("run", "--once", "shop.yaml", status=0)
    for number, metadata in enumerate(METADATA.get(server.kind, METADATA[server.family]), 1):
        server.sql(*([f"SET GLOBAL binlog_row_metadata = {metadata}"] if metadata else []))
        server.sql("USE shop", "SET sql_mode = ''", *[s.format(n=number) for s in again])
        try:
            box.run("run", "--once", "shop.yaml", status=0)
        finally:
            server.sql(*(["SET GLOBAL binlog_row_metadata = FULL"] if metadata else []))
    rows = {}
    for record in box.lines(OUT.format(table)):
        if record["op"] == "d":
            rows.pop(record["before"]["id"])
        else:
            rows[record["value"]["id"]] = record["value"]
    asked = server.sql("SET sql_mode = ''", f"SELECT {', '.join(names)} FROM shop.{table} ORDER BY id").split("\n")
    same({key: list(row) for key, row in rows.items()}, {key: names for key in rows}, "columns")
    same([["NULL" if v is None else str(v) for v in rows[key].values()] for key in sorted(rows)], [line.split("\t") for line in asked], "rows")


def case_generated(box):
    check(box, "sums", "id INT PRIMARY KEY, a INT, b INT AS (a + 1) VIRTUAL, c VARCHAR(20) AS (CONCAT('x', a)) STORED, d INT, "
          "e INT AS (a * 2) VIRTUAL, KEY (e)", ["INSERT INTO sums (id, a, d) VALUES (1, 10, 100), (2, NULL, NULL)"],
          ["INSERT INTO sums (id, a, d) VALUES ({n}0, 10, 100), ({n}1, NULL, NULL)", "UPDATE sums SET d = {n} WHERE id = 1",
           "UPDATE sums SET a = {n} WHERE id = 2", "DELETE FROM sums WHERE id = {n}1"], ["id", "a", "b", "c", "d", "e"])


def case_invisible(box):
    check(box, "veiled", "id INT PRIMARY KEY, a INT INVISIBLE DEFAULT 7, b INT", ["INSERT INTO veiled VALUES (1, 2)"],
          ["INSERT INTO veiled VALUES ({n}0, 5)", "UPDATE veiled SET a = {n} WHERE id = 1"], ["id", "a", "b"])


def case_hidden_columns_of_indexes(box):
    index = "h VARCHAR(3000) UNIQUE" if box.shared.is_mariadb else "h VARCHAR(300), KEY ((a + 1)), KEY ((LOWER(h)))"
    check(box, "hashed", f"id INT PRIMARY KEY, a INT, {index}", ["INSERT INTO hashed VALUES (1, 2, 'One')"],
          ["INSERT INTO hashed VALUES ({n}0, 3, 'n{n}')", "UPDATE hashed SET a = {n} WHERE id = 1", "DELETE FROM hashed WHERE id = {n}0",
           "INSERT INTO hashed VALUES ({n}1, NULL, NULL)"], ["id", "a", "h"])


def case_settings_of_the_server(box):
    """Of which leat's own session is to know nothing."""
    server = box.shared
    modes = server.sql("SELECT @@GLOBAL.sql_mode")
    pad = "" if server.kind == "mysql-9.7" else ",PAD_CHAR_TO_FULL_LENGTH"
    server.sql(f"SET GLOBAL sql_mode = 'ANSI,NO_BACKSLASH_ESCAPES{pad}', GLOBAL time_zone = '+05:30'")
    try:
        check(box, "odd", "id INT PRIMARY KEY, c CHAR(9), t CHAR(5) CHARACTER SET ucs2, e ENUM('a\\\\b', 'c''d', '\"', '')",
              ["INSERT INTO odd VALUES (1, 'ab', 'é', 2), (2, '', ' x', 2), (3, 'x', '', 3), (4, 'y', 'z', 4), (5, 'y', 'z', 0)"],
              ["INSERT INTO odd SELECT id + {n}0, c, t, e FROM odd WHERE id < 10"], ["id", "c", "t", "e"])
    finally:
        server.sql(f"SET GLOBAL sql_mode = '{modes}', GLOBAL time_zone = 'SYSTEM'")


@kit.only("mariadb")
def case_system_versioned_tables_are_parked(box):
    """Rows of the history stand in the log as any others do: no record rather than a wrong one, and the other tables go on."""
    server = box.shared
    server.sql("USE shop", "CREATE TABLE old (id INT PRIMARY KEY, a INT) WITH SYSTEM VERSIONING", "INSERT INTO old VALUES (1, 2)")
    box.write("shop.yaml", shop_yaml(server.port))
    daemon = box.start("run", "shop.yaml")
    daemon.says("streaming")
    server.sql("USE shop", "UPDATE old SET a = 3", "CREATE TABLE later (id INT PRIMARY KEY, a INT) WITH SYSTEM VERSIONING",
               "INSERT INTO later VALUES (1, 2)", "UPDATE later SET a = 3", "INSERT INTO orders VALUES (10, 'x')")
    kit.wait("the other table", lambda: [r for r in box.lines(OUT.format("orders")) if r["after"]["id"] == 10])
    for table in "old", "later":
        daemon.says(rf"shop\.{table}.*system-versioned")
        same(box.lines(OUT.format(table)), [], f"records of {table}")
    daemon.stop()


def documented():
    """The table of docs/mysql.md: [column, value, [(format, text)]]."""
    with open(os.path.join(kit.HERE, "..", "..", "docs", "mysql.md"), encoding="utf-8") as file:
        text = file.read()
    lines = re.search(r"^\| column \|(.*?)\n\n", text, re.S | re.M)[0].strip().split("\n")
    rows = [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines]
    formats = rows[0][2:]
    return [(row[0], row[1], list(zip(formats, row[2:]))) for row in rows[2:]]


@kit.only("mysql", "mysql-9.7")
def case_a_primary_key_that_the_server_made(box):
    """It is invisible, and may be hidden from information_schema too; the log has it."""
    server = box.shared
    server.sql("USE shop", "SET sql_generate_invisible_primary_key = ON", "CREATE TABLE keyless (a INT)", "INSERT INTO keyless VALUES (5)",
               "SET GLOBAL show_gipk_in_create_table_and_information_schema = OFF")
    try:
        box.write("shop.yaml", shop_yaml(server.port, tables="[shop.keyless]").replace("format: debezium", "format: native-json"))
        for value, metadata in (6, "MINIMAL"), (7, "FULL"):
            box.run("run", "--once", "shop.yaml", status=0)
            server.sql(f"SET GLOBAL binlog_row_metadata = {metadata}", f"INSERT INTO shop.keyless VALUES ({value})")
        box.run("run", "--once", "shop.yaml", status=0)
    finally:
        server.sql("SET GLOBAL binlog_row_metadata = FULL", "SET GLOBAL show_gipk_in_create_table_and_information_schema = ON")
    same([(r["key"], r["value"]) for r in box.lines(OUT.format("keyless"))],
         [({"my_row_id": n}, {"my_row_id": n, "a": 4 + n}) for n in (1, 2, 3)], "keys and rows")


def case_labels_outside_of_the_first_plane(box):
    """information_schema has '?' in their place; a log with full metadata tells them."""
    server = box.shared
    server.sql("USE shop", "CREATE TABLE faces (id INT PRIMARY KEY, e ENUM('😀', 'b'), s SET('x', '😁')) CHARACTER SET utf8mb4", "INSERT INTO faces VALUES (1, 1, 3)")
    box.write("shop.yaml", shop_yaml(server.port, tables="[shop.faces]"))
    box.run("run", "--once", "shop.yaml", status=0)
    server.sql("INSERT INTO shop.faces VALUES (2, 1, 3), (3, 2, 1)")
    box.run("run", "--once", "shop.yaml", status=0)
    same([list(r["after"].values()) for r in box.lines(OUT.format("faces"))], [[1, "😀", "x,😁"], [2, "😀", "x,😁"], [3, "b", "x"]], "rows")


@kit.only("mariadb")
def case_types_are_as_documented(box):
    rows, server = documented(), box.shared
    columns = ", ".join(f"c{i} {row[0]}" for i, row in enumerate(rows))
    server.sql("USE shop", "SET sql_mode = '', time_zone = '+00:00'", f"CREATE TABLE told (id INT PRIMARY KEY, {columns})",
               f"INSERT INTO told VALUES (1, {', '.join(row[1] for row in rows)})")
    formats = [name for name, _ in rows[0][2]]
    sinks = "".join(f'      {name}:\n        file: {{path: "out/{name}.ndjson", format: {name}}}\n' for name in formats)
    box.write("shop.yaml", shop_yaml(server.port, tables="[shop.told]", sinks=sinks))
    box.run("run", "--once", "shop.yaml", status=0)
    lines = {name: box.read(f"out/{name}.ndjson") for name in formats}
    wrong = [f"{row[0]} {row[1]} as {name}: {text} is not in {lines[name]}" for i, row in enumerate(rows) for name, text in row[2]
             if f'"c{i}":{text}' + (',"' if i + 1 < len(rows) else "}") not in lines[name]]
    same(len(rows) > 20 and wrong, [], "values that are not as docs/mysql.md tells")


def case_of_64_mib(box):
    """Each in a row of its own: BLOB, TEXT, and text that becomes another charset's."""
    server, size = box.shared, 64 << 20
    server.sql("SET GLOBAL max_allowed_packet = 1073741824")
    server.sql("USE shop", "CREATE TABLE big (id INT PRIMARY KEY, b LONGBLOB, t LONGTEXT CHARACTER SET utf8mb4, u LONGTEXT CHARACTER SET ucs2)",
               f"INSERT INTO big (id, b) VALUES (1, REPEAT(X'00ff10', {size // 3}))", f"INSERT INTO big (id, t) VALUES (2, REPEAT('äb\\n', {size // 4}))",
               f"INSERT INTO big (id, u) VALUES (3, REPEAT('xя', {size // 4}))")
    box.write("shop.yaml", shop_yaml(server.port, tables="[shop.big]").replace("format: debezium", "format: json"))
    box.run("run", "--once", "shop.yaml", status=0, seconds=200)
    server.sql("USE shop", *[f"INSERT INTO big SELECT id + 10, b, t, u FROM big WHERE id = {n}" for n in (1, 2, 3)])
    box.run("run", "--once", "shop.yaml", status=0, seconds=200)
    rows = {row["id"]: row for row in box.lines(OUT.format("big"))}
    same(sorted(rows), [1, 2, 3, 11, 12, 13], "rows")
    for id in (1, 11):
        if base64.b64decode(rows[id]["b"]) != b"\0\xff\x10" * (size // 3):
            raise kit.Wrong(f"row {id} is not what was inserted")
    for id, column, text in ((2, "t", "äb\n"), (3, "u", "xя")):
        for copy in (id, id + 10):
            if rows[copy][column] != text * (size // 4):
                raise kit.Wrong(f"row {copy} is not what was inserted")


if __name__ == "__main__":
    kit.main()
