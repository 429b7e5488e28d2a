#!/usr/bin/env python3
"""Logs that were written by earlier versions, read by this one; and logs of later versions, refused by it.

v1.tar.gz is a log with one of everything (make.c), v1.txt.gz what `leat log dump` said of it when it was made."""
import gzip
import json
import os
import re
import shutil
import struct
import sys
import tarfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "live"))
import kit  # noqa: E402
from kit import has, same  # noqa: E402

PIPELINE = """\
data: ./data
pipelines:
  toy:
    source:
      toy: {count: 300}
    sinks:
      out:
        file: {path: "out/{topic}.ndjson", format: native-json}
"""


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def unpack(box, version="v1"):
    with tarfile.open(os.path.join(HERE, f"{version}.tar.gz")) as tar:
        tar.extractall(box.path("data/logs"))
    return box.path("data/logs/toy")


def contents(log):
    """Of every file that a refusal must leave as it is; the lock is there as soon as somebody has looked."""
    return {os.path.join(folder, name): open(os.path.join(folder, name), "rb").read()
            for folder, _, names in os.walk(log) for name in names if name != "lock"}


def golden(version="v1"):
    with gzip.open(os.path.join(HERE, f"{version}.txt.gz")) as file:
        return file.read().decode()


def segments(log):
    return sorted(name for name in os.listdir(os.path.join(log, "segments")) if name.endswith(".seg"))


def patch(path, at, data):
    with open(path, "r+b") as file:
        file.seek(at)
        file.write(data)


# ---- earlier versions ----


def case_v1_is_read(box):
    log = unpack(box)
    before = contents(log)
    done = box.run("log", "dump", "--frames", "--records", "--state", "--data", "data", "toy", status=0)
    wanted, found = golden().split("\n"), done.stdout.split("\n")
    for i, (a, b) in enumerate(zip(wanted, found)):
        same(b, a, f"line {i + 1}")
    same(len(found), len(wanted), "lines")
    has(box.run("log", "verify", "--data", "data", status=0).stdout, r"a gap that salvage left", r"(?m)^toy: good: ")
    same(contents(log), before, "the log")


def case_v1_has_one_of_everything(box):
    del box
    text = golden()
    has(text, r"(?m)^\d+ open, unit", r"(?m)^\d+ fold, unit", r"(?m)^\d+ gap, unit .* shop\.orders@\d+\+\d+",
        r"(?m)^\d+ data, unit \d+ first, ", r"(?m)^\d+ data, unit \d+, ", r"toy\.dead@\d+\+1, for toy\.out alone", r"lineage of 3",
        r"(?m)^\d+ position toy", r"(?m)^\d+ intent toy\.out", r"(?m)^\d+ intent toy\.out .* removed", r"(?m)^\d+ consumer", r"note: the frames end at LSN")
    same(len(re.findall(r"(?m)^toy: segments/", text)) >= 4, True, "several segments")


def case_v1_is_read_through_topics(box):
    """By the reader that sinks have, each topic from its first record on, and from the middle."""
    unpack(box)
    dumped = {}
    for line in golden().split("\n"):
        if re.match(r"\d+ \d+ {", line):
            record = json.loads(line.split(" ", 2)[2])
            dumped.setdefault(record["topic"], []).append(record)
    for topic in ("shop.orders", "shop.items", "toy.t0"):
        read = [json.loads(line) for line in box.run("read", topic, "--data", "data", status=0).stdout.split("\n")[:-1]]
        same([r for r in read if r["op"] != "g" or "reason" not in str(r["value"])], dumped[topic], topic)
        same(sum(r["op"] == "g" and "salvage" in str(r["value"]) for r in read), 1, f"gaps of {topic}")
        middle = dumped[topic][len(dumped[topic]) // 2]
        some = box.run("read", topic, "--data", "data", "--from", str(middle["offset"]), "--count", "1", status=0).stdout
        same(json.loads(some), middle, f"{topic} from an offset")
    positions = [json.loads(line) for line in box.run("offsets", "list", "--data", "data", status=0).stdout.splitlines()]
    same([p["value"] for p in positions if p["name"] == "toy"], [{"seq": 209}], "position")


def case_v1_is_gone_on_with(box):
    """A start cuts the torn tail, the source goes on from its position, and what was there stays readable."""
    log = unpack(box)
    box.write("toy.yaml", PIPELINE)
    done = box.run("run", "--once", "toy.yaml")
    has(done.both, r"cut a torn tail of \d+ bytes")
    has(box.run("log", "verify", "--data", "data", status=0).stdout, r"(?m)^toy: good: ")
    same(len(os.listdir(os.path.join(log, "quarantine"))), 1, "torn tails")
    dump = box.run("log", "dump", "--frames", "--records", "--state", "--data", "data", "toy", status=0).stdout
    kept = [line for line in golden().split("\n") if re.match(r"\d+ ", line)]
    same([line for line in dump.split("\n") if re.match(r"\d+ ", line)][:len(kept)], kept, "what was there before")


# ---- later versions, which do not exist yet ----


def refuses(box, log, *patterns):
    """Everybody says why, nobody changes anything."""
    before = contents(log)
    box.write("toy.yaml", PIPELINE)
    for args in (("run", "--once", "toy.yaml"), ("read", "shop.orders", "--data", "data"), ("log", "verify", "--data", "data"),
                 ("log", "dump", "--data", "data"), ("log", "salvage", "data/logs/toy", "salvaged")):
        done = box.run(*args)
        same(done.returncode != 0, True, f"a failure of {args}")
        has(done.both, *patterns)
        same(contents(log), before, f"the log after {args}")
        shutil.rmtree(box.path("salvaged"), ignore_errors=True)


def case_a_newer_identity_is_refused(box):
    log = unpack(box)
    path = os.path.join(log, "IDENTITY")
    with open(path, "rb") as file:
        data = bytearray(file.read())
    data[8:12] = struct.pack("<I", 2)
    data[28:32] = struct.pack("<I", crc32c(data[:28]))
    patch(path, 0, data)
    refuses(box, log, r"newer leat", r"version 2")


def case_a_newer_segment_is_refused(box):
    for which in (0, -1):
        log = unpack(box)
        path = os.path.join(log, "segments", segments(log)[which])
        with open(path, "rb") as file:
            data = bytearray(file.read(128))
        data[12:16] = struct.pack("<I", 2)
        data[8:12] = struct.pack("<I", crc32c(data[12:]))
        patch(path, 0, data)
        refuses(box, log, r"newer leat", r"version 2", r"\d{20}\.seg")
        shutil.rmtree(log)


def frames():
    return [(int(m.group(1)), m.group(2)) for m in re.finditer(r"(?m)^(\d+) (\w+), unit", golden())]


def change_frame(log, lsn, where, value):
    """Bytes of a frame's header, and those behind it follow it again."""
    names, crc = segments(log), None
    for place, _ in frames():
        if place < lsn:
            continue
        name = [n for n in names if int(n[:20]) <= place][-1]
        path = os.path.join(log, "segments", name)
        with open(path, "rb") as file:
            file.seek(place - int(name[:20]))
            head = bytearray(file.read(64))
        if place == lsn:
            head[where:where + len(value)] = value
        else:
            head[28:32] = crc
        head[4:8] = crc = struct.pack("<I", crc32c(head[8:]))
        patch(path, place - int(name[:20]), head)


def case_an_unknown_kind_of_frame_is_refused(box):
    log = unpack(box)
    change_frame(log, frames()[-1][0], 60, b"\x05")
    refuses(box, log, r"kind 5", r"newer leat")


def case_an_unknown_format_of_records_is_refused(box):
    """By whoever decodes records; the log itself is none the worse."""
    log = unpack(box)
    change_frame(log, [lsn for lsn, kind in frames() if kind == "data"][-1], 62, struct.pack("<H", 2))
    before = contents(log)
    has(box.run("read", "toy.dead", "--data", "data", status=1).stderr, r"format 2 .*newer leat")
    done = box.run("log", "dump", "--records", "--data", "data", status=0)
    has(done.stdout, r"records are of a format that a newer leat wrote")
    box.run("log", "verify", "--data", "data", status=0)
    same(contents(log), before, "the log")


if __name__ == "__main__":
    kit.main()
