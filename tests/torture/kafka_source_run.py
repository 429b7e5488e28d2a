#!/usr/bin/env python3
"""Proves exactly-once out of Kafka: transactions are committed and aborted while daemon and broker are killed; then the files
must hold what a reader of committed data sees.

    kafka_source_run.py --leat BIN --tool KAFKA_TOOL --dir DIR [--kills 20] [--broker-kills 3] [--seconds 20] [--seed 1]

Exit status 0: each committed record is there once, the same, and those of a partition in order; aborted ones are not.
--plant: the check must see faults that are put into what was read. kafka_feed stands beside kafka_tool.
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

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
from kafka_kit import Broker  # noqa: E402
from torture_kit import arguments, tell  # noqa: E402

TOPICS = ["in.a", "in.b", "in.late"]  # the last one is made, and in.b grows, while it runs
PIPELINE = """\
data: ./leat-data
pipelines:
  feed:
    source:
      kafka: {{brokers: "{brokers}", topics: ["in.*"], refresh: 500ms, parallel: 2, group: torture}}
    sinks:
      out:
        file: {{path: "out/{{topic}}.ndjson", format: native-json}}
"""


class Writer(threading.Thread):
    """Transactions of one to forty messages over all partitions; every fourth is aborted."""

    def __init__(self, broker, seed):
        super().__init__()
        self.broker, self.draw, self.number = broker, random.Random(seed), 0
        self.partitions = {"in.a": 3, "in.b": 1}
        self.is_over = threading.Event()
        self.ends = collections.Counter()
        self.fallen = 0

    def transaction(self):
        end = "abort" if self.draw.random() < 0.25 else "commit"
        lines = ["begin"]
        for _ in range(self.draw.randint(1, 4)):
            topic = self.draw.choice(sorted(self.partitions))
            count = self.draw.randint(1, 40)
            lines.append(f"many\t{topic}\t{self.draw.randrange(self.partitions[topic])}\t{count}\t{self.number}")
            self.number += count
        self.ends[end] += 1
        return "".join(line + "\n" for line in lines + [end])

    def await_more(self, count):
        """So many transactions more: each kill finds some that are new, however slow the machine."""
        goal, deadline = sum(self.ends.values()) + count, time.monotonic() + 60
        while sum(self.ends.values()) < goal:
            if time.monotonic() > deadline:
                raise SystemExit(f"no {count} transactions within a minute")
            time.sleep(0.01)

    def run(self):
        while not self.is_over.is_set():
            feed = subprocess.Popen([os.path.join(os.path.dirname(self.broker.tool), "kafka_feed"), self.broker.brokers, "torture"],
                                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            try:
                answer = b"none yet"
                while not self.is_over.is_set() and answer:
                    feed.stdin.write(self.transaction().encode())
                    feed.stdin.flush()
                    answer = feed.stdout.readline()
                    time.sleep(0.004)
                feed.stdin.close()
            except BrokenPipeError:  # the broker was killed under it: what counts is what the broker has
                pass
            self.fallen += feed.wait() != 0


def judge(rows, messages):
    found, newest, seen = collections.Counter(), {}, collections.Counter()
    wanted = {(m.topic, m.partition, m.offset): (m.key.decode(), json.loads(m.value)) for m in messages}
    for row in rows:
        place = row["source"]["topic"], row["source"]["partition"], row["source"]["offset"]
        seen[place] += 1
        found["doubled"] += seen[place] > 1
        found["reordered"] += place[2] < newest.get(place[:2], -1)
        newest[place[:2]] = place[2]
        found["uncommitted"] += place not in wanted
        found["altered"] += place in wanted and wanted[place] != (row["key"], row["value"])
    found["lost"] = sum(place not in seen for place in wanted)
    return found


def plant(rows, messages):
    middle = len(rows) // 2
    other = json.loads(json.dumps(rows[middle]))
    other["value"]["n"] += 1
    stray = json.loads(json.dumps(rows[-1]))
    stray["source"]["offset"] += 1000000
    faults = {"lose": rows[:middle] + rows[middle + 1:], "double": rows + [rows[-1]], "reorder": list(reversed(rows)),
              "alter": rows[:middle] + [other] + rows[middle + 1:], "invent": rows + [stray]}
    missed = [name for name, altered in faults.items() if not any(judge(altered, messages).values())]
    if missed:
        raise SystemExit(f"the check did not see what was planted: {', '.join(missed)}")
    return len(faults)


def torture(leat, folder, broker, kills, broker_kills, seconds, seed, log):
    """Returns the writer; all that it wrote has been read."""
    with open(os.path.join(folder, "feed.yaml"), "w") as file:
        file.write(PIPELINE.format(brokers=broker.brokers))
    broker.make("in.a", 3)
    broker.make("in.b", 1)
    draw, daemon, writer = random.Random(seed), None, Writer(broker, seed)
    rounds = set(draw.sample(range(kills), broker_kills))
    pause = seconds / (kills + 2 * broker_kills)
    writer.start()
    try:
        for number in range(kills):
            daemon = subprocess.Popen([leat, "run", "feed.yaml"], stderr=log, stdout=log, cwd=folder)
            writer.await_more(5)
            time.sleep(pause * draw.uniform(0.2, 1.6))
            if number in rounds:
                broker.kill()
                broker.start()
                time.sleep(pause * draw.uniform(0.2, 1.6))
            if number == kills // 2:
                broker.make("in.late", 2)
                broker.feed(["grow", "in.b", 3])
                writer.partitions = {"in.a": 3, "in.b": 3, "in.late": 2}
            daemon.send_signal(signal.SIGKILL)
            daemon.wait()
        writer.is_over.set()
        writer.join()
        # Ends what a fallen writer left open, and writes to each partition there is.
        broker.feed(["begin"], *[["many", topic, partition, 10, writer.number + 10 * partition]
                                 for topic, count in writer.partitions.items() for partition in range(count)],
                    ["commit"], id="torture")
        daemon = subprocess.Popen([leat, "run", "--once", "feed.yaml"], stderr=log, stdout=log, cwd=folder)
        if daemon.wait(timeout=300) != 0:
            raise SystemExit(f"leat run --once ended with {daemon.returncode}; see {log.name}")
    finally:
        writer.is_over.set()
        writer.join()
        if daemon and daemon.poll() is None:
            daemon.kill()
            daemon.wait()
    return writer


def read_rows(folder):
    rows = []
    for topic in TOPICS:
        with open(os.path.join(folder, "out", f"{topic}.ndjson")) as file:
            rows += [json.loads(line) for line in file]
    return rows


def main():
    args = arguments("tool", kills=20, broker_kills=3, seconds=20.0)
    broker = Broker(os.path.join(args.dir, "kafka"), args.tool)
    try:
        broker.start()
        with open(os.path.join(args.dir, "leat.log"), "ab") as log:
            writer = torture(args.leat, args.dir, broker, args.kills, args.broker_kills, args.seconds, args.seed, log)
        rows, messages = read_rows(args.dir), broker.read(*TOPICS)
        found = {**judge(rows, messages), "nothing_at_all": not rows}
        tell(args, found, lambda: plant(rows, messages), rows=len(rows), kills=args.kills, server_kills=args.broker_kills,
             **writer.ends, writers_fallen=writer.fallen)
    finally:
        broker.remove()


if __name__ == "__main__":
    main()
