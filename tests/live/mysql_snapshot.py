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


if __name__ == "__main__":
    kit.main()
