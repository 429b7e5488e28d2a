#!/usr/bin/env python3
"""`leat log dump` and `leat log salvage` from the outside: what a sink does on a log that was salvaged."""
import json
import os
import shutil

import kit
from kit import has, lacks, same

LIVES, ROWS = 5, 400
TOPIC = "toy.t0"
TOY = """\
data: ./leat-data
pipelines:
  toy:
    source:
      toy: {{count: {records}}}
    sinks:
      out:
        file: {{path: "out/{{topic}}.ndjson", format: native-json}}
"""


def run_once(box, records):
    box.write("toy.yaml", TOY.format(records=records))
    return box.run("run", "--once", "toy.yaml", status=0, seconds=60)


def lives(box):
    """A log that was written in several runs; what the sink's target held after each is kept."""
    for life in range(1, LIVES + 1):
        run_once(box, life * ROWS)
        shutil.copytree(box.path("out"), box.path(f"out-{life}"))


def objects(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


def frames(box, which="toy"):
    return [o for o in objects(box.run("log", "dump", which, "--format", "json")) if "frame" in o]


def with_records(box):
    """The frames of each run, oldest first: [lsn, first offset, end]."""
    return [(f["lsn"], f["parts"][0]["offset"], f["parts"][0]["offset"] + f["parts"][0]["count"])
            for f in frames(box) if f["frame"] == "data" and f["parts"]]


def segment(box, log="leat-data/logs/toy"):
    return box.path(log, "segments", f"{0:020}.seg")


def damage(box, lsn, size=40):
    with open(segment(box), "r+b") as file:
        file.seek(lsn)
        file.write(b"\x5a" * size)


def salvage(box, status):
    """The new log takes the old one's place; returns the report's objects, by what they are."""
    before = {name: os.stat(box.path("leat-data/logs/toy", name)).st_mtime_ns for name in ("IDENTITY", "durable.hint")}
    done = box.run("log", "salvage", "leat-data/logs/toy", "salvaged", "--format", "json", status=status)
    same({name: os.stat(box.path("leat-data/logs/toy", name)).st_mtime_ns for name in before}, before, "the original")
    os.rename(box.path("leat-data/logs/toy"), box.path("damaged"))
    os.rename(box.path("salvaged"), box.path("leat-data/logs/toy"))
    has(box.run("log", "verify", "toy", status=0).stdout, r"(?m)^toy: good")
    return objects(done)


def lost_offsets(report):
    return {offset for o in report if "lost" in o and "hole" not in o and o["count"]
            for offset in range(o["first"], o["first"] + o["count"])}


def stand_at(box, life):
    """The sink's target as it was then."""
    shutil.rmtree(box.path("out"))
    shutil.copytree(box.path(f"out-{life}"), box.path("out"))


def offsets(box):
    return [o["offset"] for o in box.lines(f"out/{TOPIC}.ndjson")]


def goes_on(box, lost, had, warns):
    """What the sink has in the end: what it had, and all the rest that is left, once."""
    log = run_once(box, LIVES * ROWS).both
    (has if warns else lacks)(log, rf"toy\.out: records of {TOPIC} are missing")
    wanted = [o for o in range(LIVES * ROWS) if o < had or o not in lost]
    same(offsets(box), wanted, "offsets in the sink's file")
    has(box.run("topics", status=0).stdout, rf"{TOPIC}")
    same(json.loads(box.run("offsets", "show", "toy", status=0).stdout.splitlines()[-1])["value"], {"seq": LIVES * ROWS}, "position")


def damaged_in(box, life):
    """Of the run's records some frames are damaged; returns what that costs."""
    inside = [f for f in with_records(box) if (life - 1) * ROWS <= f[1] < life * ROWS]
    damage(box, inside[0][0] + 100)
    return set(range(inside[0][1], inside[0][2]))


# ---- dump ----


def case_dump(box):
    lives(box)
    text = box.run("log", "dump", "toy", status=0).stdout
    has(text, r"^toy: segments/0+\.seg", r"\d+ open, unit", r"\d+ data, unit \d+ first last, .*toy\.t0@0\+\d+", r"\d+ fold, unit")
    records = objects(box.run("log", "dump", "--records", "--format", "json", status=0))
    same([o["record"]["offset"] for o in records], list(range(LIVES * ROWS)), "records")
    same(records[7]["record"]["value"], objects(box.run("read", TOPIC, "--from", "7", "--count", "1", status=0))[0]["value"], "a record")
    state = objects(box.run("log", "dump", "--state", "--format", "json", status=0))
    same([o["value"] for o in state if "position" in o][-1], {"seq": LIVES * ROWS}, "the last position")
    has(box.run("log", "dump", "--state", status=0).stdout, r"\d+ schema 1 = ", r"\d+ consumer \"toy\.out\" = \d+", r"\d+ hint toy\.out")
    some = with_records(box)
    part = box.run("log", "dump", "--from", str(some[1][0]), "--to", str(some[1][0] + 1), "--records", status=0).stdout.splitlines()
    same(len(part), some[1][2] - some[1][1], "--from --to")
    has(box.run("log", "dump", "--from", "here", status=2).stderr, r"LSN")


def case_dump_goes_on_behind_damage(box):
    lives(box)
    lost = damaged_in(box, 3)
    done = box.run("log", "dump", "--records", "--format", "json", status=5)
    seen = {o["record"]["offset"] for o in objects(done) if "record" in o}
    same(seen, set(range(LIVES * ROWS)) - lost, "records")
    same(sum("damage" in o for o in objects(done)), 1, "places")
    has(box.run("log", "dump", status=5).stdout, r"DAMAGE from LSN \d+ to \d+: the frame's body")


def case_dump_beside_the_daemon(box):
    box.write("toy.yaml", TOY.format(records="1000000000, rate: 500"))
    daemon = box.start("run", "toy.yaml")
    kit.wait("records in the file", lambda: len(box.lines(f"out/{TOPIC}.ndjson")) > 20)
    for _ in range(10):
        has(box.run("log", "dump", "toy", status=0).stdout, r"data, unit")
    has(box.run("log", "salvage", "leat-data/logs/toy", "new", status=4).stderr, r"in use")
    daemon.stop(0)


# ---- salvage ----


def case_nothing_is_lost(box):
    lives(box)
    report = salvage(box, 0)
    same(report[-1]["holes"], 0, "holes")
    goes_on(box, set(), 0, False)


def case_damage_ahead_of_the_sink(box):
    lives(box)
    lost = damaged_in(box, 4)
    report = salvage(box, 5)
    same(lost_offsets(report), lost, "what is said to be lost")
    gaps = [o for o in objects(box.run("read", TOPIC, status=0)) if o["op"] == "g"]
    same([(o["value"]["offset"], o["value"]["count"]) for o in gaps], [(min(lost), len(lost))], "gaps that are read")
    stand_at(box, 2)
    goes_on(box, lost, 2 * ROWS, True)


def case_damage_behind_the_sink(box):
    lives(box)
    lost = damaged_in(box, 2)
    same(lost_offsets(salvage(box, 5)), lost, "what is said to be lost")
    stand_at(box, 4)
    goes_on(box, lost, 4 * ROWS, False)


def case_the_mark_is_in_the_hole(box):
    """The frame where the sink would go on is lost, and those around it."""
    lives(box)
    some = with_records(box)
    last = [f for f in some if f[1] < 3 * ROWS][-1]
    after = [f for f in some if f[1] >= 3 * ROWS][0]
    damage(box, last[0] + 100, after[0] + 100 - (last[0] + 100))
    lost = set(range(last[1], after[2]))
    same(lost_offsets(salvage(box, 5)), lost, "what is said to be lost")
    stand_at(box, 3)
    goes_on(box, lost, 3 * ROWS, True)


def case_the_end_is_lost(box):
    """The source's position went with it: it delivers that again. A target that has some of it is ahead, and gets nothing twice."""
    lives(box)
    first = [f for f in with_records(box) if f[1] >= 4 * ROWS][0]
    os.truncate(segment(box), first[0] + 20)
    report = salvage(box, 5)
    same(report[-1]["is_end_lost"], True, "is_end_lost")
    has(json.dumps([o for o in report if "older" in o]), r'"position", "connector": "toy"')
    had = offsets(box)
    has(box.run("run", "--once", "toy.yaml", status=5, seconds=60).both, r"ahead of the log", r"leat recover toy --from-sinks")
    same(offsets(box), had, "offsets in the file of a sink that is ahead")
    stand_at(box, 4)
    has(run_once(box, LIVES * ROWS).both, rf"toy\.out: records of {TOPIC} are missing")
    rows = [o["value"]["seq"] if "seq" in o["value"] else o["offset"] for o in box.lines(f"out/{TOPIC}.ndjson")]
    same(len(rows), LIVES * ROWS, "rows in the sink's file: all, since the source had them still")


def case_a_lost_header_and_identity(box):
    lives(box)
    damage(box, 0, 128)
    report = salvage(box, 0)
    same(sum("note" in o for o in report), 1, "notes")
    goes_on(box, set(), 0, False)


def case_usage(box):
    lives(box)
    has(box.run("log", "salvage", "leat-data/logs/toy", status=2).stderr, r"NEWDIR")
    has(box.run("log", "salvage", "leat-data/logs/toy", "leat-data/logs/toy", status=1).stderr, r"exists already")
    has(box.run("log", "salvage", "nowhere", "new", status=1).stderr, r"nowhere")
    has(box.run("log", "salvage", "leat-data/logs/toy", "text", status=0).stdout, r"toy: nothing is lost")


if __name__ == "__main__":
    kit.main()
