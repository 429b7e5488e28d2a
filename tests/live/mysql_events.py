#!/usr/bin/env python3
"""Events of the binary log that are not plain rows, on MySQL: compressed transactions, partial JSON updates, XA."""
import json
import re
import shutil
import time

import kit
from kit import same, shop_yaml, wait

OUT = "out/shop.{}.ndjson"
COMPRESSED = "SET SESSION binlog_transaction_compression = ON"


def ids(box, table, op="c", part="after"):
    return [r[part]["id"] for r in box.lines(OUT.format(table)) if r["op"] == op]


def once(box, **more):
    return box.run("run", "shop.yaml", "--once", status=0, seconds=60, **more).both


def in_payloads(server):
    """How many transactions of the newest file are compressed."""
    file = server.sql("SHOW MASTER STATUS").split("\t")[0]
    return server.sql(f"SHOW BINLOG EVENTS IN '{file}'").count("Transaction_payload")


def numbers(server, last):
    """A FROM of any length."""
    return f"(WITH RECURSIVE s AS (SELECT 1 AS seq UNION ALL SELECT seq + 1 FROM s WHERE seq < {last}) SELECT seq FROM s) AS s"


def case_compressed_transactions(box):
    server = box.shared
    box.write("shop.yaml", shop_yaml(server.port))
    once(box)
    server.sql("FLUSH BINARY LOGS", "USE shop", COMPRESSED, "INSERT INTO orders VALUES (10, 'ten')", "BEGIN", "INSERT INTO orders VALUES (11, 'x')",
               "SAVEPOINT here", "INSERT INTO orders VALUES (12, 'x')", "ROLLBACK TO here", "UPDATE orders SET what = 'y' WHERE id > 9",
               "INSERT INTO items VALUES (1, 'one')", "DELETE FROM orders WHERE id = 1", "COMMIT",
               "ALTER TABLE orders ADD COLUMN more INT", "INSERT INTO orders VALUES (13, 'z', 7)")
    same(in_payloads(server), 3)
    once(box)
    seen = [(r["op"], (r["after"] or r["before"])["id"]) for r in box.lines(OUT.format("orders")) if r["op"] != "r"]
    same(seen, [("c", 10), ("c", 11), ("u", 10), ("u", 11), ("d", 1), ("c", 13)])
    same(ids(box, "items"), [1])
    same(box.lines(OUT.format("orders"))[-1]["after"], {"id": 13, "what": "z", "more": 7})
    sources = [r["source"] for r in box.lines(OUT.format("orders")) if r["op"] != "r"]
    same(len({s["gtid"] for s in sources}), 3, "GTIDs")
    places = [(s["file"], s["pos"], s["row"]) for s in sources]
    same(sorted(set(places)), places, "places")


def case_killed_within_a_compressed_transaction(box):
    """It goes on at the row: each once, in order."""
    server, count = box.shared, 60000
    server.sql("FLUSH BINARY LOGS", "USE shop", "CREATE TABLE big (id INT PRIMARY KEY, t CHAR(60))", "CREATE TABLE other (id INT PRIMARY KEY)")
    box.write("shop.yaml", shop_yaml(server.port, tables='["shop.big"]'))
    once(box)
    server.sql("USE shop", COMPRESSED, "SET cte_max_recursion_depth = 1000000", "BEGIN",
               *[f"INSERT INTO {t} SELECT seq + {at}{more} FROM {numbers(server, count // 4)}" for at in range(0, count, count // 4)
                 for t, more in (("other", ""), ("big", ", REPEAT(CHAR(65 + seq % 26), 60)"))], "COMMIT")
    same(in_payloads(server), 1)
    shutil.copytree(box.path("leat-data"), box.path("before"))
    for delay_ms in range(0, 200, 3):  # until a kill meets the transaction
        shutil.rmtree(box.path("leat-data"))
        shutil.rmtree(box.path("out"), ignore_errors=True)
        shutil.copytree(box.path("before"), box.path("leat-data"))
        daemon = box.start("run", "shop.yaml")
        daemon.says("streaming|from ")
        time.sleep(delay_ms / 1000)
        daemon.process.kill()
        daemon.process.wait()
        if re.search(r'"inner": ?[1-9]', box.run("offsets", "show", "shop", status=0).stdout):
            break
    else:
        raise kit.Wrong("no kill came within the transaction")
    box.write("shop.yaml", shop_yaml(server.port, tables='["shop.big", "shop.other"]'))
    once(box)
    kit.in_order([i - 1 for i in ids(box, "big")], count)
    kit.lacks(box.run("offsets", "show", "shop", status=0).stdout, '"inner": ?[1-9]')


def case_partial_updates_of_json(box):
    """The record has the whole document, as the server has it."""
    server = box.shared
    documents = [{"a": 1, "b": [1, 2, 3], "long name": {"x": "y" * 300, "z": [[], {}]}, "n": None, "d": 1.5}, [1, [2, 3], {"k": "v"}], {}, "text", 7,
                 {"big": ["word %d" % i for i in range(20000)], "q\"\\": 1, "ü": {"é": [True]}}]
    changes = ["JSON_SET(j, '$.a', 2)", "JSON_SET(j, '$.b[1]', JSON_OBJECT('n', 'ew'))", "JSON_SET(j, '$.b[9]', 'end')", "JSON_REMOVE(j, '$.b[0]')",
               "JSON_SET(j, '$.\"long name\".x', REPEAT('z', 500), '$.\"long name\".more', 3, '$.zz', 1, '$.c', 2)",
               "JSON_REPLACE(j, '$[1][0]', CAST(1.25 AS DECIMAL(5,2)), '$[2].k', CAST('2026-01-02' AS DATE))", "JSON_SET(j, '$[last]', 'l')",
               "JSON_REMOVE(j, '$.n', '$.d')", "JSON_SET(j, '$.q', NULL)", "JSON_SET(j, '$.\"q\\\\\"\\\\\\\\\"', 5)", "JSON_REPLACE(j, '$', JSON_ARRAY(1))",
               "JSON_SET(j, '$.\"ü\".\"é\"[0]', false)", "JSON_REMOVE(j, '$.big[19999]')", "JSON_SET(j, '$.big[0]', 'x', '$.big[100]', NULL)",
               "JSON_SET(j, '$[0]', 'self')", "JSON_REPLACE(k, '$.a', 'other column')", "JSON_SET(j, '$.\"\\\\t\"', 1)", "j"]
    server.sql("USE shop", "CREATE TABLE doc (id INT PRIMARY KEY, j JSON, t TEXT, k JSON)", "CREATE TABLE seen (n INT PRIMARY KEY, id INT, j LONGTEXT, k LONGTEXT)",
               *["INSERT INTO doc VALUES (%d, '%s', 't', '{\"a\": 1}')" % (i, json.dumps(d, ensure_ascii=False).replace("\\", "\\\\"))
                 for i, d in enumerate(documents)])
    box.write("shop.yaml", shop_yaml(server.port))
    once(box)
    statements = []
    for n, change in enumerate(changes):
        statements.append(f"UPDATE doc SET {'k' if '(k' in change else 'j'} = {change}, t = {n}")
    server.sql("FLUSH BINARY LOGS", "USE shop", "SET SESSION binlog_row_value_options = PARTIAL_JSON", *statements)
    file = server.sql("SHOW MASTER STATUS").split("\t")[0]
    same(server.sql(f"SHOW BINLOG EVENTS IN '{file}'").count("Update_rows_partial") >= len(changes) - 1, True)
    once(box)
    mine = {}
    for r in box.lines(OUT.format("doc")):
        if r["op"] == "u":
            same(r["before"], mine.get(r["after"]["id"], r["before"]), "before")
            mine[r["after"]["id"]] = r["after"]
    wanted = {i: server.sql(f"SELECT j FROM shop.doc WHERE id = {i}") for i in range(len(documents))}
    for i, text in wanted.items():
        same(mine[i]["j"].replace("\\", "\\\\"), text, f"document {i}")
        same(mine[i]["k"], '{"a": "other column"}')
    same(len([r for r in box.lines(OUT.format("doc")) if r["op"] == "u"]), len(changes) * len(documents))


def case_a_partial_update_without_its_base(box):
    server = box.shared
    server.sql("USE shop", "CREATE TABLE doc (id INT PRIMARY KEY, j JSON)", """INSERT INTO doc VALUES (1, '{"a": "long enough for a change in place"}')""")
    box.write("shop.yaml", shop_yaml(server.port))
    once(box)
    server.sql("USE shop", "SET SESSION binlog_row_value_options = PARTIAL_JSON, binlog_row_image = MINIMAL",
               "UPDATE doc SET j = JSON_SET(j, '$.a', 'b')")
    kit.has(box.run("run", "shop.yaml", "--once", status=1).both, r"shop.doc.*column 2 \(j\) was changed in part.*binlog_row_image = FULL")


if __name__ == "__main__":
    kit.main()
