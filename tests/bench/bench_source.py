"""The benches of the mysql source: bench.py calls them. Each ratio is against a ceiling measured on the same log, the same rows."""
import json
import os
import shutil
import statistics
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "servers"))
from ports import free_port  # noqa: E402

SERVERS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "servers")
RUNS = int(os.environ.get("RUNS", "5"))
SIZE = float(os.environ.get("SIZE", "1")) # of the work; a small one shows a change sooner, and less exactly
COLUMNS = """id BIGINT PRIMARY KEY, customer INT UNSIGNED NOT NULL, state ENUM('new','paid','sent') NOT NULL, amount DECIMAL(10,2),
created TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, changed DATETIME(6), name VARCHAR(64), mail VARCHAR(255), note TEXT,
weight DOUBLE"""
ROW = ("n, n % 7919, 1 + n % 3, n / 7, '2026-01-01', '2026-01-02 03:04:05.678901', 'Ada Lovelace', CONCAT('ada', n, '@example.org'), "
       "IF(n % 2, 'a note of no more than 32 letters', NULL), n * 1.5")


def median(values):
    return statistics.median(values)


def feed(port, statements, database=""):
    done = subprocess.run(["mariadb", "--no-defaults", "--protocol=tcp", "-h127.0.0.1", f"-P{port}", "-uroot", "-N", database],
                          input=";\n".join(statements) + ";\n", capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"SQL failed: {done.stderr}")
    return done.stdout.rstrip("\n")


def table_of(name):
    return f"CREATE TABLE bench.{name} ({COLUMNS}) ENGINE=InnoDB"


def inserts(table, first, rows):
    """Statements of 1,000 rows each."""
    of = "(WITH RECURSIVE s AS (SELECT {} AS n UNION ALL SELECT n + 1 FROM s WHERE n < {}) SELECT n FROM s) AS s"
    return [f"INSERT INTO bench.{table} SELECT {ROW} FROM {of.format(n + 1, n + 1000)}" for n in range(first, first + rows, 1000)]


class Source:
    """A server with schema `bench`, and what is asked of its log."""

    def __init__(self, bench, kind="mariadb", *options):
        self.bench, self.kind, self.port = bench, kind, free_port()
        self.folder = bench.path(kind)
        subprocess.run([os.path.join(SERVERS, kind), "start", self.folder, str(self.port), "--max-binlog-size=1G", "--sync-binlog=0",
                        "--innodb-flush-log-at-trx-commit=0", *options], check=True, stdout=subprocess.DEVNULL)
        self.run(["CREATE DATABASE bench"])

    def stop(self):
        subprocess.run([os.path.join(SERVERS, self.kind), "stop", self.folder, "KILL"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, statements, database=""):
        return feed(self.port, statements, database)

    def place(self):
        file, pos = self.run(["SHOW MASTER STATUS"]).split("\t")[:2]
        return file, int(pos)

    def fill(self, rows, table="rows"):
        self.run([table_of(table), *inserts(table, 0, rows)])

    def program(self, kind, begin, end, *warm):
        out = subprocess.run([self.bench.program("bench_cdc"), kind, str(self.port), begin[0], str(begin[1]), end[0], str(end[1]), *warm],
                             check=True, capture_output=True, text=True).stdout
        return json.loads(out)

    def median(self, kind, begin, end, *warm):
        runs = sorted((self.program(kind, begin, end, *warm) for _ in range(RUNS)), key=lambda run: run["seconds"])
        return runs[len(runs) // 2]

    # ---- pipelines ----

    def pipeline(self, name, more="", sinks="", snapshot="never"):
        return self.bench.write(name + ".yaml", f"""
data: {self.bench.path(name)}
pipelines:
  shop:
    source:
      mysql: {{host: 127.0.0.1, port: {self.port}, user: root, password: "", tables: ["bench.*"], snapshot: {snapshot}{more}}}
{sinks}
""")

    def start_here(self, pipeline):
        """Where this pipeline's data directory starts from now on, each time it is run again. Its targets are made anew."""
        data = pipeline[:-5]
        for old in (data, data + ".start", self.bench.path("out")):
            shutil.rmtree(old, ignore_errors=True)
        self.bench.run_once(pipeline)
        shutil.move(data, data + ".start")

    def again(self, pipeline, out=None):
        """Seconds from that start to the end of the log."""
        data = pipeline[:-5]
        for old in (data, out or data):
            shutil.rmtree(old, ignore_errors=True)
        shutil.copytree(data + ".start", data)
        return self.bench.run_once(pipeline)


def line(what, value, rest=""):
    print(f"  {what:36}{value:7.2f} M rows/s{rest}", flush=True)


def cdc_round(source, what, pipelines, begin):
    end, out = source.place(), source.bench.path("out")
    decoded, plain, encoded = (source.median(kind, begin, end) for kind in ("decode", "plain", "json"))
    topic, files = [], []
    for _ in range(RUNS):
        topic.append(source.again(pipelines[0]))
        files.append(source.again(pipelines[1], out))
    rows, a, p, b = decoded["rows"], decoded["seconds"], plain["seconds"], encoded["seconds"]
    t, f = median(topic), median(files)
    print(f"cdc {what}: {rows:,} rows, {decoded['bytes'] / 1e6:.0f} MB of binlog")
    line("(p) fetch + decode, no checksums", rows / p / 1e6)
    line("(a) fetch + decode", rows / a / 1e6, f"   {p / a:.2f} of (p): what checksums cost")
    line("binlog -> durable topic", rows / t / 1e6, f"   {a / t:.2f} of (a), wanted 0.5")
    line("(b) fetch + decode + JSON", rows / b / 1e6)
    line("binlog -> topic -> Debezium file", rows / f / 1e6, f"   {b / f:.2f} of (b), wanted 0.6")


def cdc(bench):
    """Inserts and updates of 1,000 rows a transaction, and transactions of one row."""
    rows, source = int(1000000 * SIZE), Source(bench)
    small = rows // 4
    work = {
        "inserts": inserts("rows", 0, 2 * rows),
        "updates": [f"UPDATE bench.rows SET amount = amount + 1, changed = NOW(6) WHERE id BETWEEN {n + 1} AND {n + 1000}"
                    for n in range(0, rows, 1000)],
        "one-row transactions": ["DELIMITER //\n"
                                 f"FOR n IN {3 * rows}..{3 * rows + small - 1} DO INSERT INTO bench.rows SELECT {ROW}; END FOR//\n"
                                 "DELIMITER ;\nDO 1"]}
    try:
        source.run([table_of("rows")])
        out = f"    sinks:\n      archive:\n        file: {{path: \"{bench.path('out')}/{{topic}}.ndjson\"}}"
        pipelines = source.pipeline("topic"), source.pipeline("files", sinks=out)
        for what, statements in work.items():
            begin = source.place()
            for pipeline in pipelines:
                source.start_here(pipeline)
            source.run(statements)
            cdc_round(source, what, pipelines, begin)
    finally:
        source.stop()


def snapshot_round(source):
    rows = int(source.run(["SELECT COUNT(*) FROM bench.rows"]))
    pipelines = [source.pipeline(f"snapshot{threads}", f", snapshot_threads: {threads}", snapshot="initial") for threads in (1, 2)]
    ceilings, times = [], ([], [])
    for _ in range(RUNS):
        out = subprocess.run([source.bench.program("bench_snapshot"), str(source.port), "bench.rows"], check=True, capture_output=True,
                             text=True).stdout
        ceilings.append(json.loads(out)["seconds"])
        for pipeline, seconds in zip(pipelines, times):
            shutil.rmtree(pipeline[:-5], ignore_errors=True)
            seconds.append(source.bench.run_once(pipeline))
    c, one, two = median(ceilings), median(times[0]), median(times[1])
    print(f"snapshot of {source.kind}: {rows:,} rows")
    line("(c) SELECT *, prepared", rows / c / 1e6)
    line("table -> durable topic, one thread", rows / one / 1e6, f"   {c / one:.2f} of (c), wanted 0.7")
    line("the same with two threads", rows / two / 1e6, f"   {c / two:.2f} of (c), wanted more than with one")


def snapshot(bench):
    for kind in ("mariadb", "mysql"):
        source = Source(bench, kind)
        try:
            source.fill(int(1000000 * SIZE))
            snapshot_round(source)
        finally:
            source.stop()


def tables_round(source, count, rows):
    """Statements of ten rows, each into the next of `count` tables, which have all been met before; 100 of them are a
    transaction. Returns rows, seconds to decode, seconds into the topic, ms to meet a table."""
    names = [f"t{n:04}" for n in range(count)]
    source.run(["DROP DATABASE bench", "CREATE DATABASE bench", *map(table_of, names)])
    topic = source.pipeline("tables")
    begin = source.place()
    source.start_here(topic)
    source.run([f"INSERT INTO {name} (id, customer, state) VALUES (-1, 1, 1)" for name in names], "bench")
    warm = source.place()
    meeting = source.again(topic)
    shutil.rmtree(topic[:-5] + ".start")
    shutil.move(topic[:-5], topic[:-5] + ".start")
    values = ", ".join(["({}, 7, 1, 1.5, '2026-01-01', '2026-01-02 03:04:05.678901', 'Ada Lovelace', 'ada@example.org', NULL, 1.5)"] * 10)
    for first in range(0, rows, 1000): # in pieces: what this program holds counts as the memory of those that it starts
        source.run(["BEGIN", *[f"INSERT INTO {names[n // 10 % count]} VALUES {values.format(*range(n, n + 10))}"
                               for n in range(first, first + 1000, 10)], "COMMIT"], "bench")
    end = source.place()
    decoded = source.median("decode", begin, end, str(warm[1]))
    return decoded["rows"], decoded["seconds"], median([source.again(topic) for _ in range(RUNS)]), meeting / count * 1000


def tables(bench):
    """The same rows into one table and into 1,000."""
    source = Source(bench)
    try:
        rows, one, one_topic, _ = tables_round(source, 1, int(500000 * SIZE))
        _, many, many_topic, meeting = tables_round(source, 1000, int(500000 * SIZE))
    finally:
        source.stop()
    print(f"tables: {rows:,} rows, ten a statement")
    line("fetch + decode, one table", rows / one / 1e6)
    line("fetch + decode, 1,000 tables", rows / many / 1e6, f"   {one / many:.2f} of one, wanted 1.0")
    line("binlog -> durable topic, one table", rows / one_topic / 1e6)
    line("binlog -> durable topic, 1,000", rows / many_topic / 1e6, f"   {one_topic / many_topic:.2f} of one")
    print(f"  a table that is met for the first time: {meeting:.2f} ms")


def compressed(bench):
    """MySQL's compressed transactions of 1,000 rows."""
    source = Source(bench, "mysql", "--binlog-transaction-compression=ON")
    try:
        source.run(["CREATE TABLE bench.first (id INT PRIMARY KEY)"])
        topic = source.pipeline("topic")
        begin = source.place()
        source.start_here(topic)
        source.run([table_of("rows"), *[s.replace("'ada', n", "MD5(n), MD5(n / 7)") for s in inserts("rows", 0, int(1000000 * SIZE))]])
        end = source.place()
        zipped, decoded = source.median("unzip", begin, end), source.median("decode", begin, end)
        seconds = median([source.again(topic) for _ in range(RUNS)])
    finally:
        source.stop()
    rows, z, d = decoded["rows"], zipped["seconds"], decoded["seconds"]
    print(f"compressed: {rows:,} rows, {zipped['bytes'] / 1e6:.0f} MB of binlog, {zipped['json_bytes'] / 1e6:.0f} MB when inflated")
    line("(z) fetch + zstd, and no more", rows / z / 1e6)
    line("fetch + zstd + decode", rows / d / 1e6, f"   {z / d:.2f} of (z), wanted 0.5")
    line("binlog -> durable topic", rows / seconds / 1e6, f"   {z / seconds:.2f} of (z)")
