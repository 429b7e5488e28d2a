#!/usr/bin/env python3
"""Events of the binary log that are not plain rows: compressed ones, partial JSON updates, XA, images that lack columns."""
import json
import re
import shutil
import time

import kit
from kit import only, same, shop_yaml, wait

OUT = "out/shop.{}.ndjson"
COMPRESSED = "SET SESSION binlog_transaction_compression = ON"


def ids(box, table, op="c", part="after"):
    return [r[part]["id"] for r in box.lines(OUT.format(table)) if r["op"] == op]


def once(box, **more):
    return box.run("run", "shop.yaml", "--once", status=0, seconds=60, **more).both


def newest(server):
    """File of the binary log."""
    return server.sql("SHOW BINARY LOGS").split("\n")[-1].split("\t")[0]


def in_payloads(server):
    """How many transactions of the newest file are compressed."""
    file = newest(server)
    return server.sql(f"SHOW BINLOG EVENTS IN '{file}'").count("Transaction_payload")


def numbers(server, last):
    """A FROM of any length."""
    return f"(WITH RECURSIVE s AS (SELECT 1 AS seq UNION ALL SELECT seq + 1 FROM s WHERE seq < {last}) SELECT seq FROM s) AS s"


@only("mysql")
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


@only("mysql")
def case_killed_within_a_compressed_transaction(box):
    """It goes on at the row: each once, in order."""
    server, count = box.shared, 60000
    server.sql("FLUSH BINARY LOGS", "USE shop", "CREATE TABLE big (id INT PRIMARY KEY, t CHAR(60))", "CREATE TABLE other (id INT PRIMARY KEY)")
    box.write("shop.yaml", shop_yaml(server.port, tables='["shop.big"]'))
    once(box)
    server.sql("USE shop", COMPRESSED, "SET cte_max_recursion_depth = 1000000", "BEGIN",
               *[f"INSERT INTO {t} SELECT seq + {at}{more} FROM {numbers(server, count // 4)} ORDER BY seq" for at in range(0, count, count // 4)
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


@only("mysql")
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
    file = newest(server)
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


@only("mysql")
def case_a_partial_update_without_its_base(box):
    server = box.shared
    server.sql("USE shop", "CREATE TABLE doc (id INT PRIMARY KEY, j JSON)", """INSERT INTO doc VALUES (1, '{"a": "long enough for a change in place"}')""")
    box.write("shop.yaml", shop_yaml(server.port))
    once(box)
    server.sql("USE shop", "SET SESSION binlog_row_value_options = PARTIAL_JSON, binlog_row_image = MINIMAL",
               "UPDATE doc SET j = JSON_SET(j, '$.a', 'b')")
    kit.has(box.run("run", "shop.yaml", "--once", status=1).both, r"shop.doc.*column 2 \(j\) was changed in part.*binlog_row_image = FULL")


def xa(name, *statements, end="COMMIT"):
    """Prepared, and left so where there is no end."""
    ended = [f"XA {end} '{name}'"] if end else []
    return [f"XA START '{name}'", *statements, f"XA END '{name}'", f"XA PREPARE '{name}'", *ended]


def prepared(server, name, *statements):
    """From a session that goes: others can end it."""
    session = server.session("USE shop", *xa(name, *statements, end=None))
    session.close()
    wait("the prepared transaction", lambda: name in server.sql("XA RECOVER"))


def case_rows_of_xa_come_with_its_commit(box):
    server = box.shared
    server.sql("CREATE TABLE shop.elsewhere (id INT PRIMARY KEY)")
    box.write("shop.yaml", shop_yaml(server.port, tables='["shop.orders", "shop.items"]'))
    once(box)
    server.sql("USE shop", *xa("one", "INSERT INTO orders VALUES (10, 'x'), (11, 'x')", "UPDATE orders SET what = 'y' WHERE id = 10"),
               *xa("no", "INSERT INTO orders VALUES (12, 'no')", end="ROLLBACK"), *xa("nothing"), *xa("other", "INSERT INTO elsewhere VALUES (1)"),
               "XA START X'00ff27', 'branch', 7", "INSERT INTO orders VALUES (13, 'x')", "XA END X'00ff27', 'branch', 7",
               "XA COMMIT X'00ff27', 'branch', 7 ONE PHASE")
    prepared(server, "long", "INSERT INTO orders VALUES (20, 'x')", "INSERT INTO items VALUES (20, 'x')")
    prepared(server, "gone", "INSERT INTO orders VALUES (30, 'no')")
    server.sql("USE shop", "INSERT INTO orders VALUES (14, 'x')")
    once(box)
    seen = lambda: [(r["op"], r["after"]["id"]) for r in box.lines(OUT.format("orders")) if r["op"] != "r"]
    same(seen(), [("c", 10), ("c", 11), ("u", 10), ("c", 13), ("c", 14)])
    same(box.run("offsets", "show", "shop", status=0).stdout.count("X'6c6f6e67'"), 1)
    server.sql("INSERT INTO shop.orders VALUES (15, 'x')", "FLUSH BINARY LOGS", "XA COMMIT 'long'", "XA ROLLBACK 'gone'",
               "INSERT INTO shop.orders VALUES (16, 'x')")
    once(box)  # from the server once more: what was in memory is gone
    same(seen()[5:], [("c", 15), ("c", 20), ("c", 16)])
    same(ids(box, "items"), [20])
    kit.lacks(box.run("offsets", "show", "shop", status=0).stdout, "xa")
    places = [(r["source"]["file"], r["source"]["pos"], r["source"]["row"]) for r in box.lines(OUT.format("orders")) if r["op"] != "r"]
    same(sorted(set(places)), places, "places")
    commit = [r["source"] for r in box.lines(OUT.format("orders")) if r["op"] == "c" and r["after"]["id"] == 20][0]
    same([commit["pos"], commit["gtid"]], [r["source"][k] for r in box.lines(OUT.format("items")) for k in ("pos", "gtid")])


def case_killed_within_the_commit_of_xa(box):
    """Too large for memory: read once more, and gone on with at the row."""
    server, count = box.shared, 40000
    server.sql("USE shop", "CREATE TABLE big (id INT PRIMARY KEY, t CHAR(60))")
    box.write("shop.yaml", shop_yaml(server.port, tables='["shop.big"]'))
    once(box)
    server.sql("USE shop", *xa("huge", *[f"INSERT INTO big SELECT seq + {at}, REPEAT('x', 60) FROM {server.seq(1000)} ORDER BY seq" for at in range(0, count, 1000)]))
    shutil.copytree(box.path("leat-data"), box.path("before"))
    for delay_ms in range(0, 400, 4):  # until a kill meets the transaction
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
    once(box)
    kit.in_order([i - 1 for i in ids(box, "big")], count)
    kit.lacks(box.run("offsets", "show", "shop", status=0).stdout, "xa|inner")


def case_xa_that_was_prepared_before_we_came(box):
    server = box.server().start()
    server.user()
    server.shop()
    prepared(server, "early", "INSERT INTO orders VALUES (10, 'x')")
    box.write("shop.yaml", shop_yaml(server.port))
    once(box)
    server.sql("XA COMMIT 'early'")
    kit.has(box.run("run", "shop.yaml", "--once", status=1).both, "XA COMMIT X'6561726c79',X'',1 in bin.* was prepared before.*offsets reset")
    box.run("offsets", "reset", "shop", status=0)
    once(box)
    same(ids(box, "orders", "r")[-1], 10)


def case_xa_whose_rows_are_purged(box):
    server = box.server().start()
    server.user()
    server.shop()
    box.write("shop.yaml", shop_yaml(server.port))
    once(box)
    prepared(server, "late", "INSERT INTO orders VALUES (10, 'x')")
    once(box)
    server.sql("FLUSH BINARY LOGS", "INSERT INTO shop.orders VALUES (11, 'x')")
    once(box)
    last = newest(server)
    server.stop("KILL")  # who holds old files lets them go
    server.start()
    server.sql(f"PURGE BINARY LOGS TO '{last}'", "XA COMMIT 'late'")
    kit.has(box.run("run", "shop.yaml", "--once", status=1).both, "XA COMMIT X'6c617465',X'',1: its rows, prepared in bin.*read once more")


def case_rows_that_a_transaction_takes_back(box):
    """The log holds them where it has also changed a table that cannot take back."""
    server = box.server(*([] if box.shared.is_mariadb else ["--gtid-mode=OFF", "--enforce-gtid-consistency=OFF"])).start()
    server.user()
    server.shop()
    server.sql("CREATE TABLE shop.m (id INT PRIMARY KEY) ENGINE = MyISAM")
    box.write("shop.yaml", shop_yaml(server.port))
    once(box)
    insert = "INSERT INTO orders VALUES ({}, 'x')".format
    server.sql("USE shop", "BEGIN", insert(10), "INSERT INTO m VALUES (1)", "SAVEPOINT here", insert(11), "SAVEPOINT there", insert(12),
               "ROLLBACK TO there", insert(13), "ROLLBACK TO here", insert(14), "COMMIT", "BEGIN", insert(15), "INSERT INTO m VALUES (2)", "ROLLBACK",
               "BEGIN", "INSERT INTO m VALUES (3)", insert(16), "ROLLBACK", "BEGIN", insert(17), "SAVEPOINT here", insert(18), "ROLLBACK TO here",
               insert(19), "RELEASE SAVEPOINT here", "COMMIT", insert(20))
    once(box)
    same(ids(box, "orders"), [int(i) for i in server.sql("SELECT id FROM shop.orders WHERE id > 9").split()])
    same(ids(box, "m"), [1, 2, 3])


def case_row_images_that_lack_columns(box):
    """What is not in the image is not in the record: absent is not null."""
    server = box.shared
    server.sql("USE shop", "CREATE TABLE part (id INT PRIMARY KEY, a INT, b INT DEFAULT 5, t TEXT)", "CREATE TABLE keyless (a INT, b INT, t TEXT)",
               "INSERT INTO part VALUES (1, 1, 1, 'one'), (2, 2, NULL, NULL)", "INSERT INTO keyless VALUES (1, 1, 'x')")
    box.write("shop.yaml", shop_yaml(server.port))
    once(box)
    changes = ["INSERT INTO part (id, a) VALUES (3, 3)", "UPDATE part SET a = NULL WHERE id = 1", "UPDATE part SET t = 'two' WHERE id = 2",
               "UPDATE part SET id = 10 WHERE id = 3", "DELETE FROM part WHERE id = 10", "UPDATE keyless SET b = 2"]
    server.sql("USE shop", "SET SESSION binlog_row_image = MINIMAL", *changes, "SET SESSION binlog_row_image = NOBLOB",
               "UPDATE part SET a = 7 WHERE id = 1", "UPDATE part SET t = NULL WHERE id = 2", "UPDATE keyless SET b = 3", "DELETE FROM part WHERE id = 1")
    once(box)
    seen = [(r["op"], r["before"], r["after"]) for r in box.lines(OUT.format("part")) if r["op"] != "r"]
    key = lambda i: {"id": i}
    same(seen, [("c", None, {"id": 3, "a": 3}), ("u", key(1), {"a": None}), ("u", key(2), {"t": "two"}),
                ("d", key(3), None), ("c", None, {"id": 10}), ("d", key(10), None),
                ("u", {"id": 1, "a": None, "b": 1}, {"id": 1, "a": 7, "b": 1}), ("u", {"id": 2, "a": 2, "b": None}, {"id": 2, "a": 2, "b": None, "t": None}),
                ("d", {"id": 1, "a": 7, "b": 1}, None)])
    keyless = [(r["before"], r["after"]) for r in box.lines(OUT.format("keyless")) if r["op"] == "u"]
    same([before for before, _ in keyless], [{"a": 1, "b": 1, "t": "x"}, {"a": 1, "b": 2, "t": "x"}])
    same([after["b"] for _, after in keyless], [2, 3])


@only("mariadb")
def case_rows_and_statements_that_mariadb_compresses(box):
    server = box.server("--log-bin-compress=ON", "--log-bin-compress-min-len=10").start()
    server.user()
    server.shop()
    box.write("shop.yaml", shop_yaml(server.port))
    once(box)
    server.sql("FLUSH BINARY LOGS", "USE shop", "INSERT INTO orders VALUES (10, REPEAT('x', 40)), (11, REPEAT('y', 40))",
               "UPDATE orders SET what = REPEAT('z', 40) WHERE id > 9", "DELETE FROM orders WHERE id = 10",
               "ALTER TABLE orders ADD COLUMN more LONGTEXT COMMENT 'long enough to be compressed by a server'",
               "INSERT INTO orders VALUES (12, 'x', REPEAT('long ', 100000))", *xa("one", "INSERT INTO orders VALUES (13, REPEAT('q', 40), 'x')"))
    file = newest(server)
    kit.has(server.sql(f"SHOW BINLOG EVENTS IN '{file}'"), "Write_rows_compressed", "Update_rows_compressed", "Delete_rows_compressed", "Query_compressed")
    once(box)
    seen = [(r["op"], (r["after"] or r["before"])["id"], (r["after"] or r["before"])["what"][:1]) for r in box.lines(OUT.format("orders")) if r["op"] != "r"]
    same(seen, [("c", 10, "x"), ("c", 11, "y"), ("u", 10, "z"), ("u", 11, "z"), ("d", 10, "z"), ("c", 12, "x"), ("c", 13, "q")])
    same(box.lines(OUT.format("orders"))[-2]["after"]["more"], "long " * 100000)


def case_places_of_records_are_those_of_the_log(box):
    """Also where the server does not say them within a transaction (MariaDB 11.4 and later): they are counted."""
    server = box.shared
    box.write("shop.yaml", shop_yaml(server.port))
    once(box)
    server.sql("FLUSH BINARY LOGS", "USE shop", "BEGIN", "INSERT INTO orders VALUES (10, 'x')", "INSERT INTO items VALUES (10, 'x')",
               "UPDATE orders SET what = 'y'", "COMMIT", "INSERT INTO orders VALUES (11, 'x')")
    once(box)
    file, sources = newest(server), [r["source"] for t in ("orders", "items") for r in box.lines(OUT.format(t)) if r["op"] != "r"]
    events = [line.split("\t") for line in server.sql(f"SHOW BINLOG EVENTS IN '{file}'").split("\n")]
    same(sorted({s["pos"] for s in sources}), [int(e[1]) for e in events if "rows" in e[2].lower() and e[2] != "Annotate_rows"])
    same({s["file"] for s in sources}, {file})


def case_the_last_record_of_each_transaction_says_so(box):
    """Also where a batch is full just before its end."""
    server, count = box.shared, 800
    sink = '      archive:\n        file: {path: "out/{topic}.ndjson", format: maxwell}\n'
    server.sql("USE shop", "CREATE TABLE wide (id INT PRIMARY KEY, t TEXT)")
    box.write("shop.yaml", shop_yaml(server.port, tables='["shop.wide"]', sinks=sink))
    once(box)
    server.sql("USE shop", *[f"BEGIN;INSERT INTO wide VALUES ({i}, REPEAT('x', 12000));INSERT INTO wide VALUES ({i + 1}, REPEAT('y', 12000));COMMIT"
                             for i in range(0, count, 2)])
    once(box)
    seen = [(r["data"]["id"], r.get("commit", False)) for r in box.lines(OUT.format("wide"))]
    same([len(seen), [s for s in seen if s[1] != (s[0] % 2 == 1)]], [count, []], "records, and those that are wrong")


@only("mysql-9.7")
def case_tagged_gtids(box):
    server = box.shared
    box.write("shop.yaml", shop_yaml(server.port))
    once(box)
    tagged = lambda tag, i: [f"SET gtid_next = 'AUTOMATIC{tag}'", f"INSERT INTO shop.orders VALUES ({i}, 'x')", "SET gtid_next = 'AUTOMATIC'"]
    server.sql(*tagged(":my_tag", 10), *tagged(":other", 11), *tagged("", 12))
    once(box)
    gtids = [r["source"]["gtid"].split(":")[1:] for r in box.lines(OUT.format("orders")) if r["op"] == "c"]
    same([g[:-1] for g in gtids], [["my_tag"], ["other"], []])
    kit.has(box.run("offsets", "show", "shop", status=0).stdout, server.sql("SELECT @@gtid_executed").replace("\\n", ""))
    server.sql(*tagged(":my_tag", 20))
    once(box)
    same(ids(box, "orders"), [10, 11, 12, 20])


if __name__ == "__main__":
    kit.main()
