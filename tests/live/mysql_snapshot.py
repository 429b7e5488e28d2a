#!/usr/bin/env python3
"""Tables are read while they change: what the topic tells of a row is its state at one moment, then each change behind it."""
import json
import random
import re
import subprocess
import threading
import time

import kit
from kit import has, lacks, same, shop_yaml, wait

OUT = "out/shop.{}.ndjson"


class Writer:
    """Changes rows of a table until it is told to stop; every row has a version that grows by one with each change."""

    def __init__(self, server, table, key, last, seed=1, pause=0.0):
        self.server, self.table, self.key, self.last, self.pause = server, table, key, last, pause
        self.random, self.is_over, self.error, self.done = random.Random(seed), False, None, 0
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def statement(self):
        key, at, roll = self.key, self.random.randrange(1, self.last), self.random.random()
        if roll < 0.5:
            return f"UPDATE {self.table} SET ver = ver + 1 WHERE id = {key(at)}"
        if roll < 0.65:
            return f"DELETE FROM {self.table} WHERE id = {key(at)}"
        if roll < 0.8:
            return f"INSERT IGNORE INTO {self.table} (id, ver) VALUES ({key(at)}, 1)"
        if roll < 0.9:
            return f"UPDATE IGNORE {self.table} SET id = {key(self.random.randrange(1, self.last))}, ver = ver + 1 WHERE id = {key(at)}"
        return f"UPDATE {self.table} SET ver = ver + 1 WHERE n BETWEEN {at} AND {at + 20}"

    def run(self):
        try:
            session = self.server.session("USE shop")
            while not self.is_over:
                session.run("BEGIN", *[self.statement() for _ in range(self.random.randrange(1, 6))], "COMMIT")
                self.done += 1
                time.sleep(self.pause)
            session.close()
        except Exception as error:  # told by stop()
            self.error = error

    def stop(self):
        self.is_over = True
        self.thread.join()
        if self.error:
            raise self.error


def replay(box, table, key="id", is_strict=True):
    """The rows that the topic tells of. Strict: no change of a row that is not there, none twice."""
    rows, wrong = {}, []
    for i, rec in enumerate(box.lines(OUT.format(table))):
        op, before, after = rec["op"], rec["before"], rec["after"]
        if op == "t":
            rows.clear()
        elif op == "r" and is_strict and after[key] in rows and rows[after[key]] != after:
            wrong.append(f"{i}: r of {after}, which was {rows[after[key]]}")
        elif op == "c" and is_strict and after[key] in rows:
            wrong.append(f"{i}: c of {after}, which is there")
        elif op in "ud" and is_strict and rows.get(before[key]) != before:
            wrong.append(f"{i}: {op} of {before}, which was {rows.get(before[key])}")
        if op in "ud":
            rows.pop(before[key], None)
        if op in "rcu":
            rows[after[key]] = after
    same(wrong[:5], [])
    return rows


def table_now(server, table, columns):
    told = {}
    for line in server.sql(f"SELECT JSON_ARRAY({columns}) FROM shop.{table}").splitlines():
        row = json.loads(line)
        told[row[0]] = row
    return told


def compare(box, server, table, columns="id, ver, n", is_strict=True):
    rows = {key: [row[c.strip()] for c in columns.split(",")] for key, row in replay(box, table, is_strict=is_strict).items()}
    now = table_now(server, table, columns)
    same(sorted(rows.keys() ^ now.keys())[:10], [], "rows that one has and the other not")
    same([(rows[k], now[k]) for k in now if rows[k] != now[k]][:5], [], "rows that differ")


def fill(server, table, kind, value, count, more=""):
    server.sql("USE shop", f"CREATE TABLE {table} (id {kind} PRIMARY KEY, ver INT NOT NULL, n INT, pad VARCHAR(60) DEFAULT 'some more text', KEY (n)) {more}",
               *[f"INSERT INTO {table} (id, ver, n) SELECT {value.format(f'(seq + {first})')}, 1, seq + {first} FROM {server.seq(1000)}"
                 for first in range(0, count, 1000)])


def source_more(**options):
    return "".join(f"        {name}: {value}\n" for name, value in options.items())


def is_read(box, table):
    return re.search(rf'"snapshot","shop.{table}"\],"value":\{{"done":true', box.run("offsets", "list").stdout)


def read_while_it_changes(box, server, kind, value, key, is_strict=True, kills=0, count=20000, **options):
    fill(server, "t", kind, value, count)
    writers = [Writer(server, "t", key, count + 2000, seed) for seed in (1, 2)]
    box.write("shop.yaml", shop_yaml(server.port, tables="[shop.t]", source_more=source_more(chunk_rows=500, **options)))
    try:
        for _ in range(kills):
            rows = len(box.lines(OUT.format("t")))
            daemon = box.start("run", "shop.yaml")
            wait("more rows", lambda: len(box.lines(OUT.format("t"))) > rows + 800, 60)
            daemon.process.kill()
            daemon.process.wait()
        daemon = box.start("run", "shop.yaml")
        daemon.says("archive: file")
        wait("the end of the snapshot", lambda: is_read(box, "t"), 90)
    finally:
        for writer in writers:
            writer.stop()
    daemon.stop()
    box.start("run", "shop.yaml", "--once").ends(0)
    compare(box, server, "t", is_strict=is_strict)
    reads = [r["after"]["id"] for r in box.lines(OUT.format("t")) if r["op"] == "r"]
    changes = sum(writer.done for writer in writers)
    print(f"  {len(reads)} rows read while {changes} transactions changed them")
    same(changes > 20, True, "enough changes")
    return reads


def case_a_table_is_read_while_it_changes(box):
    reads = read_while_it_changes(box, box.shared, "INT", "{}", str, snapshot_rows_per_second=15000)
    same(len(reads), len(set(reads)), "each row once")


def case_killed_between_its_parts(box):
    reads = read_while_it_changes(box, box.shared, "BIGINT UNSIGNED", "{}", str, kills=4, snapshot_threads=3)
    same(len(reads), len(set(reads)), "each row once, over all kills")


def case_a_key_of_text(box):
    read_while_it_changes(box, box.shared, "VARCHAR(20)", "CONCAT('kEy ', {})", lambda i: f"'kEy {i}'", is_strict=False, kills=2, count=10000)


def case_a_mysql_with_gtids(box):
    """Its views are of two places: what changes between them is mended."""
    server = box.server("--gtid_mode=ON", "--enforce_gtid_consistency=ON", kind="mysql").start()
    server.user(grants="GRANT SELECT, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO leat@'%'")
    server.sql("CREATE DATABASE shop")
    reads = read_while_it_changes(box, server, "INT", "{}", str, kills=2, snapshot_rows_per_second=15000)
    same(len(reads), len(set(reads)), "each row once")


def case_rows_that_are_not_whole_in_the_log_of_a_mysql(box):
    """Nothing mends a view with such images: the part is read again, in the end by a lock."""
    server = box.server("--gtid_mode=ON", "--enforce_gtid_consistency=ON", "--binlog_row_image=MINIMAL", kind="mysql").start()
    server.user()
    server.sql("CREATE DATABASE shop")
    fill(server, "t", "INT", "{}", 5000)
    writers = [Writer(server, "t", lambda i: str(i % 30 + 1), 5000)] # more of them would meet deadlocks
    try:
        box.write("shop.yaml", shop_yaml(server.port, tables="[shop.t]", source_more=source_more(chunk_rows=500)))
        daemon = box.start("run", "shop.yaml")
        wait("the end of the snapshot", lambda: is_read(box, "t"), 90)
    finally:
        for writer in writers:
            writer.stop()
    daemon.stop()
    reads = {r["after"]["id"]: r["after"] for r in ops(box, "t", "r")}
    same(len(reads), len(ops(box, "t", "r")), "each row once")
    same([row for row in reads.values() if row["pad"] != "some more text"], [])


def case_without_a_key_it_begins_again(box):
    """All in one go while the stream waits; killed within, it begins behind a truncate record."""
    server = box.shared
    server.sql("USE shop", "CREATE TABLE heap (id INT, ver INT, n INT)",
               *[f"INSERT INTO heap SELECT seq + {first}, 1, seq FROM {server.seq(1000)}" for first in range(0, 60000, 1000)])
    box.write("shop.yaml", shop_yaml(server.port, tables="[shop.heap]"))
    for _ in range(2):
        daemon = box.start("run", "shop.yaml")
        wait("some rows", lambda: len(box.lines(OUT.format("heap"))) > 0, 60)
        daemon.process.kill()
        daemon.process.wait()
        server.sql("UPDATE shop.heap SET ver = ver + 1 WHERE id <= 10", "DELETE FROM shop.heap WHERE id BETWEEN 100 AND 110")
    box.start("run", "shop.yaml", "--once").ends(0)
    server.sql("INSERT INTO shop.heap VALUES (70000, 7, 7)")
    box.start("run", "shop.yaml", "--once").ends(0)
    compare(box, server, "heap", is_strict=False)


def started(box):
    box.write("shop.yaml", shop_yaml(box.shared.port, source_more=source_more(chunk_rows=100)))
    daemon = box.start("run", "shop.yaml")
    daemon.says("streaming")
    return daemon


def ops(box, table, op):
    return [r for r in box.lines(OUT.format(table)) if r["op"] == op]


def case_tables_are_read_again_on_demand(box):
    server = box.shared
    fill(server, "t", "INT", "{}", 1000)
    daemon = started(box)
    writer = Writer(server, "t", str, 1000, pause=0.002)
    has(box.run("snapshot", "start", "shop", "shop.t", status=0).stdout, "order is taken")
    wait("all rows again", lambda: len(ops(box, "t", "r")) > 1900 and is_read(box, "t"))
    same(ops(box, "t", "t"), [])
    has(box.run("snapshot", "start", "shop", "shop.t", "--anew", status=0).stdout, "order is taken")
    wait("the truncate record", lambda: len(ops(box, "t", "t")) == 1 and is_read(box, "t"))
    writer.stop()
    has(box.run("snapshot", "start", "shop", "shop.none.such", status=1).both, "no table that is captured")
    has(box.run("snapshot", "start", "none", status=1).both, "no source")
    has(box.run("snapshot", "list", "shop", status=0).stdout, '"table":"shop.t","state":"read"')
    box.run("snapshot", "start", "shop", "shop.orders", "--where", "id = 2", status=0)
    wait("one row", lambda: [r["after"]["id"] for r in ops(box, "orders", "r")] == [1, 2, 3, 2])
    daemon.stop()
    box.run("snapshot", "start", "shop", "shop.orders", status=0)
    has(box.run("snapshot", "list", "shop", status=0).stdout, '"table":"shop.orders","state":"waiting"')
    box.start("run", "shop.yaml", "--once").ends(0)
    same(len(ops(box, "orders", "r")), 7)
    compare(box, server, "t", is_strict=False)


def case_a_snapshot_is_stopped(box):
    fill(box.shared, "t", "INT", "{}", 5000)
    box.write("shop.yaml", shop_yaml(box.shared.port, tables="[shop.t]", source_more=source_more(chunk_rows=100, snapshot_rows_per_second=500)))
    daemon = box.start("run", "shop.yaml")
    wait("some rows", lambda: len(ops(box, "t", "r")) > 100)
    has(box.run("snapshot", "list", "shop", status=0).stdout, '"state":"reading"')
    box.run("snapshot", "stop", "shop", status=0)
    wait("its end", lambda: is_read(box, "t"))
    box.shared.sql("UPDATE shop.t SET ver = 5 WHERE id = 4999")
    wait("the change", lambda: [r["after"]["id"] for r in ops(box, "t", "u")] == [4999])
    daemon.stop()
    same(len(ops(box, "t", "r")) < 4000, True)


def case_tables_that_are_altered_emptied_and_dropped_meanwhile(box):
    server = box.shared
    for name in "tuv":
        fill(server, name, "INT", "{}", 3000)
    box.write("shop.yaml", shop_yaml(server.port, source_more=source_more(chunk_rows=100, snapshot_rows_per_second=6000)))
    daemon = box.start("run", "shop.yaml")
    wait("some rows", lambda: len(ops(box, "t", "r")) > 100)
    server.sql("USE shop", "ALTER TABLE t ADD COLUMN more INT DEFAULT 5 FIRST", "UPDATE t SET ver = 2 WHERE id > 2990", "TRUNCATE TABLE u",
               "INSERT INTO u (id, ver, n) VALUES (7, 1, 1)", "DROP TABLE v", "DELETE FROM t WHERE id < 5")
    daemon.says("streaming")
    time.sleep(0.3)
    server.sql("USE shop", "CREATE TABLE v (id INT PRIMARY KEY, ver INT, n INT)", "INSERT INTO v SELECT seq, 1, seq FROM " + server.seq(1000),
               "UPDATE t SET ver = 3 WHERE id = 2000")
    wait("the last change", lambda: any(r["after"]["ver"] == 3 for r in ops(box, "t", "u")))
    daemon.stop()
    compare(box, server, "t", is_strict=False) # rows from before the ALTER have no such column
    box.start("run", "shop.yaml", "--once").ends(0)
    compare(box, server, "u", is_strict=False)
    compare(box, server, "v", is_strict=False)


def case_a_table_that_is_parked_meanwhile_begins_anew(box):
    """What was read of it before has lost the changes that were passed over."""
    server = box.server("--binlog_row_metadata=MINIMAL").start()
    server.user()
    server.sql("CREATE DATABASE shop DEFAULT CHARACTER SET utf8mb4")
    fill(server, "t", "INT", "{}", 3000, "DEFAULT CHARSET latin1")
    box.write("shop.yaml", shop_yaml(server.port, tables="[shop.t]", source_more=source_more(chunk_rows=100, snapshot_rows_per_second=2000)))
    daemon = box.start("run", "shop.yaml")
    wait("some rows", lambda: len(ops(box, "t", "r")) > 300)
    daemon.process.kill()
    daemon.process.wait()
    server.sql("USE shop", "ALTER TABLE t CONVERT TO CHARACTER SET DEFAULT", "UPDATE t SET ver = 7 WHERE id < 50", "DELETE FROM t WHERE id = 60",
               "ALTER TABLE t CHANGE pad text VARCHAR(70)")
    daemon = box.start("run", "shop.yaml")
    daemon.says("table shop.t is parked: ")
    daemon.says("table shop.t is parked no more")
    wait("the end of the snapshot", lambda: is_read(box, "t"), 60)
    server.sql("UPDATE shop.t SET ver = 9 WHERE id = 5")
    wait("the change", lambda: any(r["after"]["ver"] == 9 for r in ops(box, "t", "u")))
    daemon.stop()
    same(len(ops(box, "t", "t")), 1)
    compare(box, server, "t", "id, ver, n", is_strict=False)


def case_a_key_that_is_ordered_otherwise_begins_anew(box):
    """What is left by one collation is not what is left by another: 'B' is behind 'a', then before it."""
    server = box.shared
    fill(server, "t", "VARCHAR(20)", "CONCAT(IF({0} % 2, 'a', 'B'), LPAD({0}, 6, '0'))", 3000, "DEFAULT CHARSET utf8mb4 COLLATE utf8mb4_general_ci")
    box.write("shop.yaml", shop_yaml(server.port, tables="[shop.t]", source_more=source_more(chunk_rows=100, snapshot_rows_per_second=2000)))
    daemon = box.start("run", "shop.yaml")
    wait("some rows", lambda: len(ops(box, "t", "r")) > 300)
    daemon.process.kill()
    daemon.process.wait()
    server.sql("ALTER TABLE shop.t CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
    has(box.start("run", "shop.yaml", "--once").ends(0), "another order of it: its snapshot begins again")
    compare(box, server, "t", is_strict=False)


def case_orders_by_rows_of_a_table(box):
    server = box.shared
    server.sql("USE shop", "CREATE TABLE signals (id VARCHAR(42) PRIMARY KEY, type VARCHAR(32) NOT NULL, data VARCHAR(2048))")
    box.write("shop.yaml", shop_yaml(server.port, tables="[shop.orders, shop.items]", source_more=source_more(signals="shop.signals")))
    daemon = box.start("run", "shop.yaml")
    daemon.says("streaming")

    def signal(number, kind, **data):
        server.sql(f"INSERT INTO shop.signals VALUES ('{number}', '{kind}', '{json.dumps(data)}')")

    signal(1, "pause-snapshot")
    signal(2, "execute-snapshot", **{"data-collections": ["shop.ord*"], "type": "incremental"})
    server.sql("UPDATE shop.orders SET what = 'more' WHERE id = 3")
    wait("the change", lambda: len(ops(box, "orders", "u")) == 1)
    same(len(ops(box, "orders", "r")), 3)
    signal(3, "resume-snapshot")
    wait("the rows again", lambda: len(ops(box, "orders", "r")) == 6)
    signal(4, "execute-snapshot", **{"data-collections": ["shop.orders"], "anew": True})
    wait("the truncate record", lambda: len(ops(box, "orders", "t")) == 1 and len(ops(box, "orders", "r")) == 9)
    signal(5, "execute-snapshot", **{"data-collections": ["shop.orders"],
                                     "additional-conditions": [{"data-collection": "shop.orders", "filter": "id = 3"}]})
    wait("one row", lambda: len(ops(box, "orders", "r")) == 10)
    signal(6, "explode")
    daemon.says("signal 6 in shop.signals is passed over: there are execute-snapshot")
    signal(7, "execute-snapshot", **{"data-collections": ["shop.none"]})
    daemon.says("signal 7 in shop.signals is passed over: .*no table that is captured")
    signal(8, "execute-snapshot", **{"data-collections": ["shop.orders"], "additional-condition": "none = 3"})
    daemon.says('condition "none = 3" of the snapshot of table shop.orders is refused: .*none.*; it ends')
    signal(9, "execute-snapshot", **{"data-collections": ["shop.orders"], "additional-condition": "id = ) 3", "anew": True})
    daemon.says('condition "id = . 3" of the snapshot of table shop.orders is refused: .*; all of the table is read')
    wait("all rows", lambda: len(ops(box, "orders", "r")) == 13 and is_read(box, "orders"))
    daemon.stop()
    box.start("run", "shop.yaml", "--once").ends(0)
    same((len(ops(box, "orders", "r")), box.lines(OUT.format("signals"))), (13, []))


def case_only_the_rows(box):
    box.write("shop.yaml", shop_yaml(box.shared.port, source_more=source_more(snapshot="only", snapshot_where='{shop.orders: "id > 1"}')))
    box.start("run", "shop.yaml").ends(0)
    same(sorted(r["after"]["id"] for r in box.lines(OUT.format("orders"))), [2, 3])
    box.start("run", "shop.yaml").ends(0)
    same(len(box.lines(OUT.format("orders"))), 2)


def case_a_condition_of_the_config_that_is_wrong(box):
    for condition, is_good in (("none = 1", False), ("id > 1", True)):
        box.write("shop.yaml", shop_yaml(box.shared.port, source_more=source_more(snapshot="only", snapshot_where='{shop.orders: "%s"}' % condition)))
        told = box.start("run", "shop.yaml").ends(0 if is_good else 1)
        if not is_good:
            has(told, 'the condition "none = 1" of the snapshot of table shop.orders is refused: .*look at `snapshot_where`')
    same(sorted(r["after"]["id"] for r in box.lines(OUT.format("orders"))), [2, 3])


if __name__ == "__main__":
    kit.main()
