#!/usr/bin/env python3
"""The mysql sink on a real MariaDB, and with --server mysql on MySQL 8.0: what arrives, what is refused, who may write, and what an interrupted COMMIT becomes."""
import re
import socket
import subprocess
import threading
import time

import kit
from column_types import COLUMNS, row_sql
from kit import has, lacks, same, wait

WRITER_GRANTS = "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER ON copy.* TO writer@'%'"


def sink(port, more="", name="copy"):
    return f"""\
      {name}:
        mysql: {{host: 127.0.0.1, port: {port}, user: writer, password: water, database: copy{more}}}
"""


def yaml(box, more="", tail="", name="shop.yaml", **options):
    box.shared.sql("CREATE DATABASE IF NOT EXISTS copy")
    box.shared.user("writer", WRITER_GRANTS)
    box.write(name, kit.shop_yaml(box.shared.port, sinks=sink(box.shared.port, more) + tail, **options))


def fresh(box):
    box.shared.sql("DROP DATABASE IF EXISTS copy", "CREATE DATABASE copy")


def checksum(box, table):
    first, second = [line.split("\t")[1] for line in
                     box.shared.sql(f"CHECKSUM TABLE shop.{table}, copy.{table}").split("\n")]
    if first == "NULL" or first != second:
        diff = box.shared.sql(f"SELECT COUNT(*) FROM shop.{table}", f"SELECT COUNT(*) FROM copy.{table}")
        raise kit.Wrong(f"CHECKSUM of {table}: {first} and {second}; rows: {diff!r}")


def clone(box, table):
    """The same definition in the target, charsets and all."""
    box.shared.sql(f"CREATE TABLE copy.{table} LIKE shop.{table}")


def case_every_type(box):
    """A snapshot, inserts, updates and deletes of the types table: the tables are the same, to the byte."""
    fresh(box)
    names = [name for name in COLUMNS if box.shared.is_mariadb or name not in ("uu", "ip6")]
    definition = "(id INT PRIMARY KEY, " + ", ".join(f"{n} {COLUMNS[n][0]}" for n in names) + ")"
    plain = definition.replace("id INT PRIMARY KEY", "id INT")
    zone = "SET time_zone = '+00:00'"
    tables = ("one", "two", "three", "four")

    def more(table): # so many rows that they are bound as arrays
        columns = ", ".join(names)
        return f"INSERT INTO {table} (id, {columns}) SELECT id + 10 * seq, {columns} FROM {table}, {box.shared.seq(9)} WHERE id < 4"

    for table in tables:
        box.shared.sql("USE shop", f"CREATE TABLE {table} {plain if table == 'four' else definition}")
    for table in ("one", "two", "four"): # three is made by the sink
        clone(box, table)
    box.shared.sql("USE shop", zone, *[row_sql("one", row, names) for row in range(4)], more("one"))
    yaml(box, ", create: true")
    daemon = box.start("run", "shop.yaml")
    daemon.says("streaming")
    for table in tables[1:]:
        box.shared.sql("USE shop", zone, *[row_sql(table, row, names) for row in range(4)], more(table))
        box.shared.sql(f"UPDATE shop.{table} SET t1 = IF(t1 = 1, 2, 1), v1 = CONCAT(v1, '') WHERE id < 2",
                       f"DELETE FROM shop.{table} WHERE id = 2", f"UPDATE shop.{table} SET id = 9 WHERE id = 3")
    box.shared.sql("INSERT INTO shop.orders VALUES (99, 'the last one')")
    wait("the last row", lambda: box.shared.sql("SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'copy' AND "
                                                "table_name = 'orders'") == "1"
         and box.shared.sql("SELECT COUNT(*) FROM copy.orders WHERE id = 99") == "1")
    daemon.stop()
    for table in ("one", "two", "four"):
        checksum(box, table)
    for column in ["id", *names]:
        same(box.shared.sql(f"SELECT {column} FROM copy.three ORDER BY id"), box.shared.sql(f"SELECT {column} FROM shop.three "
                                                                                      "ORDER BY id"), column)


def case_zero_dates(box):
    fresh(box)
    box.shared.sql("SET sql_mode = ''", "USE shop", "CREATE TABLE zero (id INT PRIMARY KEY, a DATE, b DATETIME, c TIMESTAMP NULL, "
                   "d DATE NOT NULL, e DATETIME(6) NOT NULL)",
                   "INSERT INTO zero VALUES (1, '0000-00-00', '0000-00-00', 0, '2026-00-00', '0000-00-00')")
    clone(box, "zero")
    yaml(box, ", create: true")
    box.run("run", "--once", "shop.yaml", status=0)
    checksum(box, "zero")
    checksum(box, "orders")


def case_keys_and_order(box):
    """What happens to one key within one batch: the last one counts; unique values that wander; keys of text."""
    fresh(box)
    box.shared.sql("USE shop", "CREATE TABLE u (id INT PRIMARY KEY, a VARCHAR(9), UNIQUE (a))",
                   "CREATE TABLE t (name VARCHAR(20) COLLATE utf8mb4_general_ci PRIMARY KEY, n INT)",
                   "CREATE TABLE p (x INT, y VARCHAR(9), n INT, PRIMARY KEY (x, y))",
                   "CREATE TABLE k (a INT, b FLOAT, c TEXT)")
    for table in ("u", "t", "p", "k", "orders"):
        clone(box, table)
    yaml(box)
    box.run("run", "--once", "shop.yaml", status=0)
    box.shared.sql(
        "USE shop", "INSERT INTO u VALUES (1, 'x'), (2, 'y'), (3, 'z')", "UPDATE u SET a = NULL WHERE id = 1",
        "UPDATE u SET a = 'x' WHERE id = 2", "UPDATE u SET a = 'y' WHERE id = 1", "DELETE FROM u WHERE id = 3",
        "INSERT INTO u VALUES (4, 'z')", "UPDATE u SET id = 7 WHERE id = 4",
        "INSERT INTO t VALUES ('a', 1), ('z', 1)", "DELETE FROM t WHERE name = 'a'", "INSERT INTO t VALUES ('A', 2)",
        "UPDATE t SET name = 'Z' WHERE name = 'z'",
        "INSERT INTO p VALUES (1, 'a', 1), (1, 'b', 1), (2, 'a', 1)", "DELETE FROM p WHERE n = 1 AND y = 'a'",
        "UPDATE p SET x = 5", "INSERT INTO k VALUES (1, 0.1, 'a'), (1, 0.1, 'a'), (1, 0.1, 'A'), (2, NULL, NULL)",
        "UPDATE k SET a = 3 WHERE c = 'A' LIMIT 1", "DELETE FROM k WHERE a = 1 LIMIT 1", "UPDATE k SET b = -0.25 WHERE a = 2",
        "DELETE FROM orders WHERE id = 1", "INSERT INTO orders VALUES (1, 'again')", "UPDATE orders SET what = 'once more' "
        "WHERE id = 1", "DELETE FROM orders WHERE id = 2", "INSERT INTO orders VALUES (50, 'x')", "DELETE FROM orders WHERE id = "
        "50", "TRUNCATE TABLE orders", "INSERT INTO orders VALUES (1, 'third')")
    box.run("run", "--once", "shop.yaml", status=0)
    for table in ("u", "t", "p", "k", "orders"):
        checksum(box, table)


def case_a_foreign_unique_value_is_refused(box):
    """A row of the target's own holds the unique value: its row is not overwritten, the record is named."""
    fresh(box)
    box.shared.sql("USE shop", "CREATE TABLE u (id INT PRIMARY KEY, a VARCHAR(9), UNIQUE (a))")
    clone(box, "u")
    box.shared.sql("INSERT INTO copy.u VALUES (77, 'x')")
    yaml(box, ", create: true")
    box.run("run", "--once", "shop.yaml", status=0)
    box.shared.sql("INSERT INTO shop.u VALUES (1, 'x')")
    done = box.run("run", "--once", "shop.yaml", status=1)
    has(done.both, "table u")
    same(box.shared.sql("SELECT id, a FROM copy.u"), "77\tx", "the row of the target's own")


def case_columns_that_are_absent_stay(box):
    fresh(box)
    clone(box, "orders")
    box.shared.sql("ALTER TABLE copy.orders ADD COLUMN note VARCHAR(9) DEFAULT 'mine'")
    yaml(box, ", create: true")
    box.run("run", "--once", "shop.yaml", status=0)
    box.shared.sql("UPDATE copy.orders SET note = CONCAT('n', id)", "SET SESSION binlog_row_image = 'MINIMAL'",
                   "UPDATE shop.orders SET what = 'new' WHERE id = 2", "UPDATE shop.orders SET id = 30 WHERE id = 3",
                   "DELETE FROM shop.orders WHERE id = 1")
    box.run("run", "--once", "shop.yaml", status=0)
    same(box.shared.sql("SELECT id, what, note FROM copy.orders WHERE id = 2"), "2\tnew\tn2", "a row")


def case_tables_follow(box):
    """Tables are made and columns added while it runs; without create: true the statement is named."""
    fresh(box)
    yaml(box)
    done = box.run("run", "--once", "shop.yaml", status=1)
    has(done.both, r"there is no table `copy`\.`(orders|items)`; run: CREATE TABLE IF NOT EXISTS .*; or set create: true")
    yaml(box, ", create: true")
    box.run("run", "--once", "shop.yaml", status=0)
    checksum(box, "orders")
    box.shared.sql("ALTER TABLE shop.orders ADD COLUMN amount DECIMAL(6,2), ADD COLUMN day DATE",
                   "INSERT INTO shop.orders VALUES (10, 'x', -1.25, '2026-02-28')",
                   "CREATE TABLE shop.plain (a INT, b VARCHAR(20))", "INSERT INTO shop.plain VALUES (1, 'x'), (1, 'x')")
    box.run("run", "--once", "shop.yaml", status=0)
    same(box.shared.sql("SELECT * FROM copy.orders WHERE id = 10"), "10\tx\t-1.25\t2026-02-28", "the row")
    same(box.shared.sql("SELECT * FROM copy.plain"), "1\tx\n1\tx", "a table without a key")
    same(box.shared.sql("SELECT COUNT(*) FROM copy.leat_marks WHERE ddl_intent IS NOT NULL"), "0", "intents")


def case_append(box):
    fresh(box)
    yaml(box, ", create: true, mode: append")
    box.run("run", "--once", "shop.yaml", status=0)
    box.shared.sql("UPDATE shop.orders SET what = 'new' WHERE id = 2", "DELETE FROM shop.orders WHERE id = 2")
    box.run("run", "--once", "shop.yaml", status=0)
    same(box.shared.sql("SELECT _op, _topic, id, what FROM copy.orders ORDER BY _offset"),
         "r\tshop.orders\t1\torder 1\nr\tshop.orders\t2\torder 2\nr\tshop.orders\t3\torder 3\nu\tshop.orders\t2\tnew\n"
         "d\tshop.orders\t2\tnew", "rows")


def case_refused_records_become_dead_letters(box):
    """Too long, out of range, doubled, CHECK: each of them alone, found in the middle of a batch."""
    fresh(box)
    box.shared.sql("USE shop", "CREATE TABLE c (id INT PRIMARY KEY, a VARCHAR(9), n INT)")
    box.shared.sql("CREATE TABLE copy.c (id INT PRIMARY KEY, a VARCHAR(5), n TINYINT CHECK (n <> 7), UNIQUE (a))")
    box.shared.sql("USE shop", *[f"INSERT INTO c VALUES ({i}, 'v{i}', 1)" for i in range(40)], "UPDATE c SET a = 'v8' WHERE id "
                   "= 9", "UPDATE c SET n = 1000 WHERE id = 11", "UPDATE c SET a = 'too long' WHERE id = 20",
                   "UPDATE c SET n = 7 WHERE id = 39")
    yaml(box, ", create: true", tail='        errors: {policy: dead_letter}\n')
    done = box.run("run", "--once", "shop.yaml", status=0)
    same(box.shared.sql("SELECT GROUP_CONCAT(id ORDER BY id) FROM copy.c"),
         ",".join(str(i) for i in range(40) if i not in (9, 11, 20, 39)), f"delivered\n{done.both[-3000:]}")


def case_fencing(box):
    """Two data directories of one config: the one that starts last writes, the other stops with status 6 and says by whom."""
    fresh(box)
    yaml(box, ", create: true")
    first = box.start("run", "shop.yaml")
    wait("the copy", lambda: box.shared.sql("SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'copy' AND "
                                            "table_name = 'orders'") == "1"
         and box.shared.sql("SELECT COUNT(*) FROM copy.orders") == "3")
    first.says("streaming")
    first.process.send_signal(19) # frozen; its clone goes on
    subprocess.run(["cp", "-a", box.path("leat-data"), box.path("clone")], check=True)
    # not the same replica number: MariaDB 10.11 now and then crashes while it throws the older reader out
    box.write("clone.yaml", box.read("shop.yaml").replace("./leat-data", "./clone").replace("        tables:", "        server_id: "
                                                                                           "77\n        tables:"))
    box.shared.sql("INSERT INTO shop.orders VALUES (10, 'ten')")
    box.run("run", "--once", "clone.yaml", status=0)
    same(box.shared.sql("SELECT COUNT(*) FROM copy.orders WHERE id = 10"), "1", "the clone's row")
    box.shared.sql("UPDATE shop.orders SET what = 'later' WHERE id = 10")
    first.process.send_signal(18)
    first.says("claimed by another instance")
    text = first.ends(6)
    has(text, r"was claimed by another instance: \S+, process \d+, start [0-9a-f]+, at 20")
    same(box.shared.sql("SELECT what FROM copy.orders WHERE id = 10"), "ten", "nothing of the fenced one")
    box.run("run", "--once", "clone.yaml", status=0)
    checksum(box, "orders")


def case_a_clone_that_is_behind(box):
    """Its log ends before the mark in the target: it stops, and does not stop the one who wrote that."""
    fresh(box)
    box.shared.user("writer", WRITER_GRANTS)
    box.write("toy.yaml", f"""\
data: ./toy
pipelines:
  toys:
    source:
      toy: {{count: 100000, rate: 1000, topics: 1}}
    sinks:
      heap:
        mysql: {{host: 127.0.0.1, port: {box.shared.port}, user: writer, password: water, database: copy, mode: append, create: true}}
""")
    def count():
        tables = box.shared.sql("SELECT table_name FROM information_schema.tables WHERE table_schema = 'copy' AND "
                                "table_name <> 'leat_marks'").split()
        return int(box.shared.sql(f"SELECT COUNT(*) FROM copy.`{tables[0]}`")) if tables else 0
    first = box.start("run", "toy.yaml")
    wait("rows", lambda: count() > 100)
    first.stop()
    subprocess.run(["cp", "-a", box.path("toy"), box.path("toy2")], check=True)
    box.write("clone.yaml", box.read("toy.yaml").replace("./toy", "./toy2").replace("rate: 1000", "rate: 1"))
    before, first = count(), box.start("run", "toy.yaml")
    wait("more rows", lambda: count() > before + 1000)
    second = box.start("run", "clone.yaml")
    has(second.ends(6), rf"ahead of the log, written by \S+, process {first.pid}, ")
    before = count()
    wait("the first goes on", lambda: count() > before + 500)
    lacks(first.stop(), "another instance")


def case_superseded_at_rest(box):
    """Who was superseded and then loses its connection, or has nothing to write, does not claim the target back: it is fenced."""
    fresh(box)
    yaml(box, ", create: true")
    first = box.start("run", "shop.yaml")
    first.says("streaming")
    wait("the copy", lambda: box.shared.sql("SELECT COUNT(*) FROM copy.leat_marks WHERE mark IS NOT NULL") == "1")
    number = box.shared.sql("SELECT id FROM information_schema.processlist WHERE user = 'writer'")
    box.shared.sql("UPDATE copy.leat_marks SET owner_epoch = owner_epoch + 1, owner = 'elsewhere, process 1, start 2'", f"KILL {number}")
    first.says("was claimed by another instance: elsewhere, process 1, start 2")
    first.stop(6)
    second = box.start("run", "shop.yaml") # a start claims
    second.says("streaming")
    wait("the claim", lambda: box.shared.sql("SELECT owner_epoch FROM copy.leat_marks") == "3")
    box.shared.sql("UPDATE copy.leat_marks SET owner_epoch = owner_epoch + 1, owner = 'elsewhere, process 1, start 2'")
    second.says("was claimed by another instance: elsewhere, process 1, start 2") # without any record
    second.stop(6)


def lanes(count):
    """The end of a sink's definition."""
    return f"        parallel: {count}\n" if count > 1 else ""


def kill(daemon):
    daemon.process.kill()
    daemon.process.wait()


def stuck_lane(box, connector, split, change):
    """A daemon whose lane is held up at its mark, while the others do all of `change`; then it is killed."""
    # not the same replica number: MariaDB 10.11 now and then crashes while it throws the older reader out
    box.write("shop.yaml", re.sub(r"server_id: \d+", f"server_id: {100 + len(box.daemons)}", box.read("shop.yaml")))
    daemon = box.start("run", "shop.yaml")
    daemon.says("streaming")
    where = f"connector = 'shop.{connector}' AND split = '{split}'"
    wait("the lane's mark", lambda: box.shared.sql(f"SELECT owner_epoch FROM copy.leat_marks WHERE {where}"))
    holder = box.shared.session("BEGIN", f"SELECT 1 FROM copy.leat_marks WHERE {where} FOR UPDATE")
    marks = f"SELECT split, sequence FROM copy.leat_marks WHERE connector = 'shop.{connector}' AND split <> '{split}'"
    before = box.shared.sql(marks)
    change()
    wait("all other lanes", lambda: all(line not in before.split("\n") for line in box.shared.sql(marks).split("\n")))
    time.sleep(0.3) # they may go on, and need not
    kill(daemon)
    holder.close()
    return daemon.log()


def case_lanes(box):
    """1 -> 3 -> 2 -> 4 -> 1 lanes, killed while one of them is far behind: each record is in the append table once, and the tables
    are equal."""
    fresh(box)
    box.shared.sql("USE shop", "CREATE TABLE u (id INT PRIMARY KEY, a VARCHAR(9), UNIQUE (a))", "CREATE TABLE heap (id INT PRIMARY "
                   "KEY, n INT)")
    clone(box, "u")
    number = 0

    def change():
        nonlocal number
        number += 1
        low = 1000 * number
        box.shared.sql("USE shop", f"INSERT INTO heap SELECT {low} + seq, {number} FROM {box.shared.seq(300)}",
                       f"UPDATE heap SET n = n + 1 WHERE id > {low} AND id % 3 = 0", f"DELETE FROM heap WHERE id % 7 = {number}",
                       f"INSERT INTO u SELECT {low} + seq, CONCAT('v', {low} + seq) FROM {box.shared.seq(20)}")

    def write(count):
        box.shared.user("writer", WRITER_GRANTS)
        both = [sink(box.shared.port, ", create: true", "copy"),
                sink(box.shared.port, ', create: true, mode: append, table: "all_{table}"', "all")]
        box.write("shop.yaml", kit.shop_yaml(box.shared.port, sinks="".join(one + lanes(count) for one in both),
                                             source_more=f"        server_id: {200 + count}\n"))

    write(1)
    change()
    box.run("run", "--once", "shop.yaml", status=0)
    write(3)
    stuck_lane(box, "copy", "shop/1of3", change)
    stuck_lane(box, "all", "shop/2of3", change)
    write(2)
    text = stuck_lane(box, "all", "shop/0of2", change)
    has(text, r"the marks of 3 lanes in shop/ become those of 2; what the furthest lane has written is left out")
    same(box.shared.sql("SELECT DISTINCT COUNT(*) > 0 FROM copy.leat_marks WHERE split LIKE '%of3'"), "0", "old marks")
    write(4)
    stuck_lane(box, "all", "shop/3of4", change)
    write(1)
    box.run("run", "--once", "shop.yaml", status=0)
    for table in ("u", "heap", "orders"):
        checksum(box, table)
    counts = box.shared.sql("SELECT COUNT(*), COUNT(DISTINCT _offset), MAX(_offset) + 1 FROM copy.all_heap").split("\t")
    if len(set(counts)) != 1:
        raise kit.Wrong(f"rows, offsets, records of the append table: {counts}")
    same(box.shared.sql("SELECT split, written FROM copy.leat_marks"), "shop/0\tNULL\nshop/0\tNULL", "marks")


def case_lanes_meet(box):
    """Three lanes: a truncate waits for all of them, unique values wander between their keys, columns come while they write, and a
    record that is really refused is found."""
    fresh(box)
    box.shared.sql("USE shop", "CREATE TABLE u (id INT PRIMARY KEY, a VARCHAR(9), UNIQUE (a))", "CREATE TABLE t (id INT PRIMARY KEY, "
                   "n INT)")
    clone(box, "u")
    yaml(box, ", create: true", tail=lanes(3))
    daemon = box.start("run", "shop.yaml")
    daemon.says("streaming")
    for number in range(1, 4):
        box.shared.sql("USE shop", f"INSERT INTO t (id, n) SELECT {number} * 1000 + seq, {number} FROM {box.shared.seq(200)}",
                       "TRUNCATE TABLE t", f"INSERT INTO t (id, n) SELECT {number} * 1000 + seq, -1 FROM {box.shared.seq(100)}")
        moves = [f"INSERT INTO u SELECT {number} * 100 + seq, CONCAT('u', seq) FROM {box.shared.seq(20)}"]
        moves += [f"UPDATE u SET a = NULL WHERE id = {number} * 100 + {i}; UPDATE u SET a = 'u{i}' WHERE id = {number} * 100 + "
                  f"{i % 20 + 1} AND a IS NULL" for i in range(1, 21)]
        box.shared.sql("USE shop", *moves, "UPDATE u SET a = NULL", f"ALTER TABLE t ADD COLUMN c{number} INT, ADD COLUMN d{number} "
                       "VARCHAR(9)", f"UPDATE t SET c{number} = id, d{number} = 'x'")
    box.shared.sql("INSERT INTO shop.orders VALUES (77, 'the end')")
    daemon.stop()
    box.run("run", "--once", "shop.yaml", status=0)
    for table in ("u", "orders"):
        checksum(box, table)
    rows = "SELECT id, n, c1, d1, c2, d2, c3, d3 FROM {}.t ORDER BY id"
    same(box.shared.sql(rows.format("copy")), box.shared.sql(rows.format("shop")), "rows")
    box.shared.sql("INSERT INTO copy.u VALUES (99999, 'mine')", "INSERT INTO shop.u VALUES (5000, 'good'), (5001, 'mine'), (5002, "
                   "'fine')")
    done = box.run("run", "--once", "shop.yaml", status=1)
    has(done.both, "record for topic shop.u was refused")
    yaml(box, ", create: true", tail=lanes(3) + "        errors: {policy: dead_letter}\n")
    box.run("run", "--once", "shop.yaml", status=0)
    same(box.shared.sql("SELECT id, a FROM copy.u WHERE id >= 5000 ORDER BY id"), "5000\tgood\n5002\tfine\n99999\tmine", "rows")


class CommitCutter(threading.Thread):
    """Stands between the sink and the server. Of some COMMITs it swallows the answer, of others the request, and hangs up."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.server_port, self.commits, self.swallowed, self.lost = port, 0, 0, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]

    def run(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        server = socket.create_connection(("127.0.0.1", self.server_port))
        answers = threading.Thread(target=self.pump, args=(server, client), daemon=True)
        answers.start()
        try:
            while data := client.recv(65536):
                if data.endswith(b"\x03COMMIT"): # behind a COM_STMT_CLOSE, perhaps
                    self.commits += 1
                    if self.commits % 6 == 5: # applied, and nobody says so
                        self.swallowed += 1
                        client.shutdown(socket.SHUT_RDWR)
                        server.sendall(data)
                        server.settimeout(5)
                        return
                    if self.commits % 6 == 3: # never heard of
                        self.lost += 1
                        server.shutdown(socket.SHUT_RDWR)
                        client.shutdown(socket.SHUT_RDWR)
                        return
                server.sendall(data)
        except OSError:
            pass

    @staticmethod
    def pump(server, client):
        try:
            while data := server.recv(65536):
                client.sendall(data)
        except OSError:
            pass
        for one in (client, server):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def case_commits_without_an_answer(box):
    """Every third COMMIT gets no answer: half of those were applied, half never arrived. Each row is there once."""
    fresh(box)
    cutter = CommitCutter(box.shared.port)
    cutter.start()
    box.shared.user("writer", WRITER_GRANTS)
    box.write("shop.yaml", kit.shop_yaml(box.shared.port, sinks=sink(cutter.port, ", ssl: off, create: true, mode: append")))
    daemon = box.start("run", "shop.yaml")
    daemon.says("streaming")
    for number in range(8):
        box.shared.sql("USE shop", f"INSERT INTO orders SELECT 1000 * ({number} + 1) + seq, 'x' FROM {box.shared.seq(50)}")
        wait("these rows", lambda: box.shared.sql("SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'copy' AND "
                                                  "table_name = 'orders'") == "1"
             and box.shared.sql("SELECT COUNT(*) FROM copy.orders") == str(53 + 50 * number), seconds=30)
    same(box.shared.sql("SELECT COUNT(*), COUNT(DISTINCT id), COUNT(DISTINCT _offset) FROM copy.orders"), "403\t403\t403", "rows")
    if not cutter.swallowed or not cutter.lost:
        raise kit.Wrong(f"of {cutter.commits} COMMITs {cutter.swallowed} were swallowed and {cutter.lost} lost")
    daemon.stop()
    cutter.listener.close()


def case_killed_connections(box):
    """Its connections are killed by the server again and again; every change arrives once."""
    fresh(box)
    yaml(box, ", create: true, mode: append")
    daemon = box.start("run", "shop.yaml")
    daemon.says("streaming")
    for number in range(8):
        box.shared.sql("USE shop", f"INSERT INTO orders SELECT 1000 * ({number} + 1) + seq, 'x' FROM {box.shared.seq(200)}")
        ids = box.shared.sql("SELECT id FROM information_schema.processlist WHERE user = 'writer'").split()
        for one in ids:
            subprocess.run([*kit.ROOT, f"-P{box.shared.port}", "-e", f"KILL {one}"], capture_output=True)
    wait("all", lambda: box.shared.sql("SELECT COUNT(*) FROM copy.orders") == "1603", seconds=40)
    same(box.shared.sql("SELECT COUNT(*), COUNT(DISTINCT id), COUNT(DISTINCT _offset) FROM copy.orders"), "1603\t1603\t1603",
         "rows")
    daemon.stop()


def case_check(box):
    fresh(box)
    yaml(box, ", create: true")
    box.shared.user("writer", "GRANT SELECT, INSERT ON copy.* TO writer@'%'")
    done = box.run("check", "--connect", "shop.yaml")
    has(done.both, r"the user has no UPDATE, DELETE, CREATE, ALTER on the whole database copy",
        r"run: GRANT UPDATE, DELETE, CREATE, ALTER ON `copy`\.\* TO 'writer'@'%'")
    box.shared.sql("DROP DATABASE copy")
    done = box.run("check", "--connect", "shop.yaml")
    has(done.both, r"CREATE DATABASE `copy`")


if __name__ == "__main__":
    kit.main()
