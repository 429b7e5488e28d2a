"""The benches of the kafka sink: bench.py calls them. One broker with the flags of Kafka's own scripts."""
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
from kafka_kit import Broker  # noqa: E402

import bench_source  # noqa: E402

WARM = 10 # seconds of a broker's life that are not counted where delays are
RUNS = int(os.environ.get("RUNS", "5"))
FLAGS = {"KAFKA_HEAP": "1g", "KAFKA_JVM": "-server -XX:+UseG1GC -XX:MaxGCPauseMillis=20 -XX:InitiatingHeapOccupancyPercent=35 "
                                          "-XX:+ExplicitGCInvokesConcurrent"}
EVERY = 25000 # messages of a transaction of the bare producer: about as many as a round of the sink has


def median(values):
    return statistics.median(values)


def start_broker(bench):
    broker = Broker(bench.path("kafka"), os.path.join(bench.build, "tests", "live", "kafka_tool"),
                    "num.network.threads=3\nnum.io.threads=8")
    broker.env.update(FLAGS)
    return broker.start()


def cpu_of(broker):
    """Seconds that the broker has used."""
    with open(os.path.join(broker.folder, "1", "pid")) as file:
        pid = file.read().strip()
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def fresh(bench, start):
    shutil.rmtree(bench.path("ours"), ignore_errors=True)
    shutil.copytree(start, bench.path("ours"))


def sink(bench):
    rows = 1000000
    broker = start_broker(bench)
    source = f"toy: {{count: {rows}}}"
    text = """
data: {data}
pipelines:
  rows:
    source:
      {source}
    sinks:
      {sink}
"""
    lines = bench.write("lines.yaml", text.format(data=bench.path("filled"), source=source, sink=(
        f'lines:\n        file: {{path: "{bench.path("lines")}", format: json}}')))
    try:
        bench.run_once(lines)
        bench.peak_mib = 0
        times, ceilings, cpu = [], [], []
        for number in range(RUNS + 1): # the first warms the broker
            fresh(bench, bench.path("filled"))
            for topic in (f"bare{number}", f"ours{number}"):
                broker.make(topic, 4)
            ceilings.append(float(broker.call("bench", f"bare{number}", bench.path("lines"), EVERY)))
            pipeline = bench.write("kafka.yaml", text.format(data=bench.path("ours"), source=source, sink=(
                f"copy:\n        kafka: {{brokers: \"{broker.brokers}\", topic: ours{number}, format: json, "
                f"marks_topic: marks{number}}}")))
            times.append(bench.run_once(pipeline))
            cpu.append(bench.cpu)
        t, c, used = median(times[1:]), median(ceilings[1:]), median(cpu[1:])
        print(f"kafka: {rows:,} records, {os.path.getsize(bench.path('lines')) / 1e6:.0f} MB of JSON, 4 partitions\n"
              f"  (c) bare transactional producer     {rows / c / 1e6:6.2f} M records/s (lines that are ready)\n"
              f"  topic -> Kafka, exactly once        {rows / t / 1e6:6.2f} M records/s   {c / t:.2f} of (c), wanted 0.7; "
              f"{used / rows * 1e6:.2f} us of CPU a record", flush=True)
    finally:
        broker.remove()


def pipeline_of(bench, broker, number, guarantee):
    return bench.mysql_pipeline("ours", f"""    sinks:
      bus:
        kafka: {{brokers: "{broker.brokers}", topic_prefix: p{number}, partitions: 4, marks_topic: marks{number},
          guarantee: {guarantee}}}""")


def throughput(bench, broker, rows, guarantee, numbers):
    """Copies of the daemon's directory from before the rows stand in the binlog: each run reads the same."""
    times, leat, kafka = [], [], []
    for number in numbers:
        fresh(bench, bench.path("start"))
        before = cpu_of(broker)
        times.append(bench.run_once(pipeline_of(bench, broker, number, guarantee)))
        leat.append(bench.cpu)
        kafka.append(cpu_of(broker) - before)
    t = median(times)
    print(f"  {guarantee + ':':15} {rows / t / 1e3:6.0f} k rows/s; CPU a million rows: Leat {median(leat) / rows * 1e6:5.2f} s "
          f"(wanted 6), broker {median(kafka) / rows * 1e6:5.2f} s", flush=True)


def delays(bench, broker, guarantee, number, wanted):
    bench.sql("DROP TABLE IF EXISTS bench.ticks; CREATE TABLE bench.ticks (id BIGINT PRIMARY KEY, at DOUBLE) ENGINE=InnoDB")
    shutil.rmtree(bench.path("ours"), ignore_errors=True)
    topic = f"p{number}.bench.ticks"
    broker.make(topic, 4)
    log = open(bench.path("live.log"), "wb")
    daemon = subprocess.Popen([bench.leat, "run", pipeline_of(bench, broker, number, guarantee)], stderr=log)
    seen = open(bench.path("seen"), "wb")
    follower = subprocess.Popen([broker.tool, "follow", broker.brokers, topic], stdout=seen)
    try:
        while b"order:" not in open(bench.path("live.log"), "rb").read():
            time.sleep(0.01)
        writer = subprocess.run([bench.program("bench_ticks"), str(bench.port), "1000", str(WARM + 20)], check=True, capture_output=True,
                                text=True).stdout
        committed = {int(k): float(v) for k, v in (line.split() for line in writer.splitlines())}
        deadline, count = time.monotonic() + 20, 0
        while count < len(committed) and time.monotonic() < deadline:
            time.sleep(0.2)
            with open(bench.path("seen"), "rb") as file:
                count = file.read().count(b"\n")
    finally:
        follower.kill()
        follower.wait()
        with open(f"/proc/{daemon.pid}/status") as status:
            peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM:")) / 1024
        daemon.send_signal(signal.SIGTERM)
        daemon.wait()
    lags = []
    with open(bench.path("seen"), "rb") as file:
        for line in file:
            at = line.find(b'"after":{"id":')
            row = int(line[at + 14:line.index(b",", at + 14)])
            lag = (float(line[:line.index(b"\t")]) - committed.pop(row, float("inf"))) * 1000
            if row > WARM * 1000: # before that the broker compiles
                lags.append(lag)
    lags.sort()
    print(f"  {guarantee + ':':15} commit -> consumer at 1,000 transactions/s: median {lags[len(lags) // 2]:.1f} ms, "
          f"p99 {lags[len(lags) * 99 // 100]:.1f} ms, wanted {wanted}; {len(lags):,} rows, {len(committed)} missing; "
          f"memory {peak:.1f} MiB, wanted 64", flush=True)


def cdc(bench):
    rows = 500000
    bench.start_server()
    bench.sql("CREATE DATABASE IF NOT EXISTS bench")
    broker = start_broker(bench)
    try:
        start = bench.mysql_pipeline("start", "")
        shutil.rmtree(bench.path("start"), ignore_errors=True)
        bench_source.feed(bench.port, [bench_source.table_of("bus")])
        bench.run_once(start)
        bench_source.feed(bench.port, bench_source.inserts("bus", 0, rows))
        print(f"kafka_cdc: {rows:,} rows of 10 columns, binlog -> Kafka as Debezium JSON")
        throughput(bench, broker, rows, "exactly-once", range(RUNS))
        throughput(bench, broker, rows, "at-least-once", range(100, 100 + RUNS))
        delays(bench, broker, "exactly-once", 200, 40)
        delays(bench, broker, "at-least-once", 201, 15)
    finally:
        broker.remove()
