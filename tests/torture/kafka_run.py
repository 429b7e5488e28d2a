#!/usr/bin/env python3
"""Proves exactly-once into Kafka: numbered rows go there while daemon and broker are killed; then committed ones are counted.

    kafka_run.py --leat BIN --tool KAFKA_TOOL --dir DIR [--rows 60000] [--kills 20] [--broker-kills 3] [--seconds 20] [--seed 1]

Exit status 0: a reader of committed data sees each row once, and the rows of a key in order. --plant: the check must see
faults that are put into what was read.
"""
import collections
import json
import os
import random
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
from kafka_kit import Broker, partition_of  # noqa: E402
from torture_kit import arguments, tell  # noqa: E402

TOPICS = ["toy.t0", "toy.t1", "toy.t2"]
PARTITIONS = 4
PIPELINE = """\
data: ./leat-data
pipelines:
  toys:
    source:
      toy: {{count: {rows}, rate: {rate}, seed: {seed}, topics: 3, writers: 4, transaction: 20}}
    sinks:
      kafka:
        kafka: {{brokers: "{brokers}", format: json, partitions: {partitions}, compression: lz4, guarantee: {guarantee}}}
"""


def judge(messages, rows):
    found, numbers, newest = collections.Counter(), collections.defaultdict(set), {}
    for message in messages:
        row = json.loads(message.value)
        writer, seq = row["writer"], row["seq"]
        found["doubled"] += seq in numbers[writer]
        numbers[writer].add(seq)
        place = (message.topic, message.key, writer)
        found["reordered"] += seq < newest.get(place, -1)
        newest[place] = seq
        found["misplaced"] += message.partition != partition_of(message.key, PARTITIONS)
    there = sum(len(seqs) for seqs in numbers.values())
    found["lost"] = rows - there
    return found, there


def plant(messages, rows):
    middle = len(messages) // 2
    faults = {"lose": messages[:middle] + messages[middle + 1:], "double": messages + [messages[middle]],
              "reorder": list(reversed(messages)),
              "misplace": messages[1:] + [messages[0]._replace(partition=messages[0].partition + 1)]}
    missed = [name for name, altered in faults.items() if not any(judge(altered, rows)[0].values())]
    if missed:
        raise SystemExit(f"the check did not see what was planted: {', '.join(missed)}")
    return len(faults)


def torture(leat, folder, broker, rows, kills, broker_kills, seconds, seed, log, guarantee="exactly-once"):
    """Runs it on a broker that is up and leaves it so."""
    pipeline = os.path.join(folder, "toys.yaml")
    with open(pipeline, "w") as file:
        file.write(PIPELINE.format(rows=rows, rate=int(rows / seconds), seed=seed, brokers=broker.brokers,
                                   partitions=PARTITIONS, guarantee=guarantee))
    draw, daemon = random.Random(seed), None
    rounds = sorted(draw.sample(range(kills), broker_kills)) if broker_kills else []
    try:
        for number in range(kills):
            daemon = subprocess.Popen([leat, "run", pipeline], stderr=log, stdout=log, cwd=folder)
            time.sleep(seconds / kills * draw.uniform(0.3, 1.5))
            if number in rounds:
                broker.kill()
                broker.start()
                time.sleep(seconds / kills * draw.uniform(0.3, 1.5))
            daemon.send_signal(signal.SIGKILL)
            daemon.wait()
        daemon = subprocess.Popen([leat, "run", "--once", pipeline], stderr=log, stdout=log, cwd=folder)
        if daemon.wait(timeout=300) != 0:
            raise SystemExit(f"leat run --once ended with {daemon.returncode}; see {log.name}")
    finally:
        if daemon and daemon.poll() is None:
            daemon.kill()
            daemon.wait()


def main():
    args = arguments("tool", rows=60000, kills=20, broker_kills=3, seconds=20.0)
    broker = Broker(os.path.join(args.dir, "kafka"), args.tool)
    try:
        broker.start()
        with open(os.path.join(args.dir, "leat.log"), "ab") as log:
            torture(args.leat, args.dir, broker, args.rows, args.kills, args.broker_kills, args.seconds, args.seed, log)
        messages = broker.read(*TOPICS)
        found, there = judge(messages, args.rows)
        tell(args, found, lambda: plant(messages, args.rows), rows=there, kills=args.kills, broker_kills=args.broker_kills)
    finally:
        broker.remove()


if __name__ == "__main__":
    main()
