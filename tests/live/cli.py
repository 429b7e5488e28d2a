#!/usr/bin/env python3
"""The command line from the outside: every verb, its exit status and its texts; signals; sources without a server."""
import json
import os
import shutil
import signal
import subprocess
import time

import kit
from kit import has, lacks, same, wait

VERBS = ("run", "check", "plugins", "schema", "topics", "read", "offsets", "log", "status", "pause",
         "resume", "restart", "stop", "version")
TOY = """\
data: ./leat-data
pipelines:
  toy:
    source:
      toy: {{count: {records}{more}}}
    sinks:
      out:
        file: {{path: "out/{{topic}}.ndjson", format: native-json}}
"""


def toy(box, records=100, more=""):
    box.write("toy.yaml", TOY.format(records=records, more=more))


def endless(box):
    toy(box, 10**9, ", rate: 200")
    daemon = box.start("run", "toy.yaml")
    wait("records in the file", lambda: len(box.lines("out/toy.t0.ndjson")) > 20)
    return daemon


# ---- what is typed ----


def case_help(box):
    for args, status in (((), 2), (("--help",), 0), (("help",), 0)):
        has(box.run(*args, status=status).both, *[rf"leat {verb}\b" for verb in VERBS])
    for verb in VERBS:
        has(box.run(verb, "--help", status=0).stdout, rf"^leat {verb}\b")
    has(box.run("--version", status=0).stdout, r"^leat \d+\.\d+\.\d+")
    same(json.loads(box.run("schema", status=0).stdout)["type"], "object", "schema")


def case_wrong_usage(box):
    for args, text in ((("chekc", "x.yaml"), r'"chekc".*did you mean "?check'), (("stauts",), r"did you mean \"?status"),
                       (("run",), r"FILE"), (("read",), r"TOPIC"), (("run", "--onse", "x.yaml"), r"--onse"),
                       (("read", "t", "--count", "many"), r"--count"), (("read", "t", "--format", "xml"), r"xml"),
                       (("read", "t", "--from", "yesterday"), r"yesterday"), (("topics", "--format", "yml"), r"yml"),
                       (("offsets", "lost"), r"lost"), (("log", "veryfi"), r"veryfi"), (("plugins", "mysqk"), r"mysql")):
        done = box.run(*args, status=2)
        has(done.stderr, text)
        same(done.stdout, "", f"stdout of {args}")


def case_no_data_directory(box):
    for args in (("read", "x"), ("topics",), ("offsets", "list"), ("log", "verify"), ("status",)):
        done = box.run(*args, status=1)
        has(done.stderr, r"leat-data")


# ---- reading ----


def case_read(box):
    toy(box, 100)
    box.run("run", "--once", "toy.yaml", status=0)
    same(len(box.lines("out/toy.t0.ndjson")), 100, "records in the file")
    whole = box.run("read", "toy.t0", status=0)
    same(whole.stderr, "", "stderr")
    records = [json.loads(line) for line in whole.stdout.splitlines()]
    same(len(records), 100, "records")
    offsets = [r["offset"] for r in records]
    same(offsets, sorted(set(offsets)), "offsets")
    some = box.run("read", "toy.t0", "--from", str(offsets[90]), "--count", "5", status=0).stdout.splitlines()
    same([json.loads(line)["offset"] for line in some], offsets[90:95], "--from --count")
    same(box.run("read", "toy.t0", "--from", "latest", status=0).stdout, "", "--from latest")
    same(box.run("read", "toy.t0", "--from", "2100-01-01T00:00:00Z", status=0).stdout, "", "--from a time to come")
    same(box.run("read", "toy.t0", "--from", "2001-01-01T00:00:00Z", status=0).stdout, whole.stdout, "--from a time long ago")
    for name in ("debezium", "json", "native-json", "text"):
        same(len(box.run("read", "toy.t0", "--count", "3", "--format", name, status=0).stdout.splitlines()), 3, name)
    keyed = json.loads(box.run("read", "toy.t0", "--count", "1", "--keys", status=0).stdout)
    same(sorted(keyed), ["key", "value"], "--keys")
    has(box.run("read", "toy.to", status=1).stderr, r'toy\.to', r'leat topics|did you mean "?toy')
    one = json.loads(box.run("topics", "--format", "json", status=0).stdout.splitlines()[0])
    same((one["topic"] if "topic" in one else one["name"], one["records"]), ("toy.t0", 100), "topics")
    has(box.run("topics", status=0).stdout, r"toy\.t0\s.*100")


def case_read_into_head(box):
    toy(box, 200000)
    box.run("run", "--once", "toy.yaml", status=0, seconds=60)
    command = f"'{box.leat}' read toy.t0 | head -1; echo ${{PIPESTATUS[0]}} >&2"
    done = subprocess.run(["bash", "-c", command], cwd=box.folder, capture_output=True, text=True, timeout=30)
    same((len(done.stdout.splitlines()), done.stderr), (1, "0\n"), "read | head")


def case_read_follows(box):
    daemon = endless(box)
    done = box.run("read", "toy.t0", "--from", "latest", "--follow", "--count", "20", status=0)
    same(len(done.stdout.splitlines()), 20, "--follow --count")
    reader = subprocess.Popen([box.leat, "read", "toy.t0", "--follow"], cwd=box.folder, stdout=subprocess.DEVNULL)
    time.sleep(0.3)
    reader.send_signal(signal.SIGINT)
    same(reader.wait(10), -signal.SIGINT, "how --follow ends after ^C")
    daemon.stop()


# ---- a daemon that runs ----


def case_status(box):
    daemon = endless(box)
    has(box.run("status", status=0).stdout, r"toy\b", r"toy\.out", r"running")
    states = [json.loads(line) for line in box.run("status", "--format", "json", status=0).stdout.splitlines()]
    same({"toy", "toy.out"} <= {s.get("name") for s in states}, True, f"names in {states}")
    daemon.stop()
    done = box.run("status", status=1)
    has(done.stderr, r"leat-data", r"leat run|no daemon|not running")


def case_offsets(box):
    daemon = endless(box)
    rows = [json.loads(line) for line in box.run("offsets", "list", status=0).stdout.splitlines()]
    kit.say_diff("offsets list names toy", any("toy" in json.dumps(r) for r in rows), str(rows))
    for args in (("reset", "toy"), ("forget", "toy.out"), ("set", "toy", "x", "{}")):
        has(box.run("offsets", *args, status=4).stderr, rf"\b{daemon.pid}\b")
    daemon.stop()
    shown = box.run("offsets", "show", "toy", status=0).stdout
    json.loads(shown.splitlines()[0])
    has(box.run("offsets", "show", "tyo", status=1).stderr, r"tyo")
    toy(box, 10)
    box.run("offsets", "reset", "toy", status=0)
    before = len(box.run("read", "toy.t0", status=0).stdout.splitlines())  # the sink may have been stopped before the last ones
    box.run("run", "--once", "toy.yaml", status=0)
    same(len(box.lines("out/toy.t0.ndjson")) - before, 10, "records of a source that begins anew")
    key = json.loads(box.run("offsets", "list", status=0).stdout.splitlines()[0])
    kit.say_diff("list shows connector and key", {"connector", "key"} <= set(key) or "name" in key, str(key))
    box.run("offsets", "forget", "toy", status=0)
    has(box.run("offsets", "show", "toy", status=1).stderr, r"toy")


def case_log_verify(box):
    toy(box, 5000)
    box.run("run", "--once", "toy.yaml", status=0)
    has(box.run("log", "verify", status=0).both, r"^toy: good: \d+ segments, .* 5,000 records of 1 topics")
    summary = json.loads(box.run("log", "verify", "--format", "json", "toy", status=0).stdout.splitlines()[-1])
    same((summary["records"], summary["damages"]), (5000, 0), "records and damages in the summary")
    logs = sorted((os.path.getsize(p), p) for p in
                  (os.path.join(d, f) for d, _, fs in os.walk(box.path("leat-data")) for f in fs) if p.endswith(".seg"))
    size, path = logs[-1]
    with open(path, "r+b") as file:
        file.seek(size // 10)
        byte = file.read(1)
        file.seek(size // 10)
        file.write(bytes([byte[0] ^ 0x40]))
    done = box.run("log", "verify", status=5)
    has(done.both, os.path.basename(path), r"there stood: toy\.t0 up to \d+", r"leat log salvage \S+ NEWDIR")
    findings = [json.loads(line) for line in box.run("log", "verify", "--format", "json", box.path("leat-data/logs/toy"),
                                                     status=5).stdout.splitlines()]
    same([("damage" in f, f.get("segment")) for f in findings], [(True, os.path.basename(path)), (False, None)], "findings")
    has(box.run("read", "toy.t0", status=5).stderr, r"damaged")
    done = box.run("run", "--once", "toy.yaml")
    kit.say_diff(f"run on a damaged log ended with {done.returncode}", done.returncode in (0, 5), done.both)


def case_sigterm(box):
    daemon = endless(box)
    log = daemon.stop(0)
    there = len(box.run("read", "toy.t0", status=0).stdout.splitlines())
    same(len(box.lines("out/toy.t0.ndjson")), there, "records in the file, of those in the topic")
    kit.lacks(log, r"error: ")
    count = len(box.lines("out/toy.t0.ndjson"))
    toy(box, count + 50)
    box.run("run", "--once", "toy.yaml", status=0)
    values = [json.dumps(r["value"]) for r in box.lines("out/toy.t0.ndjson")]
    same((len(values), len(set(values))), (count + 50, count + 50), "records, each once")


def case_sigint_twice(box):
    daemon = endless(box)
    daemon.process.send_signal(signal.SIGINT)
    daemon.process.send_signal(signal.SIGINT)
    daemon.process.wait(10)


def case_sighup(box):
    daemon = endless(box)
    good = box.read("toy.yaml")
    box.write("toy.yaml", good.replace("count:", "cuont:"))
    daemon.process.send_signal(signal.SIGHUP)
    daemon.says(r'unknown option "cuont"')
    count = len(box.lines("out/toy.t0.ndjson"))
    wait("it goes on", lambda: len(box.lines("out/toy.t0.ndjson")) > count + 20)
    box.write("toy.yaml", good.replace("  toy:\n    source", "  second:\n    source").replace("out/", "more/"))
    daemon.process.send_signal(signal.SIGHUP)
    daemon.says(r"second\.out")
    daemon.stop()


def case_what_is_meant_is_named(box):
    """Texts that once sent people the wrong way."""
    toy(box, 10)
    box.run("run", "--once", "toy.yaml", status=0)
    has(box.run("read", "toy.t0", "--partition", "7", status=1).stderr, r'topic "toy\.t0" has no partition 7; the last one is 0')
    has(box.run("read", "toy.t0", "--count", status=2).stderr, r"--count wants a value: --count N")
    has(box.run("offsets", "set", "toy", "count", "5", status=1).stderr, r"KEY count is no JSON; a text needs its quotes")
    has(box.run("offsets", "set", "toy", '"count"', "five", status=1).stderr, r"VALUE five is no JSON")
    lines = box.run("read", "toy.t0", "--count", "1", "--format", "debezium", status=0).stdout
    same(json.loads(lines)["source"]["name"], "toy", "source.name")
    box.write("open.yaml", "pipelines:\n  p:\n    source:\n      mysql:\n        tables: [a.b\n        host: h\n")
    has(box.run("check", "open.yaml", status=3).stderr, r"open\.yaml:5:17: error: not YAML", "goes on as far as line 6")


def case_a_first_subscription_sees_the_logs_of_its_run(box):
    box.write("s.yaml", """\
data: ./leat-data
pipelines:
  audit:
    subscribe: "*.*"
    sinks:
      out:
        file: {path: "out/{topic}.ndjson", format: native-json}
  toy:
    source:
      toy: {count: 100, topics: 1, writers: 1}
""")
    lacks(box.run("run", "--once", "s.yaml", status=0).stderr, "a new log has appeared")
    same(len(box.lines("out/toy.t0.ndjson")), 100, "records")


# ---- sources without a server ----


def case_tail(box):
    box.write("app.log", "one\ntwo\n")
    box.write("tail.yaml", """\
pipelines:
  logs:
    source:
      tail: {paths: [app.log]}
    sinks:
      out: {file: {path: out/all.ndjson, format: native-json}}
""")
    box.run("run", "--once", "tail.yaml", status=0)
    same(len(box.lines("out/all.ndjson")), 2, "lines")
    with open(box.path("app.log"), "a") as file:
        file.write("three\n")
    box.run("run", "--once", "tail.yaml", status=0)
    has(box.read("out/all.ndjson"), "one", "two", "three")
    same(len(box.lines("out/all.ndjson")), 3, "lines, each once")


def case_tail_of_what_cannot_be_read(box):
    """The other files go on; a run to the end does not say that all is done."""
    box.write("l/a.log", "one\n")
    os.symlink("/proc/self/mem", box.path("l/b.log"))  # opens, and fails at its first byte
    box.write("l/c.log", "two\n")
    box.write("tail.yaml", """\
pipelines:
  logs:
    source:
      tail: {paths: ["l/*.log"]}
    sinks:
      out: {file: {path: out/all.ndjson, format: text}}
""")
    done = box.run("run", "--once", "tail.yaml", status=1)
    has(done.stderr, r"l/b\.log: cannot be read at byte 0: .*the others go on", r"1 of the files could not be read")
    same(sorted(box.read("out/all.ndjson").split()), ["one", "two"], "lines of the others")
    os.unlink(box.path("l/b.log"))
    box.run("run", "--once", "tail.yaml", status=0)


def case_the_open_file_is_taken_away(box):
    daemon = endless(box)
    shutil.rmtree(box.path("out"))
    daemon.says(r"(toy\.t0\.ndjson|\.toy\.t0\.ndjson\.leat|\.toy\.out\.leat) was deleted or moved while it was written") # whichever it looks at first


def case_parallel_of_a_sink_with_one_writer(box):
    box.write("p.yaml", "pipelines:\n  p:\n    source: stdin\n    sinks:\n      a: {file: out, parallel: 4}\n")
    has(box.run("check", "p.yaml", status=3).both, r"p.yaml:5:32: error: a file sink has one writer: leave `parallel` out")


def case_stdin(box):
    box.write("in.yaml", """\
pipelines:
  feed:
    source:
      stdin: {}
    sinks:
      show: {console: {format: native-json}}
""")
    done = box.run("run", "--once", "in.yaml", feed="a\nb\nc\n", status=0)
    records = [json.loads(line) for line in done.stdout.splitlines()]
    same(len(records), 3, f"records on stdout ({done.both})")


def case_one_file_many_errors(box):
    box.write("bad.yaml", """\
pipelines:
  Shop:
    source:
      toy: {cuont: 3}
  b:
    source:
      mysqk: {}
    sinks:
      out:
        file: {path: x, format: debezum}
""")
    done = box.run("check", "bad.yaml", status=3)
    has(done.both, r"bad\.yaml:2:3: error: ", r'did you mean "count"', r'did you mean "mysql"',
        r'did you mean "debezium"')
    rows = [json.loads(line) for line in box.run("check", "--format", "json", "bad.yaml", status=3).stdout.splitlines()]
    kit.say_diff("a row for each", len(rows) >= 4, str(rows))


def case_missing_plugin_path(box):
    box.write("bad.yaml", """\
plugin_path: [./nowhere]
pipelines:
  b:
    source:
      toy: {cuont: 3}
""")
    has(box.run("check", "bad.yaml", status=3).stderr, r"bad\.yaml:1:15: error: plugin_path .*nowhere: No such",
        r'did you mean "count"', r"2 errors in the configuration")
    rows = [json.loads(line) for line in box.run("check", "--format", "json", "bad.yaml", status=3).stdout.splitlines()]
    same([row["line"] for row in rows], [1, 5], "lines")


def case_check_connect_in_json(box):
    toy(box)
    rows = [json.loads(line) for line in
            box.run("check", "--connect", "--format", "json", "toy.yaml", status=0).stdout.splitlines()]
    same([row["connector"] for row in rows], ["toy", "toy.out"], "connectors")


def case_lua_print(box):
    box.write("toy.yaml", TOY.format(records=1, more="").replace("sinks:", """transforms:
      - lua: {script: 'function transform(r) print("a", nil, 1) end'}
    sinks:"""))
    has(box.run("run", "--once", "toy.yaml", status=0).stderr, r"toy: a nil 1\n")


if __name__ == "__main__":
    kit.main(needs_server=False)
