#!/usr/bin/env python3
"""Topics in Kafka (topics: oms:kafka://...) on a real broker: pipelines, restarts, who owns what, kills, the contract.

`kafka_driver.py --leat BIN --tool KAFKA_TOOL [--contract BIN...] [CASE...]`
"""
import json
import os
import subprocess

import kafka_kit
import kafka_raw
import kit
from kafka_faults import ProxiedBroker
from kit import has, same, wait
from proxy import END_TXN

LONG = ["the_broker_is_killed"] # by name: torture_toy_kafka kills it as well
SMALL = "toy: {count: %d, topics: 3, writers: 2, keys: 50}"


def pipeline(box, name, source=None, sinks="f: {file: {path: out.ndjson, format: json}}", more="", query="", data="data",
             brokers=None):
    """A pipeline file `p.yaml`; each case has a namespace of its own."""
    return box.write("p.yaml" if data == "data" else f"{data}.yaml", f"""\
data: ./{data}
topics: "oms:kafka://{brokers or box.broker.brokers}/{name}{query}"
pipelines:
  {name}:
    source:
      {source or SMALL % 1000}
{more}    sinks: {{{sinks}}}
""")


def seqs(rows):
    return [(row["writer"], row["seq"]) for row in rows]


def is_whole(rows, count):
    """Each row once, each writer's in order over all topics: a log in Kafka has one order."""
    same(len(rows), count, "rows")
    for writer in {row["writer"] for row in rows}:
        numbers = [row["seq"] for row in rows if row["writer"] == writer]
        same(numbers, list(range(len(numbers))), f"rows of writer {writer}")


def case_from_source_to_sinks(box):
    pipeline(box, "one", sinks="f: {file: {path: out.ndjson, format: json}}, g: {file: {path: more.ndjson, format: json}}")
    box.run("run", "--once", "p.yaml", status=0, seconds=60)
    is_whole(box.lines("out.ndjson"), 1000)
    is_whole(box.lines("more.ndjson"), 1000)
    listed = [json.loads(line) for line in box.run("topics", "-f", "p.yaml", "--format", "json", status=0).stdout.splitlines()]
    same([(t["topic"], t["log"], t["partition"]) for t in listed], [(f"toy.t{i}", "one", 0) for i in range(3)])
    same(sum(t["records"] for t in listed), 1000, "records")
    # Another process, that has never seen a schema: it finds them in Kafka.
    read = [json.loads(line) for line in box.run("read", "toy.t1", "-f", "p.yaml", status=0).stdout.splitlines()]
    same([r["offset"] for r in read], list(range(listed[1]["records"])), "offsets")
    same(set(read[0]["value"]) >= {"writer", "seq", "payload"}, True)
    read = box.run("read", "toy.t1", "--from", "100", "--count", "1", "-f", "p.yaml", status=0).stdout
    same(json.loads(read)["offset"], 100)
    offsets = box.run("offsets", "list", "-f", "p.yaml", status=0).stdout
    has(offsets, "one.f", "one.g", r"\bone\b")


def case_goes_on_after_a_stop(box):
    pipeline(box, "stop", SMALL.replace("{", "{rate: 2000, ") % 3000)
    daemon = box.start("run", "p.yaml")
    wait("some rows", lambda: len(box.lines("out.ndjson")) > 300)
    daemon.stop()
    has(box.run("offsets", "show", "stop", "-f", "p.yaml", status=0).stdout, '"seq":')
    box.run("run", "--once", "p.yaml", status=0, seconds=60)
    is_whole(box.lines("out.ndjson"), 3000)


def case_the_second_daemon_fences_the_first(box):
    """One config, two data directories: the first one's source is fenced, and it says by whom."""
    source = SMALL.replace("{", "{rate: 500, ") % 100000
    pipeline(box, "duel", source, sinks="c: {console: {}}")
    pipeline(box, "duel", source, sinks="c: {console: {}}", data="other")
    first = box.start("run", "p.yaml")
    first.says("\"seq\":20,", 60)
    second = box.start("run", "other.yaml")
    log = first.ends(6, 60)
    has(log, f"duel: leat on .*, pid {second.pid}, since .* has taken over its positions")
    count = len(second.log())
    wait("rows of the second", lambda: len(second.log()) > count + 1000)
    second.stop()


def case_one_that_was_frozen_is_fenced(box):
    source = SMALL.replace("{", "{rate: 500, ") % 100000
    pipeline(box, "ice", source, sinks="c: {console: {}}")
    pipeline(box, "ice", source, sinks="c: {console: {}}", data="other")
    first = box.start("run", "p.yaml")
    first.says("\"seq\":20,", 60)
    first.freeze()
    second = box.start("run", "other.yaml")
    second.says("\"seq\":", 60)
    first.thaw()
    has(first.ends(6, 60), f"pid {second.pid}, since .* has taken over")
    second.stop()


def case_the_broker_is_killed(box):
    """kill -9, and a start at once: nothing is lost, nothing comes twice; the daemon goes on by itself."""
    pipeline(box, "kill", SMALL.replace("{", "{rate: 1000, ") % 3000)
    daemon = box.start("run", "p.yaml")
    wait("some rows", lambda: len(box.lines("out.ndjson")) > 300)
    box.broker.kill()
    box.broker.start()
    wait("all rows", lambda: len(box.lines("out.ndjson")) >= 3000, 90)
    daemon.stop()
    is_whole(box.lines("out.ndjson"), 3000)


def case_letters_are_replayed_and_a_sink_is_sent_back(box):
    box.write("fix.lua", "function transform(record)\n  if record.value.seq % 100 == 7 then error('unlucky') end\nend\n")
    sinks = ("f: {file: {path: out.ndjson, format: json}, transforms: [lua: fix.lua], errors: dead_letter}, "
             "g: {file: {path: more.ndjson, format: json}}")
    pipeline(box, "dead", "toy: {count: 1000, writers: 1}", sinks=sinks)
    box.run("run", "--once", "p.yaml", status=0, seconds=60)
    same(len(box.lines("out.ndjson")), 990, "rows without the refused")
    listed = [json.loads(line) for line in box.run("dead", "list", "-f", "p.yaml", "--format", "json", status=0).stdout.splitlines()]
    same([(one["connector"], one["stage"]) for one in listed], [("dead.f", "transform")] * 10, "letters")
    box.write("fix.lua", "function transform(record) end\n")
    has(box.run("dead", "replay", "-f", "p.yaml", "--all", status=0).stdout, "10 letters replayed")
    box.run("run", "--once", "p.yaml", status=0, seconds=60)
    same(sorted(row["seq"] for row in box.lines("out.ndjson")), list(range(1000)), "each once")
    same([row["seq"] for row in box.lines("more.ndjson")], list(range(1000)), "the other sink")
    has(box.run("replay", "-f", "p.yaml", "dead.g", "--from", "toy.t0:990", status=0).stdout, "dead.g is sent back")
    box.run("run", "--once", "p.yaml", status=0, seconds=60)
    same([row["seq"] for row in box.lines("more.ndjson")], [*range(1000), *range(990, 1000)], "the sink that was sent back")
    same(len(box.lines("out.ndjson")), 1000, "and the other one")


def case_a_pipeline_reads_what_another_process_writes(box):
    """`subscribe` of a process that never wrote a log: it finds one that is made later, and reads it."""
    box.write("copy.yaml", f"""\
data: ./copy
topics: "oms:kafka://{box.broker.brokers}/share"
pipelines:
  copy: {{subscribe: ["toy.*"], sinks: {{f: {{file: {{path: copy.ndjson, format: json}}}}}}}}
""")
    pipeline(box, "share")
    copy = box.start("run", "copy.yaml")
    copy.says("copy.f: file", 60)
    box.run("run", "--once", "p.yaml", status=0, seconds=60)
    wait("all rows", lambda: len(box.lines("copy.ndjson")) >= 1000, 60)
    copy.stop()
    is_whole(box.lines("copy.ndjson"), 1000)


def case_swallowed_commits(box):
    """Kafka commits and nobody hears of it: positions are read back, and no row comes twice."""
    proxy, swallowed = box.broker.proxy, box.broker.proxy.swallowed
    pipeline(box, "deaf", SMALL.replace("{", "{rate: 1500, ") % 6000, brokers=box.broker.far)
    daemon = box.start("run", "--once", "p.yaml")
    daemon.says("exactly-once", 60)
    for number in range(1, 4):
        proxy.swallow(END_TXN)
        wait("a commit", lambda: proxy.swallowed == swallowed + number or daemon.process.poll() is not None, 60)
    has(daemon.ends(0, 90), "what was committed is read back by a new producer")
    is_whole(box.lines("out.ndjson"), 6000)


def case_a_topic_that_was_never_told_of_a_commit(box):
    """The state, or the frames, hang in a transaction that is over: the next one ends it there."""
    for name, topic in (("knot", "knot.state.knot"), ("loop", "loop.log.loop")):
        pipeline(box, name, SMALL.replace("{", "{rate: 1000, ") % 3000, brokers=box.broker.far, data=name,
                 sinks=f"f: {{file: {{path: {name}.ndjson, format: json}}}}")
        daemon = box.start("run", "--once", f"{name}.yaml")
        daemon.says("exactly-once", 60)
        kafka_raw.hang_after(box.broker.proxy, daemon, lambda: kafka_raw.hang(box.broker, topic, f"leat.{name}.{name}.0"))
        has(daemon.ends(0, 60), "what was committed is read back by a new producer")
        is_whole(box.lines(f"{name}.ndjson"), 3000)
        same(kafka_raw.hang(box.broker, topic, f"leat.{name}.{name}.0"), True, "left again, and nobody is there who knows")
        box.write(f"{name}.yaml", box.read(f"{name}.yaml").replace("3000", "4000"))
        box.run("run", "--once", f"{name}.yaml", status=0, seconds=60)
        is_whole(box.lines(f"{name}.ndjson"), 4000)


def case_connections_are_cut(box):
    proxy, before = box.broker.proxy, box.broker.proxy.cuts
    pipeline(box, "cuts", SMALL.replace("{", "{rate: 1500, ") % 5000, brokers=box.broker.far)
    daemon = box.start("run", "--once", "p.yaml")
    daemon.says("exactly-once", 60)
    proxy.cut_after = lambda: 20000
    try:
        wait("cuts", lambda: proxy.cuts > before + 6 or daemon.process.poll() is not None, 60)
    finally:
        proxy.cut_after = None
    daemon.ends(0, 90)
    is_whole(box.lines("out.ndjson"), 5000)


def case_topics_as_wished(box):
    pipeline(box, "wish", SMALL % 100, query="?retention.ms=3600000&client.id=leat%2dtest")
    box.run("run", "--once", "p.yaml", status=0, seconds=60)
    facts = box.broker.call("show", "wish.log.wish").decode()
    has(facts, "retention.ms=3600000", "cleanup.policy=delete")
    has(box.broker.call("show", "wish.state.wish").decode(), "cleanup.policy=compact")


def case_what_is_wrong_is_said(box):
    for query, text in (("?no.such=1", "no.such"), ("?acks=1", "acks is set by"), ("?x", "no NAME=VALUE")):
        pipeline(box, "bad", SMALL % 10, query=query)
        has(box.run("run", "--once", "p.yaml", status=3, seconds=60).both, text)
    pipeline(box, "bad", SMALL % 10)
    box.write("p.yaml", box.read("p.yaml").replace("/bad", "/bad/worse"))
    has(box.run("run", "--once", "p.yaml", seconds=60).both, "not one plain name")


def case_no_broker_is_there(box):
    """It says why, and is stopped while it asks."""
    pipeline(box, "away", SMALL % 10, brokers="127.0.0.1:1")
    daemon = box.start("run", "p.yaml")
    pipeline(box, "many", SMALL % 10, "t: toy", brokers="127.0.0.1:1", data="many")
    box.write("many.yaml", "coordinator: kafka\n" + box.read("many.yaml"))
    many = box.start("run", "many.yaml")
    daemon.says("away.*no broker can be reached: 127.0.0.1:1.*refused.*trying again", 60)
    many.says("coordinator: kafka 127.0.0.1:1: no broker can be reached.*trying again", 60)
    many.stop()
    daemon.stop()


def case_a_log_that_was_made_anew(box):
    """Kafka's topic was deleted: what was committed is missing, and the source stops instead of going on."""
    pipeline(box, "anew", SMALL % 1000)
    box.run("run", "--once", "p.yaml", status=0, seconds=60)
    box.run("run", "--once", "p.yaml", status=0, seconds=60)
    box.broker.call("drop", "anew.log.anew")
    done = box.run("run", "--once", "p.yaml", seconds=60)
    has(done.both, "ends at offset 0, and [0-9]+ was committed")
    has(done.both, "ahead of the log")


class Contract:
    """The tests of tests/unit/oms, built for this broker; they run beside the cases, and are over before it is killed."""

    def __init__(self):
        self.programs, self.running = [], []

    def begin(self, args, cases):
        self.programs = args.contract
        self.running = [subprocess.Popen([p], env={**os.environ, "LEAT_TEST_KAFKA": kit.Box.broker.brokers},
                                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for p in self.programs]
        cases["contract"] = self.judge
        return [name for name in cases if name not in LONG]

    def judge(self, box):
        for program, process in zip(self.programs, self.running):
            out = process.communicate(timeout=200)[0]
            if process.returncode != 0:
                raise kit.Wrong(f"{os.path.basename(program)}:\n{out[-4000:]}")

    def clean_up(self):
        for process in self.running:
            if process.poll() is None:
                process.kill()
                process.wait()


if __name__ == "__main__":
    contract = Contract()
    try:
        kafka_kit.main(ProxiedBroker, ("--contract", {"action": "append", "default": [], "type": os.path.abspath}),
                       begin=contract.begin)
    finally:
        contract.clean_up()
