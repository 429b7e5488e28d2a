#!/usr/bin/env python3
"""Recorded binary logs as a source (`files`): what they give is what their server gave, whatever they are cut to."""
import os
import shutil
import struct

import kit
from kit import has, only, same, shop_yaml, wait

OUT = "out/shop.{}.ndjson"
QUIET = {"mariadb": ("--binlog-row-metadata=NO_LOG",), "mysql": ("--binlog-row-metadata=MINIMAL",), "mysql-5.6": ()}


def yaml(patterns="logs/bin.*", out="out", tables='["shop.*"]', data="leat-data", more=""):
    sinks = f'      archive:\n        file: {{path: "{out}/{{topic}}.ndjson", format: debezium}}\n'
    return f"""\
data: ./{data}
pipelines:
  shop:
    source:
      mysql:
        files: {patterns}
        tables: {tables}
{more}    sinks:
{sinks}"""


def workload(server):
    """A bit of all that a log is made of, over two files."""
    many = f"INSERT INTO orders SELECT seq, REPEAT('y', 39) FROM {server.seq(400, 100)} ORDER BY seq"
    server.sql("USE shop", "INSERT INTO orders VALUES (1, 'a'), (2, 'ü')", "UPDATE orders SET what = 'b'", "CREATE TABLE u (id BIGINT UNSIGNED "
               "PRIMARY KEY, e ENUM('x','y'), d DECIMAL(20,4), t TIMESTAMP(3) NULL, b BLOB)",
               "INSERT INTO u VALUES (18446744073709551615, 'y', -1.5, '2026-01-02 03:04:05.678', X'00FF')", "BEGIN", many,
               "UPDATE orders SET what = 'c' WHERE id < 150", "INSERT INTO items VALUES (1, 'x')", "COMMIT", "FLUSH BINARY LOGS",
               "ALTER TABLE orders ADD COLUMN n INT", "INSERT INTO orders VALUES (3, 'n', 3)", "DELETE FROM orders WHERE id > 200",
               "TRUNCATE TABLE u", "BEGIN", "INSERT INTO orders VALUES (4, 'n', 4)", "SAVEPOINT s", "INSERT INTO orders VALUES (5, 'n', 5)",
               "ROLLBACK TO s", "COMMIT", "XA START 'p'", "INSERT INTO orders VALUES (7, 'n', 7)", "XA END 'p'", "XA PREPARE 'p'",
               "XA COMMIT 'p'", "INSERT INTO orders VALUES (6, 'n', 6)")


def record(box, *options, kind=None):
    """The log files of a server that has had the workload, in logs/; returns their names."""
    server = box.server(*options, kind=kind).start()
    server.shop(0)
    workload(server)
    server.stop()
    data = os.path.join(server.folder, "data")
    names = sorted(name for name in os.listdir(data) if name.startswith("bin.") and name[4:].isdigit())
    os.makedirs(box.path("logs"))
    for name in names:
        shutil.copy(os.path.join(data, name), box.path("logs", name))
    return names


def timeless(record):
    """Without the times at which it was read."""
    return {key: value for key, value in record.items() if not key.startswith("ts_")}


def all_of(box, out="out"):
    files = sorted(os.listdir(box.path(out))) if os.path.isdir(box.path(out)) else []
    return {file: [timeless(r) for r in box.lines(f"{out}/{file}")] for file in files if file.endswith(".ndjson")}


def events(path):
    """Where each event of a file begins, its type, its length."""
    with open(path, "rb") as file:
        log = file.read()
    at, found = 4, []
    while at < len(log):
        found.append((at, log[at + 4], struct.unpack_from("<I", log, at + 9)[0]))
        at += found[-1][2]
    return found


def compare_with_live(box, server, more=""):
    """The workload, streamed by the server and read from its files."""
    box.write("live.yaml", shop_yaml(server.port, source_more="        snapshot: never\n").replace("out/", "live/"))
    daemon = box.start("run", "live.yaml")
    daemon.says("streaming")
    workload(server)
    wait("the last row", lambda: any(r["after"] and r["after"]["id"] == 6 for r in box.lines("live/shop.orders.ndjson")))
    daemon.stop()
    server.stop()
    os.rename(box.path("leat-data"), box.path("live-data"))
    box.write("shop.yaml", yaml(patterns=f'["{server.folder}/data/bin.*"]', more=more))
    has(box.run("check", "shop.yaml", "--connect", status=0).both, "files: of [0-9.]+.*from bin.000001")
    box.run("run", "shop.yaml", "--once", status=0)
    live, read = all_of(box, "live"), all_of(box)
    same({file: len(rows) for file, rows in read.items()}, {file: len(rows) for file, rows in live.items()}, "records of each table")
    for file, rows in read.items():
        for ours, theirs in zip(rows, live[file]):
            same(ours, theirs, file)
    box.run("run", "shop.yaml", "--once", status=0)
    same(all_of(box), read, "a second start has nothing to do")


def case_tables_from_a_file_of_sql(box):
    """The log tells no names: tables as they were before it, and its own statements, do."""
    server = box.server(*QUIET.get(box.shared.kind, QUIET.get(box.shared.family))).start()
    server.user()
    server.shop(0)
    tables = [server.sql(f"SHOW CREATE TABLE shop.{name}").split("\t", 1)[1].replace("\\n", "\n") for name in ("orders", "items")]
    dump = ["-- a dump", "/*!40101 SET NAMES utf8mb4 */", "CREATE DATABASE `shop` /*!40100 DEFAULT CHARACTER SET utf8mb4 */", "USE `shop`",
            "DROP TABLE IF EXISTS `orders`", *tables, "INSERT INTO `orders` VALUES (1,'a;b'')')",
            "DELIMITER ;;\nCREATE TRIGGER t AFTER INSERT ON orders FOR EACH ROW BEGIN DROP TABLE items; END ;;\nDELIMITER ", "UNLOCK TABLES"]
    server.sql("RESET BINARY LOGS AND GTIDS" if server.kind == "mysql-9.7" else "RESET MASTER")
    box.write("tables.sql", ";\n".join(dump) + ";\n")
    compare_with_live(box, server, "        schema_file: tables.sql\n")
    for text, said in ((";\n".join(tables), "line 1: of which database is `orders`.*USE name;"), ("USE shop; CREATE TABLE orders (id INT, "
                       "t TEXT)", "line 1: what shop.orders looks like cannot be told.*CHARSET"), ("-- x\nCREATE TABLE `x", "line 2: a quote")):
        box.write("tables.sql", text)
        shutil.rmtree(box.path("leat-data"))
        shutil.rmtree(box.path("out"), ignore_errors=True)
        has(box.run("run", "shop.yaml", "--once", status=1).both, f"tables.sql: {said}")


def case_they_give_what_the_server_gave(box):
    server = box.server().start()
    server.user()
    server.shop(0)
    compare_with_live(box, server)
    box.write("hidden.yaml", yaml(patterns=f'["{server.folder}/data/bin.*"]', out="hidden", data="hidden-data",
                                  more="        columns: {mask: [shop.orders.what]}\n        transaction_metadata: true\n"))
    box.run("run", "hidden.yaml", "--once", status=0)
    same({r["after"]["what"] for r in box.lines("hidden/shop.orders.ndjson") if r["after"]}, {"***"}, "what is masked")
    same(len(box.lines("hidden/shop.transaction.ndjson")) > 8, True, "begins and ends of transactions")


def case_cut_anywhere_and_gone_on_with(box):
    """As a copy that grows: --once takes what is whole; the next start goes on at the row."""
    names = record(box)
    box.write("whole.yaml", yaml(out="whole", data="whole-data"))
    box.run("run", "whole.yaml", "--once", status=0)
    os.rename(box.path("logs"), box.path("all"))
    os.makedirs(box.path("logs"))
    box.write("shop.yaml", yaml())
    for name in names:
        with open(box.path("all", name), "rb") as file:
            log = file.read()
        found = events(box.path("all", name))
        rows = [at for at, kind, _ in found if kind in (23, 24, 25, 30, 31, 32)]
        cuts = sorted({rows[0], rows[len(rows) // 2] + 30, rows[len(rows) // 2 + 1], rows[-1] + 1, len(log) - 1, len(log)})
        for cut in cuts:
            with open(box.path("logs", name), "wb") as file:
                file.write(log[:cut])
            said = box.run("run", "shop.yaml", "--once", status=0).both
            whole = cut in [at for at, _, _ in found] + [len(log)]
            (kit.lacks if whole else has)(said, "ends within an event")
    same(all_of(box), all_of(box, "whole"))


def case_cut_short_before_another_file(box):
    names = record(box)
    path = box.path("logs", names[0])
    last = events(path)[-1][0]
    box.write("shop.yaml", yaml())
    whole = os.path.getsize(path)
    with open(path, "rb") as file:
        log = file.read()
    for cut, at in ((0, 0), (3, 0), (last + 5, last), (whole - 1, last)):
        with open(path, "wb") as file:
            file.write(log[:cut])
        has(box.run("run", "shop.yaml", "--once", status=1).both, f"{names[0]} ends within an event: of the one at {at} there are {cut - at} bytes, "
            f"and {names[1]} is there already")
    with open(path, "wb") as file:
        file.write(log)
    box.run("run", "shop.yaml", "--once", status=0)
    same([r["after"]["id"] for r in box.lines(OUT.format("orders")) if r["op"] == "c"][-1], 6)


def case_they_grow_while_they_are_read(box):
    names = record(box)
    with open(box.path("logs", names[1]), "rb") as file:
        log = file.read()
    middle = [at for at, _, _ in events(box.path("logs", names[1]))][5] + 7
    os.remove(box.path("logs", names[1]))
    box.write("logs/bin.index", "./bin.000001\n")
    box.write("shop.yaml", yaml())
    daemon = box.start("run", "shop.yaml")
    daemon.says(f"at the end of {names[0]}, and waiting for more")
    with open(box.path("logs", names[1]), "wb") as file:
        file.write(log[:middle])
        file.flush()
        wait("what is whole", lambda: box.status(None).get("shop", {}))
        file.write(log[middle:])
    wait("the last row", lambda: any(r["after"] and r["after"]["id"] == 6 for r in box.lines(OUT.format("orders"))))
    shutil.copy(box.path("logs", names[1]), box.path("logs", "bin.000009"))
    daemon.says("behind bin.00000[0-9] there is bin.000009: what is between them is missing")


def case_damage_is_named_by_file_and_offset(box):
    names = record(box)
    at, _, length = [e for e in events(box.path("logs", names[0])) if e[1] in (23, 30)][-1]
    before = len([e for e in events(box.path("logs", names[0])) if e[1] in (23, 30)])
    with open(box.path("logs", names[0]), "r+b") as file:
        file.seek(at + length - 10)
        byte = file.read(1)
        file.seek(at + length - 10)
        file.write(bytes([byte[0] ^ 1]))
    same(before > 2, True, "rows come before it")
    box.write("shop.yaml", yaml())
    has(box.run("run", "shop.yaml", "--once", status=1).both, f"{names[0]} after {at}: .*checksum is wrong")
    same([r["op"] for r in box.lines(OUT.format("orders"))][:2], ["c", "c"], "what comes before is there")
    with open(box.path("logs", names[0]), "r+b") as file:
        file.seek(at + length - 10)
        file.write(byte)
        file.seek(at + 9)
        file.write(b"\0\0\0\0")
    has(box.run("run", "shop.yaml", "--once", status=1).both, f"{names[0]}: at {at} there is no event")
    with open(box.path("logs", names[0]), "r+b") as file:
        file.seek(at + 9)
        file.write(struct.pack("<I", length))
    box.run("run", "shop.yaml", "--once", status=0)
    same([r["after"]["id"] for r in box.lines(OUT.format("items"))], [1], "mended, it goes on")


def case_what_is_no_log_of_one_server(box):
    def says(pattern, **options):
        box.write("shop.yaml", yaml(**options))
        has(box.run("check", "shop.yaml", "--connect", status=1).both, pattern)
        shutil.rmtree(box.path("leat-data"), ignore_errors=True)
        has(box.run("run", "shop.yaml", "--once", status=1).both, pattern)
    says("there is no binary log file .*logs/bin")
    box.write("logs/bin.000001", "no log at all")
    says("bin.000001 is no binary log: it begins with 6e6f206c")
    with open(box.path("logs", "bin.000001"), "wb") as file:
        file.write(b"\xfdbin" + bytes(508))
    says("bin.000001 is encrypted")
    box.write("logs/other.000002", "")
    says("bin.000001 and other.000002 are not of one log", patterns='["logs/*.00*"]')
    box.write("both.yaml", yaml().replace("        files: logs/bin.*\n", ""))
    has(box.run("check", "both.yaml", status=3).both, "`user` is missing")


def case_other_files_than_before(box):
    names = record(box)
    box.write("shop.yaml", yaml())
    box.run("run", "shop.yaml", "--once", status=0)
    os.truncate(box.path("logs", names[-1]), 300)
    has(box.run("run", "shop.yaml", "--once", status=1).both, "has 300 bytes, and we were at .*another file")
    os.remove(box.path("logs", names[-1]))
    has(box.run("run", "shop.yaml", "--once", status=1).both, f"{names[-1]}, where we are .* is not among them")


def case_the_last_record_of_each_transaction_says_so(box):
    """Also where a batch is full just before its end."""
    count = 400
    server = box.server().start()
    server.shop(0)
    server.sql("USE shop", "CREATE TABLE wide (id INT PRIMARY KEY, t TEXT)",
               *[f"BEGIN;INSERT INTO wide VALUES ({i}, REPEAT('x', 12000));INSERT INTO wide VALUES ({i + 1}, REPEAT('y', 12000));COMMIT"
                 for i in range(0, count, 2)])
    server.stop()
    os.makedirs(box.path("logs"))
    shutil.copy(os.path.join(server.folder, "data", "bin.000001"), box.path("logs", "bin.000001"))
    box.write("shop.yaml", yaml().replace("format: debezium", "format: maxwell"))
    box.run("run", "shop.yaml", "--once", status=0)
    seen = [(r["data"]["id"], r.get("commit", False)) for r in box.lines(OUT.format("wide"))]
    same([len(seen), [s for s in seen if s[1] != (s[0] % 2 == 1)]], [count, []], "records, and those that are wrong")


@only("mysql")
def case_compressed_transactions(box):
    names = record(box, "--binlog-transaction-compression=ON")
    same(any(kind == 40 for _, kind, _ in events(box.path("logs", names[0]))), True, "one is there")
    box.write("shop.yaml", yaml())
    box.run("run", "shop.yaml", "--once", status=0)
    ids = [r["after"]["id"] for r in box.lines(OUT.format("orders")) if r["op"] == "c"]
    same(ids, [1, 2, *range(100, 401), 3, 4, 7, 6])


if __name__ == "__main__":
    kit.main()
