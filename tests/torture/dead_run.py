#!/usr/bin/env python3
"""Proves that a record is delivered or a dead letter, never both, never neither, and that a replay delivers it once.

    dead_run.py --leat BIN --dir DIR [--rows 3000] [--kills 20] [--replay-kills 10] [--seed 1] [--plant]

A Redis stream of numbered entries, some of which are no JSON (refused by the source's decoder) and some of which a script of
the source's refuses, goes to a web server that refuses some rows *sometimes*, to a Redis list for each row (some have another
type, which is mended at some moment), and to a file behind a script that refuses some. The daemon is killed by -9 all the time.
Then all causes are mended and every letter is replayed while daemon and command are killed: each row is in each target once.

Each life of the daemon has entries of its own to begin with, and is killed after as many of the target's answers as were
drawn: nothing depends on how fast the machine is. Exit status 0: proven. --plant: the check must see planted faults.
"""
import collections
import copy
import http.server
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "servers"))
from redis import Redis  # noqa: E402
from torture_kit import arguments  # noqa: E402

PIPELINE = """\
data: ./leat-data
pipelines:
  rows:
    source:
      redis: {{port: {port}, streams: [rows], field: message, format: json}}
      transforms: [lua: source.lua]
      errors: {errors}
    sinks:
      web:
        http: {{url: "http://127.0.0.1:{web}/", format: json, in_flight: 4, retry_first: 10ms}}
        errors: {errors}
      list:
        redis: {{port: {port}, as: list, key: "row:{{value.id}}", format: json}}
        errors: {errors}
      file:
        file: {{path: rows.ndjson, format: json}}
        transforms: [lua: sink.lua]
        errors: {errors}
"""
ERRORS = "{policy: dead_letter, breaker: 0, retry: {first: 10ms, most: 50ms}}"
REFUSING = "function transform(record)\n  if record.value.id % {} == {} then error('no {}') end\nend\n"
KIND = "function transform(record) end\n"
SINKS = ("web", "list", "file")


def is_broken(row):
    return row % 41 == 7


class Web:
    """Keeps a row for each Idempotency-Key; in a bad mood it refuses what it has not, if its number is unlucky."""

    def __init__(self, draw):
        self.keys, self.answers, self.draw, self.is_mended = {}, 0, draw, False
        web = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                row = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["id"]
                self.send_response(web.take(self.headers["Idempotency-Key"], row))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.handle_error = lambda *of: None
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.lock = threading.Lock()
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, key, row):
        with self.lock:
            self.answers += 1
            if key not in self.keys and not self.is_mended and row % 7 == 3 and self.draw.random() < 0.6:
                return 422
            self.keys[key] = row
            return 200


class Run:
    def __init__(self, args):
        self.args, self.draw = args, random.Random(args.seed)
        self.redis = Redis(os.path.join(args.dir, "redis")).start()
        self.web = Web(random.Random(args.seed))
        self.write("rows.yaml", PIPELINE.format(port=self.redis.port, web=self.web.port, errors=ERRORS))
        self.write("source.lua", REFUSING.format(19, 4, "source"))
        self.write("sink.lua", REFUSING.format(13, 2, "sink"))
        self.log = open(os.path.join(args.dir, "leat.log"), "ab")
        self.daemon, self.fed, self.lives = None, 0, 0

    def write(self, name, text):
        with open(os.path.join(self.args.dir, name), "w") as file:
            file.write(text)

    def feed(self, to):
        for row in range(self.fed, to):
            if row % 11 == 5: # a list that is none, until somebody mends it
                self.redis.ask("SET", f"row:{row}", "of another type")
            message = f"broken {row}" if is_broken(row) else json.dumps({"id": row})
            self.redis.ask("XADD", "rows", "*", "message", message)
        self.fed = to

    def mend_lists(self, share):
        """Those that hold no row yet; the others are lists."""
        for row in range(5, self.fed, 11):
            if self.draw.random() < share and self.redis.ask("TYPE", f"row:{row}") == b"string":
                self.redis.ask("DEL", f"row:{row}")

    def leat(self, *words, seconds=60):
        return subprocess.run([self.args.leat, *words], cwd=self.args.dir, capture_output=True, text=True, timeout=seconds,
                              check=False)

    def start(self):
        self.daemon = subprocess.Popen([self.args.leat, "run", "rows.yaml"], cwd=self.args.dir, stdout=self.log,
                                       stderr=self.log, stdin=subprocess.DEVNULL)
        self.lives += 1

    def kill(self):
        self.daemon.send_signal(signal.SIGKILL)
        self.daemon.wait()

    def wait(self, what, condition, seconds=60):
        deadline = time.monotonic() + seconds
        while not condition():
            if self.daemon and self.daemon.poll() is not None:
                sys.exit(f"leat ended by itself with {self.daemon.returncode} ({what}); see {self.args.dir}/leat.log")
            if time.monotonic() > deadline:
                sys.exit(f"not within {seconds} s: {what}; see {self.args.dir}/leat.log")
            time.sleep(0.002)

    # ---- what there is ----

    def letters(self, *more):
        done = self.leat("dead", "list", "--format", "json", *more)
        if done.returncode:
            sys.exit(f"leat dead list: {done.stderr}")
        return [json.loads(line) for line in done.stdout.splitlines()]

    def read(self):
        """{sink: Counter of rows}, {connector: Counter of rows that have an open letter}"""
        rows = {"web": collections.Counter(self.web.keys.values()), "list": collections.Counter(),
                "file": collections.Counter()}
        for row in range(self.fed):
            if self.redis.ask("TYPE", f"row:{row}") == b"list":
                rows["list"][row] = self.redis.ask("LLEN", f"row:{row}")
        path = os.path.join(self.args.dir, "rows.ndjson")
        with open(path) as file:
            rows["file"].update(json.loads(line)["id"] for line in file)
        dead = collections.defaultdict(collections.Counter)
        open_ids = {letter["id"] for letter in self.letters()}
        done = self.leat("read", "rows.dead")
        for line in done.stdout.splitlines():
            letter = json.loads(line)
            value = letter["value"]
            if f"rows.dead:{letter['offset']}" in open_ids:
                dead[value["connector"]][self.number(value)] += 1
        return rows, dead

    @staticmethod
    def number(letter):
        record = letter["record"] if isinstance(letter["record"], dict) else json.loads(letter["record"])
        value = record["value"]
        return value["id"] if "id" in value else int(value["message"].split()[1])

    # ---- phases ----

    def torture(self):
        share = self.args.rows // self.args.kills
        for life in range(self.args.kills):
            self.feed(self.fed + share)
            before, wanted = self.web.answers, self.draw.randint(0, share // 2)
            self.start()
            self.wait_or_quiet(lambda: self.web.answers - before >= wanted)
            self.mend_lists(0.2)
            self.kill()
        self.feed(self.args.rows)
        self.calm()

    def wait_or_quiet(self, condition):
        """Until it is so, or as long as a life may last: what was drawn may be more than there is."""
        deadline = time.monotonic() + 1
        while not condition() and time.monotonic() < deadline and self.daemon.poll() is None:
            time.sleep(0.001)
        if self.daemon.poll() is not None:
            sys.exit(f"leat ended by itself with {self.daemon.returncode}; see {self.args.dir}/leat.log")

    def calm(self):
        """Lets all that was fed come to its end."""
        self.start()
        self.wait("all connectors to be through", self.is_through, 120)
        self.daemon.send_signal(signal.SIGTERM)
        self.daemon.wait(timeout=60)

    def is_through(self):
        done = self.leat("status", "--format", "json")
        states = [json.loads(line) for line in done.stdout.splitlines()]
        info = dict(zip(*[iter(self.redis.text("XINFO", "STREAM", "rows"))] * 2))
        position = self.leat("offsets", "show", "rows").stdout
        return len(states) == 4 and info["last-generated-id"] in position and all(
            state["kind"] == "source" or state["lag"]["records"] == 0 for state in states)

    def mend(self):
        self.web.is_mended = True
        self.mend_lists(1)
        self.write("source.lua", KIND)
        self.write("sink.lua", KIND)

    def replay(self):
        """Command and daemon are killed; what is open at the end goes once more, in peace."""
        for _ in range(self.args.replay_kills):
            self.start()
            self.wait("an ear", lambda: self.leat("status").returncode == 0)
            ids = self.letters()
            draw = self.draw.choice(["all", "one", "sink"])
            words = {"all": ["--all"], "one": [self.draw.choice(ids)["id"]] if ids else ["--all"],
                     "sink": ["--all", "--sink", "rows." + self.draw.choice(SINKS)]}[draw]
            command = subprocess.Popen([self.args.leat, "dead", "replay", *words], cwd=self.args.dir, stdout=self.log,
                                       stderr=self.log)
            time.sleep(self.draw.uniform(0, 0.03)) # anywhere within
            self.kill()
            command.kill()
            command.wait()
        self.start()
        self.wait("an ear", lambda: self.leat("status").returncode == 0)
        self.leat("dead", "replay", "--all")
        self.daemon.send_signal(signal.SIGTERM)
        self.daemon.wait(timeout=60)
        self.calm()

    def close(self):
        if self.daemon and self.daemon.poll() is None:
            self.kill()
        self.redis.stop("KILL")
        self.log.close()


def judge(rows, dead, count, is_mended):
    """What is wrong, in words."""
    faults = []

    def look(what, row, is_fine):
        if not is_fine:
            faults.append(f"{what}: row {row}")

    source = dead["rows"]
    for row in range(count):
        look("a broken entry without its one letter", row, source[row] == 1 or not is_broken(row))
        look("more than one letter of the source", row, source[row] <= 1)
        look("a letter of the source for nothing", row, source[row] == 0 or is_broken(row) or (row % 19 == 4 and not is_mended))
        for sink in SINKS:
            delivered, letters = rows[sink][row], dead["rows." + sink][row]
            if source[row]:
                look(f"refused by the source, and in {sink}", row, delivered + letters == 0)
            else:
                look(f"{sink}: neither delivered nor dead", row, delivered + letters > 0)
                look(f"{sink}: delivered {delivered} times, {letters} letters", row, delivered + letters <= 1)
            look(f"{sink}: still dead", row, not is_mended or letters == 0)
    return faults


def plant(rows, dead, count):
    """Each fault must be seen."""
    fine = next(row for row in range(count) if rows["web"][row] and rows["file"][row] and rows["list"][row])
    bad = next(iter(dead["rows.web"]))

    def change(what):
        changed = copy.deepcopy((rows, dead))
        what(*changed)
        return judge(*changed, count, False)

    planted = {
        "lost": lambda rows, dead: rows["web"].pop(fine),
        "doubled": lambda rows, dead: rows["list"].update([fine]),
        "delivered and dead": lambda rows, dead: rows["web"].update([bad]),
        "two letters": lambda rows, dead: dead["rows.web"].update([bad]),
        "letter lost": lambda rows, dead: dead["rows.web"].pop(bad),
        "letter of the source lost": lambda rows, dead: dead["rows"].pop(7),
        "refused by the source and delivered": lambda rows, dead: rows["file"].update([7]),
    }
    return [f"planted and not seen: {name}" for name, what in planted.items() if not change(what)]


def main():
    args = arguments(rows=3000, kills=20, replay_kills=10)
    run = Run(args)
    try:
        run.torture()
        rows, dead = run.read()
        figures = {"rows": args.rows, "kills": args.kills, "replay_kills": args.replay_kills,
                   "letters": sum(sum(found.values()) for found in dead.values())}
        faults = judge(rows, dead, args.rows, False)
        if args.plant and not faults:
            faults = plant(rows, dead, args.rows)
        if not faults:
            run.mend()
            run.replay()
            faults = judge(*run.read(), args.rows, True)
            figures["left"] = len(run.letters()) # those that nobody can decode
    finally:
        run.close()
    print(json.dumps({**figures, "faults": len(faults)}))
    for fault in faults[:20]:
        print(fault, file=sys.stderr)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
