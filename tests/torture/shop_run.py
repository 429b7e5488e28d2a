#!/usr/bin/env python3
"""Runs the main job on a live MariaDB and proves it: the shop changes, Leat follows, and is killed again and again.

    shop_run.py --leat BIN --writer BIN --dir DIR [--kills 60] [--seconds 40] [--rows 20000] [--rate TX] [--seed 1]
                [--threads 2] [--alter] [--story] [--keep] [--kill-snapshot] [--plant] [--kafka [--broker-kills 2]]

--kafka: the topics are in a Kafka of one broker of our own, and the broker is killed as well.
Without --story it prints the figures as one JSON line at the end; with it, a story for people. Exit status 0: proven.
Everything lives in DIR (made anew): db/ leat-data/ out/ shop.yaml leat.log books.json.
"""
import glob
import gzip
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "servers"))
from ports import free_port  # noqa: E402

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
from kafka_kit import Broker  # noqa: E402
from torture_kit import arguments  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
SERVER = os.path.join(HERE, "..", "servers", "mariadb")
PIPELINE = """\
data: ./leat-data
topics: "{topics}"

pipelines:
  shop:
    source:
      mysql:
        host: 127.0.0.1
        port: {port}
        user: leat
        password: ${{file:password}}
        tables: ["shop.*"]
    transforms:
      - drop: [card_number]
      - lua: mask.lua
    sinks:
      archive:
        file: {{path: "out/{{topic}}.ndjson", format: debezium, rotate_size: {rotate}, gzip: true}}
"""
MASK = """\
-- mask.lua: nobody needs the name in front of the @
function transform(record)
  for _, row in ipairs{record.value, record.before} do
    if row.email then row.email = row.email:gsub("^[^@]+", "***") end
    if row.contact_email then row.contact_email = row.contact_email:gsub("^[^@]+", "***") end
  end
end
"""


class Run:
    def __init__(self, args):
        self.args, self.daemon, self.writer = args, None, None
        self.dir = os.path.abspath(args.dir)
        self.port = free_port()
        self.random = random.Random(args.seed)
        self.peak_kib, self.kills, self.lags, self.rates = 0, 0, [], []
        self.is_server_up = False
        self.broker = Broker(self.path("kafka"), None) if args.kafka else None

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def say(self, text):
        if self.args.story:
            print(text, flush=True)

    # ---- the parts ----

    def topics(self):
        return f"oms:kafka://{self.broker.brokers}/shop" if self.broker else "oms:commitlog:"

    def start_server(self):
        subprocess.run([SERVER, "start", self.path("db"), str(self.port), "--log-bin=bin", "--binlog-format=ROW",
                        "--server-id=1"], check=True, stdout=subprocess.DEVNULL)
        self.is_server_up = True
        if self.broker:
            self.broker.start()

    def sql(self, statement):
        return subprocess.run(["mariadb", "--no-defaults", "--protocol=tcp", "-h127.0.0.1", f"-P{self.port}", "-uroot",
                               "-N", "-e", statement], check=True, capture_output=True, text=True).stdout.strip()

    def fill(self):
        subprocess.run([self.args.writer, "fill", "--port", str(self.port), "--rows", str(self.args.rows), "--seed",
                        str(self.args.seed)], check=True)
        self.sql("CREATE USER leat@'%' IDENTIFIED BY 'water'; GRANT SELECT, RELOAD, REPLICATION SLAVE, BINLOG MONITOR "
                 "ON *.* TO leat@'%'")
        os.makedirs(self.path("out"))
        for name, text in (("password", "water\n"), ("mask.lua", MASK),
                           ("shop.yaml", PIPELINE.format(port=self.port, rotate=self.args.rotate, topics=self.topics()))):
            with open(self.path(name), "w") as file:
                file.write(text)

    def start_writer(self):
        command = [self.args.writer, "run", "--port", str(self.port), "--books", self.path("books.json"), "--seed",
                   str(self.args.seed), "--threads", str(self.args.threads), "--seconds", str(self.args.seconds)]
        if self.args.rate:
            command += ["--rate", str(self.args.rate)]
        if self.args.alter:
            command += ["--alter"]
        self.writer = subprocess.Popen(command)

    def start_daemon(self, *more):
        log = open(self.path("leat.log"), "ab")
        self.began = len(self.log())
        self.daemon = subprocess.Popen([self.args.leat, "run", self.path("shop.yaml"), *more], stdout=log, stderr=log,
                                       start_new_session=True)
        log.close()

    def log(self):
        with open(self.path("leat.log"), errors="replace") as file:
            return file.read()

    def wait_for_log(self, text, seconds, since=0):
        deadline = time.monotonic() + seconds
        while text not in self.log()[since:]:
            if self.daemon.poll() is not None:
                raise SystemExit(f"leat ended with {self.daemon.returncode} before it said '{text}':\n{self.log()[-3000:]}")
            if time.monotonic() > deadline:
                raise SystemExit(f"leat did not say '{text}' within {seconds} s:\n{self.log()[-3000:]}")
            time.sleep(0.05)

    def sample(self):
        """Memory of the daemon, and what it says of itself."""
        try:
            with open(f"/proc/{self.daemon.pid}/status") as file:
                for line in file:
                    if line.startswith("VmHWM:"):
                        self.peak_kib = max(self.peak_kib, int(line.split()[1]))
        except OSError:
            return
        status = subprocess.run([self.args.leat, "status", "--data", self.path("leat-data"), "--format", "json"],
                                capture_output=True, text=True)
        for line in status.stdout.splitlines():
            state = json.loads(line)
            lag_us = state.get("lag", {}).get("us")
            if state.get("name") == "shop.archive" and lag_us is not None:
                self.lags.append(lag_us / 1000)

    def kill(self):
        self.sample()
        self.daemon.send_signal(signal.SIGKILL)
        self.daemon.wait()
        self.kills += 1

    def kill_again_and_again(self):
        end = time.monotonic() + self.args.seconds
        pause = self.args.seconds / (self.args.kills + 1)
        for number in range(self.args.kills):
            if self.broker and self.args.broker_kills and number % (self.args.kills // self.args.broker_kills or 1) == 0:
                self.broker.kill()
                self.broker.start()
            stop = min(end, time.monotonic() + pause * self.random.uniform(0.2, 1.6))
            while time.monotonic() < stop:
                time.sleep(min(0.05, max(0, stop - time.monotonic())))
                if self.daemon.poll() is not None:
                    raise SystemExit(f"leat ended by itself with {self.daemon.returncode}:\n{self.log()[-3000:]}")
            self.kill()
            self.say(f"  killed -9 ({self.kills}), started again")
            self.start_daemon()

    def drain(self):
        """Stops the daemon gently and brings the rest over with --once."""
        if self.writer.wait() != 0:
            raise SystemExit("the writer failed")
        self.wait_for_log("admin.sock", 60, self.began) # a signal before it looks for them would end it at once
        self.sample()
        started = time.monotonic()
        self.daemon.send_signal(signal.SIGTERM)
        if self.daemon.wait(timeout=60) != 0:
            raise SystemExit(f"leat ended with {self.daemon.returncode} after SIGTERM:\n{self.log()[-3000:]}")
        self.start_daemon("--once")
        while self.daemon.poll() is None:
            self.sample_memory_only()
            time.sleep(0.02)
        if self.daemon.returncode != 0:
            raise SystemExit(f"leat run --once ended with {self.daemon.returncode}:\n{self.log()[-3000:]}")
        return time.monotonic() - started

    def sample_memory_only(self):
        try:
            with open(f"/proc/{self.daemon.pid}/status") as file:
                for line in file:
                    if line.startswith("VmHWM:"):
                        self.peak_kib = max(self.peak_kib, int(line.split()[1]))
        except OSError:
            pass

    def verify(self):
        command = [os.path.join(HERE, "shop_verify.py"), "--out", self.path("out"), "--port", str(self.port)]
        if not self.args.kill_snapshot: # a snapshot that begins anew holds changes that the books have as changes
            command += ["--books", self.path("books.json")]
        result = subprocess.run(command, capture_output=True, text=True)
        text = result.stdout.strip().splitlines()
        if not text or not text[-1].startswith("{"):
            raise SystemExit(f"the proof could not be made: {result.stdout}{result.stderr}")
        return "\n".join(text[:-1]), json.loads(text[-1])

    def plant(self):
        """The proof proves nothing unless it sees what is wrong: plants each kind of fault into a copy of the files."""
        def read(path):
            with (gzip.open if path.endswith(".gz") else open)(path, "rb") as file:
                return file.readlines()

        def first(lines, op, beyond=0):
            return next(i for i, line in enumerate(lines) if i > beyond and b'"op":"%s"' % op in line)

        def lose(lines):
            del lines[first(lines, b"u")]

        def double(lines):
            at = first(lines, b"c")
            lines.insert(at, lines[at])

        def swap(lines):
            keys = {}
            for i, line in enumerate(lines):
                if b'"op":"u"' not in line:
                    continue
                key = json.loads(line)["after"]["id"]
                if key in keys:
                    lines[keys[key]], lines[i] = lines[i], lines[keys[key]]
                    return
                keys[key] = i

        def tear(lines):
            at = first(lines, b"u")
            lines[at] = lines[at][:len(lines[at]) // 2] + b"\n"

        def unmask(lines):
            at = next(i for i, line in enumerate(lines) if b"***@" in line)
            lines[at] = lines[at].replace(b"***@", b"ann@", 1)

        def alter(lines):
            at = first(lines, b"c")
            lines[at] = lines[at].replace(b'"ver":', b'"ver":7', 1)

        faults = {"lost line": lose, "doubled line": double, "swapped lines": swap, "torn line": tear,
                  "clear address": unmask, "altered value": alter}
        missed = []
        for name, fault in faults.items():
            copy = self.path("planted")
            shutil.rmtree(copy, ignore_errors=True)
            os.makedirs(copy)
            for source in glob.glob(self.path("out", "shop.*")):
                shutil.copy(source, copy)
            path = os.path.join(copy, "shop.customers.ndjson")
            lines = read(path)
            fault(lines)
            with open(path, "wb") as file:
                file.writelines(lines)
            result = subprocess.run([os.path.join(HERE, "shop_verify.py"), "--out", copy, "--port", str(self.port), "--books",
                                     self.path("books.json")], capture_output=True, text=True)
            if result.returncode == 0 or '"verdict": "BAD"' not in result.stdout:
                missed.append(name)
        shutil.rmtree(self.path("planted"), ignore_errors=True)
        if missed:
            raise SystemExit(f"the proof did not see what was planted: {', '.join(missed)}")
        return len(faults)

    def clean_up(self):
        for process in (self.writer, self.daemon):
            if process and process.poll() is None:
                process.kill()
                process.wait()
        if self.broker:
            self.broker.remove()
        if self.is_server_up:
            subprocess.run([SERVER, "stop", self.path("db")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            shutil.rmtree(self.path("db"), ignore_errors=True)


def tell(run):
    args = run.args
    run.say("1. A throw-away MariaDB starts ...")
    run.start_server()
    run.say(f"   {run.sql('SELECT VERSION()')} on 127.0.0.1:{run.port}")
    run.say(f"2. The shop is filled with {args.rows:,} rows in three tables ...")
    run.fill()
    run.say("3. Leat starts: a snapshot of what is there, then every change.")
    run.start_daemon()
    # What changes while rows are read may be in a row alone: only behind that is each change in the books one in the files.
    run.wait_for_log("snapshot" if args.kill_snapshot else "streaming", 120)
    run.start_writer()
    begin = time.monotonic()
    run.say(f"4. Customers come: inserts, updates, deletes, new keys, roll-backs"
            f"{', an ALTER TABLE' if args.alter else ''}. Meanwhile Leat is killed:")
    run.kill_again_and_again()
    if args.keep:
        time.sleep(max(0, args.seconds - (time.monotonic() - begin)))
    drained = run.drain()
    run.say(f"5. The shop closes; Leat had the rest in the files {drained:.1f} s later. Now the proof ...")
    return run.verify()


def main():
    args = arguments("writer", flags=("kafka", "alter", "story", "keep", "kill_snapshot", "plant"), kills=60, seconds=40, rows=20000,
                     rate=0, threads=2, rotate="4MiB", broker_kills=2)
    run = Run(args)
    try:
        witnesses, verdict = tell(run)
        books = json.load(open(run.path("books.json")))
        lags = sorted(run.lags) or [0]
        verdict.update(kills=run.kills, peak_mib=round(run.peak_kib / 1024, 1), transactions=books["transactions"],
                       rolled_back=books["rolled_back"], key_changes=books["key_changes"], seed=args.seed,
                       changes_per_s=round(verdict["changes"] / args.seconds), lag_ms=lags[len(lags) // 2], port=run.port)
        if witnesses:
            print(witnesses)
        if args.plant:
            verdict["planted_and_seen"] = run.plant()
        if args.story:
            story_end(run, verdict)
        else:
            print(json.dumps(verdict))
        if args.keep and verdict["verdict"] == "ok":
            run.start_daemon()
            run.daemon = run.writer = None
            run.is_server_up = False
        sys.exit(0 if verdict["verdict"] == "ok" else 1)
    finally:
        run.clean_up()


def story_end(run, v):
    is_fine = v["verdict"] == "ok"
    print(f"""
   {v['changes']:,} changes in {v['transactions']:,} transactions ({v['rolled_back']:,} rolled back, {v['key_changes']:,} key changes), """
          f"""{v['kills']} kills
   lost {v['lost']}, doubled {v['doubled']}, out of order {v['reordered']}, torn {v['torn']}, clear addresses {v['clear']}
   {v['snapshot_rows']:,} rows by snapshot; in the end {v['final_rows']:,} rows, """
          f"""{'each equal to the database, column by column' if not v['different'] and not v['phantom'] else 'NOT equal to the database'}
   {v['changes_per_s']:,} changes/s while it ran, lag {v['lag_ms']:.0f} ms (median), memory at most {v['peak_mib']} MiB

{'Proven: nothing lost, nothing twice, in order.' if is_fine else 'NOT proven: see above.'}""")


if __name__ == "__main__":
    main()
