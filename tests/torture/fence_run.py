#!/usr/bin/env python3
"""Proves that of two daemons with cloned data directories exactly one goes on, and that the other says by whom it was stopped.

    fence_run.py --leat BIN --dir DIR --sink redis|file [--races 20] [--seed 1]

A race: a daemon writes numbered rows; it is frozen in the midst of it (or stopped, and started together with the other one); its
data directory is copied; a second daemon runs on the copy; the first one thaws some time before or after that one has begun to
write. Exit status 0: in each race one daemon said that it stops, and which process goes on; that one went on; the fenced one ended
by itself with 6, the other when asked with 0; and the target holds each row once, in order. One that opens its copy behind the other's rows sees a mark
that its log does not have, which is what a restored backup looks like: it ends with 1, and names the writer, too.
"""
import collections
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "servers"))
from redis import Redis  # noqa: E402
from torture_kit import arguments  # noqa: E402

PIPELINE = """\
data: ./leat-data
pipelines:
  toys:
    source:
      toy: {{count: 100000000, rate: 10000, topics: 1, writers: 1, keys: 50}}
    sinks:
      out:
        {sink}
"""


class RedisTarget:
    def __init__(self, folder):
        self.server = Redis(os.path.join(folder, "r")).start()
        self.sink = f"redis: {{port: {self.server.port}, as: list, key: all, format: json}}"

    def clear(self):
        self.server.ask("FLUSHALL")

    def count(self):
        return self.server.ask("LLEN", "all")

    def lines(self):
        return self.server.ask("LRANGE", "all", 0, -1)

    def stop(self):
        self.server.stop("KILL")


class FileTarget:
    def __init__(self, folder):
        self.folder = os.path.join(folder, "out")
        self.sink = f'file: {{path: "{self.folder}/all.ndjson", format: json}}'

    def clear(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def lines(self):
        try:
            with open(os.path.join(self.folder, "all.ndjson"), "rb") as file:
                return file.read().split(b"\n")[:-1] # the last line may be half there: it does not count yet
        except FileNotFoundError:
            return []

    def count(self):
        return len(self.lines())

    def stop(self):
        pass


class Wrong(Exception):
    """A race did not go as it must."""


class Daemon:
    def __init__(self, leat, folder, name):
        self.log_path = os.path.join(folder, f"{name}.log")
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen([leat, "run", "toys.yaml"], cwd=folder, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        self.pid = self.process.pid

    def log(self):
        with open(self.log_path, errors="replace") as file:
            return file.read()

    def fenced_by(self):
        """The pid that it says is going on; None: it is not fenced."""
        found = re.search(r"leat on \S+, pid (\d+), since .*; this one stops", self.log())
        if not found: # it began behind the one that writes
            found = re.search(r"(?:is ahead of the log, (?:in a part that this very log wrote, )?written by|was written from another log by) "
                              r"leat on \S+, pid (\d+), since", self.log())
        return int(found.group(1)) if found else None

    def freeze(self):
        """Until all of its threads stand: one that is in a system call goes on to its end."""
        def state(thread):
            with open(f"/proc/{self.pid}/task/{thread}/stat") as stat:
                return stat.read().rsplit(")", 1)[1].split()[0]
        self.process.send_signal(signal.SIGSTOP)
        wait("all threads to stand", lambda: all(state(thread) == "T" for thread in os.listdir(f"/proc/{self.pid}/task")))

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def wait(what, condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise Wrong(f"not within {seconds} s: {what}")
        time.sleep(0.01)
    return value


def clone(folder):
    there = os.path.join(folder, "clone")
    os.makedirs(there)
    shutil.copytree(os.path.join(folder, "leat-data"), os.path.join(there, "leat-data"),
                    ignore=shutil.ignore_patterns("admin.sock", "LOCK"))
    shutil.copy(os.path.join(folder, "toys.yaml"), there)
    return there


def start_both(args, folder, target, draw, daemons):
    """Returns what kind of a race it is."""
    kind = draw.choice(["frozen", "frozen", "thawed before", "together"])
    daemons.append(Daemon(args.leat, folder, "first"))
    some = draw.randint(1, 3000)
    wait("some rows", lambda: target.count() >= some)
    if kind == "together":
        if daemons[0].end() != 0:
            raise Wrong(f"the first daemon did not end well:\n{daemons[0].log()}")
        there = clone(folder)
        daemons[0] = Daemon(args.leat, folder, "first")
        daemons.append(Daemon(args.leat, there, "second"))
        return kind
    daemons[0].freeze()
    there, before = clone(folder), target.count()
    daemons.append(Daemon(args.leat, there, "second"))
    if kind == "frozen": # until it writes, or says that it may not
        wait("the second daemon", lambda: target.count() > before or daemons[1].fenced_by())
    time.sleep(draw.uniform(0, 0.1))
    daemons[0].process.send_signal(signal.SIGCONT)
    return kind


def race(args, target, draw, found):
    folder, daemons = os.path.join(args.dir, "race"), []
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    with open(os.path.join(folder, "toys.yaml"), "w") as file:
        file.write(PIPELINE.format(sink=target.sink))
    target.clear()
    try:
        kind = start_both(args, folder, target, draw, daemons)
        found[kind] += 1
        wait("one of them stops", lambda: any(daemon.fenced_by() for daemon in daemons))
        loser = 0 if daemons[0].fenced_by() else 1
        winner = daemons[1 - loser]
        if daemons[loser].fenced_by() != winner.pid:
            raise Wrong(f"it was stopped by pid {daemons[loser].fenced_by()}, not {winner.pid}")
        before = target.count()
        wait("the other one goes on", lambda: target.count() > before + 500)
        is_late = "this one stops" not in daemons[loser].log()
        statuses = [daemons[loser].process.wait(timeout=60), winner.end()]
        # A copy that was made while the first one ran is, to its sink, a log that has lost what the first one wrote since.
        wanted = [5 if "in a part that this very log wrote" in daemons[loser].log() else 6, 0]
        if statuses != wanted or is_late and kind == "frozen":
            raise Wrong(f"they ended with {statuses}, not {wanted}")
        found["the first goes on" if loser == 1 else "the second goes on"] += 1
        wrong = [(at, seq) for at, seq in enumerate(json.loads(line)["seq"] for line in target.lines()) if at != seq]
        if wrong:
            raise Wrong(f"{len(wrong)} rows are lost, doubled or out of place: {wrong[:5]}")
        found["rows"] += target.count()
    except Wrong as error:
        logs = "".join(f"---- {os.path.basename(daemon.log_path)}, pid {daemon.pid}\n{daemon.log()}" for daemon in daemons)
        raise Wrong(f"{error}\n{logs}") from None
    finally:
        for daemon in daemons:
            daemon.kill()


def main():
    args = arguments(flags=(), choices={"sink": ("redis", "file")}, races=20)
    target, found = (RedisTarget if args.sink == "redis" else FileTarget)(args.dir), collections.Counter()
    try:
        for number in range(args.races):
            try:
                race(args, target, random.Random(args.seed * 1000003 + number), found)
            except Wrong as error:
                raise SystemExit(f"race {number}: {error}") from None
        print(json.dumps({"verdict": "ok", "sink": args.sink, "races": args.races, **found, "seed": args.seed}))
    finally:
        target.stop()


if __name__ == "__main__":
    main()
