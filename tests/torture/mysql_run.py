#!/usr/bin/env python3
"""Proves the mysql sink: rows go into tables of a real server while all that can be killed, cut and frozen is.

    mysql_run.py --leat BIN --writer BIN --dir DIR [--target mariadb|mysql] [--kills 15] [--server-kills 5] [--freezes 0]
                 [--seconds 15] [--rows 60000] [--rate 0] [--seed 1] [--plant] [--races 0]

Two pipelines at once. toys: numbered rows into an append table without any key, where a lost row, a doubled one and one out
of order show. shop: a schema that never rests (shop_writer.c) into a second one, which must end as its equal, by CHECKSUM
TABLE (of MySQL, which sums up otherwise: row by row).

The daemon is killed -9, and goes on with 1, 2 or 3 lanes. The target is killed -9; in half of the runs it keeps its last second
in memory only, and forgets it. Between the two stands a proxy: connections are cut after byte k, of some COMMITs the answer
is swallowed, and now and then all of them are cut, or killed by the server. --freezes: the daemon is stopped for longer than
the server lets a transaction rest. --races N: nothing but N times two daemons on clones of one data directory, the old one frozen
and thawed: exactly one goes on, the other ends with status 6 and names it. --plant: the proof must see faults that are put into the tables afterwards. Exit status 0:
proven.
"""
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
from proxy import Proxy  # noqa: E402
from toy_run import crc32c  # noqa: E402
import struct  # noqa: E402
from torture_kit import arguments  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
SERVERS = os.path.join(HERE, "..", "servers")
FREEZE = 13  # seconds; a transaction rests for at most 10
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
        mysql: {{host: 127.0.0.1, port: {to}, user: writer, password: water, database: copy, table: toys, mode: append,
                create: true, ssl: off}}
        parallel: {toy_lanes}
  shop:
    source:
      mysql: {{host: 127.0.0.1, port: {port}, user: leat, password: water, tables: ["shop.*"], server_id: {server_id}}}
    sinks:
      copy:
        mysql: {{host: 127.0.0.1, port: {to}, user: writer, password: water, database: copy, ssl: off}}
        parallel: {shop_lanes}
"""

RACE = """\
data: {data}
pipelines:
  toys:
    source:
      toy: {{count: {rows}, rate: {rate}, seed: {seed}, topics: 3, writers: 4, transaction: 20}}
    transforms:
      - drop: [secret]
    sinks:
      heap:
        mysql: {{host: 127.0.0.1, port: {to}, user: writer, password: water, database: copy, table: toys, mode: append, create: true}}
"""


def is_commit(data):
    return data.endswith(b"\x03COMMIT") # behind a COM_STMT_CLOSE, perhaps


def stop_all(process):
    """Returns when every thread has stopped: until then it may write."""
    process.send_signal(signal.SIGSTOP)
    tasks = f"/proc/{process.pid}/task"

    def is_stopped(task):
        try:
            with open(f"{tasks}/{task}/stat") as file:
                return file.read().rsplit(")", 1)[1].split()[0] == "T"
        except OSError:
            return True
    while not all(is_stopped(task) for task in os.listdir(tasks)):
        time.sleep(0.001)


class Server:
    def __init__(self, kind, folder, *options):
        self.kind, self.folder, self.port, self.options = kind, folder, free_port(), options
        self.is_up = False

    def start(self, *more):
        subprocess.run([os.path.join(SERVERS, self.kind), "start", self.folder, str(self.port), *self.options, *more], check=True,
                       stdout=subprocess.DEVNULL)
        self.is_up = True

    def stop(self, sign="TERM"):
        if self.is_up:
            subprocess.run([os.path.join(SERVERS, self.kind), "stop", self.folder, sign], check=True, stdout=subprocess.DEVNULL)
        self.is_up = False

    def sql(self, *statements, may_fail=False):
        done = subprocess.run(["mariadb", "--no-defaults", "--protocol=tcp", "-h127.0.0.1", f"-P{self.port}", "-uroot", "-N"],
                              input=";\n".join(statements), capture_output=True, text=True, errors="surrogateescape")
        if done.returncode != 0 and not may_fail:
            raise SystemExit(f"SQL failed: {statements}: {done.stderr}")
        return done.stdout.rstrip("\n")


class Run:
    def __init__(self, args):
        self.args, self.dir = args, os.path.abspath(args.dir)
        self.random = random.Random(args.seed)
        self.source = Server("mariadb", self.path("db"))
        self.target = Server(args.target, self.path("to"), "--skip-log-bin")
        self.proxy = Proxy(self.target.port)
        self.daemon = self.writer = self.old = None # old: the one of a race that is frozen
        self.is_forgetful, self.starts = args.seed % 2 == 0, 0
        self.kills = self.server_kills = self.freezes = self.cuts = 0

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def prepare(self):
        args = self.args
        self.source.start()
        self.target.start()
        self.proxy.start()
        subprocess.run([args.writer, "fill", "--port", str(self.source.port), "--rows", "3000", "--seed", str(args.seed)], check=True)
        self.source.sql("CREATE USER leat@'%' IDENTIFIED BY 'water'",
                        "GRANT SELECT, RELOAD, REPLICATION SLAVE, BINLOG MONITOR ON *.* TO leat@'%'")
        made = [self.source.sql(f"SHOW CREATE TABLE shop.{t}").split("\t", 1)[1].replace("\\n", "\n") for t in TABLES]
        self.target.sql("CREATE DATABASE copy", "USE copy", *made, "CREATE USER writer@'%' IDENTIFIED BY 'water'",
                        "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER ON copy.* TO writer@'%'")

    def start_daemon(self, *more):
        """Each time with other lanes, and another replica number: MariaDB 10.11 may crash while it throws an older reader out."""
        args = self.args
        self.starts += 1
        self.proxy.cut_after = None if more else \
            lambda: self.random.randint(1, 200000) if self.random.random() < 0.3 else None
        with open(self.path("all.yaml"), "w") as file:
            file.write(PIPELINES.format(port=self.source.port, to=self.proxy.port, rows=args.rows, seed=args.seed,
                                        toy_rate=args.rows // max(1, args.seconds), server_id=1000 + self.starts,
                                        toy_lanes=self.random.choice((1, 2, 3)), shop_lanes=self.random.choice((1, 2, 3))))
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
        if self.random.random() < 0.5:
            self.cuts += self.proxy.cut()
            return
        for number in self.target.sql("SELECT id FROM information_schema.processlist WHERE user = 'writer'").split():
            self.target.sql(f"KILL {number}", may_fail=True)
            self.cuts += 1

    def has_marks(self):
        """A target that forgets its first mark cannot be told from one that was wiped."""
        there = self.target.sql("SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'copy' AND table_name = 'leat_marks'")
        return there == "1" and self.target.sql("SELECT COUNT(*) >= 2 AND SUM(mark IS NULL) = 0 FROM copy.leat_marks") == "1"

    def kill_server(self):
        self.target.stop("KILL")
        self.server_kills += 1
        forgetful = self.is_forgetful and self.was_marked
        self.target.start(*(["--innodb-flush-log-at-trx-commit=0"] if forgetful else []))

    def disturb(self):
        """One small thing, after a short while."""
        time.sleep(self.random.uniform(0.02, 0.2))
        draw = self.random.random()
        if draw < 0.3:
            self.cut()
        elif draw < 0.5:
            self.proxy.swallow(is_commit, 1)
        if self.daemon.poll() is not None:
            raise SystemExit(f"leat ended by itself with {self.daemon.returncode}:\n{self.log()[-3000:]}")

    def freeze(self):
        self.daemon.send_signal(signal.SIGSTOP)
        time.sleep(FREEZE)
        self.daemon.send_signal(signal.SIGCONT)
        self.freezes += 1

    def torture(self):
        """Kills of the daemon, of the target, and freezes, in an order that is drawn; each has its share of the time."""
        args = self.args
        acts = ["kill"] * args.kills + ["server"] * args.server_kills + ["freeze"] * args.freezes
        self.random.shuffle(acts)
        pause = args.seconds / (len(acts) + 1)
        self.was_marked = False
        for act in acts:
            stop = time.monotonic() + pause * self.random.uniform(0.3, 1.5)
            while time.monotonic() < stop:
                self.disturb()
            self.was_marked = self.was_marked or self.has_marks()
            if act == "server":
                self.kill_server()
            elif act == "freeze":
                self.freeze()
            else:
                self.daemon.send_signal(signal.SIGKILL)
                self.daemon.wait()
                self.kills += 1
                self.start_daemon()

    # ---- two daemons on clones of one data directory ----

    def write_race(self, number, rate=200):
        """The pipeline of the race's daemon, on its own directory."""
        name = self.path(f"race{number}.yaml")
        with open(name, "w") as file:
            file.write(RACE.format(data=self.path(f"data{number}"), to=self.target.port, rows=self.args.rows, rate=rate, seed=self.args.seed))
        return name

    def start_race(self, number):
        with open(self.path(f"race{number}.log"), "wb") as log:
            return subprocess.Popen([self.args.leat, "run", self.write_race(number)], stdout=log, stderr=log, cwd=self.dir,
                                    start_new_session=True)

    def race_says(self, number, text, seconds=60):
        deadline = time.monotonic() + seconds
        while True:
            with open(self.path(f"race{number}.log"), errors="replace") as file:
                log = file.read()
            if text in log:
                return log
            if time.monotonic() > deadline:
                raise SystemExit(f"race {number}: not said: '{text}':\n{log[-2000:]}")
            time.sleep(0.02)

    def race(self):
        """The one that runs is frozen at any moment, its directory cloned, the clone started; then it is thawed. It must stop
        with status 6 and name the clone, which goes on, and is the next to be frozen."""
        self.args.rows = max(self.args.rows, 5000 * self.args.races)
        old = self.start_race(0)
        self.daemon = old
        self.race_says(0, "exactly-once")
        for number in range(1, self.args.races + 1):
            time.sleep(self.random.uniform(0, 0.3))
            self.old = old
            stop_all(old)
            shutil.copytree(self.path(f"data{number - 1}"), self.path(f"data{number}"), ignore=shutil.ignore_patterns("*.sock"))
            self.daemon = self.start_race(number)
            self.race_says(number, self.random.choice(("writing to", "exactly-once"))) # it has claimed; before, the old one may go on
            old.send_signal(signal.SIGCONT)
            self.race_says(number - 1, "claimed by another instance")
            old.send_signal(signal.SIGTERM)
            status = old.wait(timeout=60)
            log = self.race_says(number - 1, f"process {self.daemon.pid}, start")
            if status != 6:
                raise SystemExit(f"race {number}: the old one ended with {status}, not 6:\n{log[-2000:]}")
            if self.daemon.poll() is not None:
                raise SystemExit(f"race {number}: the new one ended with {self.daemon.returncode}")
            shutil.rmtree(self.path(f"data{number - 1}"))
            old = self.daemon
        self.daemon.send_signal(signal.SIGKILL)
        self.daemon.wait()
        done = subprocess.run([self.args.leat, "run", "--once", self.write_race(self.args.races, rate=0)], cwd=self.dir, capture_output=True,
                              text=True, timeout=300)
        if done.returncode != 0:
            raise SystemExit(f"the last one ended with {done.returncode}:\n{(done.stdout + done.stderr)[-2000:]}")

    def drain(self):
        if self.writer.wait() != 0:
            raise SystemExit("the writer failed")
        self.daemon.send_signal(signal.SIGKILL)
        self.daemon.wait()
        self.proxy.swallow(is_commit, 0)
        self.start_daemon("--once")
        if self.daemon.wait(timeout=300) != 0:
            raise SystemExit(f"leat run --once ended with {self.daemon.returncode}:\n{self.log()[-3000:]}")

    # ---- the proof ----

    def recuts(self):
        return self.log().count("become those of")

    def judge(self):
        found = {"lost": 0, "doubled": 0, "reordered": 0, "altered": 0, "half": 0, "unequal": 0}
        seen, newest, transactions = {}, {}, {}
        # an append table without a key is read in the order in which it was written
        for line in self.target.sql("SELECT writer, seq, id, tx, tx_size, `row`, crc, payload, _topic FROM copy.toys").split("\n"):
            *numbers, payload, topic = line.split("\t")
            writer, seq, key, tx, size, row, crc = map(int, numbers)
            found["doubled"] += (writer, seq) in seen
            seen[writer, seq] = True
            found["reordered"] += seq < newest.get((topic, key), -1)
            newest[topic, key] = seq
            transactions.setdefault(tx, [0, size])[0] += 1
            found["altered"] += crc32c(struct.pack("<IQQQII", writer, seq, key, tx, size, row) + payload.encode()) != crc
        found["lost"] = self.args.rows - len(seen)
        last = max(transactions, default=0) # may have been cut short by the end
        found["half"] = sum(1 for tx, (count, size) in transactions.items() if count != size and tx != last)
        for table in () if self.args.races else TABLES:
            found["unequal"] += self.sum_of(self.source, "shop", table) != self.sum_of(self.target, "copy", table)
        return found

    def sum_of(self, server, database, table):
        if self.args.target == "mariadb":
            return server.sql(f"CHECKSUM TABLE {database}.{table}").split("\t")[1]
        return sorted(server.sql("SET time_zone = '+00:00'", f"SELECT * FROM {database}.{table}").split("\n"))

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
                self.target.sql("TRUNCATE copy.toys", "INSERT INTO copy.toys SELECT * FROM copy.keep")
            if name == "reordered":
                self.target.sql("TRUNCATE copy.toys")
            self.target.sql(*statements)
            if self.judge()[name] == 0:
                missed.append(name)
        if missed:
            raise SystemExit(f"the proof did not see what was planted: {', '.join(missed)}")
        return len(faults)

    def clean_up(self):
        for process in (self.writer, self.daemon, self.old):
            if process and process.poll() is None:
                process.kill()
                process.wait()
        for server in (self.source, self.target):
            server.stop("KILL")
            shutil.rmtree(server.folder, ignore_errors=True)


def main():
    args = arguments("writer", choices={"target": ("mariadb", "mysql")}, kills=15, server_kills=5, freezes=0, seconds=15, rows=60000,
                     rate=0, races=0)
    run = Run(args)
    try:
        run.prepare()
        if args.races:
            run.race()
            verdict = run.judge()
            is_fine = not any(verdict.values())
            print(json.dumps({**verdict, "verdict": "ok" if is_fine else "BAD", "rows": args.rows, "races": args.races, "seed": args.seed}))
            sys.exit(0 if is_fine else 1)
        run.start_daemon()
        run.wait_for_log("streaming", 60)
        command = [args.writer, "run", "--port", str(run.source.port), "--books", run.path("books.json"), "--seed", str(args.seed),
                   "--seconds", str(args.seconds)]
        run.writer = subprocess.Popen(command + (["--rate", str(args.rate)] if args.rate else []))
        run.torture()
        run.drain()
        verdict = run.judge()
        is_fine = not any(verdict.values())
        verdict.update(verdict="ok" if is_fine else "BAD", rows=args.rows, kills=run.kills, server_kills=run.server_kills,
                       freezes=run.freezes, cuts=run.cuts + run.proxy.cuts, swallowed=run.proxy.swallowed, lanes_changed=run.recuts(),
                       rewound=run.log().count("lost its tail"), seed=args.seed,
                       transactions=json.load(open(run.path("books.json")))["transactions"])
        if args.plant and is_fine:
            verdict["planted_and_seen"] = run.plant()
        print(json.dumps(verdict))
        sys.exit(0 if is_fine else 1)
    finally:
        run.clean_up()


if __name__ == "__main__":
    main()
