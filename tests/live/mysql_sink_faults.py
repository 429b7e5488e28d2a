#!/usr/bin/env python3
"""The mysql sink and a server that gives trouble: it forgets, deadlocks, is full, read-only, restarts, or takes a grant away; and
whole schemas from one server to another. --server mysql: the same on MySQL 8.0."""
import json
import shutil
import time

import kit
from column_types import COLUMNS, row_sql
from kit import has, lacks, same, wait
from mysql_sink import WRITER_GRANTS, clone, fresh, sink, yaml

ZONE = "SET time_zone = '+00:00'"


def target(box, *options, kind=None):
    """A server of the case's own, with an empty database copy."""
    made = box.server(*options, kind=kind).start()
    made.user("writer", WRITER_GRANTS)
    made.sql("CREATE DATABASE copy")
    return made


def to(box, server, more=", create: true", tail="", **options):
    box.write("shop.yaml", kit.shop_yaml(box.shared.port, sinks=sink(server.port, more) + tail, **options))


def count(server, table):
    """Rows of copy.TABLE; "" while it is not there."""
    there = server.sql(f"SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'copy' AND table_name = '{table}'")
    return server.sql(f"SELECT COUNT(*) FROM copy.{table}") if there == "1" else ""


def case_set_back(box):
    """A target that was restored from an older copy, rows and mark alike: what it lost is written again, once, and that is logged."""
    copy = target(box)
    to(box, copy, ", create: true, mode: append")
    box.run("run", "--once", "shop.yaml", status=0)
    copy.stop()
    shutil.copytree(copy.folder, box.path("older"), symlinks=True)
    copy.start()
    for number in range(3):
        box.shared.sql(f"INSERT INTO shop.orders VALUES ({10 + number}, 'later')", f"UPDATE shop.orders SET what = 'x' WHERE id = {10 + number}")
        box.run("run", "--once", "shop.yaml", status=0)
    same(count(copy, "orders"), "9", "rows")
    copy.stop("KILL")
    shutil.rmtree(copy.folder)
    shutil.copytree(box.path("older"), copy.folder, symlinks=True)
    copy.start()
    same(count(copy, "orders"), "3", "rows of the older copy")
    done = box.run("run", "--once", "shop.yaml", status=0)
    has(done.both, "the target lost its tail in shop/0; writing it again")
    same(copy.sql("SELECT COUNT(*), COUNT(DISTINCT _offset), MAX(_offset) FROM copy.orders"), "9\t9\t8", "rows")


def case_last_second_lost(box):
    """A server that keeps the last second in memory only, killed again and again while rows come: each is there once."""
    copy = target(box, "--skip-log-bin")
    to(box, copy, ", create: true, mode: append")
    box.run("run", "--once", "shop.yaml", status=0) # the first mark is not to be lost: nobody could tell this from a wiped target
    copy.sql("SET GLOBAL innodb_flush_log_at_trx_commit = 0")
    daemon = box.start("run", "shop.yaml")
    daemon.says("streaming")
    for number in range(1, 5):
        box.shared.sql("USE shop", f"INSERT INTO orders SELECT {number} * 1000 + seq, 'x' FROM {box.shared.seq(100)}")
        wait("these rows", lambda: count(copy, "orders") == str(3 + 100 * number), seconds=40)
        copy.stop("KILL")
        copy.start("--innodb-flush-log-at-trx-commit=0")
    wait("all rows", lambda: count(copy, "orders") == "403", seconds=40) # though none comes after them
    same(copy.sql("SELECT COUNT(DISTINCT id), COUNT(DISTINCT _offset) FROM copy.orders"), "403\t403", "rows")
    daemon.stop()


def waiters(server):
    time.sleep(0.2) # the table is a snapshot, which is made anew only when nobody has read it for 0.1 s
    return server.sql("SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'")


def case_deadlock(box):
    """The sink is the victim of a deadlock, made on purpose: its transaction is tried again, and nothing is lost."""
    fresh(box)
    box.shared.sql("USE shop", "CREATE TABLE t (name VARCHAR(9) PRIMARY KEY, n INT)", "INSERT INTO t VALUES ('a', 0), ('b', 0)")
    clone(box, "t") # a key of text: the order of the records is kept
    box.shared.sql("CREATE TABLE copy.heavy (id INT PRIMARY KEY)")
    yaml(box, ", create: true")
    box.run("run", "--once", "shop.yaml", status=0)
    holder = box.shared.session("USE copy", "BEGIN", f"INSERT INTO copy.heavy SELECT seq FROM {box.shared.seq(500)}",
                                "UPDATE copy.t SET n = 100 WHERE name = 'b'")
    box.shared.sql("UPDATE shop.t SET n = IF(name = 'a', 1, 2)") # one event of both rows: they come in one batch
    daemon = box.start("run", "shop.yaml")
    daemon.says("streaming")
    wait("the sink behind our lock", lambda: waiters(box.shared) == "1")
    holder.run("UPDATE copy.t SET n = 200 WHERE name = 'a'") # returns: the sink was rolled back
    holder.run("COMMIT")
    wait("the rows", lambda: box.shared.sql("SELECT n FROM copy.t ORDER BY name") == "1\n2")
    holder.close()
    daemon.stop()
    same(box.shared.sql("SELECT COUNT(*) FROM copy.heavy"), "500", "rows of the other one")


def behind(box):
    rows = map(json.loads, box.run("status", "--format", "json").stdout.splitlines())
    return [row["lag"]["records"] for row in rows if row["name"] == "shop.copy"]


def case_locked_out(box):
    """A row of the target is locked by somebody for long: the lag grows though the sink hangs in its statement."""
    fresh(box)
    yaml(box, ", create: true")
    box.run("run", "--once", "shop.yaml", status=0)
    holder = box.shared.session("BEGIN", "UPDATE copy.orders SET what = 'mine' WHERE id = 1")
    daemon = box.start("run", "shop.yaml")
    daemon.says("streaming")
    box.shared.sql("UPDATE shop.orders SET what = 'theirs' WHERE id = 1")
    wait("the sink behind our lock", lambda: waiters(box.shared) == "1")
    box.shared.sql("INSERT INTO shop.orders VALUES (10, 'ten'), (11, 'eleven')")
    wait("all that it lacks", lambda: behind(box) == [3])
    holder.run("ROLLBACK")
    holder.close()
    wait("the rows", lambda: box.shared.sql("SELECT id, what FROM copy.orders WHERE id IN (1, 10, 11)") == "1\ttheirs\n10\tten\n11\televen")
    wait("nothing is missing", lambda: behind(box) == [0])
    daemon.stop()


def case_a_lock_that_is_held_for_long_is_said(box):
    """The server says that a wait for a lock is over, as after 20 s: a person is told at once, and it is tried again."""
    fresh(box)
    yaml(box, ", create: true", tail="        errors: {retry: {first: 100ms, most: 100ms}}\n")
    box.run("run", "--once", "shop.yaml", status=0)
    box.shared.sql("CREATE TRIGGER copy.held BEFORE INSERT ON copy.orders FOR EACH ROW "
                   "SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1205, MESSAGE_TEXT = 'somebody holds it'")
    daemon = box.start("run", "shop.yaml")
    box.shared.sql("INSERT INTO shop.orders VALUES (10, 'ten')")
    daemon.says(r"shop\.copy: .*somebody holds it \(error 1205\); trying again")
    row = wait("its error", lambda: next((one for one in map(json.loads, box.run("status", "--format", "json").stdout.splitlines())
                                          if one["name"] == "shop.copy" and one["error"]), None))
    has(row["error"], "somebody holds it")
    lacks(json.dumps(row), "mysql_lost_races")
    box.shared.sql("DROP TRIGGER copy.held")
    wait("the row", lambda: count(box.shared, "orders") == "4")
    daemon.stop()


def case_every_refusal(box):
    """Each kind of record that a strict server refuses: alone a dead letter, and all others arrive."""
    fresh(box)
    box.shared.sql("USE shop", "CREATE TABLE r (id INT PRIMARY KEY, a VARCHAR(99), n BIGINT, d VARCHAR(40), j TEXT, p INT, e VARCHAR(9))")
    box.shared.sql("CREATE TABLE copy.parent (id INT PRIMARY KEY)", "INSERT INTO copy.parent VALUES (1)",
                   "CREATE TABLE copy.r (id INT PRIMARY KEY, a VARCHAR(5) NOT NULL, n TINYINT CHECK (n <> 7), d DATE, j JSON, p INT, e "
                   "ENUM('x', 'y'), UNIQUE (d), FOREIGN KEY (p) REFERENCES copy.parent (id))")
    good = "('v', 1, NULL, '{}', 1, 'x')"
    bad = ["('too long', 1, NULL, '{}', 1, 'x')", "('v', 128, NULL, '{}', 1, 'x')", "(NULL, 1, NULL, '{}', 1, 'x')",
           "('v', 7, NULL, '{}', 1, 'x')", "('v', 1, 'no day', '{}', 1, 'x')", "('v', 1, NULL, '{', 1, 'x')",
           "('v', 1, NULL, '{}', 2, 'x')", "('v', 1, NULL, '{}', 1, 'z')", "('v', 1, '2026-01-01', '{}', 1, 'x')"]
    rows = [good] * 10
    for one in bad:
        rows += [one, good, good]
    rows.insert(0, "('v', 1, '2026-01-01', '{}', 1, 'x')") # the day that the last bad one has too
    box.shared.sql("USE shop", "INSERT INTO r VALUES " + ", ".join(f"({i}, {row[1:]}" for i, row in enumerate(rows)))
    yaml(box, ", create: true", tail="        errors: {policy: dead_letter}\n")
    done = box.run("run", "--once", "shop.yaml", status=0)
    wanted = [str(i) for i, row in enumerate(rows) if row not in bad or i == 0]
    same(box.shared.sql("SELECT id FROM copy.r ORDER BY id").split("\n"), wanted, f"delivered\n{done.both[-3000:]}")
    letters = box.run("read", "--data", "leat-data", "shop.dead", status=0).stdout.split("\n")
    same(len([line for line in letters if line]), len(bad), "dead letters")


def case_digits_that_do_not_fit(box):
    """A server rounds them away, also a strict one: here they are refused, unless they are zeros."""
    fresh(box)
    box.shared.sql("USE shop", "CREATE TABLE n (id INT PRIMARY KEY, d DECIMAL(30,10), i DECIMAL(5,2), t DATETIME(6))",
                   "CREATE TABLE copy.n (id INT PRIMARY KEY, d DECIMAL(30,5), i INT, t DATETIME(2))",
                   "INSERT INTO n VALUES (1, -1.23456, 3, '2026-01-01 00:00:00.25'), (2, 1.234567, 3, NULL), (3, 1, 3.5, NULL), "
                   "(4, 1, 3, '2026-01-01 00:00:00.123'), (5, 0, -3, '2026-01-01')")
    yaml(box, tail="        errors: {policy: dead_letter}\n", tables='["shop.n"]')
    said = box.run("run", "--once", "shop.yaml", status=0).both
    same(box.shared.sql("SELECT * FROM copy.n"), "1\t-1.23456\t3\t2026-01-01 00:00:00.25\n5\t0.00000\t-3\t2026-01-01 00:00:00.00", said[-900:])
    letters = [json.loads(line)["error"] for line in box.run("dead", "list", "--format", "json", status=0).stdout.splitlines()]
    same([text.split(",")[0] for text in letters],
         ["d has 6 digits behind the point", "i has 1 digits behind the point", "t has 3 digits behind the point"], "letters")


def case_read_only(box):
    """A server that is read-only for a while: nothing is refused, all of it comes."""
    fresh(box)
    yaml(box, ", create: true")
    daemon = box.start("run", "shop.yaml")
    wait("the copy", lambda: count(box.shared, "orders") == "3")
    box.shared.sql("SET GLOBAL read_only = 1")
    try:
        box.shared.sql("INSERT INTO shop.orders VALUES (10, 'ten')") # root may
        daemon.says("read.only")
    finally:
        box.shared.sql("SET GLOBAL read_only = 0")
    wait("the row", lambda: count(box.shared, "orders") == "4")
    daemon.stop()


def case_grant_is_taken(box):
    """Without INSERT it stops and says so; with it again it goes on where it was."""
    fresh(box)
    yaml(box, ", create: true")
    box.run("run", "--once", "shop.yaml", status=0)
    box.shared.sql("REVOKE INSERT ON copy.* FROM writer@'%'", "GRANT INSERT ON copy.leat_marks TO writer@'%'",
                   "INSERT INTO shop.orders VALUES (10, 'ten')")
    done = box.run("run", "--once", "shop.yaml", status=1)
    has(done.both, r"INSERT command denied to user 'writer'@")
    box.shared.sql("GRANT INSERT ON copy.* TO writer@'%'")
    box.run("run", "--once", "shop.yaml", status=0)
    same(count(box.shared, "orders"), "4", "rows")


def case_full(box):
    """A target without room: it waits, in order, and goes on when there is some. What was there stays."""
    less = "--innodb-data-file-path=ibdata1:12M:autoextend:max:40M"
    copy = target(box, "--innodb-file-per-table=0", less, "--skip-log-bin")
    to(box, copy)
    box.run("run", "--once", "shop.yaml", status=0)
    copy.sql("CREATE TABLE copy.filler (id INT AUTO_INCREMENT PRIMARY KEY, b LONGBLOB)")
    for size in (1 << 20, 1 << 16, 1 << 12):
        for _ in range(200):
            try:
                copy.sql(f"INSERT INTO copy.filler (b) VALUES (REPEAT('x', {size}))")
            except kit.Wrong as error:
                has(str(error), "is full")
                break
    box.shared.sql("USE shop", "CREATE TABLE shop.big (id INT PRIMARY KEY, b LONGTEXT)",
                   f"INSERT INTO shop.big SELECT seq, REPEAT('y', 100000) FROM {box.shared.seq(30)}")
    daemon = box.start("run", "shop.yaml")
    daemon.says("is full")
    copy.stop()
    copy.options.remove(less)
    copy.start()
    wait("the rows", lambda: count(copy, "big") == "30", seconds=30)
    daemon.stop()


# ---- a whole schema ----

def fill(box, names, numbers):
    columns = ", ".join(names)
    definition = "(id INT PRIMARY KEY, " + ", ".join(f"{n} {COLUMNS[n][0]}" for n in names) + ") DEFAULT CHARSET=utf8mb4"
    for table in ("made", "like_it"):
        box.shared.sql("USE shop", ZONE, f"CREATE TABLE {table} {definition}", *[row_sql(table, row, names) for row in range(4)],
                       f"INSERT INTO {table} (id, {columns}) SELECT id + 10 * seq, {columns} FROM {table}, {box.shared.seq(9)} WHERE "
                       "id < 4")
    box.shared.sql("USE shop", "CREATE TABLE pair (a INT, b VARCHAR(40), n DECIMAL(20,4), PRIMARY KEY (b, a))",
                   f"INSERT INTO pair SELECT seq, CONCAT('k', seq), seq / 8 FROM {box.shared.seq(numbers)}",
                   f"CREATE TABLE plain (n BIGINT, s VARCHAR(40))", "INSERT INTO plain VALUES (1, 'x'), (1, 'x'), (NULL, NULL)")


def change(box):
    """What happens while it runs."""
    box.shared.sql("USE shop", ZONE, *[f"UPDATE {t} SET t1 = IF(t1 = 1, 2, 1) WHERE id % 3 = 0; DELETE FROM {t} WHERE id % 7 = 1; UPDATE {t} "
                                       "SET id = id + 1000 WHERE id > 80" for t in ("made", "like_it")],
                   "ALTER TABLE pair ADD COLUMN more VARCHAR(30), ADD COLUMN day DATETIME(3)",
                   "UPDATE pair SET more = CONCAT('m', a), day = '2026-02-03 04:05:06.789' WHERE a % 2 = 0",
                   "DELETE FROM plain WHERE n = 1 LIMIT 1", "ALTER TABLE pair ADD COLUMN last BIGINT UNSIGNED",
                   "INSERT INTO pair VALUES (-1, 'new', 1.5, 'x', NULL, 18446744073709551615)",
                   "CREATE TABLE late (id BIGINT UNSIGNED PRIMARY KEY, v JSON)", "INSERT INTO late VALUES (18446744073709551615, '{\"a\": 1}')",
                   "INSERT INTO late VALUES (1, '[]')", "DELETE FROM late WHERE id = 1", "INSERT INTO orders VALUES (999, 'the end')")


def replicate(box, copy, names):
    fill(box, names, 500)
    to(box, copy)
    daemon = box.start("run", "shop.yaml")
    daemon.says("streaming")
    change(box)
    wait("the last row", lambda: count(copy, "orders") == "4" and copy.sql("SELECT COUNT(*) FROM copy.orders WHERE id = 999") == "1",
         seconds=30)
    daemon.stop()


def case_whole_schema(box):
    """From one server to another of its kind, tables made and altered on the way: equal CHECKSUM TABLEs in the end."""
    copy = target(box)
    # Tables that are made are utf8mb4: columns of other character sets have other bytes there.
    names = [n for n in COLUMNS if (box.shared.is_mariadb or n not in ("uu", "ip6")) and n not in ("v2", "v3")]
    copy.sql(f"CREATE TABLE copy.like_it (id INT PRIMARY KEY, {', '.join(f'{n} {COLUMNS[n][0]}' for n in names)}) DEFAULT CHARSET=utf8mb4")
    replicate(box, copy, names)
    for table in ("like_it", "made", "pair", "plain", "late", "orders"):
        here, there = [server.sql(f"CHECKSUM TABLE {base}.{table}").split("\t")[1] for server, base in ((box.shared, "shop"), (copy, "copy"))]
        same(there, here, f"CHECKSUM of {table}")


def case_to_the_other_kind(box):
    """MariaDB to MySQL, or the other way round: row by row, column by column."""
    copy = target(box, kind="mysql" if box.shared.is_mariadb else "mariadb")
    names = [n for n in COLUMNS if box.shared.is_mariadb or n not in ("uu", "ip6")]
    replicate(box, copy, names)
    texts = ("uu", "ip6", "js") # other types there
    shown = ["id"] + [n if n in texts else "f4 * 1e0" if n == "f4" else f"HEX({n})" if n.startswith("b") or n == "ge" else n for n in names]
    for column in shown:
        select = f"{ZONE}; SELECT {column} FROM {{}}.made ORDER BY id"
        same(copy.sql(select.format("copy")), box.shared.sql(select.format("shop")), column)
    for table, order in (("pair", "b, a"), ("plain", "n"), ("late", "id"), ("orders", "id")):
        select = f"SELECT * FROM {{}}.{table} ORDER BY {order}"
        same(copy.sql(select.format("copy")), box.shared.sql(select.format("shop")), table)


if __name__ == "__main__":
    kit.main()
