#!/usr/bin/env python3
"""Losses of the log in the middle of load, one after the other: files, a Redis list and a second MariaDB end with each change once."""
import json
import os
import random
import re
import shutil
import threading
import time

import kit
from kit import lacks, same, shop_yaml, wait

SINKS = """\
      archive:
        file: {{path: "out/{{topic}}.ndjson", format: debezium}}
        transforms: [{{drop: [pad]}}]
      live:
        redis: {{port: {redis}, as: list, key: "{{topic}}", format: debezium}}
        transforms: [{{drop: [pad]}}]
      history:
        mysql: {{host: 127.0.0.1, port: {port}, user: leat, password: water, database: history, mode: append, create: true}}
      copy:
        mysql: {{host: 127.0.0.1, port: {port}, user: leat, password: water, database: copy, create: true}}
"""


class Writers:
    """Transactions of all sizes, with updates, deletes and changed keys, until stop()."""

    def __init__(self, server, seed):
        self.server, self.random, self.is_over, self.next = server, random.Random(seed), False, 1000
        self.failure = None
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def statements(self):
        kind, first = self.random.randrange(6), self.next
        if kind < 3:
            self.next += 1
            return [f"INSERT INTO orders VALUES ({first}, 'x', REPEAT('p', 100))"]
        if kind == 3:
            count = self.random.choice([5, 200, 3000])
            self.next += count
            return ["BEGIN", f"INSERT INTO orders SELECT {first} + seq, 'many', REPEAT('p', 200) FROM seq_0_to_{count - 1}",
                    f"UPDATE orders SET what = CONCAT(what, '+') WHERE id BETWEEN {first - 20} AND {first + 20}", "COMMIT"]
        at = self.random.randrange(1000, first + 1)
        return [f"UPDATE orders SET id = -id WHERE id = {at}"] if kind == 4 else [f"DELETE FROM orders WHERE id = {at}"]

    def run(self):
        session = self.server.session("USE shop", "SET SESSION sql_mode = ''")
        try:
            while not self.is_over:
                session.run(*self.statements())
                time.sleep(self.random.random() * 0.01)
        except Exception as failure:  # told by stop()
            self.failure = failure
        session.close()

    def stop(self):
        self.is_over = True
        self.thread.join()
        if self.failure:
            raise self.failure
        self.server.sql("INSERT INTO shop.orders VALUES (999, 'last', '')")


def name(row):
    return (row["op"], (row["before"] or {}).get("id"), (row["after"] or {}).get("id"), (row["after"] or {}).get("what"))


def of_file(box):
    return [name(r) for r in box.lines("out/shop.orders.ndjson")]


def of_redis(box):
    return [name(json.loads(row)) for row in box.redis_server.ask("LRANGE", "shop.orders", 0, -1)]


def lose(box, rounds):
    """By turns the logs and the whole directory."""
    for number in range(rounds):
        daemon = box.start("run", "shop.yaml")
        daemon.says("shop.copy: mysql")
        time.sleep(box.random.random() * 0.8)
        daemon.process.kill()
        daemon.ends(-9)
        if number % 3 == 2:
            continue  # killed, and nothing lost: it may be passing over what is there
        shutil.rmtree(box.path("leat-data", *([] if number % 2 else ["logs"])))
        box.run("recover", "shop", "--from-sinks", "-f", "shop.yaml", status=0, seconds=60)


def case_losses_in_the_middle_of_load(box, rounds=20, seed=None):
    seed = seed or random.randrange(1 << 30)
    print(f"seed {seed}, {rounds} rounds", flush=True)
    box.random = random.Random(seed)
    box.target = box.server().start()
    box.target.sql("CREATE DATABASE history", "CREATE DATABASE copy", "CREATE USER leat@'%' IDENTIFIED BY 'water'",
                   "GRANT ALL ON *.* TO leat@'%'")
    box.redis_server = box.redis()
    box.shared.sql("DROP DATABASE IF EXISTS shop", "CREATE DATABASE shop", "USE shop",
                   "CREATE TABLE orders (id INT PRIMARY KEY, what VARCHAR(200), pad VARCHAR(300))",
                   "INSERT INTO orders VALUES (1, 'a', ''), (2, 'b', '')")
    box.write("shop.yaml", shop_yaml(box.shared.port, sinks=SINKS.format(redis=box.redis_server.port, port=box.target.port)))
    daemon = box.start("run", "shop.yaml")
    daemon.says("streaming")
    box.shared.sql("INSERT INTO shop.orders VALUES (3, 'c', '')")
    wait("the first change", lambda: box.target.sql("SELECT COUNT(*) FROM copy.orders") == "3" and len(of_file(box)) == 3
         and len(of_redis(box)) == 3)
    daemon.stop()
    writers = Writers(box.shared, seed)
    try:
        lose(box, rounds)
    finally:
        writers.stop()
    daemon = box.start("run", "shop.yaml")
    last = ("c", None, 999, "last")
    wait("the last row everywhere", lambda: last in of_file(box)[-1:] and last in of_redis(box)[-1:] and
         box.target.sql("SELECT COUNT(*) FROM copy.orders WHERE id = 999") == "1", 120)
    daemon.stop()
    compare(box)
    passed = [int(n) for one in box.daemons for n in re.findall(r"has passed over (\d+) records? that", one.log())]
    print(f"{len(of_file(box))} changes, {len(passed)} times passed over, {sum(n > 1 for n in passed)} of them more than one record", flush=True)
    for one in box.daemons[1:]:
        lacks(one.log(), "snapshot shop")


def compare(box):
    file, live = of_file(box), of_redis(box)
    same(len(file), len(live), "changes in the file, and in redis")
    same([(at, a, b) for at, (a, b) in enumerate(zip(file, live)) if a != b][:3], [], "differences of file and redis")
    table = {}
    for op, before, after, what in file:  # replayed: inserts of what is not there, updates and deletes of what is
        same((op, before in table if before else None, after in table if after and after != before else None),
             (op, True if before else None, False if after and after != before else None), f"{op} {before} {after}")
        if before is not None:
            del table[before]
        if after is not None:
            table[after] = what
    rows = dict(line.split("\t") for line in box.shared.sql("SELECT id, what FROM shop.orders").splitlines())
    same({str(k): v for k, v in table.items()} == rows, True, "the file, replayed, is the table")
    copied = box.target.sql("SELECT id, what, pad FROM copy.orders ORDER BY id")
    same(copied == box.shared.sql("SELECT id, what, pad FROM shop.orders ORDER BY id"), True, "the copy is the table")
    same(int(box.target.sql("SELECT COUNT(*) FROM history.orders")), len(file), "rows of the history")


if __name__ == "__main__":
    kit.main()
