#!/usr/bin/env python3
"""The kafka sink while connections are cut and answers swallowed, while it is frozen, and while brokers of three come and go.

Each case: numbered rows go to Kafka; then a reader of committed data sees each once, in order, where it belongs.
`kafka_faults.py --leat BIN --tool KAFKA_TOOL [--races N] [--version 3.9.2] [CASE...]`
"""
import json
import os
import random
import shutil
import subprocess
import sys
import time

import kafka_kit
import kafka_raw
import kit
from kafka_kit import Broker, free_port
from kit import has, same, wait
from proxy import END_TXN, Proxy

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "torture"))
import kafka_run  # noqa: E402

PRODUCE = 0


class ProxiedBroker(Broker):
    """One broker; clients that start from `far` reach it through `proxy` alone."""

    def __init__(self, folder, tool, version):
        super().__init__(folder, tool, version=version)
        inner = free_port()
        self.proxy = Proxy(inner)
        self.far = f"127.0.0.1:{self.proxy.port}"
        self.env["KAFKA_PROPS"] = f"""\
listeners=PLAINTEXT://127.0.0.1:{self.port},FAR://127.0.0.1:{inner},CONTROLLER://127.0.0.1:{self.port + 1}
advertised.listeners=PLAINTEXT://127.0.0.1:{self.port},FAR://{self.far}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,FAR:PLAINTEXT,CONTROLLER:PLAINTEXT
transaction.abort.timed.out.transaction.cleanup.interval.ms=500
"""
        self.proxy.start()


def pipeline(box, name, rows, rate, more="", brokers=None, data="data"):
    box.write("p.yaml", f"""\
data: ./{data}
pipelines:
  {name}:
    source:
      toy: {{count: {rows}, rate: {rate}, topics: 3, writers: 4, transaction: 20}}
    sinks:
      k:
        kafka: {{brokers: "{brokers or box.broker.far}", format: json, partitions: {kafka_run.PARTITIONS}, topic_prefix: {name}{more}}}
        errors: {{retry: {{first: 20ms, most: 500ms}}}}
""")


def judge(box, name, rows, broker=None):
    messages = (broker or box.broker).read(*[f"{name}.{topic}" for topic in kafka_run.TOPICS])
    found, there = kafka_run.judge(messages, rows)
    same({what: count for what, count in found.items() if count}, {})
    same(there, rows)


def case_swallowed_commits(box):
    """The broker commits and nobody hears of it: a new producer reads the mark back."""
    proxy, swallowed = box.broker.proxy, box.broker.proxy.swallowed
    pipeline(box, "swallowed", 6000, 1500)
    daemon = box.start("run", "--once", "p.yaml")
    daemon.says("exactly-once")
    for number in range(1, 9):
        proxy.swallow(END_TXN)
        wait("a commit", lambda: proxy.swallowed == swallowed + number or daemon.process.poll() is not None)
    has(daemon.ends(0, 60), "what was committed is read back by a new producer")
    same(proxy.swallowed - swallowed > 0, True, "swallowed answers")
    judge(box, "swallowed", 6000)


def case_a_topic_that_was_never_told_of_a_commit(box):
    """The marks' topic hangs in a transaction that is over: the next one ends it, and the sink goes on by itself."""
    proxy = box.broker.proxy
    pipeline(box, "hang", 4000, 1000)
    daemon = box.start("run", "--once", "p.yaml")
    daemon.says("exactly-once")
    kafka_raw.hang_after(proxy, daemon, lambda: kafka_raw.hang(box.broker, "leat-marks", "leat.hang.k.0"))
    has(daemon.ends(0, 60), "what was committed is read back by a new producer")
    judge(box, "hang", 4000)
    same(kafka_raw.hang(box.broker, "leat-marks", "leat.hang.k.0"), True, "left again, and nobody is there who knows")
    pipeline(box, "hang", 5000, 0)
    box.run("run", "--once", "p.yaml", status=0, seconds=60)
    judge(box, "hang", 5000)


def case_cut_connections(box):
    """Connections are cut after byte k, in both directions."""
    proxy, draw = box.broker.proxy, random.Random(7)
    before = proxy.cuts
    pipeline(box, "cut", 8000, 2000)
    proxy.cut_after = lambda: draw.choice((draw.randint(1, 2000), draw.randint(1, 60000), *[draw.randint(1, 300000)] * 8))
    daemon = box.start("run", "--once", "p.yaml")
    try:
        wait("cuts", lambda: proxy.cuts > before + 12 or daemon.process.poll() is not None, 60)
    finally:
        proxy.cut_after = None
    daemon.ends(0, 60)
    same(proxy.cuts > before, True, "no connection carries more than 300 kB, and so it was cut")
    judge(box, "cut", 8000)


def case_frozen_longer_than_its_transaction(box):
    """Kafka ends the transaction meanwhile; nobody else has taken over, so it goes on."""
    pipeline(box, "frozen", 100000000, 4000, ", properties: {transaction.timeout.ms: 1500, message.timeout.ms: 1400}")
    daemon = box.start("run", "p.yaml")
    daemon.says("exactly-once")
    for _ in range(12):
        time.sleep(0.3)
        daemon.freeze()
        time.sleep(3) # twice what Kafka lets a transaction stand
        daemon.thaw()
        count = len(box.broker.read("frozen.toy.t0"))
        wait("more rows", lambda: len(box.broker.read("frozen.toy.t0")) > count, 60)
        if "transaction took longer than transaction.timeout.ms" in daemon.log():
            break
    has(daemon.log(), "trying again") # which of its steps a freeze meets, nobody can say
    daemon.stop()
    messages = box.broker.read(*[f"frozen.{topic}" for topic in kafka_run.TOPICS])
    numbers = {}
    for message in messages:
        row = json.loads(message.value)
        numbers.setdefault(row["writer"], []).append(row["seq"])
    for writer, seqs in numbers.items():
        same(len(seqs), len(set(seqs)), f"rows of writer {writer} once")


def case_frozen_network(box):
    """Nothing passes for longer than the sink waits, and nothing is refused."""
    proxy = box.broker.proxy
    pipeline(box, "stuck", 20000, 4000)
    daemon = box.start("run", "--once", "p.yaml")
    wait("rows", lambda: "stuck.toy.t0" in box.broker.call("topics").decode() and box.broker.read("stuck.toy.t0"), 30)
    proxy.freeze()
    try:
        daemon.says("trying again", 60)
    finally:
        proxy.thaw()
    daemon.ends(0, 90)
    judge(box, "stuck", 20000)


def judge_so_far(messages):
    """Of a source that has no end: what is there is the begin of it, each row once and in order."""
    newest, numbers = {}, set()
    for message in messages:
        row = json.loads(message.value)
        newest[row["writer"]] = max(row["seq"], newest.get(row["writer"], -1))
        numbers.add((row["writer"], row["seq"]))
    found, there = kafka_run.judge(messages, sum(newest.values()) + len(newest))
    same({what: count for what, count in found.items() if count}, {})
    return there


def case_leaders_of_three_killed(box):
    """Three replicas, two in sync: each broker is killed while rows are written, and comes back."""
    three = Broker(box.path("three"), box.broker.tool, version=box.broker.env.get("KAFKA_VERSION", ""), count=3)
    pipeline(box, "three", 100000000, 1000, ", replication: 3", three.brokers)
    topics = [f"three.{topic}" for topic in kafka_run.TOPICS]
    try:
        three.start()
        daemon = box.start("run", "p.yaml")
        daemon.says("exactly-once", 60)
        for number in (1, 2, 3):
            time.sleep(2)
            three.kill(number)
            time.sleep(6)
            three.restart(number)
        count = len(three.read(*topics))
        wait("rows after all that", lambda: len(three.read(*topics)) > count, 90)
        daemon.stop()
        judge_so_far(three.read(*topics))
    finally:
        three.remove()


def race(box, number, older):
    """`older` is frozen at some moment and its directory cloned; once another has begun there, it wakes up."""
    draw = random.Random(number)
    time.sleep(draw.uniform(0, 0.1))
    older.freeze()
    name = f"d{number}"
    subprocess.run(["cp", "-a", box.path(older.data), box.path(name)], check=True)
    box.write(f"{name}.yaml", box.read("p.yaml").replace("./data", f"./{name}"))
    newer = box.start("run", f"{name}.yaml")
    newer.data = name
    newer.says("takes .* over from", 60)
    time.sleep(draw.uniform(0, 0.1))
    older.thaw()
    older.says(f"fenced by leat on .*, pid {newer.pid}, since", 60)
    older.ends(6)
    shutil.rmtree(box.path(older.data))
    return newer


def case_fencing_races(box):
    """Exactly one of two goes on, the other stops with status 6 and says by whom; and in the end each row is there once."""
    rows = 100000000
    pipeline(box, "race", rows, 500, brokers=box.broker.brokers)
    runner = box.start("run", "p.yaml")
    runner.data = "data"
    runner.says("exactly-once")
    for number in range(box.races):
        runner = race(box, number, runner)
        same("fenced by" in runner.log(), False, "the winner is fenced")
    count = len(box.broker.read("race.toy.t0"))
    wait("rows of the last one", lambda: len(box.broker.read("race.toy.t0")) > count, 60)
    runner.stop()
    found, there = kafka_run.judge(box.broker.read(*[f"race.{topic}" for topic in kafka_run.TOPICS]), rows)
    same((found["doubled"], found["reordered"], found["misplaced"]), (0, 0, 0))
    print(f"fencing: {box.races} races, {there} rows, each once", flush=True)


def case_at_least_once_loses_nothing(box):
    """Killed without transactions: rows may be there twice, and none is missing."""
    broker = Broker(box.path("own"), box.broker.tool, version=box.broker.env.get("KAFKA_VERSION", ""))
    try:
        broker.start()
        with open(box.path("leat.log"), "ab") as log:
            kafka_run.torture(box.leat, box.folder, broker, 6000, 5, 1, 3, 2, log, "at-least-once")
        found, there = kafka_run.judge(broker.read(*kafka_run.TOPICS), 6000)
    finally:
        broker.remove()
    same((there, found["lost"], found["misplaced"]), (6000, 0, 0))


SHORT = ["swallowed_commits", "cut_connections"]


def begin(args, cases):
    kit.Box.races = args.races
    return SHORT if args.short else None


if __name__ == "__main__":
    kafka_kit.main(ProxiedBroker, ("--races", {"type": int, "default": 6}),
                   ("--short", {"action": "store_true", "help": "the cases of the suite"}), begin=begin)
