#!/usr/bin/env python3
"""The kafka source on a real broker: what comes, once, in which form; what is found and lost while it runs; kills.

One broker serves all cases, each with topics of its own. `kafka_source.py --leat BIN --tool KAFKA_TOOL [CASE...]`; kafka_feed
stands beside kafka_tool.
"""
import base64
import collections
import datetime
import json
import os
import re
import shutil

import kafka_kit
import kit
from kit import has, same, wait

NULL = r"\N"


def pipeline(box, topics, more="", sink="format: json", errors="", name="feed", brokers=None):
    return box.write(f"{name}.yaml", f"""\
data: ./data
pipelines:
  {name}:
    source:
      kafka: {{brokers: "{brokers or box.broker.brokers}", topics: [{topics}], refresh: 200ms{more}}}
{errors}    sinks:
      out:
        file: {{path: "out/{{topic}}.ndjson", {sink}}}
""")


def run(box, name="feed", status=0):
    return box.run("run", "--once", f"{name}.yaml", status=status, seconds=60)


def numbers(box, topic):
    return [row["n"] for row in box.lines(f"out/{topic}.ndjson")]


def once(box, topic, count, partitions=1):
    """Each number once; those of a key, which stay in one partition, in order."""
    seen, newest = numbers(box, topic), {}
    twice = [n for n, times in collections.Counter(seen).items() if times > 1]
    same([sorted(set(range(count)) - set(seen))[:5], twice[:5]], [[], []], f"missing and doubled of {topic}")
    for n in seen:
        place = n % 50 if partitions > 1 else 0
        same(n > newest.get(place, -1), True, f"{n} behind {newest.get(place)} in {topic}")
        newest[place] = n


def records(box, topic):
    return [json.loads(line) for line in box.run("read", topic, "--data", "data", status=0).stdout.splitlines()]


def found_in(text, pattern):
    found = re.search(pattern, text)
    kit.say_diff(f"/{pattern}/ is not said:", found, text)
    return found.group(1)


def micros(text):
    moment = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return round((moment - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)).total_seconds() * 1000000)


def case_content_key_headers_time(box):
    box.broker.make("c1", 2)
    box.broker.feed(["put", "c1", 0, "a", '{"n":1,"big":18446744073709551615,"d":1.10}', 1500000000123, r"h=x;none=\N;b=\xff"],
                    ["put", "c1", 0, NULL, '"text"', 1500000000124],
                    ["put", "c1", 0, "a", NULL, 1500000000125],
                    ["put", "c1", 1, r"\xfe\xff", "[1,null]", 1500000000126])
    pipeline(box, "c1", sink="format: native-json")
    run(box)
    rows = sorted(box.lines("out/c1.ndjson"), key=lambda row: row["time"])
    same([row["op"] for row in rows], ["c", "c", "d", "c"])
    same([row["time"] for row in rows], [f"2017-07-14T02:40:00.12{d}000Z" for d in (3, 4, 5, 6)])
    same([row["key"] for row in rows], ["a", None, "a", base64.b64encode(b"\xfe\xff").decode()])
    has(box.read("out/c1.ndjson"), '"big":18446744073709551615,"d":1.10')
    same([row["value"] for row in rows[1:]], ["text", None, [1, None]])
    same(rows[0]["headers"], {"h": "x", "none": None, "b": base64.b64encode(b"\xff").decode()})
    same(rows[0]["source"], {"topic": "c1", "partition": 0, "offset": 0})
    same(rows[3]["source"], {"topic": "c1", "partition": 1, "offset": 0})


def case_formats(box):
    box.broker.make("f.bytes", 1)
    box.broker.make("f.text", 1)
    for topic in ("f.bytes", "f.text"):
        box.broker.feed(["put", topic, 0, '{"id":7}', "plain words"])
    for kind in ("bytes", "text"):
        pipeline(box, f"f.{kind}", f", format: {kind}, key_format: json", "format: native-json", name=kind)
        run(box, kind)
    same([row["value"] for row in box.lines("out/f.text.ndjson")], ["plain words"])
    same([row["value"] for row in box.lines("out/f.bytes.ndjson")], [base64.b64encode(b"plain words").decode()])
    same([row["key"] for row in box.lines("out/f.text.ndjson")], [{"id": 7}])


def case_aborted_and_open_transactions_are_not_seen(box):
    box.broker.make("tx", 1)
    box.broker.feed(["begin"], ["many", "tx", 0, 100, 0], ["commit"],
                    ["begin"], ["many", "tx", 0, 100, 5000], ["abort"],
                    ["begin"], ["many", "tx", 0, 100, 100], ["commit"],
                    ["begin"], ["many", "tx", 0, 50, 6000], ["abort"])
    pipeline(box, "tx")
    run(box)
    once(box, "tx", 200)
    shown = [json.loads(line) for line in box.run("offsets", "list", "--data", "data", status=0).stdout.splitlines()]
    place = [line["value"] for line in shown if line.get("key") == "tx/0"][0]
    same([place["offset"], place["last"]], [354, 301], "behind the aborted ones and the four ends")
    box.broker.feed(["trim", "tx", 0, 354])  # holes only: nothing is missing
    box.broker.feed(["many", "tx", 0, 10, 200])
    run(box)
    once(box, "tx", 210)


def case_daemon_killed(box):
    box.broker.make("kills", 3)
    pipeline(box, "kills")
    count = 0
    for _ in range(6):
        daemon = box.start("run", "feed.yaml")
        wait("what was there", lambda: len(numbers(box, "kills")) >= count)
        for partition in range(3):
            box.broker.feed(["begin"], ["many", "kills", partition, 500, count], ["commit"])
            count += 500
        daemon.process.kill()
        daemon.process.wait()
    run(box)
    once(box, "kills", count, 3)


def case_broker_killed(box):
    box.broker.make("down", 1)
    box.broker.feed(["many", "down", 0, 1000, 0])
    pipeline(box, "down")
    daemon = box.start("run", "feed.yaml")
    wait("the first ones", lambda: len(numbers(box, "down")) == 1000)
    box.broker.kill()
    daemon.says("no broker can be reached.*trying again", 40)
    box.broker.start()
    box.broker.feed(["begin"], ["many", "down", 0, 500, 1000], ["commit"])
    wait("those behind", lambda: len(numbers(box, "down")) >= 1500, 60)
    daemon.stop()
    once(box, "down", 1500)


def case_new_partitions_and_topics(box):
    box.broker.make("new.a", 1)
    pipeline(box, '"new.*", "!new.x*", late/1', ", start: latest")
    box.broker.make("new.x1", 1)
    box.broker.feed(["many", "new.a", 0, 10, 1000], ["many", "new.x1", 0, 10, 0])
    daemon = box.start("run", "feed.yaml")
    daemon.says("there is no topic late yet")
    daemon.says("streaming 1 partitions")
    box.broker.feed(["many", "new.a", 0, 100, 0], ["grow", "new.a", 2])
    box.broker.feed(["many", "new.a", 1, 100, 100])
    daemon.says("partition new.a/1 is new, read from offset 0")
    box.broker.make("new.b", 1)
    box.broker.make("late", 2)
    box.broker.feed(["many", "new.b", 0, 100, 0], ["many", "late", 0, 7, 0], ["many", "late", 1, 100, 0])
    for topic, count in (("new.a", 200), ("new.b", 100), ("late", 100)):
        wait(topic, lambda: len(numbers(box, topic)) >= count)
        same(sorted(numbers(box, topic)), list(range(count)))
    daemon.stop()
    box.broker.make("new.c", 1)  # while nothing runs: its first record counts, `start: latest` is used up
    box.broker.feed(["many", "new.c", 0, 50, 0])
    run(box)
    same(numbers(box, "new.c"), list(range(50)))
    same(os.path.exists(box.path("out/new.x1.ndjson")), False, "an excluded topic")


def case_start(box):
    box.broker.make("st", 1)
    for n in range(10):
        box.broker.feed(["put", "st", 0, "k", f'{{"n":{n}}}', 1600000000000 + n * 1000])
    pipeline(box, "st", ", start: 2020-09-13T12:26:44.500Z")
    run(box)
    same(numbers(box, "st"), [5, 6, 7, 8, 9])
    shutil.rmtree(box.path("out"))
    shutil.rmtree(box.path("data"))
    pipeline(box, "st", ", start: latest")
    run(box)
    box.broker.feed(["many", "st", 0, 3, 20])
    run(box)
    same(numbers(box, "st"), [20, 21, 22])


def case_deleted_topic(box):
    for topic in ("gone", "stays"):
        box.broker.make(topic, 1)
        box.broker.feed(["many", topic, 0, 100, 0])
    pipeline(box, "gone, stays")
    daemon = box.start("run", "feed.yaml")
    wait("both", lambda: len(numbers(box, "gone")) == 100 and len(numbers(box, "stays")) == 100)
    box.broker.feed(["drop", "gone"])
    daemon.says("partition gone/0 is gone: was the topic deleted\\? Its position is kept")
    box.broker.feed(["many", "stays", 0, 100, 100])
    wait("the other one goes on", lambda: len(numbers(box, "stays")) == 200)
    box.broker.make("gone", 1)
    box.broker.feed(["many", "gone", 0, 5, 0])
    has(daemon.ends(1), "partition gone/0 ends at offset 5, and 100 comes next: the topic was deleted and made anew",
        r"leat offsets set feed '\"gone/0\"' '{\"offset\": 0}'")
    once(box, "gone", 100)


def case_made_anew_and_longer(box):
    box.broker.make("anew", 1)
    box.broker.feed(["many", "anew", 0, 100, 0])
    pipeline(box, "anew")
    run(box)
    box.broker.feed(["drop", "anew"])
    box.broker.make("anew", 1)
    box.broker.feed(["many", "anew", 0, 300, 1000])
    has(run(box, status=1).both, "partition anew/0: at offset 99 stands another record than the one that was read")
    same(len(numbers(box, "anew")), 100)
    box.run("offsets", "set", "feed", '"anew/0"', '{"offset": 0}', "--data", "data", status=0)
    run(box)
    same(numbers(box, "anew")[100:], list(range(1000, 1300)))


def case_lost_offsets(box):
    box.broker.make("lost", 1)
    box.broker.feed(["many", "lost", 0, 100, 0])
    pipeline(box, "lost")
    run(box)
    box.broker.feed(["many", "lost", 0, 100, 100], ["trim", "lost", 0, 150])
    has(run(box, status=1).both, r"partition lost/0: records are missing: offsets 100 to 149 were deleted \(by retention or "
        "DeleteRecords\\) before they were read, it begins at 150 now", "on_gap: continue")
    same(len(numbers(box, "lost")), 100)
    pipeline(box, "lost", ", on_gap: continue")
    has(run(box).both, "offsets 100 to 149 .*goes on, as `on_gap` says")
    same(numbers(box, "lost")[100:], list(range(150, 200)))
    gap = [rec for rec in records(box, "lost") if rec["op"] == "g"]
    same([rec["value"] for rec in gap], [{"topic": "lost", "partition": 0, "offset": 100, "goes_on_at": 150,
                                          "reason": "records were deleted before they were read"}])
    run(box)
    same(len(numbers(box, "lost")), 150)


def case_lost_while_running(box):
    """What is deleted while the daemon cannot read it: it is frozen, and thaws behind the gap."""
    box.broker.make("runs", 1)
    box.broker.feed(["many", "runs", 0, 100, 0])
    pipeline(box, "runs", ", prefetch: 1MiB")
    daemon = box.start("run", "feed.yaml")
    wait("the first ones", lambda: len(numbers(box, "runs")) == 100)
    daemon.freeze()
    box.broker.feed(["begin"], *[["many", "runs", 0, 30000, 100 + 30000 * step] for step in range(4)], ["commit"],
                    ["trim", "runs", 0, 120000])
    daemon.thaw()
    log = daemon.ends(1, 60)
    first = int(found_in(log, r"records are missing: offsets (\d+) to 119999 were deleted"))
    seen = numbers(box, "runs")
    same(seen, list(range(len(seen))), "a prefix without a gap")
    same(first, len(seen), "the position is where reading ended")


def case_undecodable_are_dead_letters(box):
    box.broker.make("bad", 1)
    box.broker.feed(["many", "bad", 0, 3, 0], ["put", "bad", 0, "key", r"{broken \xff"], ["many", "bad", 0, 3, 3])
    pipeline(box, "bad")
    has(run(box).both, "became a dead letter: kafka topic bad, partition 0, offset 3: its value: ")
    once(box, "bad", 6)
    letter = records(box, "feed.dead")[0]["value"]
    record = letter["record"] if isinstance(letter["record"], dict) else json.loads(letter["record"])
    same(base64.b64decode(record["value"]), b"{broken \xff")
    same([record["key"], record["source"]], ["key", {"topic": "bad", "partition": 0, "offset": 3}])
    pipeline(box, "bad", ", format: bytes")
    daemon = box.start("run", "feed.yaml") # decoded again, by another format
    daemon.says("feed: ")
    wait("a replay", lambda: box.run("dead", "replay", "--all", "--data", "data").returncode == 0)
    wait("its record", lambda: records(box, "bad")[-1]["value"] == base64.b64encode(b"{broken \xff").decode())
    same(records(box, "bad")[-1]["source"], {"topic": "bad", "partition": 0, "offset": 3})
    daemon.stop()
    pipeline(box, "bad", errors="      errors: {policy: stop}\n", name="strict")
    has(run(box, "strict", 1).both, "topic bad was refused: kafka topic bad, partition 0, offset 3")


def case_parallel(box):
    box.broker.make("par", 8)
    count = 8 * 2000
    for partition in range(8):
        box.broker.feed(["begin"], ["many", "par", partition, 2000, partition * 2000], ["commit"])
    pipeline(box, "par", ", parallel: 3")
    run(box)
    seen = numbers(box, "par")
    same([len(seen), len(set(seen))], [count, count])
    for partition in range(8):
        of = [n for n in seen if n // 2000 == partition]
        same(of, sorted(of), f"order of partition {partition}")
    for partition in range(8):  # another share-out goes on from the same positions
        box.broker.feed(["many", "par", partition, 10, count + partition * 10])
    pipeline(box, "par", ", parallel: 2")
    run(box)
    same(sorted(numbers(box, "par")), list(range(count + 80)))


def case_group_is_told(box):
    box.broker.make("told", 1)
    box.broker.feed(["many", "told", 0, 100, 0])
    pipeline(box, "told", ", group: lagtools")
    run(box)
    same(box.broker.feed(["group", "lagtools", "told", 0]).strip(), "100")
    box.broker.feed(["many", "told", 0, 50, 100])
    daemon = box.start("run", "feed.yaml")
    wait("the group", lambda: box.broker.feed(["group", "lagtools", "told", 0]).strip() == "150")
    daemon.stop()
    once(box, "told", 150)


def case_debezium_round_trip(box):
    """toy rows -> kafka sink -> kafka source: the same rows, with deletes and tombstones."""
    box.write("there.yaml", f"""\
data: ./there
pipelines:
  there:
    source:
      toy: {{count: 500, keys: 20}}
      transforms:
        - lua:
            script: |
              function transform(record)
                if record.value.seq % 7 == 6 then record.op = "d" end
              end
    sinks:
      kafka:
        kafka: {{brokers: "{box.broker.brokers}", format: debezium, partitions: 2}}
      file:
        file: {{path: "there/{{topic}}.ndjson", format: debezium, keys: true}}
""")
    box.run("run", "--once", "there.yaml", status=0, seconds=60)
    pipeline(box, "toy.t0", ", format: debezium", "format: native-json")
    run(box)
    sent = collections.defaultdict(list)
    for line in box.lines("there/toy.t0.ndjson"):
        value = line["value"]
        if value:
            sent[json.dumps(line["key"])].append([value["op"], value["before"], value["after"], value["source"], value["ts_us"]])
    came = collections.defaultdict(list)
    for row in box.lines("out/toy.t0.ndjson"):
        us = micros(row["time"])
        came[json.dumps(row["key"])].append([row["op"], row["before"], row["value"], row["source"], us])
    same(came == sent, True, f"rows of {len(sent)} keys: {next(((came[k], sent[k]) for k in sent if came[k] != sent[k]), '')}")


def case_debezium_of_a_database(box):
    """MariaDB -> kafka sink -> kafka source: decimals, 64-bit integers, dates and bytes as they left."""
    server = box.server().start()
    server.user()
    server.sql("CREATE DATABASE shop", "CREATE TABLE shop.wide (id BIGINT UNSIGNED PRIMARY KEY, d DECIMAL(38,10), s BIGINT, u BIGINT "
               "UNSIGNED, f DOUBLE, t DATETIME(6), day DATE, b VARBINARY(20), j JSON, x TEXT, e ENUM('a','b'))")
    box.write("there.yaml", f"""\
data: ./wide
pipelines:
  wide:
    source:
      mysql: {{host: 127.0.0.1, port: {server.port}, user: leat, password: water, tables: [shop.wide]}}
    sinks:
      kafka:
        kafka: {{brokers: "{box.broker.brokers}", format: debezium}}
      file:
        file: {{path: "there.ndjson", format: debezium, keys: true}}
""")
    daemon = box.start("run", "there.yaml")
    daemon.says("streaming")
    server.sql("INSERT INTO shop.wide VALUES (18446744073709551615, -1234567890123456789012345678.0123456789, -9223372036854775808, "
               "18446744073709551615, 1e300, '2026-01-02 03:04:05.678901', '1999-12-31', X'00FF10', '{\"a\":1.10}', 'ö\\n', 'b')",
               "INSERT INTO shop.wide (id) VALUES (9223372036854775808)",
               "UPDATE shop.wide SET d = 0.0000000001, s = 9223372036854775807 WHERE id = 18446744073709551615",
               "DELETE FROM shop.wide WHERE id = 9223372036854775808")
    wait("four lines", lambda: len(box.lines("there.ndjson")) == 4)
    daemon.stop()
    pipeline(box, "shop.wide", ", format: debezium", "format: native-json")
    run(box)
    sent = box.lines("there.ndjson")
    came = box.lines("out/shop.wide.ndjson")
    same([[row["key"], row["op"], row["before"], row["value"], row["source"], micros(row["time"])] for row in came],
         [[line["key"], line["value"]["op"], line["value"]["before"], line["value"]["after"], line["value"]["source"],
           line["value"]["ts_us"]] for line in sent])
    same(sent[0]["value"]["after"]["u"], 18446744073709551615)
    server.stop("KILL")


def case_tombstones(box):
    box.broker.make("tomb", 1)
    envelope = '{"before":{"id":%d},"after":%s,"source":{"db":"s"},"op":"%s","ts_ms":1600000000000}'
    box.broker.feed(["put", "tomb", 0, '{"id":1}', envelope % (1, "null", "d")], ["put", "tomb", 0, '{"id":1}', NULL],
                    ["put", "tomb", 0, '{"id":2}', NULL],
                    ["put", "tomb", 0, '{"id":3}', envelope % (3, "null", "d")])
    pipeline(box, "tomb", ", format: debezium", "format: native-json", name="t")
    run(box, "t")
    box.broker.feed(["put", "tomb", 0, '{"id":3}', NULL])
    run(box, "t")  # that it is a tombstone stands in the position
    same([[row["key"], row["op"]] for row in records(box, "tomb")],
         [[{"id": 1}, "d"], [{"id": 1}, "d"], [{"id": 2}, "d"], [{"id": 3}, "d"], [{"id": 3}, "d"]])
    box.write("flags.yaml", f"""\
data: ./flags
pipelines:
  flags:
    source:
      kafka: {{brokers: "{box.broker.brokers}", topics: [tomb], format: debezium}}
      transforms:
        - lua:
            script: |
              function transform(record)
                record.headers = {{tombstone = record.is_tombstone}}
              end
    sinks:
      out:
        console: {{}}
""")
    box.run("run", "--once", "flags.yaml", status=0, seconds=60)
    flags = [json.loads(line)["headers"] for line in box.run("read", "tomb", "--data", "flags", status=0).stdout.splitlines()]
    same([flag["tombstone"] for flag in flags], [False, True, False, False, True])


def case_check(box):
    box.broker.make("chk", 3)
    pipeline(box, "chk, nowhere")
    done = box.run("check", "--connect", "feed.yaml", status=0, seconds=60)
    has(done.both, "there is no topic nowhere; it is read once it is there", "1 topics, 3 partitions")
    pipeline(box, "chk", brokers="127.0.0.1:9")
    done = box.run("check", "--connect", "feed.yaml", seconds=60)
    same(done.returncode, 1)
    has(done.both, "kafka 127.0.0.1:9: no broker can be reached")


def case_wrong_options(box):
    for topics, more, wanted in (("a b", "", "no name of a Kafka topic"), ("a/x", "", "no name of a Kafka topic"),
                                 ('"!a"', "", "name one"), ("a", ", start: tomorrow", "neither earliest, latest nor a time"),
                                 ("a", ", format: jsson", "jsson"), ("a", ", format: native-json", "only be written"),
                                 ("a", ", properties: {auto.offset.reset: latest}", "set by Leat"),
                                 ("a", ", properties: {lingerms: 5}", "lingerms"), ("a", ", user: u", "password")):
        pipeline(box, topics, more)
        done = box.run("check", "feed.yaml")
        same(done.returncode, 3, more or topics)
        has(done.both, wanted)


if __name__ == "__main__":
    kafka_kit.main()
