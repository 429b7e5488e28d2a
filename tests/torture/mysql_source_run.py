#!/usr/bin/env python3
"""Proves the mysql source: two servers, each the other's replica in its turn, whose rows and definitions never rest, and files.

    mysql_source_run.py --leat BIN --writer BIN --dir DIR [--server mariadb|mysql] [--kills 15] [--server-kills 4] [--failovers 3]
                        [--alters 4] [--sweeps 2] [--seconds 30] [--rows 6000] [--rate 400] [--in-snapshot] [--seed 1]

Writers (shop_writer.c) change the tables of the primary. Meanwhile, in an order that is drawn:
  kill       the daemon is killed -9, and goes on; --in-snapshot: all begins while it reads the tables for the first time
  server     the primary is killed -9 and comes back; or its replica is
  failover   the primary is killed -9, its replica takes over; the old one comes back as its replica
  alter      columns are added, filled, made wider, dropped, while the writers go on
  sweep      one statement changes every row of a table
The proof is shop_verify.py's: whoever replays the files has exactly the rows of the tables, each version of each row once and
in order; triggers of the servers count what was committed, in the transaction itself, so that also a row that vanished with its
whole life shows. Exit status 0: proven.
"""
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time

from mysql_run import Server
from shop_run import MASK
from torture_kit import arguments, says

HERE = os.path.dirname(os.path.abspath(__file__))
TABLES = ("customers", "orders", "items")
GRANTS = {"mariadb": "GRANT SELECT, RELOAD, REPLICATION SLAVE, BINLOG MONITOR ON *.* TO leat@'%'",
          "mysql": "GRANT SELECT, RELOAD, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO leat@'%'"}
PIPELINE = """\
data: ./leat-data
pipelines:
  shop:
    source:
      mysql: {{hosts: ["127.0.0.1:{a}", "127.0.0.1:{b}"], user: leat, password: water, tables: ["shop.*"], heartbeat: 1s,
               connect_timeout: 2s, chunk_rows: {chunk_rows}, snapshot_rows_per_second: {pace}}}
      errors: {{retry: {{first: 20ms, most: 300ms}}}}
    transforms:
      - drop: [card_number]
      - lua: mask.lua
    sinks:
      archive:
        file: {{path: "out/{{topic}}.ndjson", format: debezium, rotate_size: 4MiB, gzip: true}}
"""
OPTIONS = {"mariadb": ["--sync-binlog=0", "--innodb-flush-log-at-trx-commit=2", "--log-slave-updates", "--max-binlog-size=2M"],
           "mysql": ["--sync-binlog=0", "--innodb-flush-log-at-trx-commit=2", "--max-binlog-size=2M"]}


def books_of(table):
    """Triggers that note each change in the transaction that makes it: a key that changes is a delete and an insert."""
    key = "0" if table == "items" else "OLD.id <> NEW.id"
    note = f"INSERT INTO books.changes (t, op) VALUES ('{table}', '{{}}')"
    return [f"CREATE TRIGGER shop.{table}_i AFTER INSERT ON shop.{table} FOR EACH ROW {note.format('c')}",
            f"CREATE TRIGGER shop.{table}_d AFTER DELETE ON shop.{table} FOR EACH ROW {note.format('d')}",
            f"CREATE TRIGGER shop.{table}_u AFTER UPDATE ON shop.{table} FOR EACH ROW INSERT INTO books.changes (t, op) "
            f"SELECT '{table}', op FROM books.ops WHERE moves = ({key})"]


class Run:
    def __init__(self, args):
        self.args, self.random = args, random.Random(args.seed)
        self.servers = [Server(args.server, self.path(name), *OPTIONS[args.server],
                               *([f"--server-id={number}", f"--gtid-domain-id=0"] if args.server == "mariadb" else []))
                        for number, name in enumerate(("a", "b"), 1)]
        self.daemon = self.writer = self.altering = None
        self.primary, self.replica = self.servers
        self.counts = {"kills": 0, "server_kills": 0, "failovers": 0, "alters": 0, "sweeps": 0}
        self.began, self.writers, self.columns = 0, 0, []

    def path(self, *parts):
        return os.path.join(self.args.dir, *parts)

    # ---- the servers ----

    def follow(self):
        """The replica follows the primary from where it is."""
        to = f"HOST='127.0.0.1', {{0}}_PORT={self.primary.port}, {{0}}_USER='root'"
        if self.args.server == "mariadb":
            self.replica.sql("STOP SLAVE", "RESET SLAVE ALL", "SET GLOBAL gtid_slave_pos = @@gtid_binlog_pos",
                             f"CHANGE MASTER TO MASTER_{to.format('MASTER')}, MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=1", "START SLAVE")
        else:
            self.replica.sql("STOP REPLICA", "RESET REPLICA ALL",
                             f"CHANGE REPLICATION SOURCE TO SOURCE_{to.format('SOURCE')}, SOURCE_AUTO_POSITION=1, SOURCE_CONNECT_RETRY=1, "
                             "GET_SOURCE_PUBLIC_KEY=1", "START REPLICA")

    def catch_up(self):
        """Until the replica has all that the primary has."""
        if self.args.server == "mariadb":
            place, wait = self.primary.sql("SELECT @@gtid_binlog_pos"), "SELECT MASTER_GTID_WAIT('{}', 60)"
        else:
            place, wait = self.primary.sql("SELECT REPLACE(@@gtid_executed, '\\n', '')"), "SELECT WAIT_FOR_EXECUTED_GTID_SET('{}', 60)"
        if self.replica.sql(wait.format(place)) != "0":
            raise SystemExit(f"the replica does not come after: {self.replica.sql('SHOW SLAVE STATUS')}")

    def prepare(self):
        args = self.args
        for server in self.servers:
            server.start()
        self.follow()
        subprocess.run([args.writer, "fill", "--port", str(self.primary.port), "--rows", str(args.rows), "--seed", str(args.seed)], check=True)
        self.primary.sql("CREATE USER leat@'%' IDENTIFIED BY 'water'", GRANTS[args.server], "CREATE DATABASE books",
                         "CREATE TABLE books.changes (t VARCHAR(20), op CHAR(1))",
                         "CREATE TABLE books.ops (moves INT, op CHAR(1))", "INSERT INTO books.ops VALUES (0, 'u'), (1, 'd'), (1, 'c')",
                         *[trigger for table in TABLES for trigger in books_of(table)])
        self.catch_up()
        os.makedirs(self.path("out"))
        with open(self.path("mask.lua"), "w") as file:
            file.write(MASK)

    # ---- who works ----

    def start_writer(self):
        self.writers += 1
        with open(self.path("writer.log"), "ab") as log:
            self.writer = subprocess.Popen([self.args.writer, "run", "--port", str(self.primary.port), "--seed",
                                            str(self.args.seed * 1000 + self.writers), "--threads", "2", "--rate", str(self.args.rate)],
                                           stdout=log, stderr=log)

    def stop_writer(self):
        self.writer.send_signal(signal.SIGTERM)
        self.writer.wait()

    def start_daemon(self, *more):
        with open(self.path("all.yaml"), "w") as file:
            file.write(PIPELINE.format(a=self.servers[0].port, b=self.servers[1].port, 
                                        **({"chunk_rows": 50, "pace": self.args.rows // (self.args.seconds // 2 + 1)}
                                           if self.args.in_snapshot else {"chunk_rows": 500, "pace": 0})))
        with open(self.path("leat.log"), "ab") as log:
            self.began = log.tell()
            self.daemon = subprocess.Popen([self.args.leat, "run", "all.yaml", *more], stdout=log, stderr=log, cwd=self.args.dir,
                                           start_new_session=True)

    def said(self):
        with open(self.path("leat.log"), errors="replace") as file:
            return file.read()[-3000:]

    # ---- what happens ----

    def kill(self):
        self.daemon.send_signal(signal.SIGKILL)
        self.daemon.wait()
        self.counts["kills"] += 1
        self.start_daemon()

    def server(self):
        who = self.random.choice((self.primary, self.primary, self.replica))
        who.stop("KILL")
        if who is self.primary:
            self.writer.wait()
        who.start()
        self.counts["server_kills"] += 1
        if who is self.primary:
            self.start_writer()
        elif self.args.server == "mariadb":
            who.sql("START SLAVE", may_fail=True)

    def failover(self):
        self.stop_writer()
        if self.altering:
            self.altering.join()
        self.catch_up()
        self.primary.stop("KILL")
        self.replica.sql(*(["STOP SLAVE", "RESET SLAVE ALL"] if self.args.server == "mariadb" else ["STOP REPLICA", "RESET REPLICA ALL"]))
        self.primary, self.replica = self.replica, self.primary
        self.start_writer()
        time.sleep(self.random.uniform(0, 0.5))
        self.replica.start(*([] if self.args.server == "mariadb" else ["--skip-replica-start"]))
        self.follow()
        self.counts["failovers"] += 1

    def alter(self):
        """In the background: the writers, kills and the rest go on. What a dying server refuses is left out."""
        if self.altering:
            self.altering.join()
        table, number = self.random.choice(TABLES), self.counts["alters"]
        key = "order_id" if table == "items" else "id"
        made = [f"ALTER TABLE shop.{table} ADD COLUMN extra_{number} VARCHAR(20)",
                f"UPDATE shop.{table} SET ver = ver + 1, extra_{number} = CONCAT('x', ver) WHERE {key} % 7 = 3",
                f"ALTER TABLE shop.{table} MODIFY COLUMN extra_{number} VARCHAR(60)"]
        if self.columns and self.random.random() < 0.5:
            made.insert(0, "ALTER TABLE shop.{} DROP COLUMN {}".format(*self.columns.pop(0)))
        self.columns.append((table, f"extra_{number}"))
        at = self.primary
        self.altering = threading.Thread(target=lambda: [at.sql(statement, may_fail=True) for statement in made])
        self.altering.start()
        self.counts["alters"] += 1

    def sweep(self):
        self.primary.sql("UPDATE shop.customers SET ver = ver + 1, points = ver", may_fail=True)
        self.counts["sweeps"] += 1

    def torture(self):
        args = self.args
        acts = [self.kill] * args.kills + [self.server] * args.server_kills + [self.failover] * args.failovers + \
            [self.alter] * args.alters + [self.sweep] * args.sweeps
        self.random.shuffle(acts)
        pause = args.seconds / (len(acts) + 1)
        for act in acts:
            stop = time.monotonic() + pause * self.random.uniform(0.2, 1.5)
            while time.monotonic() < stop:
                if self.daemon.poll() is not None:
                    raise SystemExit(f"leat ended by itself with {self.daemon.returncode}:\n{self.said()}")
                if self.writer.poll() is not None:
                    raise SystemExit("the writer ended by itself")
                time.sleep(0.02)
            act()

    def tell_story(self):
        in_snapshot = self.args.in_snapshot
        self.start_daemon()
        if not in_snapshot: # what changes while rows are read may be in the files as read
            says(self.daemon, self.path("leat.log"), 0, "streaming")
            self.primary.sql("TRUNCATE TABLE books.changes")
        self.start_writer()
        self.torture()
        self.stop_writer()
        if self.altering:
            self.altering.join()
        self.catch_up()
        self.daemon.send_signal(signal.SIGKILL)
        self.daemon.wait()
        self.start_daemon("--once")
        if self.daemon.wait(timeout=300) != 0:
            raise SystemExit(f"leat run --once ended with {self.daemon.returncode}:\n{self.said()}")
        return self.verify(not in_snapshot)

    def verify(self, by_books):
        command = [os.path.join(HERE, "shop_verify.py"), "--out", self.path("out"), "--port", str(self.primary.port)]
        if by_books:
            changes = {table: {"c": 0, "u": 0, "d": 0} for table in TABLES}
            for line in self.primary.sql("SELECT t, op, COUNT(*) FROM books.changes GROUP BY t, op").splitlines():
                table, op, count = line.split("\t")
                changes[table][op] = int(count)
            with open(self.path("books.json"), "w") as file:
                json.dump({"changes": changes}, file)
            command += ["--books", self.path("books.json")]
        done = subprocess.run(command, capture_output=True, text=True)
        text = done.stdout.strip().splitlines()
        if not text or not text[-1].startswith("{"):
            raise SystemExit(f"the proof could not be made: {done.stdout}{done.stderr}")
        print(*text[:-1], sep="\n", end="\n" if text[:-1] else "")
        return json.loads(text[-1])

    def clean_up(self):
        for process in (self.writer, self.daemon):
            if process and process.poll() is None:
                process.kill()
                process.wait()
        for server in self.servers:
            server.stop("KILL")
            shutil.rmtree(server.folder, ignore_errors=True)


def main():
    args = arguments("writer", flags=("in_snapshot",), kills=15, server_kills=4, failovers=3, alters=4, sweeps=2, seconds=30, rows=6000, rate=400,
                     choices={"server": ("mariadb", "mysql")})
    run = Run(args)
    try:
        run.prepare()
        verdict = run.tell_story()
    finally:
        run.clean_up()
    print(json.dumps({**verdict, "server": args.server, **run.counts, "seed": args.seed}))
    sys.exit(0 if verdict["verdict"] == "ok" else 1)


if __name__ == "__main__":
    main()
