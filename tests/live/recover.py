#!/usr/bin/env python3
"""The data directory is lost: `leat recover --from-sinks` begins the log anew where the targets are, each change once."""
import json
import os
import shutil

import kit
from kit import has, lacks, same, shop_yaml, wait

SINKS = """\
      archive:
        file: {{path: "out/{{topic}}.ndjson", format: debezium}}
      live:
        redis: {{port: {redis}, as: list, key: "{{topic}}", format: debezium}}
"""
FILE = "out/shop.orders.ndjson"


def begin(box, rows=3):
    """A server, a Redis, and a pipeline between that has taken its snapshot and runs."""
    box.db = box.shared
    box.db.shop(rows)
    box.redis_server = box.redis()
    box.write("shop.yaml", shop_yaml(box.db.port, sinks=SINKS.format(redis=box.redis_server.port)))
    daemon = box.start("run", "shop.yaml")
    daemon.says("streaming")
    return daemon


def add(box, first, last):
    """Single rows, a transaction of many, updates, a delete, a changed key: `last` tells that all is there."""
    rows = ", ".join(f"({i}, 'x')" for i in range(first + 10, last))
    box.db.sql("USE shop", *[f"INSERT INTO orders VALUES ({i}, 'x')" for i in range(first, first + 10)],
               "BEGIN", f"INSERT INTO orders VALUES {rows}", f"UPDATE orders SET what = 'y' WHERE id >= {first} AND id < {first + 5}",
               f"UPDATE items SET what = 'y'", "COMMIT",
               f"UPDATE orders SET id = {first + 100000} WHERE id = {first + 1}", f"DELETE FROM orders WHERE id = {first + 2}",
               f"INSERT INTO orders VALUES ({last}, 'x')")


def of_file(box):
    return [(r["op"], (r["before"] or {}).get("id"), (r["after"] or {}).get("id")) for r in box.lines(FILE)]


def of_redis(box):
    rows = map(json.loads, box.redis_server.ask("LRANGE", "shop.orders", 0, -1))
    return [(r["op"], (r["before"] or {}).get("id"), (r["after"] or {}).get("id")) for r in rows]


def both_have(box, last):
    wait(f"row {last} in both targets", lambda: ("c", None, last) in of_file(box) and ("c", None, last) in of_redis(box))


def all_once(box, more):
    """Both targets have the same, and it is what the binary log holds, each change once and in order."""
    wanted = [("r", None, i) for i in (1, 2, 3)]
    for first, last in more:
        wanted += [("c", None, i) for i in range(first, first + 10)] + [("c", None, i) for i in range(first + 10, last)]
        wanted += [("u", i, i) for i in range(first, first + 5)]
        wanted += [("d", first + 1, None), ("c", None, first + 100000), ("d", first + 2, None), ("c", None, last)]
    same(of_file(box), wanted, "in the file")
    same(of_redis(box), wanted, "in redis")


def case_the_data_directory_is_lost(box):
    daemon = begin(box)
    add(box, 100, 150)
    both_have(box, 150)
    daemon.stop()
    add(box, 200, 250)
    shutil.rmtree(box.path("leat-data"))
    said = box.run("recover", "shop", "--from-sinks", "-f", "shop.yaml", "--dry-run", "--again", "shop.live,shop.archive", status=1)
    has(said.both, "no target of pipeline shop holds an origin") # both are left out
    said = box.run("recover", "shop", "--from-sinks", "-f", "shop.yaml", "--dry-run", "--again", "shop.live,shop.none", status=1)
    has(said.both, 'has no sink "shop.none"')
    said = box.run("recover", "shop", "--from-sinks", "-f", "shop.yaml", "--again", "shop.live", "--again", "shop.archive", status=2)
    has(said.both, "name the sinks in one")
    dry = box.run("recover", "shop", "--from-sinks", "-f", "shop.yaml", "--dry-run", status=0)
    has(dry.stdout, "a new log, from the event at", "shop.archive shop/0: mark .*written by leat on", '"op":"c"', "nothing was written")
    same(os.path.exists(box.path("leat-data", "logs", "shop")), False, "a log after --dry-run")
    has(box.run("recover", "shop", "--from-sinks", "-f", "shop.yaml", status=0).stdout, "goes on behind it", "logs/shop is there")
    has(box.run("recover", "shop", "--from-sinks", "-f", "shop.yaml", status=1).both, "logs/shop is there", "leat log salvage")
    daemon = box.start("run", "shop.yaml")
    both_have(box, 250)
    has(box.run("recover", "shop", "--from-sinks", "-f", "shop.yaml", status=4).both, "in use")
    add(box, 300, 350)
    both_have(box, 350)
    all_once(box, [(100, 150), (200, 250), (300, 350)])
    lacks(daemon.log(), "snapshot shop", "came after the snapshot")
    daemon.stop()
    box.start("run", "shop.yaml", "--once").ends(0)
    all_once(box, [(100, 150), (200, 250), (300, 350)])


def kill_with_sinks_apart(box, daemon):
    """redis holds what it has while the file goes on; then the daemon is killed in the middle of load."""
    box.run("pause", "shop.live", status=0)
    wait("the pause", lambda: box.status()["shop.live"]["state"] == "paused")
    add(box, 200, 250)
    wait("the file to be ahead", lambda: ("c", None, 250) in of_file(box))
    size = len(of_file(box))
    box.db.sql("USE shop", *[f"INSERT INTO orders VALUES ({i}, 'x')" for i in range(1000, 1500)])
    wait("more in the file", lambda: len(of_file(box)) > size)
    daemon.process.kill()
    daemon.ends(-9)


def case_killed_with_the_sinks_at_different_places(box):
    """Only the logs are lost; and again and again while the sinks pass over what they have."""
    daemon = begin(box)
    add(box, 100, 150)
    both_have(box, 150)
    kill_with_sinks_apart(box, daemon)
    for _ in range(2):
        shutil.rmtree(box.path("leat-data", "logs"))
        box.db.sql("FLUSH BINARY LOGS")
        said = box.run("recover", "shop", "--from-sinks", "-f", "shop.yaml", status=0).stdout
        for _ in range(3):
            daemon = box.start("run", "shop.yaml")
            daemon.says("shop.archive: file")
            daemon.process.kill()
            daemon.ends(-9)
    same(len(set(line for line in said.splitlines() if "origin {" in line)), 2, "origins that differ")
    daemon = box.start("run", "shop.yaml")
    wait("the daemon", lambda: box.status(None))
    box.run("resume", "shop.live", status=0)
    add(box, 300, 350)
    both_have(box, 350)
    wanted = of_file(box)
    same([r for r in wanted if r[0] == "c" and 1000 <= r[2] < 1500], [("c", None, i) for i in range(1000, 1500)], "in the file")
    same(of_redis(box), wanted, "in redis")
    same(len(wanted), len(set(wanted)), "changes that are different")
    lacks(daemon.log(), "snapshot shop", "came after the snapshot")


def case_a_lost_log_right_behind_a_snapshot(box):
    """No change came yet: the last row of the snapshot says that all of it is there."""
    box.shared.sql("DROP DATABASE IF EXISTS shop", "CREATE DATABASE shop", "USE shop",
                   "CREATE TABLE orders (id INT PRIMARY KEY, what VARCHAR(40))", "INSERT INTO orders VALUES (1, 'a'), (2, 'b'), (3, 'c')")
    box.db, box.redis_server = box.shared, box.redis()
    box.write("shop.yaml", shop_yaml(box.db.port, sinks=SINKS.format(redis=box.redis_server.port)))
    daemon = box.start("run", "shop.yaml")
    daemon.says("streaming")
    wait("the snapshot", lambda: len(of_file(box)) == 3 and len(of_redis(box)) == 3)
    daemon.stop()
    shutil.rmtree(box.path("leat-data"))
    box.db.sql("INSERT INTO shop.orders VALUES (4, 'd')")
    has(box.run("recover", "shop", "--from-sinks", "-f", "shop.yaml", status=0).stdout, "where the snapshot was taken")
    daemon = box.start("run", "shop.yaml")
    both_have(box, 4)
    same(of_file(box), [("r", None, 1), ("r", None, 2), ("r", None, 3), ("c", None, 4)])
    same(of_redis(box), of_file(box))
    lacks(daemon.log(), "snapshot shop")


def case_what_lies_before_the_origin_in_its_file_is_not_looked_at(box):
    """Tables that looked otherwise, and a statement that could not be captured."""
    box.shared.sql("FLUSH BINARY LOGS")
    daemon = begin(box)
    box.db.sql("USE shop", "CREATE TABLE old (id INT PRIMARY KEY, a INT, gone INT)", "INSERT INTO old VALUES (1, 1, 1)",
               "INSERT INTO items VALUES (1, 'x')", "ALTER TABLE items ADD COLUMN more INT FIRST", "ALTER TABLE old DROP COLUMN gone")
    wait("the rows", lambda: box.lines("out/shop.items.ndjson") and box.lines("out/shop.old.ndjson"))
    box.db.sql("USE shop", "SET SESSION binlog_format = STATEMENT", "UPDATE orders SET what = 'z' WHERE id = 1")
    daemon.says("is logged as a statement")
    daemon.stop(1)
    box.run("offsets", "reset", "shop", status=0)
    daemon = box.start("run", "shop.yaml")
    daemon.says("streaming")
    box.db.sql("INSERT INTO shop.orders VALUES (50, 'a')")
    both_have(box, 50)
    daemon.stop()
    shutil.rmtree(box.path("leat-data"))
    box.db.sql("INSERT INTO shop.orders VALUES (51, 'b')", "INSERT INTO shop.old VALUES (2, 2)", "INSERT INTO shop.items VALUES (7, 2, 'y')")
    box.run("recover", "shop", "--from-sinks", "-f", "shop.yaml", status=0)
    daemon = box.start("run", "shop.yaml")
    both_have(box, 51)
    wait("rows of the changed tables", lambda: [r["after"] for r in box.lines("out/shop.old.ndjson")][-1:] == [{"id": 2, "a": 2}]
         and [r["after"] for r in box.lines("out/shop.items.ndjson")][-1:] == [{"more": 7, "id": 2, "what": "y"}])
    same([r for r in of_file(box) if r[2] in (50, 51)], [("c", None, 50), ("c", None, 51)])


def case_what_cannot_be_recovered_is_said(box):
    """A snapshot that is not whole begins anew; a purged binary log, and one that begins anew, are told."""
    box.own = box.server("--log-bin=bin").start()
    box.own.user()
    box.shared, shared = box.own, box.shared
    daemon = begin(box)
    add(box, 100, 150)
    both_have(box, 150)
    daemon.stop()
    shutil.rmtree(box.path("leat-data"))
    box.own.sql("FLUSH BINARY LOGS", "FLUSH BINARY LOGS")
    newest = box.own.sql("SHOW MASTER STATUS").split()[0]
    wait("the purge", lambda: len(box.own.sql(f"PURGE BINARY LOGS TO '{newest}'", "SHOW BINARY LOGS").splitlines()) == 1)
    said = box.run("recover", "shop", "--from-sinks", "-f", "shop.yaml", status=1)
    has(said.both, "cannot be read from bin.00000", "Could not find target log", "shop.live|shop.archive")
    box.own.sql("RESET MASTER", "USE shop", *[f"INSERT INTO orders VALUES ({i}, 'other')" for i in range(500, 600)])
    said = box.run("recover", "shop", "--from-sinks", "-f", "shop.yaml", status=1)
    has(said.both, "another transaction is there|no change begins there|cannot be read from")
    same(os.path.exists(box.path("leat-data", "logs", "shop")), False, "a log")
    box.shared = shared

if __name__ == "__main__":
    kit.main()
