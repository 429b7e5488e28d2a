#!/usr/bin/env python3
"""The benches behind scripts/bench: each prints ratios against a ceiling measured in the same run, medians of RUNS.

    bench.py --build BUILD --dir DIR [cdc snapshot tables compressed log growth lua tail file redis mysql kafka kafka_cdc latency]
"""
import argparse
import json
import os
import random
import shutil
import signal
import statistics
import string
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "servers"))
from ports import free_port  # noqa: E402
from redis import Redis  # noqa: E402
import bench_kafka  # noqa: E402
import bench_source  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
SERVER = os.path.join(HERE, "..", "servers", "mariadb")
RUNS = int(os.environ.get("RUNS", "5"))


def median(values):
    return statistics.median(values)


class Bench:
    def __init__(self, args):
        self.build, self.dir = os.path.abspath(args.build), os.path.abspath(args.dir)
        self.leat = os.path.join(self.build, "leat")
        self.port, self.is_up = free_port(), False
        self.peak_mib = 0
        self.cpu = 0 # seconds of the last run
        shutil.rmtree(self.dir, ignore_errors=True)
        os.makedirs(self.dir)

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def program(self, name):
        return os.path.join(self.build, "tests", "bench", name)

    # ---- the database ----

    def start_server(self, *options):
        if not self.is_up:
            subprocess.run([SERVER, "start", self.path("db"), str(self.port), "--log-bin=bin", "--binlog-format=ROW",
                            "--server-id=1", "--max-binlog-size=1G", *options], check=True, stdout=subprocess.DEVNULL)
            self.is_up = True

    def sql(self, statement):
        return subprocess.run(["mariadb", "--no-defaults", "--protocol=tcp", "-h127.0.0.1", f"-P{self.port}", "-uroot", "-N",
                               "-e", statement], check=True, capture_output=True, text=True).stdout.strip()

    def stop_server(self):
        if self.is_up:
            subprocess.run([SERVER, "stop", self.path("db")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            self.is_up = False

    def place(self):
        file, pos = self.sql("SHOW MASTER STATUS").split("\t")[:2]
        return file, int(pos)

    # ---- the daemon ----

    def write(self, name, text):
        with open(self.path(name), "w") as file:
            file.write(text)
        return self.path(name)

    def run_once(self, pipeline):
        """Seconds. The most memory that any of these runs took is self.peak_mib."""
        begin = time.monotonic()
        with tempfile.TemporaryFile() as said:
            process = subprocess.Popen([self.leat, "run", "--once", pipeline], stderr=said, cwd=self.dir)
            _, status, used = os.wait4(process.pid, 0)
            took = time.monotonic() - begin
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode != 0:
                said.seek(0)
                raise SystemExit(said.read().decode())
        self.peak_mib = max(self.peak_mib, used.ru_maxrss / 1024)
        self.cpu = used.ru_utime + used.ru_stime
        return took

    def mysql_pipeline(self, name, sinks):
        return self.write(name + ".yaml", f"""
data: {self.path(name)}
pipelines:
  shop:
    source:
      mysql: {{host: 127.0.0.1, port: {self.port}, user: root, password: "", tables: ["bench.*"], snapshot: never}}
{sinks}
""")


def lua(bench):
    subprocess.run([bench.program("bench_lua")], check=True)


def log(bench):
    for name in ("bench_log", "bench_log_start"):
        if not os.path.exists(bench.program(name)):
            raise SystemExit(f"{name} is not built")
        subprocess.run([bench.program(name)], check=True, cwd=bench.dir)


def growth(bench):
    program = os.path.join(bench.build, "tests", "sim", "growth_log")
    subprocess.run([program, "--bench", bench.path("growth")], check=True)


def tail(bench):
    lines, count = 4000000, 8
    os.makedirs(bench.path("log"))
    for number in range(count):
        with open(bench.path("log", f"{number}.log"), "w") as file:
            chunk = "".join(f"2026-01-02T03:04:05Z host app[{n}]: GET /index.html 200 {n * 7919 % 100000} us from 10.0.0.{n % 256}\n"
                            for n in range(10000))
            for _ in range(lines // count // 10000):
                file.write(chunk)
    size = sum(os.path.getsize(bench.path("log", name)) for name in os.listdir(bench.path("log")))
    pipeline = bench.write("tail.yaml", f"""
data: {bench.path('tail')}
pipelines:
  logs:
    source:
      tail: {{paths: ["{bench.path('log')}/*.log"]}}
""")
    times, ceilings = [], []
    for _ in range(RUNS):
        begin = time.monotonic()
        subprocess.run(f"cat {bench.path('log')}/*.log | wc -l > /dev/null", shell=True, check=True)
        ceilings.append(time.monotonic() - begin)
        shutil.rmtree(bench.path("tail"), ignore_errors=True)
        times.append(bench.run_once(pipeline))
    t, c = median(times), median(ceilings)
    print(f"tail: {lines:,} lines, {size / 1e6:.0f} MB\n  (c) cat | wc -l                     {lines / c / 1e6:6.2f} M lines/s\n"
          f"  tail -> durable topic               {lines / t / 1e6:6.2f} M lines/s   {c / t:.2f} of (c), wanted 1.0 M lines/s")


def file(bench):
    rows = 1000000
    start = bench.write("fill.yaml", f"""
data: {bench.path('file')}
pipelines:
  rows:
    source:
      toy: {{count: {rows}}}
""")
    sinks = bench.write("file.yaml", f"""
data: {bench.path('file')}
pipelines:
  rows:
    source:
      toy: {{count: {rows}}}
    sinks:
      archive:
        file: {{path: "{bench.path('out')}/{{topic}}.ndjson"}}
""")
    bench.run_once(start)
    shutil.copytree(bench.path("file"), bench.path("file.start"))
    times, ceilings = [], []
    for _ in range(RUNS):
        for name in ("file", "out"):
            shutil.rmtree(bench.path(name), ignore_errors=True)
        shutil.copytree(bench.path("file.start"), bench.path("file"))
        times.append(bench.run_once(sinks))
        size = os.path.getsize(bench.path("out", "toy.t0.ndjson"))
        begin = time.monotonic()
        with open(bench.path("copy"), "wb") as copy:
            with open(bench.path("out", "toy.t0.ndjson"), "rb") as source:
                shutil.copyfileobj(source, copy, 1 << 20)
            os.fdatasync(copy.fileno())
        ceilings.append(time.monotonic() - begin)
    t, c = median(times), median(ceilings)
    print(f"file: {rows:,} records, {size / 1e6:.0f} MB of JSON\n  (c) write + fdatasync of the same   {size / c / 1e6:6.0f} MB/s\n"
          f"  topic -> Debezium file              {size / t / 1e6:6.0f} MB/s   {rows / t / 1e6:.2f} M records/s, {c / t:.2f} of (c)")


def redis(bench):
    rows = 1000000
    server = Redis(bench.path("r")).start()
    text = """
data: {data}
pipelines:
  rows:
    source:
      toy: {{count: {rows}}}
    sinks:
      out:
        {sink}
"""
    lines = bench.write("lines.yaml", text.format(data=bench.path("redis"), rows=rows, sink=(
        f'file: {{path: "{bench.path("lines")}", format: json}}')))
    sink = bench.write("redis.yaml", text.format(data=bench.path("redis"), rows=rows, sink=(
        f"redis: {{port: {server.port}, as: stream, key: ours, format: json}}")).replace("out:", "copy:"))
    try:
        bench.run_once(lines)
        shutil.copytree(bench.path("redis"), bench.path("redis.start"))
        times, ceilings = [], []
        for _ in range(RUNS):
            shutil.rmtree(bench.path("redis"), ignore_errors=True)
            shutil.copytree(bench.path("redis.start"), bench.path("redis"))
            server.ask("FLUSHALL")
            out = subprocess.run([bench.program("bench_redis"), str(server.port), bench.path("lines")], check=True,
                                 capture_output=True, text=True).stdout
            ceilings.append(json.loads(out)["seconds"])
            server.ask("FLUSHALL")
            times.append(bench.run_once(sink))
            if server.ask("XLEN", "ours") != rows:
                raise SystemExit(f"{server.ask('XLEN', 'ours')} entries, not {rows}")
    finally:
        server.stop("KILL")
    t, c = median(times), median(ceilings)
    print(f"redis: {rows:,} records, {os.path.getsize(bench.path('lines')) / 1e6:.0f} MB of JSON\n"
          f"  (c) pipelined XADD by hiredis       {rows / c / 1e6:6.2f} M records/s\n"
          f"  topic -> stream, exactly once       {rows / t / 1e6:6.2f} M records/s   {c / t:.2f} of (c), wanted 0.8", flush=True)


class Follower(threading.Thread):
    """Reads lines of a file as they come, and notes when each row came."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.path, self.seen, self.is_over = path, {}, False

    def run(self):
        while not os.path.exists(self.path):
            time.sleep(0.001)
        with open(self.path, "rb") as file:
            rest = b""
            while not self.is_over:
                data = file.read()
                if not data:
                    time.sleep(0.0005)
                    continue
                now = time.time()
                lines = (rest + data).split(b"\n")
                rest = lines.pop()
                for line in lines:
                    at = line.find(b'"after":{"id":')
                    self.seen[int(line[at + 14:line.index(b",", at + 14)])] = now


def latency(bench):
    bench.start_server()
    bench.sql("CREATE DATABASE IF NOT EXISTS bench; CREATE TABLE bench.ticks (id BIGINT PRIMARY KEY, at DOUBLE) ENGINE=InnoDB")
    pipeline = bench.mysql_pipeline("live", f"""    sinks:
      archive:
        file: {{path: "{bench.path('live-out')}/{{topic}}.ndjson"}}""")
    log = open(bench.path("live.log"), "wb")
    began = time.monotonic()
    daemon = subprocess.Popen([bench.leat, "run", pipeline], stderr=log)
    while b"streaming" not in open(bench.path("live.log"), "rb").read():
        time.sleep(0.001)
    started = time.monotonic() - began
    follower = Follower(bench.path("live-out", "bench.ticks.ndjson"))
    follower.start()
    writer = subprocess.run([bench.program("bench_ticks"), str(bench.port), "5000", "20"], check=True, capture_output=True,
                            text=True).stdout
    time.sleep(1)
    follower.is_over = True
    committed = {int(k): float(v) for k, v in (line.split() for line in writer.splitlines())}
    lags = sorted((follower.seen[row] - at) * 1000 for row, at in committed.items() if row in follower.seen)
    with open(f"/proc/{daemon.pid}/status") as status:
        peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM:")) / 1024
    daemon.send_signal(signal.SIGTERM)
    daemon.wait()
    seconds = max(committed.values()) - min(committed.values())
    print(f"latency: {len(committed):,} transactions at {len(committed) / seconds:,.0f}/s, {len(lags):,} seen in the file\n"
          f"  commit -> line in the file          median {lags[len(lags) // 2]:.1f} ms, p99 {lags[len(lags) * 99 // 100]:.1f} ms, "
          f"wanted p99 10 ms\n"
          f"  memory (VmHWM)                      {peak:.1f} MiB, wanted 48\n"
          f"  start to streaming                  {started * 1000:.0f} ms (with connecting and checking the server)")


def mysql_round(bench, rows, mode, key, lanes=1):
    """Seconds of the sink, and of the loader that is written for the table, into two tables that are alike."""
    columns = ", ".join(f"{name} BIGINT NOT NULL" for name in ("writer", "seq", "id", "tx", "tx_size", "row", "crc"))
    bench.sql("DROP DATABASE IF EXISTS copy; CREATE DATABASE copy")
    for table in ("ours", "theirs"):
        bench.sql(f"CREATE TABLE copy.{table} ({columns}, payload VARCHAR(32){key}) ENGINE=InnoDB")
    shutil.rmtree(bench.path("mysql"), ignore_errors=True)
    shutil.copytree(bench.path("mysql.start"), bench.path("mysql"))
    pipeline = bench.write("mysql.yaml", f"""
data: {bench.path('mysql')}
pipelines:
  rows:
    source:
      toy: {{count: {rows}, writers: 1}}
    sinks:
      copy:
        transforms:
          - drop: [secret]
        mysql: {{port: {bench.port}, user: root, database: copy, table: ours, mode: {mode}}}
        parallel: {lanes}
""")
    ours = bench.run_once(pipeline)
    theirs = float(subprocess.run([bench.program("bench_mysql_bulk"), str(bench.port), "copy.theirs", str(rows),
                                   *(["upsert"] if mode == "upsert" else [])],
                                  check=True, capture_output=True, text=True).stdout)
    counts = bench.sql("SELECT COUNT(*) FROM copy.ours; SELECT COUNT(*) FROM copy.theirs").split()
    if counts != [str(rows)] * 2:
        raise SystemExit(f"mysql: {counts} rows, not {rows}")
    return ours, theirs


def mysql(bench):
    rows = 400000
    bench.start_server()
    start = bench.write("mysql-fill.yaml", f"""
data: {bench.path('mysql')}
pipelines:
  rows:
    source:
      toy: {{count: {rows}, writers: 1}}
""")
    bench.run_once(start)
    shutil.copytree(bench.path("mysql"), bench.path("mysql.start"))
    print(f"mysql: {rows:,} rows of 8 columns from the topic into a table, exactly once")
    for mode, key, what in (("append", "", "append, no key"), ("upsert", ", PRIMARY KEY (seq)", "upsert by an integer key")):
        rounds = [mysql_round(bench, rows, mode, key) + mysql_round(bench, rows, mode, key, lanes=2) for _ in range(RUNS)]
        t, c, two = median([r[0] for r in rounds]), median([r[1] for r in rounds]), median([r[2] for r in rounds])
        print(f"  {what + ':':26} (c) array binds {rows / c / 1000:6.0f} k rows/s, the sink {rows / t / 1000:6.0f} k rows/s, "
              f"{c / t:.2f} of (c), with two lanes {c / two:.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", required=True)
    parser.add_argument("--dir", required=True)
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    benches = {"cdc": bench_source.cdc, "snapshot": bench_source.snapshot, "tables": bench_source.tables,
               "compressed": bench_source.compressed, "log": log, "growth": growth, "lua": lua, "tail": tail, "file": file, "redis": redis, "mysql": mysql, "kafka": bench_kafka.sink,
               "kafka_cdc": bench_kafka.cdc, "latency": latency}
    for name in args.names:
        if name not in benches:
            raise SystemExit(f"there is no bench {name}; there are {' '.join(benches)}")
    bench = Bench(args)
    try:
        for name in args.names or benches:
            benches[name](bench)
            if bench.peak_mib > 0:
                print(f"  memory at its peak                  {bench.peak_mib:6.1f} MiB, wanted 48", flush=True)
            bench.peak_mib = 0
    finally:
        bench.stop_server()
        shutil.rmtree(bench.dir, ignore_errors=True)


if __name__ == "__main__":
    main()
