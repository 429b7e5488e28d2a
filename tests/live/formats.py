#!/usr/bin/env python3
"""From the server's tables to files in every format, and what the source hides of them: columns, keys, transactions."""
import base64
import hashlib
import json
import os

import kit
from kit import same, shop_yaml, wait

SALT = "pepper"


def sinks(**formats):
    """A file for each: name -> format as YAML."""
    return "".join(f'      {name}:\n        file: {{path: "{name}/{{topic}}.ndjson", keys: true, format: {text}}}\n'
                   for name, text in formats.items())



def run(box, **options):
    box.write("shop.yaml", shop_yaml(box.shared.port, **options))
    daemon = box.start("run", "shop.yaml")
    daemon.says("streaming")
    return daemon


KINDS = """CREATE TABLE kinds (id INT PRIMARY KEY, tiny TINYINT UNSIGNED, big BIGINT UNSIGNED, de DECIMAL(10,2), fl FLOAT, dou DOUBLE,
    bits BIT(9), ye YEAR, da DATE, ti TIME(3), dt DATETIME(6), ts TIMESTAMP NULL, te VARCHAR(20), en ENUM('red','it''s'),
    se SET('a','b','c'), bi BINARY(4), bl BLOB, po POINT, no TEXT)"""
ROW = """INSERT INTO kinds VALUES ({}, 200, 18446744073709551615, -12.5, 0.1, 1e10, b'100000001', 2026, '0000-00-00', '-01:02:03.4',
    '2026-03-04 05:06:07.89', '2026-03-04 05:06:07', 'grün', 'it''s', 'a,c', X'00FF', X'DEAD00',
    ST_GeomFromText('POINT(1.5 -2)'), NULL)"""
DEBEZIUM = {
    "tiny": 200, "big": 2**64 - 1, "de": "+x4=", "fl": 0.1, "dou": 1e10, "bits": "AQE=", "ye": 2026, "da": None, "ti": -3723400000,
    "dt": 1772600767890000, "ts": "2026-03-04T05:06:07Z", "te": "grün", "en": "it's", "se": "a,c", "bi": "AP8AAA==", "bl": "3q0A",
    "po": {"x": 1.5, "y": -2.0, "wkb": "AQEAAAAAAAAAAAD4PwAAAAAAAADA", "srid": None}, "no": None}
MODES = {**DEBEZIUM, "big": -1, "de": "-12.50", "ti": "-01:02:03.4Z", "dt": "2026-03-04T05:06:07.89Z", "bi": "00ff0000", "bl": "dead00"}
MAXWELL = {**DEBEZIUM, "de": -12.5, "bits": 257, "da": "0000-00-00", "ti": "-01:02:03.400", "dt": "2026-03-04 05:06:07.890000",
           "ts": "2026-03-04 05:06:07", "se": ["a", "c"], "bi": "AP8=", "po": "POINT (1.5 -2)"}
CANAL = {**{name: str(value) for name, value in MAXWELL.items()}, "fl": "0.1", "dou": "1.0E10", "de": "-12.50", "en": "2", "se": "5",
         "bi": "\0\xff", "bl": "\xde\xad\0", "po": (bytes(4) + base64.b64decode(DEBEZIUM["po"]["wkb"])).decode("latin1"), "no": None}


def case_every_format(box):
    """Rows of the snapshot and of the stream, updates, a changed key, deletes: said as each format says them."""
    box.shared.sql("USE shop", "SET time_zone = '+00:00', sql_mode = ''", KINDS, ROW.format(1))
    daemon = run(box, tables="[shop.kinds]", source_more="        tombstones: true\n", sinks=sinks(
        debezium="debezium", maxwell="maxwell", canal="canal", modes="{debezium: {decimals: string, bigint_unsigned: long, times: "
        "isostring, binary: hex, schemas: true}}"))
    box.shared.sql("USE shop", "SET time_zone = '+00:00', sql_mode = ''", ROW.format(2), "UPDATE kinds SET tiny = 1 WHERE id = 2",
                   "UPDATE kinds SET id = 3 WHERE id = 2", "DELETE FROM kinds WHERE id = 3")

    def lines(name):
        return box.lines(f"{name}/shop.kinds.ndjson")
    for name in ("debezium", "maxwell", "canal", "modes"):
        wait(f"all of {name}", lambda: len(lines(name)) >= 8)
    same([(r["key"]["id"], r["value"] and r["value"]["op"]) for r in lines("debezium")],
         [(1, "r"), (2, "c"), (2, "u"), (2, "d"), (2, None), (3, "c"), (3, "d"), (3, None)])
    for row in lines("debezium")[:2]:
        same(row["value"]["after"], {"id": row["key"]["id"], **DEBEZIUM})
    same(lines("debezium")[2]["value"]["before"], {"id": 2, **DEBEZIUM})
    same(lines("debezium")[6]["value"]["before"], {"id": 3, **DEBEZIUM, "tiny": 1})
    for row in lines("modes")[:2]:
        same(row["value"]["payload"]["after"], {"id": row["key"]["payload"]["id"], **MODES})
        fields = row["value"]["schema"]["fields"]
        same([f["field"] for f in fields], ["before", "after", "source", "transaction", "op", "ts_ms", "ts_us", "ts_ns"])
        same([f["field"] for f in fields[1]["fields"]], ["id", *DEBEZIUM])
        same(fields[1]["fields"][0], {"type": "int32", "optional": False, "field": "id"})
    same(lines("modes")[4]["value"], None)
    maxwell = [r["value"] for r in lines("maxwell")]
    same([m and m["type"] for m in maxwell],
         ["bootstrap-insert", "insert", "update", "delete", None, "insert", "delete", None])
    same(maxwell[0]["data"], {"id": 1, **MAXWELL})
    same(maxwell[1]["data"], {"id": 2, **MAXWELL})
    same(maxwell[2]["old"], {"tiny": 200})
    same(maxwell[6]["data"], {"id": 3, **MAXWELL, "tiny": 1})
    same(lines("maxwell")[1]["key"], {"database": "shop", "table": "kinds", "pk.id": 2})
    canal = [r["value"] for r in lines("canal")]
    same([m and m["type"] for m in canal], ["INSERT", "INSERT", "UPDATE", "DELETE", None, "INSERT", "DELETE", None])
    same(canal[0]["data"], [{"id": "1", **CANAL}])
    same(canal[1]["data"], [{"id": "2", **CANAL}])
    same(canal[2]["old"], [{"tiny": "200"}])
    same(canal[1]["mysqlType"]["en"], "enum('red','it''s')")
    same({name: canal[1]["sqlType"][name] for name in ("tiny", "big", "bl", "te")}, {"tiny": 5, "big": 3, "bl": 2004, "te": 12})
    daemon.stop()


def case_columns_that_a_minimal_image_has_not(box):
    """Absent is not null: no format says anything of them."""
    box.shared.sql("USE shop", "CREATE TABLE t (id INT PRIMARY KEY, a INT, b VARCHAR(9))", "INSERT INTO t VALUES (1, 1, 'x')")
    daemon = run(box, tables="[shop.t]", sinks=sinks(debezium="debezium", maxwell="maxwell", canal="canal", json="json"))
    box.shared.sql("USE shop", "SET binlog_row_image = MINIMAL", "UPDATE t SET a = NULL WHERE id = 1", "DELETE FROM t")

    def lines(name):
        return [r["value"] for r in box.lines(f"{name}/shop.t.ndjson")][1:]
    for name in ("debezium", "maxwell", "canal", "json"):
        wait(name, lambda: len(lines(name)) == 2)
    update, delete = lines("debezium")
    same((update["before"], update["after"], delete["before"]), ({"id": 1}, {"a": None}, {"id": 1}))
    update, delete = lines("maxwell")
    same((update["data"], update.get("old"), delete["data"]), ({"a": None}, None, {"id": 1}))
    update, delete = lines("canal")
    same((update["data"], update["old"], delete["data"]), ([{"a": None}], [{}], [{"id": "1"}]))
    same(lines("json"), [{"a": None}, None])
    daemon.stop()


def hashed(text):
    return hashlib.sha256((SALT + text).encode()).hexdigest()


def holds(folder, secrets):
    """Secrets that stand anywhere in its files."""
    found = set()
    for place, _, names in os.walk(folder):
        for name in names:
            if name == "admin.sock":
                continue
            with open(os.path.join(place, name), "rb") as file:
                content = file.read()
            found |= {secret for secret in secrets if secret.encode() in content}
    return found


def case_columns_are_hidden_before_anything_is_stored(box):
    secrets = ["hunter22", "4111-1111", "ann@example", "confid"]
    row = ("INSERT INTO users VALUES ({}, 'hunter22', '4111-1111', 'ann@example', 'confidential text', 'äöüß', 1234.5, '1970-01-02', "
           "X'0102030405')")
    box.shared.sql("USE shop", "CREATE TABLE users (id INT PRIMARY KEY, password VARCHAR(30) NOT NULL, card CHAR(20), email VARCHAR(40), "
                   "note TEXT, city VARCHAR(20), pay DECIMAL(10,2) NOT NULL, born DATE NOT NULL, raw BLOB)", row.format(1))
    daemon = run(box, tables="[shop.users]", sinks=sinks(out="{debezium: {decimals: string, schemas: true}}"), source_more=f"""\
        hash_salt: {SALT}
        columns:
          exclude: ["shop.*.pass*"]
          mask: ["*.users.CARD", shop.users.pay]
          hash: [shop.users.email, shop.users.born]
          truncate: {{shop.users.note: 4, shop.users.city: 2, shop.users.raw: 3}}
""")
    box.shared.sql("USE shop", row.format(2), "UPDATE users SET email = 'bob@example', pay = 2 WHERE id = 2",
                   "UPDATE users SET email = NULL WHERE id = 2", "DELETE FROM users WHERE id = 2")
    wait("all", lambda: len(box.lines("out/shop.users.ndjson")) == 5)
    values = [r["value"]["payload"] for r in box.lines("out/shop.users.ndjson")]
    wanted = {"card": "***", "email": hashed("ann@example"), "note": "conf", "city": "äö", "pay": None, "born": hashed("1970-01-02"),
              "raw": "AQID"}
    same([v["op"] for v in values], list("rcuud"))
    same(values[0]["after"], {"id": 1, **wanted})
    same(values[1]["after"], {"id": 2, **wanted})
    same((values[2]["before"]["email"], values[2]["after"]["email"]), (hashed("ann@example"), hashed("bob@example")))
    same((values[3]["after"]["email"], values[4]["before"]), (None, {"id": 2, **wanted, "email": None}))
    types = {f["field"]: (f["type"], f["optional"]) for f in box.lines("out/shop.users.ndjson")[0]["value"]["schema"]["fields"][1]["fields"]}
    same((types["born"], types["pay"], "password" in types), (("string", False), ("string", True), False))
    daemon.stop()
    same(holds(box.path("leat-data"), [*secrets, "bob@example", "conf", hashed("bob@example")]), {"conf", hashed("bob@example")},
         "what stands in the data directory")


def case_a_key_is_hidden_in_positions_too(box):
    """A snapshot that stops half way keeps no end of a range then."""
    names = [f"person{i}@example" for i in range(20000)]
    box.shared.sql("USE shop", "CREATE TABLE people (email VARCHAR(40) PRIMARY KEY, n INT)",
                   f"INSERT INTO people SELECT CONCAT('person', seq, '@example'), seq FROM {box.shared.seq(20000)}")
    box.write("shop.yaml", shop_yaml(box.shared.port, tables="[shop.people]", sinks=sinks(out="debezium"), source_more=f"""\
        hash_salt: {SALT}
        columns: {{hash: [shop.people.email], mask: [shop.people.emial, "shop.orders.*"]}}
        chunk_rows: 500
"""))
    daemon = box.start("run", "shop.yaml")
    wait("the first rows", lambda: box.lines("out/shop.people.ndjson"))
    daemon.process.kill()
    daemon.process.wait()
    same(holds(box.path("leat-data"), names[1:50] + ["@example"]), set(), "keys in the data directory")
    daemon = box.start("run", "shop.yaml")
    daemon.says("columns: mask shop.people.emial means no column")
    daemon.says("columns: mask shop.orders.\\* means no column") # it is not captured
    same("columns: hash" in daemon.log(), False)
    daemon.says("streaming")
    box.shared.sql("DELETE FROM shop.people WHERE n = 7")
    wait("the delete", lambda: box.lines("out/shop.people.ndjson")[-1]["value"]["op"] == "d")
    lines = box.lines("out/shop.people.ndjson")
    first = max([0, *[i + 1 for i, line in enumerate(lines) if line["value"]["op"] == "t"]])
    same(len({line["key"]["email"] for line in lines[first:] if line["value"]["op"] == "r"}), 20000)
    same(lines[-1]["key"], {"email": hashed("person7@example")})
    same(holds(box.path("leat-data"), ["@example"]), set(), "keys in the data directory")


def case_a_table_is_included_by_columns(box):
    """Its key comes along; tables that are not named are whole."""
    box.shared.sql("USE shop", "CREATE TABLE a (id INT PRIMARY KEY, x INT, y INT)", "CREATE TABLE b (id INT PRIMARY KEY, x INT)")
    daemon = run(box, tables="[shop.a, shop.b]", sinks=sinks(out="debezium"), source_more="        columns: {include: [shop.a.y]}\n")
    box.shared.sql("USE shop", "INSERT INTO a VALUES (1, 2, 3)", "INSERT INTO b VALUES (1, 2)")
    wait("both", lambda: box.lines("out/shop.a.ndjson") and box.lines("out/shop.b.ndjson"))
    same(box.lines("out/shop.a.ndjson")[0]["value"]["after"], {"id": 1, "y": 3})
    same(box.lines("out/shop.b.ndjson")[0]["value"]["after"], {"id": 1, "x": 2})
    daemon.stop()


def case_keys_by_columns(box):
    """A changed key is a delete and a create, whoever named it; a primary key that is hidden is none."""
    box.shared.sql("USE shop", "CREATE TABLE o (id INT PRIMARY KEY, customer INT, v INT)", "CREATE TABLE h (id INT PRIMARY KEY, v INT)")
    daemon = run(box, tables="[shop.o, shop.h]", sinks=sinks(out="debezium"),
                 source_more="        keys: {\"shop.o*\": [customer, ID]}\n        columns: {mask: [shop.h.id]}\n")
    box.shared.sql("USE shop", "INSERT INTO o VALUES (1, 7, 1)", "UPDATE o SET v = 2", "UPDATE o SET customer = 8", "DELETE FROM o",
                   "INSERT INTO h VALUES (1, 2)")
    wait("all", lambda: len(box.lines("out/shop.o.ndjson")) == 5 and box.lines("out/shop.h.ndjson"))
    same([(r["key"], r["value"]["op"]) for r in box.lines("out/shop.o.ndjson")],
         [({"customer": 7, "id": 1}, "c"), ({"customer": 7, "id": 1}, "u"), ({"customer": 7, "id": 1}, "d"),
          ({"customer": 8, "id": 1}, "c"), ({"customer": 8, "id": 1}, "d")])
    same(box.lines("out/shop.h.ndjson")[0]["key"], None)
    daemon.stop()
    box.write("shop.yaml", shop_yaml(box.shared.port, tables="[shop.o]", source_more="        keys: {shop.o: [customr]}\n"))
    box.shared.sql("INSERT INTO shop.o VALUES (9, 9, 9)")
    box.start("run", "shop.yaml").says('keys: shop.o has no column "customr"')


def case_what_the_options_cannot_be(box):
    wrong = {"columns: {hide: [a.b.c]}": "is none of include, exclude, hash, mask, truncate", "columns: [a.b.c]": "takes a map",
             "columns: {exclude: [b.c]}": "is no pattern of db.table.column", "columns: {hash: [a.b.c]}": "hash needs `hash_salt`",
             "columns: {truncate: [a.b.c]}": "numbers of characters", "columns: {truncate: {a.b.c: x}}": "numbers of characters",
             "keys: {a: [b]}": "is no pattern of db.table", "keys: {a.b: []}": "takes a list of columns"}
    for text, said in wrong.items():
        box.write("shop.yaml", shop_yaml(1, source_more=f"        {text}\n"))
        box.start("run", "shop.yaml").says(said)


def transactions(box):
    return [r["value"] for r in box.lines("out/shop.transaction.ndjson")]


def case_transactions_are_counted(box):
    """Each record has its numbers, each transaction its begin and end; a restart within one goes on counting."""
    box.shared.sql("USE shop", "CREATE TABLE a (id INT PRIMARY KEY, v INT)", "CREATE TABLE b (id INT PRIMARY KEY)")
    daemon = run(box, tables="[shop.a, shop.b]", sinks=sinks(out="debezium"), source_more="        transaction_metadata: true\n")
    box.shared.sql("USE shop", "START TRANSACTION; INSERT INTO a VALUES (1, 1), (2, 2); INSERT INTO b VALUES (1); UPDATE a SET id = 3 WHERE "
                   "id = 2; COMMIT", "INSERT INTO orders VALUES (99, 'not captured')", "INSERT INTO b VALUES (2)")
    wait("both", lambda: len(transactions(box)) == 4)
    blocks = [(r["value"]["op"], r["value"]["source"]["table"], r["value"]["transaction"])
              for t in "ab" for r in box.lines(f"out/shop.{t}.ndjson")]
    first, last = blocks[0][2]["id"], blocks[-1][2]["id"]
    same([(op, table, b["total_order"], b["data_collection_order"]) for op, table, b in blocks],
         [("c", "a", 1, 1), ("c", "a", 2, 2), ("d", "a", 4, 3), ("c", "a", 5, 4), ("c", "b", 3, 1), ("c", "b", 1, 1)])
    same({b["id"] for _, _, b in blocks[:5]}, {first})
    same([(t["status"], t["id"], t["event_count"]) for t in transactions(box)],
         [("BEGIN", first, None), ("END", first, 5), ("BEGIN", last, None), ("END", last, 1)])
    same(transactions(box)[1]["data_collections"], [{"data_collection": "shop.a", "event_count": 4},
                                                    {"data_collection": "shop.b", "event_count": 1}])
    same("transaction_id" in box.lines("out/shop.a.ndjson")[0]["value"]["source"], False)
    daemon.stop()


@kit.only("mariadb") # MySQL with GTIDs refuses it
def case_a_transaction_that_is_taken_back_is_not_counted(box):
    """Rows that a ROLLBACK takes back are logged where it has changed a table without transactions."""
    box.shared.sql("USE shop", "CREATE TABLE a (id INT PRIMARY KEY)", "CREATE TABLE m (id INT PRIMARY KEY) ENGINE=MyISAM")
    daemon = run(box, tables="[shop.a]", sinks=sinks(out="maxwell"),
                 source_more="        transaction_metadata: true\n        tombstones: true\n")
    box.shared.sql("USE shop", "START TRANSACTION; INSERT INTO a VALUES (1); INSERT INTO m VALUES (1); ROLLBACK", "INSERT INTO a VALUES (2)",
                   "DELETE FROM a")
    wait("the others", lambda: len(transactions(box)) == 4)
    same([(t["status"], t["event_count"]) for t in transactions(box)], [("BEGIN", None), ("END", 1)] * 2)
    same([r["value"] and (r["value"]["type"], r["value"].get("commit")) for r in box.lines("out/shop.a.ndjson")],
         [("insert", True), ("delete", True), None])
    daemon.stop()


def case_killed_within_a_counted_transaction(box):
    rows = 60000
    box.shared.sql("USE shop", "CREATE TABLE a (id INT PRIMARY KEY, v VARCHAR(200))")
    daemon = run(box, tables="[shop.a]", sinks=sinks(out="{debezium: {}}"), source_more="        transaction_metadata: true\n")
    box.shared.sql("USE shop", f"INSERT INTO a SELECT seq, REPEAT('x', 200) FROM {box.shared.seq(rows)}")
    wait("the first rows", lambda: box.lines("out/shop.a.ndjson"))
    daemon.process.kill()
    daemon.process.wait()
    box.start("run", "shop.yaml")
    wait("the end", lambda: [t["status"] for t in transactions(box)][-1:] == ["END"], seconds=120)
    wait("all rows", lambda: len(box.lines("out/shop.a.ndjson")) == rows)
    same([r["value"]["transaction"]["total_order"] for r in box.lines("out/shop.a.ndjson")], list(range(1, rows + 1)))
    same([(t["status"], t["event_count"]) for t in transactions(box)], [("BEGIN", None), ("END", rows)])


if __name__ == "__main__":
    kit.main()
