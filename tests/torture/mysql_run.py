#!/usr/bin/env python3
"""Proves the mysql sink: rows go into tables of a real MariaDB while the daemon is killed -9 and its connections are cut.

    mysql_run.py --leat BIN --writer BIN --dir DIR [--kills 15] [--seconds 15] [--rows 60000] [--rate 0] [--seed 1] [--plant]

Two pipelines at once. toys: numbered rows into an append table without any key, where a lost row, a doubled one and one out
of order show. shop: a schema that never rests (shop_writer.c) into a second one, which must end as its equal, by CHECKSUM
TABLE. --plant: the proof must see faults that are put into the tables afterwards. Exit status 0: proven.
"""
import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "servers"))
from ports import free_port  # noqa: E402
from toy_run import crc32c  # noqa: E402
import struct  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
SERVER = os.path.join(HERE, "..", "servers", "mariadb")
TABLES = ("customers", "orders", "items")
PIPELINES = """\
data: ./leat-data

pipelines:
  toys:
    source:
      toy: {{count: {rows}, rate: {toy_rate}, seed: {seed}, topics: 3, writers: 4, transaction: 20}}
    transforms:
      - drop: [secret]
    sinks:
      heap:
        mysql: {{host: 127.0.0.1, port: {port}, user: writer, password: water, database: copy, table: toys, mode: append,
                create: true}}
  shop:
    source:
      mysql: {{host: 127.0.0.1, port: {port}, user: leat, password: water, tables: ["shop.*"]}}
    sinks:
      copy:
        mysql: {{host: 127.0.0.1, port: {port}, user: writer, password: water, database: copy}}
"""


class Run:
    def __init__(self, args):
        self.args, self.dir = args, os.path.abspath(args.dir)
        self.port, self.random = free_port(), random.Random(args.seed)
        self.daemon = self.writer = None
        self.is_up, self.kills, self.cuts = False, 0, 0

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def sql(self, *statements, may_fail=False):
        done = subprocess.run(["mariadb", "--no-defaults", "--protocol=tcp", "-h127.0.0.1", f"-P{self.port}", "-uroot", "-N",
                               "-e", ";".join(statements)], capture_output=True, text=True)
        if done.returncode != 0 and not may_fail:
            raise SystemExit(f"SQL failed: {statements}: {done.stderr}")
        return done.stdout.rstrip("\n")

    def prepare(self):
        args = self.args
        subprocess.run([SERVER, "start", self.path("db"), str(self.port), "--log-bin=bin", "--binlog-format=ROW",
                        "--server-id=1"], check=True, stdout=subprocess.DEVNULL)
        self.is_up = True
        subprocess.run([args.writer, "fill", "--port", str(self.port), "--rows", "3000", "--seed", str(args.seed)], check=True)
        self.sql("CREATE DATABASE copy", *[f"CREATE TABLE copy.{t} LIKE shop.{t}" for t in TABLES],
                 "CREATE USER leat@'%' IDENTIFIED BY 'water'", "CREATE USER writer@'%' IDENTIFIED BY 'water'",
                 "GRANT SELECT, RELOAD, REPLICATION SLAVE, BINLOG MONITOR ON *.* TO leat@'%'",
                 "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER ON copy.* TO writer@'%'")
        with open(self.path("all.yaml"), "w") as file:
            file.write(PIPELINES.format(port=self.port, rows=args.rows, seed=args.seed,
                                        toy_rate=args.rows // max(1, args.seconds)))

    def start_daemon(self, *more):
        with open(self.path("leat.log"), "ab") as log:
            self.daemon = subprocess.Popen([self.args.leat, "run", self.path("all.yaml"), *more], stdout=log, stderr=log,
                                           cwd=self.dir, start_new_session=True)

    def log(self):
        with open(self.path("leat.log"), errors="replace") as file:
            return file.read()

    def wait_for_log(self, text, seconds):
        deadline = time.monotonic() + seconds
        while text not in self.log():
            if self.daemon.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"leat did not say '{text}':\n{self.log()[-3000:]}")
            time.sleep(0.05)

    def cut(self):
        """Every connection of the sinks, at whatever they are doing."""
        for number in self.sql("SELECT id FROM information_schema.processlist WHERE user = 'writer'").split():
            self.sql(f"KILL {number}", may_fail=True)
            self.cuts += 1

    def torture(self):
        args = self.args
        end = time.monotonic() + args.seconds
        pause = args.seconds / (args.kills + 1)
        while self.kills < args.kills and time.monotonic() < end:
            stop = time.monotonic() + pause * self.random.uniform(0.3, 1.5)
            while time.monotonic() < stop:
                time.sleep(self.random.uniform(0.02, 0.2))
                if self.random.random() < 0.4:
                    self.cut()
                if self.daemon.poll() is not None:
                    raise SystemExit(f"leat ended by itself with {self.daemon.returncode}:\n{self.log()[-3000:]}")
            self.daemon.send_signal(signal.SIGKILL)
            self.daemon.wait()
            self.kills += 1
            self.start_daemon()

    def drain(self):
        if self.writer.wait() != 0:
            raise SystemExit("the writer failed")
        self.daemon.send_signal(signal.SIGTERM)
        if self.daemon.wait(timeout=90) != 0:
            raise SystemExit(f"leat ended with {self.daemon.returncode} after SIGTERM:\n{self.log()[-3000:]}")
        self.start_daemon("--once")
        if self.daemon.wait(timeout=300) != 0:
            raise SystemExit(f"leat run --once ended with {self.daemon.returncode}:\n{self.log()[-3000:]}")

    # ---- the proof ----

    def judge(self):
        found = {"lost": 0, "doubled": 0, "reordered": 0, "altered": 0, "half": 0, "unequal": 0}
        seen, newest, transactions = {}, {}, {}
        # an append table without a key is read in the order in which it was written
        for line in self.sql("SELECT writer, seq, id, tx, tx_size, row, crc, payload, _topic FROM copy.toys").split("\n"):
            *numbers, payload, topic = line.split("\t")
            writer, seq, key, tx, size, row, crc = map(int, numbers)
            found["doubled"] += (writer, seq) in seen
            seen[writer, seq] = True
            found["reordered"] += seq < newest.get((topic, key), -1)
            newest[topic, key] = seq
            transactions.setdefault(tx, [0, size])[0] += 1
            found["altered"] += crc32c(struct.pack("<IQQQII", writer, seq, key, tx, size, row) + payload.encode()) != crc
        found["lost"] = self.args.rows - len(seen)
        last = max(transactions, default=0)
        found["half"] = sum(1 for tx, (count, size) in transactions.items() if count != size and tx != last)
        for table in TABLES:
            sums = {line.split("\t")[1] for line in
                    self.sql(f"CHECKSUM TABLE shop.{table}, copy.{table}").split("\n")}
            found["unequal"] += len(sums) != 1 or "NULL" in sums
        return found

    def plant(self):
        """Each fault is made, seen, and taken back."""
        faults = {"lost": ["CREATE TABLE copy.keep AS SELECT * FROM copy.toys", "DELETE FROM copy.toys LIMIT 1"],
                  "doubled": ["INSERT INTO copy.toys SELECT * FROM copy.keep LIMIT 1"],
                  "altered": ["UPDATE copy.toys SET payload = REVERSE(payload) LIMIT 3"],
                  "reordered": ["INSERT INTO copy.toys SELECT * FROM copy.keep ORDER BY _offset DESC"],
                  "unequal": ["UPDATE copy.orders SET ver = ver + 1 LIMIT 1"]}
        missed = []
        for name, statements in faults.items():
            if name != "lost":
                self.sql("TRUNCATE copy.toys", "INSERT INTO copy.toys SELECT * FROM copy.keep")
            if name == "reordered":
                self.sql("TRUNCATE copy.toys")
            self.sql(*statements)
            if self.judge()[name] == 0:
                missed.append(name)
        if missed:
            raise SystemExit(f"the proof did not see what was planted: {', '.join(missed)}")
        return len(faults)

    def clean_up(self):
        for process in (self.writer, self.daemon):
            if process and process.poll() is None:
                process.kill()
                process.wait()
        if self.is_up:
            subprocess.run([SERVER, "stop", self.path("db")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            shutil.rmtree(self.path("db"), ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("--leat", "--writer", "--dir"):
        parser.add_argument(name, required=True)
    for name, preset in (("--kills", 15), ("--seconds", 15), ("--rows", 60000), ("--rate", 0), ("--seed", 1)):
        parser.add_argument(name, type=int, default=preset)
    parser.add_argument("--plant", action="store_true")
    args = parser.parse_args()
    args.leat, args.writer = os.path.abspath(args.leat), os.path.abspath(args.writer)
    shutil.rmtree(args.dir, ignore_errors=True)
    os.makedirs(args.dir)
    run = Run(args)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, frame: sys.exit(128 + number))
    try:
        run.prepare()
        run.start_daemon()
        run.wait_for_log("streaming", 60)
        command = [args.writer, "run", "--port", str(run.port), "--books", run.path("books.json"), "--seed", str(args.seed),
                   "--seconds", str(args.seconds)]
        run.writer = subprocess.Popen(command + (["--rate", str(args.rate)] if args.rate else []))
        run.torture()
        run.drain()
        verdict = run.judge()
        is_fine = not any(verdict.values())
        verdict.update(verdict="ok" if is_fine else "BAD", rows=args.rows, kills=run.kills, cuts=run.cuts, seed=args.seed,
                       transactions=json.load(open(run.path("books.json")))["transactions"])
        if args.plant and is_fine:
            verdict["planted_and_seen"] = run.plant()
        print(json.dumps(verdict))
        sys.exit(0 if is_fine else 1)
    finally:
        run.clean_up()


if __name__ == "__main__":
    main()
