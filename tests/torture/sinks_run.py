#!/usr/bin/env python3
"""Proves exactly-once into everything at once: a MariaDB that never rests -> log -> files, Kafka, Redis and MySQL.

    sinks_run.py --leat BIN --writer BIN --tool KAFKA_TOOL --dir DIR [--seconds 60] [--kills 40] [--server-kills 6] [--cuts 30]
                 [--swallows 12] [--stops 1] [--rows 3000] [--rate 150] [--seed 1] [--plant]

Seven sinks of one pipeline, in targets that show each double: files, a Kafka topic of four partitions, a Redis list and stream, a
Redis list for each customer (some have another type: their changes must become dead letters), tables without a key, and a copy of
the schema. Meanwhile
  --kills         the daemon is killed -9
  --server-kills  Kafka, Redis or the target's MariaDB is killed -9; Redis comes back with an older snapshot, MariaDB
                  without its last second (innodb_flush_log_at_trx_commit=0)
  --cuts          connections are cut, at once or after byte k, by a proxy before each target
  --swallows      the answer to a COMMIT, a script or an EndTxn never comes
  --stops         the daemon is stopped for longer than Kafka's transaction.timeout.ms, and goes on
Exit status 0: nothing lost, doubled, out of order or different; dead letter xor delivered. --plant: the check must see faults.
"""
import collections
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "servers"), os.path.join(HERE, "..", "live")]
from kafka_kit import Broker  # noqa: E402
from ports import free_port  # noqa: E402
from proxy import END_TXN, Proxy  # noqa: E402
from redis import Redis  # noqa: E402
import sinks_verify as verify  # noqa: E402
from shop_run import MASK  # noqa: E402
from torture_kit import arguments  # noqa: E402

MARIADB = os.path.join(HERE, "..", "servers", "mariadb")
TABLES = tuple(verify.KEYS)
WRONG = (5, 150, 322, 1001, 2002) # customers whose list has another type
TRANSACTION_TIMEOUT = 8 # seconds
KINDS = ("lost", "doubled", "reordered", "different", "phantom")
PIPELINE = """\
data: ./leat-data

pipelines:
  shop:
    source:
      mysql: {{host: 127.0.0.1, port: {source}, user: leat, password: water, tables: ["shop.*"]}}
    sinks:
      archive:
        file: {{path: "out/{{topic}}.ndjson", format: debezium, rotate_size: 1MiB, gzip: true}}
        transforms:
          - drop: [card_number]
          - lua: mask.lua
      queue:
        kafka: {{brokers: "127.0.0.1:{kafka}", format: debezium, partitions: 4, properties: {{transaction.timeout.ms: {timeout}}}}}
      list:
        redis: {{port: {redis}, as: list, key: "{{topic}}", format: debezium}}
      stream:
        redis: {{port: {redis}, as: stream, key: "stream:{{topic}}", field: value, format: debezium}}
      picky:
        topics: [shop.customers]
        redis: {{port: {redis}, as: list, key: "k:{{key.id}}", format: debezium}}
        errors: {{policy: dead_letter}}
      heap:
        mysql: {{host: 127.0.0.1, port: {target}, user: writer, password: water, database: heap, mode: append, create: true}}
      mirror:
        mysql: {{host: 127.0.0.1, port: {target}, user: writer, password: water, database: copy}}
"""


class MariaDB:
    def __init__(self, folder, *options):
        self.folder, self.port, self.options = folder, free_port(), options

    def start(self):
        subprocess.run([MARIADB, "start", self.folder, str(self.port), *self.options], check=True, stdout=subprocess.DEVNULL)
        return self

    def stop(self, sign="TERM"):
        subprocess.run([MARIADB, "stop", self.folder, sign], check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def sql(self, *statements):
        done = subprocess.run(["mariadb", "--no-defaults", "--protocol=tcp", "-h127.0.0.1", f"-P{self.port}", "-uroot", "-N",
                               "-e", ";".join(statements)], capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"SQL failed: {statements}: {done.stderr}")
        return done.stdout.rstrip("\n").split("\n")


class Targets:
    """The three servers, each with a proxy before it."""

    def __init__(self, args):
        self.redis = Redis(os.path.join(args.dir, "redis"))
        self.redis_proxy = Proxy(self.redis.port).start()
        proxy = free_port()
        self.kafka = Broker(os.path.join(args.dir, "kafka"), args.tool, f"advertised.listeners=PLAINTEXT://127.0.0.1:{proxy}")
        self.kafka_proxy = Proxy(int(self.kafka.brokers.split(":")[1]), proxy).start()
        self.mariadb = MariaDB(os.path.join(args.dir, "target"), "--skip-log-bin", "--innodb-flush-log-at-trx-commit=0")
        self.mariadb_proxy = Proxy(self.mariadb.port).start()
        self.proxies = (self.redis_proxy, self.kafka_proxy, self.mariadb_proxy)
        self.kills = collections.Counter()

    def start(self):
        for server in (self.redis, self.kafka, self.mariadb):
            server.start()
        for customer in WRONG:
            self.redis.ask("SET", f"k:{customer}", "of another type")
        self.redis.ask("SAVE")

    def kill(self, name):
        if name == "redis":
            self.redis.stop("KILL")
            self.redis.start()
        elif name == "kafka":
            self.kafka.kill()
            self.kafka.start()
        else:
            self.mariadb.stop("KILL")
            self.mariadb.start()
        self.kills[name] += 1

    def stop(self):
        for proxy in self.proxies:
            proxy.stop()
        self.redis.stop("KILL")
        self.kafka.remove()
        self.mariadb.stop("KILL")


class Chaos(threading.Thread):
    """What happens to servers and connections, at random times that the seed gives."""

    def __init__(self, targets, args):
        super().__init__(daemon=True)
        self.targets, self.draw, self.over, self.trouble = targets, random.Random(args.seed + 1), threading.Event(), None
        at, events = lambda low=0.02: self.draw.uniform(low, 0.95) * args.seconds, []
        events += [(at(), lambda: self.draw.choice(targets.proxies).cut()) for _ in range(args.cuts // 2)]
        events += [(at(), self.cut_within) for _ in range(args.cuts - args.cuts // 2)]
        needles = ((targets.redis_proxy, lambda data: b"EVALSHA" in data), (targets.kafka_proxy, END_TXN),
                   (targets.mariadb_proxy, lambda data: b"\x03COMMIT" in data))
        for number in range(args.swallows):
            proxy, needle = needles[number % len(needles)]
            events.append((at(), lambda proxy=proxy, needle=needle: proxy.swallow(needle)))
        for number in range(args.server_kills):
            name, when = ("redis", "mariadb", "kafka")[number % 3], at(0.1)
            if name == "redis":
                events.append((when - 0.03 * args.seconds, lambda: targets.redis.ask("SAVE")))
            events.append((when, lambda name=name: targets.kill(name)))
        self.events = sorted(events, key=lambda event: event[0])

    def cut_within(self):
        """The connections that are made in this time are cut after byte k."""
        proxy = self.draw.choice(self.targets.proxies)
        proxy.cut_after = lambda: self.draw.choice((self.draw.randrange(1, 400), self.draw.randrange(1, 200000)))
        proxy.cut()
        self.over.wait(0.5)
        proxy.cut_after = None

    def run(self):
        begin = time.monotonic()
        try:
            for at, what in self.events:
                if self.over.wait(max(0, begin + at - time.monotonic())):
                    return
                what()
        except BaseException as error:
            self.trouble = repr(error)

    def end(self):
        self.over.set()
        self.join()
        for proxy in self.targets.proxies:
            proxy.swallow(None, 0)
        if self.trouble:
            raise SystemExit(f"the chaos failed: {self.trouble}")


class Run:
    def __init__(self, args):
        self.args, self.draw = args, random.Random(args.seed)
        self.source = MariaDB(self.path("source"), "--log-bin=bin", "--binlog-format=ROW", "--server-id=1")
        self.targets = Targets(args)
        self.daemon = self.writer = self.chaos = None
        self.kills = self.stops = 0

    def path(self, *parts):
        return os.path.join(self.args.dir, *parts)

    def prepare(self):
        args, targets = self.args, self.targets
        self.source.start()
        targets.start()
        subprocess.run([args.writer, "fill", "--port", str(self.source.port), "--rows", str(args.rows), "--seed", str(args.seed)],
                       check=True)
        self.source.sql("CREATE USER leat@'%' IDENTIFIED BY 'water'",
                        "GRANT SELECT, RELOAD, REPLICATION SLAVE, BINLOG MONITOR ON *.* TO leat@'%'")
        shapes = ["\n".join(self.source.sql(f"SHOW CREATE TABLE shop.{t}")).split("\t", 1)[1].replace("\\n", "\n") for t in TABLES]
        targets.mariadb.sql("CREATE DATABASE heap", "CREATE DATABASE copy", "USE copy", *shapes,
                            "CREATE USER writer@'%' IDENTIFIED BY 'water'",
                            *[f"GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER ON {base}.* TO writer@'%'"
                              for base in ("heap", "copy")],
                            "FLUSH ENGINE LOGS") # the target flushes each second, and may be killed before
        os.makedirs(self.path("out"))
        texts = {"mask.lua": MASK, "shop.yaml": PIPELINE.format(
            source=self.source.port, kafka=targets.kafka_proxy.port, redis=targets.redis_proxy.port,
            target=targets.mariadb_proxy.port, timeout=TRANSACTION_TIMEOUT * 1000)}
        for name, text in texts.items():
            with open(self.path(name), "w") as file:
                file.write(text)

    # ---- the daemon ----

    def start_daemon(self, *more):
        with open(self.path("leat.log"), "ab") as log:
            self.log_before = os.path.getsize(log.name)
            self.daemon = subprocess.Popen([self.args.leat, "run", self.path("shop.yaml"), *more], stdout=log, stderr=log,
                                           cwd=self.args.dir, start_new_session=True)

    def log(self):
        with open(self.path("leat.log"), errors="replace") as file:
            return file.read()

    def wait_for_log(self, text, seconds):
        """Of the daemon that was started last."""
        deadline = time.monotonic() + seconds
        while text not in self.log()[self.log_before:]:
            self.must_run()
            if time.monotonic() > deadline:
                raise SystemExit(f"leat did not say '{text}':\n{self.log()[-3000:]}")
            time.sleep(0.05)

    def must_run(self):
        if self.daemon.poll() is not None:
            raise SystemExit(f"leat ended by itself with {self.daemon.returncode}:\n{self.log()[-3000:]}")

    def torture(self):
        args = self.args
        end, pause = time.monotonic() + args.seconds, args.seconds / (args.kills + 1)
        stops = set(self.draw.sample(range(args.kills), args.stops))
        while self.kills < args.kills and time.monotonic() < 2 * args.seconds + end:
            time.sleep(pause * self.draw.uniform(0.3, 1.5))
            self.must_run()
            if self.kills in stops and self.stops < args.stops:
                self.stops += 1
                self.daemon.send_signal(signal.SIGSTOP)
                time.sleep(1.5 * TRANSACTION_TIMEOUT)
                self.daemon.send_signal(signal.SIGCONT)
                continue
            self.daemon.send_signal(signal.SIGKILL)
            self.daemon.wait()
            self.kills += 1
            self.start_daemon()

    def drain(self):
        if self.writer.wait() != 0:
            raise SystemExit("the writer failed")
        self.wait_for_log("streaming", 60)
        self.daemon.send_signal(signal.SIGTERM)
        if self.daemon.wait(timeout=120) != 0:
            raise SystemExit(f"leat ended with {self.daemon.returncode} after SIGTERM:\n{self.log()[-3000:]}")
        self.start_daemon("--once")
        if self.daemon.wait(timeout=600) != 0:
            raise SystemExit(f"leat run --once ended with {self.daemon.returncode}:\n{self.log()[-3000:]}")

    # ---- the proof ----

    def files_are_right(self):
        done = subprocess.run([os.path.join(HERE, "shop_verify.py"), "--out", self.path("out"), "--port", str(self.source.port),
                               "--books", self.path("books.json")], capture_output=True, text=True)
        text = done.stdout.strip().split("\n")
        if not text[-1].startswith("{"):
            raise SystemExit(f"the files could not be judged: {done.stdout}{done.stderr}")
        if done.returncode:
            print("\n".join(text[:-1]), file=sys.stderr)
        return json.loads(text[-1])

    def held(self, table):
        """What the targets hold of the table, by sink."""
        redis, topic, columns = self.targets.redis, f"shop.{table}", ", ".join(("_op", *verify.KEYS[table], "ver"))
        return {
            "queue": verify.of_kafka(table, self.targets.kafka.read(topic)),
            "list": [[verify.of_debezium(table, line) for line in redis.ask("LRANGE", topic, 0, -1)]],
            "stream": [[verify.of_debezium(table, fields[1]) for _, fields in redis.ask("XRANGE", f"stream:{topic}", "-", "+")]],
            "heap": verify.of_heap(table, self.targets.mariadb.sql(f"SELECT {columns} FROM heap.{table}")),
        }

    def picky(self, truth):
        """Delivered xor dead."""
        redis, lists = self.targets.redis, []
        for key in redis.text("KEYS", "k:*"):
            if redis.ask("TYPE", key) == b"list":
                lists.append([verify.of_debezium("customers", line) for line in redis.ask("LRANGE", key, 0, -1)])
        found = truth.judge(lists)
        delivered = {change.identity for changes in lists for change in changes}
        dead = subprocess.run([self.args.leat, "read", "shop.dead"], cwd=self.args.dir, capture_output=True, check=True)
        letters = set()
        for line in dead.stdout.splitlines():
            record = json.loads(line)["value"]["record"]
            record = json.loads(record) if isinstance(record, str) else record
            row = record.get("value") or record.get("before")
            letters.add(verify.identity_of("customers", record["op"], row))
        found["lost"] = len(set(truth.places) - delivered - letters)
        found["delivered and dead"] = len(delivered & letters)
        found["phantom"] += len(letters - set(truth.places))
        return found, len(letters)

    def judge(self):
        figures = self.files_are_right()
        found = collections.Counter({"archive": int(figures["verdict"] != "ok")})
        missed, letters = [], 0
        for table in TABLES:
            truth = verify.Truth(table, self.path("out"))
            for sink, lists in self.held(table).items():
                for what, count in truth.judge(lists).items():
                    found[f"{sink} {what}"] += count
                if self.args.plant:
                    missed += [f"{sink} {what}" for what in verify.plant(truth, lists)]
            if table == "customers":
                wrong, letters = self.picky(truth)
                found.update({f"picky {what}": count for what, count in wrong.items()})
            here, there = (db.sql(f"CHECKSUM TABLE {base}.{table}")[0].split("\t")[1]
                           for db, base in ((self.source, "shop"), (self.targets.mariadb, "copy")))
            found["mirror unequal"] += here != there
        if missed:
            raise SystemExit(f"the check did not see what was planted: {', '.join(missed)}")
        return figures, +found, letters

    def clean_up(self):
        if self.chaos:
            self.chaos.over.set()
            self.chaos.join(timeout=60)
        for process in (self.writer, self.daemon):
            if process and process.poll() is None:
                process.kill()
                process.wait()
        self.source.stop("KILL")
        self.targets.stop()


def work(run):
    args = run.args
    run.prepare()
    run.start_daemon()
    run.wait_for_log("streaming", 120)
    run.writer = subprocess.Popen([args.writer, "run", "--port", str(run.source.port), "--books", run.path("books.json"), "--seed",
                                   str(args.seed), "--seconds", str(args.seconds), "--rate", str(args.rate)])
    run.chaos = Chaos(run.targets, args)
    run.chaos.start()
    run.torture()
    run.chaos.end()
    run.drain()
    figures, found, letters = run.judge()
    with open(run.path("books.json")) as books:
        transactions = json.load(books)["transactions"]
    said = run.log()
    proxies = run.targets.proxies
    print(json.dumps({
        "verdict": "BAD" if found else "ok", "changes": figures["changes"], "transactions": transactions, "kills": run.kills,
        "server_kills": sum(run.targets.kills.values()), **{f"kills_{name}": n for name, n in run.targets.kills.items()},
        "cuts": sum(p.cuts for p in proxies), "swallowed": sum(p.swallowed for p in proxies), "stops": run.stops,
        "rewound": said.count("lost its tail"), "letters": letters,
        **{kind: sum(count for what, count in found.items() if what.endswith(kind)) for kind in KINDS}, **found, "seed": args.seed}))
    return not found


def main():
    args = arguments("writer", "tool", seconds=60, kills=40, server_kills=6, cuts=30, swallows=12, stops=1, rows=3000, rate=150)
    run = Run(args)
    try:
        sys.exit(0 if work(run) else 1)
    finally:
        run.clean_up()


if __name__ == "__main__":
    main()
