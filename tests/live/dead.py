"""Dead letters from the outside: what is in one, list, show, replay, drop, with a daemon and without.

The target is a web server of this test's own, which refuses what it is told to; a file sink beside it takes everything.
"""

import collections
import http.server
import json
import signal
import threading

from kit import has, lacks, main, same, wait


class Target:
    """Takes a row for each request; `refuses` is a set of numbers, which may change."""

    def __init__(self, refuses=()):
        self.refuses, self.rows, self.tries = set(refuses), collections.Counter(), collections.Counter()
        target = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                row = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                seq = row["seq"] if "seq" in row else int(row["line"])
                target.tries[seq] += 1
                code = 422 if seq in target.refuses else 200
                if code == 200:
                    target.rows[seq] += 1
                body = b"" if code == 200 else b"no room for %d" % seq
                self.send_response(code)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.handle_error = lambda *of: None # a connection that a stop cut off
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def toys(box, target, count=20, web="", archive="", source="", has_end=True):
    """A toy ends, and so would a daemon; a file that is followed does not."""
    box.write("in.txt", "".join(f"{n}\n" for n in range(count)))
    kind = f"toy: {{count: {count}, writers: 1}}" if has_end else "tail: {paths: [in.txt]}"
    box.write("toys.yaml", f"""\
data: ./leat-data
pipelines:
  toys:
    source:
      {kind}
{source}    sinks:
      web:
        http: {{url: "http://127.0.0.1:{target.port}/", format: json, in_flight: 1}} # letters in order
        errors: {{policy: dead_letter}}
{web}      archive:
        file: {{path: all.ndjson, format: json}}
{archive}""")


def letters(box, *more):
    done = box.run("dead", "list", "--format", "json", *more, status=0)
    return [json.loads(line) for line in done.stdout.splitlines()]


def seqs(box):
    return [row["seq"] if "seq" in row else int(row["line"]) for row in box.lines("all.ndjson")]


def once(target, count, but=()):
    wanted = {seq: 1 for seq in range(count) if seq not in but}
    same(dict(target.rows), wanted, "rows in the target")


def case_a_letter_shows_record_reason_and_place(box):
    target = Target({3, 11})
    toys(box, target)
    box.run("run", "--once", "toys.yaml", status=0)
    once(target, 20, {3, 11})
    found = letters(box)
    same([letter["id"] for letter in found], ["toys.dead:0", "toys.dead:1"], "IDs")
    same([(letter["connector"], letter["stage"], letter["topic"], letter["offset"]) for letter in found],
         [("toys.web", "sink", "toy.t0", 3), ("toys.web", "sink", "toy.t0", 11)], "letters")
    has(found[1]["error"], "422.*no room for 11")
    has(found[0]["identity"], r"^[0-9a-f]{32}/toy\.t0/0/3$")
    text = box.run("dead", "list", status=0).stdout
    has(text, r"toys\.dead:0 +toys\.web +.*422", r"2 letters, the oldest .* old", r"2 x .*422")
    shown = box.run("dead", "show", "toys.dead:1", status=0).stdout
    has(shown, "toys.dead:1: open", '"seq":11', "no room for 11")
    same(json.loads(box.run("dead", "show", "toys.dead:1", "--format", "json").stdout)["record"]["value"]["seq"], 11, "shown")
    has(box.run("dead", "show", "toys.dead:7", status=1).both, "no such letter")
    has(box.run("dead", "show", "toys", status=2).both, "is no ID")


def case_replay_reaches_only_the_sink_that_refused(box):
    target = Target({3, 11, 12})
    toys(box, target, has_end=False)
    daemon = box.start("run", "toys.yaml")
    daemon.says("became a dead letter")
    wait("the letters", lambda: len(letters(box)) == 3)
    target.refuses = {12}
    has(box.run("dead", "replay", "toys.dead:0", status=0).stdout, "1 letter replayed")
    wait("record 3", lambda: target.rows[3] == 1)
    has(box.run("dead", "replay", "toys.dead:0", status=1).both, "already")
    has(box.run("dead", "replay", "--all", status=0).stdout, "2 letters replayed")
    wait("record 11, and a letter about 12 again",
         lambda: target.rows[11] == 1 and [letter["id"] for letter in letters(box)] == ["toys.dead:3"])
    again = letters(box)[0]
    same((again["id"], again["error"].endswith("12"), again["state"]), ("toys.dead:3", True, "open"), "the letter")
    wait("states of all letters", lambda: [letter["state"] for letter in letters(box, "--all")] == ["replayed"] * 3 + ["open"])
    has(box.run("dead", "drop", "toys.dead:3", status=0).stdout, "1 letter dropped")
    wait("an empty list", lambda: "no dead letters" in box.run("dead", "list", status=0).stdout)
    has(box.run("dead", "replay", "--all", status=1).both, "already")
    daemon.stop()
    once(target, 20, {12})
    same(sorted(seqs(box)), list(range(20)), "the other sink")


def case_replay_without_a_daemon_is_read_by_the_next_run(box):
    target = Target({5, 6})
    toys(box, target)
    box.run("run", "--once", "toys.yaml", status=0)
    target.refuses = set()
    has(box.run("dead", "replay", "--all", "--sink", "toys.archive", status=1).both, "no such letter")
    has(box.run("dead", "replay", "--all", "--sink", "toys.web", status=0).stdout, "2 letters replayed")
    same(letters(box), [], "letters that are open")
    same(target.rows[5], 0, "before the run")
    box.run("run", "--once", "toys.yaml", status=0)
    once(target, 20)
    same(sorted(seqs(box)), list(range(20)), "the other sink")


LUA = """\
function transform(record)
  record.value.payload = "changed"
  if record.value.seq % 10 == 4 then error("four is not liked") end
end
"""


def case_a_replayed_record_goes_through_the_sinks_transforms_once(box):
    target = Target()
    box.write("fix.lua", LUA)
    toys(box, target, web="        transforms: [lua: fix.lua]\n")
    box.run("run", "--once", "toys.yaml", status=0)
    found = letters(box)
    same([letter["stage"] for letter in found], ["transform"] * 2, "stages")
    has(found[0]["error"], "fix.lua:3", "four is not liked")
    shown = json.loads(box.run("dead", "show", found[0]["id"], "--format", "json").stdout)
    lacks(json.dumps(shown["record"]), "changed")
    box.write("fix.lua", LUA.replace("% 10", "% 1000"))
    box.run("dead", "replay", "--all", status=0)
    box.run("run", "--once", "toys.yaml", status=0)
    same(sorted(target.rows), [n for n in range(20) if n != 4], "rows in the target")
    again = letters(box)
    same(len(again), 1, "letters that are open")
    has(again[0]["error"], "four is not liked")


def case_a_sources_letters_go_through_its_transforms_to_all(box):
    target = Target()
    box.write("fix.lua", "function transform(record)\n  if tonumber(record.value.line) % 10 == 4 then error('not liked') end\nend\n")
    toys(box, target, has_end=False, source="      transforms: [lua: fix.lua]\n      errors: dead_letter\n")
    daemon = box.start("run", "toys.yaml")
    wait("18 records", lambda: len(target.rows) == 18 and len(seqs(box)) == 18)
    wait("the letters", lambda: [(one["connector"], one["stage"], one["offset"]) for one in letters(box)] ==
         [("toys", "transform", None)] * 2)
    has(box.run("dead", "replay", "--all", status=0).stdout, "2 letters replayed")
    wait("letters again", lambda: [one["id"] for one in letters(box)] == ["toys.dead:2", "toys.dead:3"])
    box.write("fix.lua", "function transform(record) end\n")
    daemon.process.send_signal(signal.SIGHUP)
    daemon.says("reload 1: of the connectors' tasks")
    wait("a replay that is taken", lambda: box.run("dead", "replay", "--all").returncode == 0)
    wait("all records", lambda: len(target.rows) == 20 and len(seqs(box)) == 20)
    has(box.run("dead", "replay", "--all", status=1).both, "already")
    daemon.stop()
    once(target, 20)
    same(sorted(seqs(box)), list(range(20)), "the other sink")
    has(box.run("dead", "drop", "toys.dead:0", status=1).both, "already")


def case_what_was_not_decoded_is_decoded_again(box):
    server = box.redis()
    text = f"""\
data: ./leat-data
pipelines:
  feed:
    source:
      redis: {{port: {server.port}, streams: [rows], field: message, format: json}}
      errors: dead_letter
    sinks:
      archive:
        file: {{path: all.ndjson, format: json}}
"""
    box.write("toys.yaml", text)
    for message in ('{"seq": 1}', "no json \x01", '{"seq": 2}'):
        server.ask("XADD", "rows", "*", "message", message)
    daemon = box.start("run", "toys.yaml")
    wait("two records and a letter", lambda: seqs(box) == [1, 2] and len(letters(box)) == 1)
    letter = letters(box)[0]
    same((letter["connector"], letter["stage"]), ("feed", "decode"), "the letter")
    shown = box.run("dead", "show", letter["id"], status=0).stdout
    has(shown, r"value\.message, 9 bytes:", r"6e 6f 20 6a 73 6f 6e 20 01 .*no json \.", r'value\.message as text: "no json \\u0001"')
    has(box.run("dead", "replay", letter["id"], status=0).stdout, "1 letter replayed")
    wait("a letter again", lambda: [one["id"] for one in letters(box)] == ["feed.dead:1"])
    box.write("toys.yaml", text.replace("field: message, format: json", "field: message, format: text"))
    daemon.process.send_signal(signal.SIGHUP)
    daemon.says("reload 1: of the connectors' tasks")
    wait("a replay that is taken", lambda: box.run("dead", "replay", "--all").returncode == 0)
    wait("the record", lambda: len(box.lines("all.ndjson")) == 3)
    same(box.lines("all.ndjson")[2], "no json \x01", "the record")
    wait("no letters", lambda: letters(box) == [])
    daemon.stop()


def broken(box, stops):
    """Of 400 rows the web server refuses 70: too many."""
    target = Target(range(20, 90))
    toys(box, target, count=400, has_end=stops == "connector")
    breaker = "breaker: {records: 30, percent: 5%s}" % (", stops: connector" if stops == "connector" else "")
    box.write("toys.yaml", box.read("toys.yaml").replace("{policy: dead_letter}", "{policy: dead_letter, %s}" % breaker))
    return target


def case_a_breaker_may_stop_its_sink_alone(box):
    target = broken(box, "connector")
    said = box.run("run", "--once", "toys.yaml", status=8).both
    has(said, r"toys\.web: too many records are refused: \d+ of \d+ in .* x .*422", r"leat dead replay --all --sink toys\.web")
    lacks(said, "pipeline stops")
    same(seqs(box), list(range(400)), "the other sink")
    dead = len(letters(box))
    same(31 <= dead <= 70, True, f"{dead} letters")
    target.refuses = set()
    box.run("run", "--once", "toys.yaml", status=0)
    box.run("dead", "replay", "--all", "--sink", "toys.web", status=0)
    box.run("run", "--once", "toys.yaml", status=0)
    once(target, 400)


def add(box, rows):
    with open(box.path("in.txt"), "a") as file:
        file.write("".join(f"{n}\n" for n in rows))


def states(box):
    done = box.run("status", "--format", "json")
    return {row["name"]: row["state"] for row in map(json.loads, done.stdout.splitlines())}


def case_a_breaker_stops_the_whole_pipeline(box):
    target = broken(box, "pipeline")
    said = box.run("run", "toys.yaml", status=8).both # nothing else is there that would go on
    has(said, r"toys\.web: too many records are refused: .*; the pipeline stops\. They are dead letters in toys\.dead",
        "toys: stops: too many records of toys.web were refused", "toys.archive: stops: ")
    box.write("other.txt", "")
    box.write("toys.yaml", box.read("toys.yaml") + "  other:\n    source: {tail: {paths: [other.txt]}}\n"
              "    sinks: {file: {file: {path: other.ndjson, format: json}}}\n")
    add(box, range(400, 500))
    target.refuses |= set(range(400, 500))
    daemon = box.start("run", "toys.yaml")
    held = {"toys": "stopped", "toys.archive": "stopped", "toys.web": "failed", "other": "running", "other.file": "running"}
    wait("the pipeline to stop", lambda: states(box) == held)
    has(box.run("status").stdout, r"toys\.archive +stopped .*too many records of toys\.web were refused.*leat restart toys\.web")
    add(box, range(500, 520))
    has(box.run("restart", "toys.archive", status=1).both, "toys.web were refused, which stops the pipeline", "leat restart toys.web")
    same(states(box), held, "states")
    same(seqs(box)[500:], [], "what went on")
    target.refuses = set()
    box.run("restart", "toys.web", status=0)
    wait("all in the other sink", lambda: seqs(box) == list(range(520)))
    box.run("dead", "replay", "--all", "--sink", "toys.web", status=0)
    wait("all in the sink", lambda: len(target.rows) == 520)
    once(target, 520)
    same(set(states(box).values()), {"running"}, "states")
    daemon.stop()


def case_without_a_sink_whose_breaker_stopped_it_a_pipeline_goes_on(box):
    target = broken(box, "pipeline")
    box.write("toys.yaml", box.read("toys.yaml") + "  other:\n    source: {tail: {paths: [other.txt]}}\n"
              "    sinks: {file: {file: {path: other.ndjson, format: json}}}\n")
    box.write("other.txt", "")
    daemon = box.start("run", "toys.yaml")
    wait("the pipeline to stop", lambda: states(box).get("toys.archive") == "stopped")
    box.run("pause", "toys.web", status=0)
    wait("all in the other sink", lambda: seqs(box) == list(range(400)))
    same({name for name, state in states(box).items() if state != "running"}, {"toys.web"}, "what does not run")
    target.refuses = set()
    box.run("resume", "toys.web", status=0)
    box.run("dead", "replay", "--all", status=0)
    wait("all in the sink", lambda: len(target.rows) == 400)
    daemon.stop()
    once(target, 400)


# ---- leat replay ----

def case_replay_sends_one_sink_back(box):
    target = Target()
    toys(box, target, has_end=False)
    daemon = box.start("run", "toys.yaml")
    wait("20 records", lambda: len(target.rows) == 20 and len(seqs(box)) == 20)
    topic = json.loads(wait("a topic", lambda: box.run("topics", "--format", "json").stdout.splitlines())[0])["topic"]
    has(box.run("replay", "toys.web", "--from", f"{topic}:15", status=0).stdout, "toys.web is sent back, and begins anew")
    wait("five again", lambda: sum(target.rows.values()) == 25)
    same([n for n in range(20) if target.rows[n] == 2], [15, 16, 17, 18, 19], "records that came twice")
    has(daemon.log(), r"toys\.web: sent back in toys/0 by `leat replay` \(generation 1\)")
    daemon.stop()
    once_more = box.run("replay", "toys", "--from", "earliest", status=0).stdout
    has(once_more, "toys.archive is sent back", "toys.web is sent back")
    daemon = box.start("run", "toys.yaml")
    wait("all again", lambda: sum(target.rows.values()) == 45 and len(seqs(box)) == 40)
    daemon.stop()
    daemon = box.start("run", "toys.yaml")
    with open(box.path("in.txt"), "a") as file:
        file.write("20\n")
    wait("the next one", lambda: target.rows[20] == 1 and len(seqs(box)) == 41)
    daemon.stop()
    same((sum(target.rows.values()), seqs(box)), (46, [*range(20), *range(20), 20]), "once, and no more")


def case_replay_of_latest_passes_over_what_there_is(box):
    target = Target()
    toys(box, target, web="        start: earliest\n")
    box.run("run", "--once", "toys.yaml", status=0)
    box.write("in.txt", "")
    same(sum(target.rows.values()), 20, "rows")
    target.refuses = set(range(20, 30))
    text = box.read("toys.yaml").replace("policy: dead_letter", "policy: stop").replace("count: 20", "count: 40")
    box.write("toys.yaml", text)
    box.run("run", "--once", "toys.yaml", status=1)
    box.run("replay", "toys.web", "--from", "latest", status=0)
    box.run("run", "--once", "toys.yaml", status=0)
    same(sum(target.rows.values()), 20, "rows")
    same(seqs(box), list(range(40)), "the other sink")
    box.write("toys.yaml", text.replace("count: 40", "count: 45"))
    box.run("run", "--once", "toys.yaml", status=0)
    same(sorted(set(target.rows) - set(range(20))), list(range(40, 45)), "what came later")


def case_replay_says_what_is_no_place(box):
    target = Target()
    toys(box, target)
    box.run("run", "--once", "toys.yaml", status=0)
    has(box.run("replay", "toys.web", status=2).both, "--from is missing")
    has(box.run("replay", "--from", "earliest", status=2).both, "which SINK")
    has(box.run("replay", "toys.webb", "--from", "earliest", status=1).both, 'no sink is named "toys.webb"')
    has(box.run("replay", "toys.web", "--from", "17", status=1).both, '"17" is no place')
    has(box.run("replay", "toys.web", "--from", "toy.t9:1", status=1).both, 'no topic "toy.t9"')
    has(box.run("replay", "toys.web", "--from", "toy.t0:21", status=1).both, "offsets from 0 up to 20, and not 21")
    box.run("run", "--once", "toys.yaml", status=0)
    once(target, 20)


if __name__ == "__main__":
    main(needs_server=False)
