#!/usr/bin/env python3
"""What users of other tools complain of, where no other test has it: docs/proof.md says which test has which complaint."""
import os
import re

import kit
from kit import has, lacks, same, shop_yaml, wait

OUT = "out/shop.{}.ndjson"


def ids(box, table, op):
    return [(r["after"] or r["before"])["id"] for r in box.lines(OUT.format(table)) if r["op"] == op]


def stored(box):
    """What the position says, as `leat offsets show` prints it."""
    return box.run("offsets", "show", "shop", status=0).stdout


def case_the_position_moves_where_nothing_is_captured(box):
    """Else the log is purged under a source of quiet tables."""
    box.write("shop.yaml", shop_yaml(box.shared.port, tables="[shop.items]", source_more="        heartbeat: 1s\n"))
    daemon = box.start("run", "shop.yaml")
    daemon.says("streaming")
    file = lambda: re.search(r'"file": ?"([^"]+)"', stored(box))[1]
    wait("the first position", lambda: re.search(r'"file"', stored(box)))
    for _ in range(2):
        before = file()
        box.shared.sql("INSERT INTO shop.orders SELECT MAX(id) + 1, 'x' FROM shop.orders", "FLUSH BINARY LOGS")
        wait("the next file", lambda: file() != before)
    first = box.shared.sql("SHOW BINARY LOGS").split()[0]
    box.shared.sql(f"PURGE BINARY LOGS TO '{file()}'")
    same(box.shared.sql("SHOW BINARY LOGS").split()[0] != first, True, "the old files are gone")
    daemon.stop()
    box.shared.sql("INSERT INTO shop.items VALUES (1, 'x')")
    box.run("run", "shop.yaml", "--once", status=0)
    same(ids(box, "items", "c"), [1])
    lacks(daemon.log(), "shop.orders")


def case_tables_that_are_not_captured_do_not_matter(box):
    """Whatever is done to them: columns of any number, statements that nobody can read, rows of a table that is gone."""
    box.write("shop.yaml", shop_yaml(box.shared.port, tables="[shop.items]"))
    box.run("run", "shop.yaml", "--once", status=0)
    box.shared.sql(
        "USE shop", "CREATE TABLE IF NOT EXISTS items (other INT)", "CREATE TABLE wild (a INT, g GEOMETRY, p INT AS (a + 1) VIRTUAL)",
        "INSERT INTO wild (a, g) VALUES (1, POINT(1, 2))", "ALTER TABLE wild DROP COLUMN g, ADD COLUMN e ENUM('items', ';''') FIRST",
        "INSERT INTO wild (e, a) VALUES (1, 1)", "DROP TABLE wild", "FLUSH TABLES", "FLUSH PRIVILEGES", "ANALYZE TABLE orders",
        "CREATE OR REPLACE VIEW v AS SELECT CURDATE() AS items", "DROP VIEW v", "CREATE USER other@'%' IDENTIFIED BY 'water'",
        "ALTER USER other@'%' IDENTIFIED BY 'fire'", "DROP USER other@'%'", "CREATE DATABASE elsewhere", "CREATE TABLE elsewhere.items (x INT)",
        "INSERT INTO elsewhere.items VALUES (7)", "DROP DATABASE elsewhere", "CREATE INDEX more ON orders (what)",
        "CREATE PROCEDURE p() SELECT 'INSERT INTO items' FROM items", "DROP PROCEDURE p", "DROP TABLE orders",
        "INSERT INTO items VALUES (1, 'x')")
    said = box.run("run", "shop.yaml", "--once", status=0).both
    same([r["after"] for r in box.lines(OUT.format("items"))], [{"id": 1, "what": "x"}])
    lacks(said, "wild", "elsewhere", "takes rows away", "parked")


def case_rows_that_foreign_keys_delete(box):
    """InnoDB does it below the log, but on MySQL from 9.6 on: then they are captured, else it is said at the start."""
    box.shared.sql("USE shop", "CREATE TABLE child (id INT PRIMARY KEY, parent INT, FOREIGN KEY (parent) REFERENCES orders (id) ON DELETE "
                   "CASCADE ON UPDATE SET NULL)", "CREATE TABLE plain (id INT PRIMARY KEY, parent INT, FOREIGN KEY (parent) REFERENCES "
                   "orders (id))", "INSERT INTO child VALUES (1, 1), (2, 2)")
    is_logged = box.shared.kind == "mysql-9.7"
    box.write("shop.yaml", shop_yaml(box.shared.port))
    said = box.run("check", "shop.yaml", "--connect", status=0).both
    lacks(said, "table shop.plain: its foreign key")
    daemon = box.start("run", "shop.yaml")
    daemon.says("streaming")
    warning = "table shop.child: its foreign key .* \\(ON DELETE CASCADE ON UPDATE SET NULL\\) changes rows without a word"
    for text in (said, daemon.log()):
        (lacks if is_logged else has)(text, warning)
    box.shared.sql("DELETE FROM shop.orders WHERE id = 1", "INSERT INTO shop.items VALUES (1, 'x')")
    wait("the insert", lambda: ids(box, "items", "c") == [1])
    same(ids(box, "child", "d"), [1] if is_logged else [])
    daemon.stop()


def case_a_row_larger_than_the_server_may_send(box):
    """Its max_allowed_packet was larger once, or it has the row from elsewhere: what helps is named, or it comes all the same."""
    server = box.server().start()
    server.user()
    server.shop()
    server.sql("CREATE TABLE shop.big (id INT PRIMARY KEY, b LONGBLOB)")
    box.write("shop.yaml", shop_yaml(server.port))
    box.run("run", "shop.yaml", "--once", status=0)
    server.sql("INSERT INTO shop.big SELECT 1, REPEAT('x', 5000000)", "SET GLOBAL max_allowed_packet = 1048576",
               "INSERT INTO shop.items VALUES (1, 'x')")
    done = box.run("run", "shop.yaml", "--once", seconds=60)
    if done.returncode != 0:
        has(done.both, "an event of its log is larger than it may send.*SET GLOBAL max_allowed_packet = 1073741824.*leat restart shop")
        server.sql("SET GLOBAL max_allowed_packet = 1073741824")
        box.run("run", "shop.yaml", "--once", status=0)
    same([len(r["after"]["b"]) for r in box.lines(OUT.format("big"))], [-(-5000000 // 3) * 4], "bytes of the row, in base64")
    same(ids(box, "items", "c"), [1])


def case_each_complaint_has_its_test(box):
    """docs/proof.md names cases that are there."""
    with open(os.path.join(kit.HERE, "..", "..", "docs", "proof.md"), encoding="utf-8") as page:
        table = page.read().split("## What users of other tools complain of")[1].split("\n## ")[0]
    named, file = 0, ""
    for name in re.findall("`([^`]+)`", table):
        if name.endswith(".py"):
            with open(os.path.join(kit.HERE, name), encoding="utf-8") as text:
                file = text.read()
        elif re.fullmatch("[a-z0-9_]+", name) and not name.startswith("unit_"):
            same(f"def case_{name}(" in file, True, f"case {name}")
            named += 1
    same(named > 20, True, "cases are named")


if __name__ == "__main__":
    kit.main()
