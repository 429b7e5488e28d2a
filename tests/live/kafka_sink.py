#!/usr/bin/env python3
"""The kafka sink on a real broker: what arrives, where, under which settings; what it refuses; who wins; torture.

One broker serves all cases, each with topics of its own. `kafka_sink.py --leat BIN --tool KAFKA_TOOL [CASE...]`
"""
import functools
import json
import os
import shutil
import subprocess
import sys
import time

import kafka_kit
from kafka_kit import Broker, murmur2, partition_of
from kit import has, lacks, same, wait

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "torture"))
import kafka_run  # noqa: E402

SMALL = "toy: {count: %d, topics: 1, writers: 2, keys: 50}"


def pipeline(box, sink, source=None, more="", name="p"):
    """A pipeline file `NAME.yaml`; each case has a pipeline name of its own, and so topics and marks."""
    return box.write("p.yaml", f"""\
data: ./data
pipelines:
  {name}:
    source:
      {source or SMALL % 1000}
{more}    sinks:
      k:
        kafka: {{brokers: "{box.broker.brokers}", {sink}}}
""")


LINES = "tail: {paths: in.txt}"


def lines_of(box, topic):
    return [json.loads(m.value)["line"] for m in box.broker.read(topic)]


def case_a_lost_log_is_recovered_from_the_marks(box):
    """The toy source knows the place of each row; the topics end with each row once, of two logs."""
    box.broker.make("lost.t0", 2)
    for rows in (500, 900):
        pipeline(box, 'topic: "lost.t0", format: json', SMALL % rows, name="lost")
        if rows > 500:
            shutil.rmtree(box.path("data"))
            has(box.run("recover", "lost", "--from-sinks", "-f", "p.yaml", status=0, seconds=100).stdout, "from row 499", "goes on behind it")
        box.start("run", "p.yaml", "--once").ends(0)
        seen = [json.loads(m.value) for m in box.broker.read("lost.t0")]
        same(len(seen), rows, "rows")
        same(len({(row["writer"], row["seq"]) for row in seen}), rows, "different rows")


def case_java_vectors(box):
    """murmur2 as Kafka's own UtilsTest has it: what the other cases compare with."""
    for text, wanted in (("21", -973932308), ("foobar", -790332482), ("a-little-bit-long-string", -985981536),
                         ("a-little-bit-longer-string", -1486304829),
                         ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971), ("abc", 479470107)):
        got = murmur2(text.encode())
        same(got - (1 << 32) if got >> 31 else got, wanted, f"murmur2 of {text}")


def case_content_keys_partitions(box):
    pipeline(box, "topic_prefix: c1, partitions: 5, replication: 1, topic_config: {retention.ms: \"-1\"}, headers: "
                  "{origin: \"{table}\", n: \"{value.seq}\"}", name="c1")
    has(box.run("run", "--once", "p.yaml", status=0, seconds=60).both, "committed data.*order: per key")
    messages = box.broker.read("c1.toy.t0")
    same(len(messages), 1000, "messages")
    same(sorted({m.partition for m in messages}), [0, 1, 2, 3, 4], "partitions")
    newest = {}
    for m in messages:
        value, key = json.loads(m.value), json.loads(m.key)
        same(value["op"], "c")
        same(value["source"]["name"], "c1")
        same(key, {"id": value["after"]["id"]})
        same(m.partition, partition_of(m.key, 5), "partition")
        same(m.headers, {"origin": "t0", "n": str(value["after"]["seq"])})
        same(value["after"]["seq"] > newest.get((m.key, value["after"]["writer"]), -1), True, "order")
        newest[(m.key, value["after"]["writer"])] = value["after"]["seq"]
        same(abs(m.time / 1000 - time.time()) < 3600, True, "time of writing")


def case_all_compressions_and_at_least_once(box):
    for number, kind in enumerate(("gzip", "snappy", "lz4", "zstd")):
        name = f"z{number}"
        pipeline(box, f"topic: {name}, compression: {kind}, guarantee: at-least-once, format: json, timestamp: record",
                 SMALL % 200, name=name)
        done = box.run("run", "--once", "p.yaml", status=0, seconds=60)
        has(done.both, "at-least-once")
        messages = box.broker.read(name)
        same(len(messages), 200, kind)
        same({m.time // 1000000000 for m in messages}, {1767}, "time of the record")


def case_tombstones_and_headers(box):
    box.write("in.txt", "one\ntwo\nthree\n")
    pipeline(box, 'topic: tomb, format: json, key: "{value.line}"', "tail: {paths: in.txt}", more="""\
    transforms:
      - lua:
          script: |
            function transform(record)
              record.headers = {a = "x", n = 7}
              if record.value.line == "two" then record.op = "d" end
            end
""", name="tomb")
    box.run("run", "--once", "p.yaml", status=0, seconds=60)
    messages = {m.key: m for m in box.broker.read("tomb")}
    same(messages[b"two"].value, None)
    same(json.loads(messages[b"one"].value)["line"], "one")
    same(messages[b"three"].headers, {"a": "x", "n": "7"})


def case_key_template(box):
    pipeline(box, 'topic: keyed, key: "w{value.writer}", format: json, partitions: 3', SMALL % 100, name="keyed")
    box.run("run", "--once", "p.yaml", status=0, seconds=60)
    messages = box.broker.read("keyed")
    same({m.key for m in messages}, {b"w0", b"w1"})
    same({m.partition for m in messages}, {partition_of(b"w0", 3), partition_of(b"w1", 3)})


def case_missing_topics(box):
    pipeline(box, "topic: nowhere, create: false", SMALL % 10, name="none")
    done = box.run("run", "--once", "p.yaml", seconds=60)
    has(done.both, "there is no topic nowhere.*kafka-topics.sh --create --topic nowhere")
    same(done.returncode, 1)
    try:
        same(box.broker.read("nowhere"), [])
    except RuntimeError:
        pass
    pipeline(box, "topic: tens, replication: 10", SMALL % 10, name="tens")
    has(box.run("run", "--once", "p.yaml", seconds=60).both, "create topic tens: .*[Rr]eplication")


def case_wrong_options(box):
    for sink, wanted in (("properties: {lingerms: 5}", "lingerms"), ("properties: {transactional.id: x}", "set by Leat"),
                         ("format: jsson", "jsson"), ("key: \"{valu.x}\"", "valu"), ("user: u", "password"),
                         ("password: p", "password: it needs a user")):
        pipeline(box, sink, name="wrong")
        done = box.run("check", "p.yaml")
        same(done.returncode, 3, sink)
        has(done.both, wanted)


def case_wrong_brokers(box):
    pipeline(box, "topic: late", SMALL % 10, name="late")
    text = box.read("p.yaml").replace(box.broker.brokers, "127.0.0.1:9")
    box.write("p.yaml", text)
    daemon = box.start("run", "p.yaml")
    daemon.says("kafka 127.0.0.1:9: no broker can be reached: .*trying again", 100)
    daemon.stop()


def case_too_large_and_keyless_are_dead_letters(box):
    box.write("in.txt", "short\n" + "x" * 6000 + "\nlast\n")
    box.broker.make("small", 1, max_message_bytes=4000)
    pipeline(box, "topic: small, format: json", LINES, name="small", more="    errors: {policy: dead_letter}\n")
    box.run("run", "--once", "p.yaml", status=0, seconds=60)
    same([json.loads(m.value)["line"] for m in box.broker.read("small")], ["short", "last"])
    has(box.run("read", "small.dead", "--data", "data", status=0).both, "topic small takes 3872")
    box.broker.make("packed", 1, cleanup_policy="compact")
    pipeline(box, "topic: packed, format: json", LINES, name="packed", more="    errors: {policy: dead_letter}\n")
    box.run("run", "--once", "p.yaml", status=0, seconds=60)
    same(box.broker.read("packed"), [])
    has(box.run("read", "packed.dead", "--data", "data", status=0).both, "it has no key, and topic packed is compacted")


def lines_of(box, topic):
    return [json.loads(m.value)["line"] for m in box.broker.read(topic)]


def add_lines(box, *lines):
    with open(box.path("in.txt"), "a") as file:
        file.write("".join(line + "\n" for line in lines))


OLD_X = """\
    transforms:
      - lua:
          script: |
            function transform(record)
              if record.value.line:sub(1, 1) == "x" then record.time = leat.timestamp("2020-01-01T00:00:00Z") end
            end
"""
FRESH = {"message_timestamp_before_max_ms": 86400000}


def case_refused_by_the_broker(box):
    """The broker refuses whole batches for one record in them: that one is found, the others are there once."""
    for guarantee, name in (("exactly-once", "tight"), ("at-least-once", "loose")):
        box.broker.make(name, 2, **FRESH)
        lines = [f"a{i}" for i in range(20)] + ["x1"] + [f"b{i}" for i in range(20)] + ["x2", "last"]
        box.write("in.txt", "".join(line + "\n" for line in lines))
        pipeline(box, f'topic: {name}, format: json, key: "{{value.line}}", guarantee: {guarantee}, timestamp: record, '
                      f'headers: {{h: "1"}}', LINES, name=name,
                 more=OLD_X + "    errors: {policy: dead_letter, retry: {first: 10ms}}\n")
        done = box.run("run", "--once", "p.yaml", status=0, seconds=60)
        has(done.both, f"topic {name} refuses [12] of 43 messages: .*imestamp.*; opening again without them")
        got = lines_of(box, name)
        same(set(got), {line for line in lines if line[0] != "x"})
        if guarantee == "exactly-once":
            same(len(got), 41, "each line once")
        letters = box.run("read", f"{name}.dead", "--data", "data", status=0).both
        has(letters, f"topic {name} refuses it: .*imestamp", "x1", "x2")
        lacks(letters, '"a1"', '"last"')


def case_refused_by_the_broker_stops(box):
    """What stands before the refused record is delivered, and what follows once the cause is mended."""
    box.broker.make("turns", 1, **FRESH)
    box.write("in.txt", "first\nsecond\nx\nlast\n")
    pipeline(box, "topic: turns, format: json, timestamp: record", LINES, name="turns",
             more=OLD_X + "    errors: {retry: {first: 10ms}}\n")
    done = box.run("run", "--once", "p.yaml", seconds=60)
    same(done.returncode, 1)
    has(done.both, "a record for topic .* was refused: topic turns refuses it: .*imestamp.*; mend the cause")
    same(lines_of(box, "turns"), ["first", "second"])
    box.broker.call("set", "turns", "retention.ms=-1")
    box.run("run", "--once", "p.yaml", status=0, seconds=60)
    same(lines_of(box, "turns"), ["first", "second", "x", "last"])


def case_limits_that_change(box):
    """A topic takes less than it did when the sink looked: it looks again."""
    box.broker.make("shrinks", 1)
    box.write("in.txt", "first\n")
    pipeline(box, "topic: shrinks, format: json", LINES, name="shrinks",
             more="    errors: {policy: dead_letter, retry: {first: 10ms}}\n")
    daemon = box.start("run", "p.yaml")
    wait("the first line", lambda: lines_of(box, "shrinks") == ["first"])
    box.broker.call("set", "shrinks", "max.message.bytes=4000")
    with open(box.path("in.txt"), "a") as file:
        file.write("second\n" + "x" * 6000 + "\nlast\n")
    wait("all but one", lambda: lines_of(box, "shrinks") == ["first", "second", "last"], 60)
    daemon.stop()
    has(box.run("read", "shrinks.dead", "--data", "data", status=0).both, "topic shrinks takes 3872", "xxxx")


def case_small_batches(box):
    """A topic whose batches are small: librdkafka's have to be too."""
    box.broker.make("tiny", 1, max_message_bytes=20000)
    pipeline(box, "topic: tiny", SMALL % 2000, name="tiny")
    done = box.run("run", "--once", "p.yaml", status=0, seconds=60)
    has(done.both, "takes batches of 20000 bytes")
    same(len(box.broker.read("tiny")), 2000)


def case_marks_topic_must_be_compacted(box):
    box.broker.make("loses", 1)
    pipeline(box, "topic: x, marks_topic: loses", name="loses")
    has(box.run("run", "--once", "p.yaml", seconds=60).both, "topic loses is not compacted")


def case_check(box):
    """What `leat check --connect` says of brokers, topics and settings; it makes nothing."""
    def check(sink, status=0):
        pipeline(box, sink, name="seen")
        done = box.run("check", "--connect", "p.yaml", seconds=60)
        same(done.returncode, status, done.both)
        return done.both
    lacks(check("topic_prefix: prod"), "error|warning")
    has(check("topic: unmade, create: false", 1), "no topic unmade, and `create: false`; make it: kafka-topics.sh --create")
    has(check("topic: unmade, replication: 7", 1), "[Rr]eplication factor.*see `partitions`, `replication`")
    has(check("topic: unmade, topic_config: {cleanup.policy: compost}", 1), "unmade.*compost")
    has(check("topic: unmade"), "topic unmade is made at its first record")
    lacks(box.broker.call("topics").decode(), "unmade|leat-check")
    box.broker.make("seen", 3, retention_ms=5000)
    text = check("topic: seen, partitions: 4, topic_config: {retention.ms: 6000}")
    has(text, "warning.*topic seen has 3 partitions, `partitions` says 4",
        "retention.ms of topic seen is 5000, `topic_config` says 6000.*kafka-configs.sh")
    has(text, "note.*seen .1 replicas, min.insync.replicas 1.: one broker may acknowledge alone")
    box.broker.make("starved", 1, min_insync_replicas=2)
    has(check("topic: starved", 1), "starved can never be written to: min.insync.replicas is 2, and it has 1; run: kafka-configs")
    box.broker.make("lossy", 1)
    has(check("topic: seen, marks_topic: lossy", 1), "lossy is not compacted, it would lose the marks; run: kafka-configs.sh")
    has(check("topic: seen, properties: {transaction.timeout.ms: 2000000}", 1), "transaction.timeout.ms.*transaction.max.timeout")
    pipeline(box, "topic: seen", name="seen")
    box.write("p.yaml", box.read("p.yaml").replace(box.broker.brokers, "127.0.0.1:9"))
    done = box.run("check", "--connect", "p.yaml", seconds=60)
    same(done.returncode, 1)
    has(done.both, "kafka 127.0.0.1:9: no broker can be reached: .*efused.*`brokers`")
    box.write("p.yaml", box.read("p.yaml").replace("127.0.0.1:9", "no-such-host.invalid:9092"))
    has(box.run("check", "--connect", "p.yaml", seconds=60).both, "no such host.*`brokers`")


def case_two_daemons(box):
    """Two of one name on cloned directories, the older frozen: one goes on, the other says who won, with status 6."""
    pipeline(box, "topic: duel, format: json", "toy: {count: 2000, rate: 400}", name="duel")
    first = box.start("run", "p.yaml")
    wait("records of the first", lambda: len(box.broker.read("duel")) > 100)
    first.freeze()
    subprocess.run(["cp", "-a", box.path("data"), box.path("clone")], check=True)
    box.write("q.yaml", box.read("p.yaml").replace("./data", "./clone"))
    count = len(box.broker.read("duel"))
    second = box.start("run", "q.yaml")
    second.says("takes duel.k/duel/0 over from leat on")
    wait("records of the second", lambda: len(box.broker.read("duel")) > count)
    first.thaw()
    log = first.ends(6)
    has(log, f"fenced by leat on .*, pid {second.pid}, since .*duel")
    wait("all rows", lambda: len(box.broker.read("duel")) >= 2000, 60)
    numbers = [(row["writer"], row["seq"]) for row in (json.loads(m.value) for m in box.broker.read("duel"))]
    same(len(set(numbers)), len(numbers), "rows once")
    same(len(numbers), 2000, "rows")
    second.ends(0)


def case_a_clone_that_is_behind(box):
    """Its log ends before the mark in Kafka: it stops, and does not stop the one who wrote that."""
    pipeline(box, "topic: behind, format: json", "toy: {count: 100000, rate: 1000}", name="behind")
    first = box.start("run", "p.yaml")
    wait("records", lambda: len(box.broker.read("behind")) > 100)
    first.stop()
    subprocess.run(["cp", "-a", box.path("data"), box.path("clone")], check=True)
    box.write("q.yaml", box.read("p.yaml").replace("./data", "./clone").replace("rate: 1000", "rate: 1"))
    count = len(box.broker.read("behind"))
    first = box.start("run", "p.yaml")
    wait("more records", lambda: len(box.broker.read("behind")) > count + 1000)
    second = box.start("run", "q.yaml")
    has(second.ends(6), f"ahead of the log, written by leat on .*, pid {first.pid}, ")
    count = len(box.broker.read("behind"))
    wait("the first goes on", lambda: len(box.broker.read("behind")) > count + 500)
    lacks(first.stop(), "fenced")


def case_torture(box):
    with open(box.path("leat.log"), "ab") as log:
        kafka_run.torture(box.leat, box.folder, box.broker, 10000, 6, 1, 4, 1, log)
    messages = box.broker.read(*kafka_run.TOPICS)
    found, there = kafka_run.judge(messages, 10000)
    same({name: count for name, count in found.items() if count}, {})
    same(there, 10000)
    same(kafka_run.plant(messages, 10000), 4)


if __name__ == "__main__":
    kafka_kit.main(functools.partial(Broker, properties="min.insync.replicas=1"))
