#!/usr/bin/env python3
"""Proves exactly-once into Redis: numbered rows go into targets that show each double, while everything is killed.

    redis_run.py --leat BIN --dir DIR [--rows 100000] [--seconds 20] [--kills 20] [--cuts 60] [--swallows 10] [--stops 1]
                 [--server-kills 5] [--seed 1] [--plant]

Targets: a list (RPUSH), a stream (XADD *), and a list for each key, some of which have another type: their rows must become
dead letters. --kills: the daemon, by -9. --cuts: connections, by CLIENT KILL and by a proxy after byte k. --swallows: the
script or transaction runs, its answer never comes. --stops: Redis stands for longer than the timeout. --server-kills: Redis, by -9, which comes back with an
older snapshot, or with an older copy of one: what it lost is to be written again, once. Exit status 0: each row once, in order, delivered xor dead.
--plant: the check must see faults that are put into what was read.
"""
import collections
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "servers"))
from proxy import Proxy  # noqa: E402
from redis import Redis  # noqa: E402
from torture_kit import arguments, tell  # noqa: E402

PIPELINE = """\
data: ./leat-data

pipelines:
  toys:
    source:
      toy: {{count: {rows}, rate: {rate}, seed: {seed}, topics: 3, writers: 4, transaction: 20}}
    sinks:
      list:
        redis: {{port: {port}, as: list, key: all, format: json, in_flight: 8, timeout: 2s}}
        errors: {{retry: {{first: 50ms, most: 400ms}}}}
      stream:
        redis: {{port: {port}, as: stream, key: entries, columns: true, timeout: 2s}}
        errors: {{retry: {{first: 50ms, most: 400ms}}}}
      keys:
        redis: {{port: {port}, as: list, key: "k:{{key.id}}", format: json, timeout: 2s}}
        errors: {{policy: dead_letter, retry: {{first: 50ms, most: 400ms}}}}
"""
WRONG = (5, 150, 322) # keys of another type


class Killer(threading.Thread):
    """Kills servers and cuts connections at random moments, until it is stopped. Snapshots lie a while before a kill."""

    def __init__(self, server, proxy, args, draw):
        super().__init__(daemon=True)
        self.server, self.proxy, self.draw, self.over = server, proxy, draw, threading.Event()
        events = [(draw.uniform(0.05, 1), draw.choice([self.cut, self.cut_at_byte])) for _ in range(args.cuts)]
        events += [(draw.uniform(0.05, 0.95), self.swallow) for _ in range(args.swallows)]
        events += [(draw.uniform(0.05, 0.8), self.freeze) for _ in range(args.stops)]
        for _ in range(args.server_kills):
            at = draw.uniform(0.1, 0.95)
            events += [(at - 0.03, self.save), (at, self.kill)]
        self.events = sorted(((at * args.seconds, what) for at, what in events), key=lambda event: event[0])
        self.cuts = self.kills = 0
        self.trouble = None

    def cut(self):
        self.cuts += self.server.kill_connections(self.draw.choice(["leat:toys.list", "leat:toys.stream", "leat:toys.keys"]))

    def cut_at_byte(self):
        """The connections that are made next end after byte k, which lies anywhere between the first and some batches."""
        left = [self.draw.randint(1, 3)]

        def after():
            left[0] -= 1
            return int(10 ** self.draw.uniform(0, 5.5)) + 1 if left[0] >= 0 else None
        self.proxy.cut_after = after
        self.proxy.cut()

    def swallow(self):
        self.proxy.swallow(lambda data: b"EVALSHA" in data, self.draw.randint(1, 2))

    def freeze(self):
        with open(os.path.join(self.server.folder, "redis.pid")) as file:
            pid = int(file.read())
        os.kill(pid, signal.SIGSTOP)
        time.sleep(2.5)
        os.kill(pid, signal.SIGCONT)

    def save(self):
        self.server.ask("SAVE")
        snapshot = os.path.join(self.server.folder, "dump.rdb")
        if self.draw.random() < 0.5: # what lies there until a later one is as old as that
            shutil.copy(snapshot, snapshot + ".old")

    def kill(self):
        self.server.stop("KILL")
        snapshot = os.path.join(self.server.folder, "dump.rdb")
        if os.path.exists(snapshot + ".old"):
            os.replace(snapshot + ".old", snapshot)
        self.kills += 1
        self.server.start()

    def run(self):
        begin = time.monotonic()
        try:
            for at, what in self.events:
                if self.over.wait(max(0, begin + at - time.monotonic())):
                    return
                what()
        except Exception as error:
            self.trouble = repr(error)


def in_order(rows):
    """Of (writer, seq): each writer's are 0, 1, 2 ... Counts what is lost, doubled, out of order."""
    found, seen, newest = collections.Counter(), collections.defaultdict(set), collections.defaultdict(lambda: -1)
    for writer, seq in rows:
        found["doubled"] += seq in seen[writer]
        found["reordered"] += seq not in seen[writer] and seq < newest[writer]
        newest[writer] = max(newest[writer], seq)
        seen[writer].add(seq)
    found["lost"] = sum(max(seqs) + 1 - len(seqs) for seqs in seen.values())
    return found, sum(len(seqs) for seqs in seen.values())


def judge(read, rows, may_repeat_letters):
    found = collections.Counter()
    for name in ("list", "stream"):
        wrong, there = in_order(read[name])
        wrong["lost"] += max(0, rows - there - wrong["lost"])
        for what, count in wrong.items():
            found[f"{name}_{what}"] += count
    delivered = [row for key in read["keys"].values() for row in key]
    letters = set(read["letters"])
    found["key_reordered"] = sum(sum(a >= b for a, b in zip(key, key[1:])) for key in read["keys"].values())
    found["key_doubled"] = len(delivered) - len(set(delivered))
    found["letter_doubled"] = 0 if may_repeat_letters else len(read["letters"]) - len(letters)
    found["delivered_and_dead"] = len(letters & set(delivered))
    found["neither"] = max(0, rows - len(letters | set(delivered)))
    return found


def of_json(line):
    row = json.loads(line)
    return row["writer"], row["seq"]


def of_letter(line):
    row = json.loads(line)["value"]["record"]
    row = (json.loads(row) if isinstance(row, str) else row)["value"]
    return row["writer"], row["seq"]


def read_all(server, args):
    read = {"list": [of_json(line) for line in server.ask("LRANGE", "all", 0, -1)], "stream": [], "keys": {}}
    for _, fields in server.ask("XRANGE", "entries", "-", "+"):
        row = dict(zip(fields[::2], fields[1::2]))
        read["stream"].append((int(row[b"writer"]), int(row[b"seq"])))
    for key in server.text("KEYS", "k:*"):
        if server.ask("TYPE", key) == b"list":
            read["keys"][key] = [of_json(line) for line in server.ask("LRANGE", key, 0, -1)]
    dead = subprocess.run([args.leat, "read", "toys.dead"], cwd=args.dir, capture_output=True, check=False)
    read["letters"] = [of_letter(line) for line in dead.stdout.splitlines() if line.startswith(b"{")]
    return read


def plant(read, rows):
    """Each fault must be seen."""
    key = max(read["keys"], key=lambda name: len(read["keys"][name]))
    faults = {
        "lose": lambda r: r["list"].pop(len(r["list"]) // 2),
        "lose the last": lambda r: r["stream"].pop(),
        "double": lambda r: r["stream"].insert(7, r["stream"][7]),
        "reorder": lambda r: r["list"].insert(2, r["list"].pop(200)),
        "lose of a key": lambda r: r["keys"][key].pop(),
        "swap in a key": lambda r: r["keys"][key].insert(0, r["keys"][key].pop()),
        "deliver a dead one": lambda r: r["keys"][key].append(r["letters"][0]),
        "lose a letter": lambda r: r["letters"].remove(r["letters"][-1]),
    }
    missed = []
    for name, fault in faults.items():
        copy = json.loads(json.dumps(read))
        copy = {part: {k: [tuple(row) for row in v] for k, v in rows.items()} if part == "keys" else [tuple(row) for row in rows]
                for part, rows in copy.items()}
        copy["letters"] = list(dict.fromkeys(copy["letters"]))
        fault(copy)
        if not any(judge(copy, rows, False).values()):
            missed.append(name)
    if missed:
        raise SystemExit(f"the check did not see what was planted: {', '.join(missed)}")
    return len(faults)


def main():
    args = arguments(rows=100000, seconds=20, kills=20, cuts=60, swallows=10, stops=1, server_kills=5)
    server = Redis(os.path.join(args.dir, "r")).start()
    for key in WRONG:
        server.ask("SET", f"k:{key}", "of another type")
    server.ask("SAVE")
    proxy = Proxy(server.port).start()
    pipeline = os.path.join(args.dir, "toys.yaml")
    with open(pipeline, "w") as file:
        file.write(PIPELINE.format(rows=args.rows, rate=2 * args.rows // args.seconds, seed=args.seed, port=proxy.port))
    log = open(os.path.join(args.dir, "leat.log"), "ab")
    draw, daemon = random.Random(args.seed), None
    killer = Killer(server, proxy, args, random.Random(args.seed + 1))
    try:
        killer.start()
        for _ in range(args.kills):
            daemon = subprocess.Popen([args.leat, "run", pipeline], stderr=log, cwd=args.dir)
            time.sleep(args.seconds / args.kills * draw.uniform(0.3, 1.7))
            daemon.send_signal(signal.SIGKILL)
            daemon.wait()
        daemon = subprocess.Popen([args.leat, "run", "--once", pipeline], stderr=log, cwd=args.dir)
        killer.join(timeout=args.seconds + 60)
        if daemon.wait(timeout=900) != 0:
            raise SystemExit(f"leat run --once ended with {daemon.returncode}; see {args.dir}/leat.log")
        if killer.trouble:
            raise SystemExit(f"the killer failed: {killer.trouble}")
        read = read_all(server, args)
        found = judge(read, args.rows, killer.kills > 0)
        stats = server.text("INFO", "commandstats")
        transactions = int(stats.split("cmdstat_exec:calls=")[1].split(",")[0]) if "cmdstat_exec:" in stats else 0
        with open(os.path.join(args.dir, "leat.log"), errors="replace") as said:
            rewound = said.read().count("lost its tail in")
        tell(args, {what: count for what, count in found.items() if count}, lambda: plant(read, args.rows),
             rows=len(read["list"]), letters=len(set(read["letters"])), kills=args.kills, cuts=killer.cuts + proxy.cuts,
             swallowed=proxy.swallowed, stops=args.stops, server_kills=killer.kills, rewound=rewound, transactions_at_last=transactions)
    finally:
        killer.over.set()
        if daemon and daemon.poll() is None:
            daemon.kill()
            daemon.wait()
        killer.join(timeout=60)
        proxy.stop()
        server.stop("KILL")


if __name__ == "__main__":
    main()
