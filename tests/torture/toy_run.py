#!/usr/bin/env python3
"""Proves exactly-once without a database: numbered rows go into files while the daemon is killed; then they are counted.

    toy_run.py --leat BIN --dir DIR [--rows 300000] [--kills 20] [--seconds 15] [--seed 1] [--plant]
               [--full 0] [--rotate 2MiB] [--topics URL | --kafka [--broker-kills 3]]

A row carries its writer's sequence number, its transaction and a checksum over all of it (connectors/toy/rows.h). Exit
status 0: each row is there once, whole, in its writer's order, and what the pipeline drops is nowhere. --plant: the
check must see faults that are put into a copy of the files. --full: the files' disk, which is small, fills up and is freed so many
times (where this user may mount one); for --rows up to 100000.
"""
import collections
import contextlib
import glob
import gzip
import json
import os
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "servers"))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
from kafka_kit import Broker  # noqa: E402
from smalldisk import SmallDisk  # noqa: E402
from torture_kit import arguments, tell  # noqa: E402

DISK_MIB = 48

PIPELINE = """\
data: ./leat-data
topics: "{topics}"

pipelines:
  toys:
    source:
      toy: {{count: {rows}, rate: {rate}, seed: {seed}, topics: 3, writers: 4, transaction: 20}}
    transforms:
      - drop: [secret]
    sinks:
      archive:
        file: {{path: "out/{{topic}}.ndjson", format: json, rotate_size: {rotate}, gzip: true}}
        errors: {{retry: {{first: 50ms, most: 400ms}}}}
"""


def crc32c_table():
    table = []
    for n in range(256):
        for _ in range(8):
            n = n >> 1 ^ (0x82F63B78 if n & 1 else 0)
        table.append(n)
    return table


TABLE = crc32c_table()


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def parts(out):
    """Files of each topic in order: NAME-<first offset>.ndjson[.gz], then NAME.ndjson. A crash may leave a closed file beside
    its packed one; then that counts, as docs/file-sink.md says."""
    topics = collections.defaultdict(list)
    for path in glob.glob(os.path.join(out, "*.ndjson*")):
        if os.path.exists(path + ".gz"):
            continue
        match = re.match(r"(.*?)(?:-(\d{20}))?\.ndjson(\.gz)?$", os.path.basename(path))
        topics[match.group(1)].append((int(match.group(2)) if match.group(2) else 1 << 62, path))
    return {topic: [path for _, path in sorted(paths)] for topic, paths in topics.items()}


def judge(out, rows):
    found = collections.Counter()
    numbers = collections.defaultdict(lambda: collections.defaultdict(list))  # writer -> seq -> rows
    transactions = collections.defaultdict(lambda: [0, 0])
    checked = 0
    for topic, paths in parts(out).items():
        newest = {}
        for path in paths:
            with (gzip.open if path.endswith(".gz") else open)(path, "rb") as file:
                for line in file:
                    found["clear"] += b"clear-" in line
                    try:
                        row = json.loads(line)
                    except ValueError:
                        found["torn"] += 1
                        continue
                    checked += 1
                    writer, seq = row["writer"], row["seq"]
                    found["doubled"] += seq in numbers[writer]
                    numbers[writer][seq] = True
                    found["reordered"] += seq < newest.get((topic, row["id"]), -1)
                    newest[(topic, row["id"])] = seq
                    transactions[row["tx"]][0] += 1
                    transactions[row["tx"]][1] = row["tx_size"]
                    if checked % 10 == 0:
                        data = struct.pack("<IQQQII", writer, seq, row["id"], row["tx"], row["tx_size"], row["row"])
                        found["altered"] += crc32c(data + row["payload"].encode()) != row["crc"]
    there = sum(len(seqs) for seqs in numbers.values())
    for seqs in numbers.values():
        found["lost"] += max(seqs) + 1 - len(seqs)
    found["lost"] += max(0, rows - there - found["lost"])
    last = max(transactions) if transactions else 0
    found["half"] = sum(1 for tx, (count, size) in transactions.items() if count != size and tx != last)
    return found, there


def plant(directory, rows):
    def lose(lines):
        del lines[len(lines) // 2]

    def double(lines):
        lines.insert(5, lines[5])

    def tear(lines):
        lines[7] = lines[7][:20] + b"\n"

    def show(lines):
        lines[9] = lines[9].replace(b'"payload":"', b'"payload":"clear-9 ')

    def alter(lines):
        for i, line in enumerate(lines):
            lines[i] = line.replace(b'"row":0', b'"row":1')

    faults, missed = (lose, double, tear, show, alter), []
    for fault in faults:
        copy = os.path.join(directory, "planted")
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(os.path.join(directory, "out"), copy)
        path = sorted(glob.glob(os.path.join(copy, "*.ndjson")))[0]
        with open(path, "rb") as file:
            lines = file.readlines()
        fault(lines)
        with open(path, "wb") as file:
            file.writelines(lines)
        if not any(judge(copy, rows)[0].values()):
            missed.append(fault.__name__)
    if missed:
        raise SystemExit(f"the check did not see what was planted: {', '.join(missed)}")
    return len(faults)


def torture(args, pipeline, log, broker):
    """Kills of the daemon, in between those of the broker, and a run to the end."""
    draw, daemon = random.Random(args.seed), None
    events = ["daemon"] * args.kills + ["broker"] * (args.broker_kills if broker else 0)
    draw.shuffle(events)
    try:
        for event in events:
            if not daemon:
                daemon = subprocess.Popen([args.leat, "run", pipeline], stderr=log, cwd=args.dir)
            time.sleep(args.seconds / len(events) * draw.uniform(0.3, 1.5))
            if event == "broker":
                broker.kill()
                time.sleep(draw.uniform(0, 1))
                broker.start()
                continue
            daemon.send_signal(signal.SIGKILL)
            daemon.wait()
            daemon = None
        if daemon:
            daemon.send_signal(signal.SIGKILL)
            daemon.wait()
        daemon = subprocess.Popen([args.leat, "run", "--once", pipeline], stderr=log, cwd=args.dir)
        if daemon.wait(timeout=300) != 0:
            raise SystemExit(f"leat run --once ended with {daemon.returncode}; see {args.dir}/leat.log")
    finally:
        if daemon and daemon.poll() is None:
            daemon.kill()
            daemon.wait()


class Filler(threading.Thread):
    """Fills the disk to some random bytes and frees it, so many times."""

    def __init__(self, disk, args):
        super().__init__(daemon=True)
        self.disk, self.count, self.args, self.draw = disk, 0, args, random.Random(args.seed + 1)
        self.start()

    def run(self):
        share = self.args.seconds / self.args.full
        for _ in range(self.args.full):
            time.sleep(share * self.draw.uniform(0.2, 0.6))
            self.disk.fill(but=int(10 ** self.draw.uniform(0, 6)))
            time.sleep(share * self.draw.uniform(0.2, 0.4))
            self.disk.free()
            self.count += 1


def main():
    args = arguments(flags=("plant", "kafka"), rows=300000, kills=20, seconds=15, full=0, rotate="2MiB", topics="oms:commitlog:",
                     broker_kills=3)
    pipeline = os.path.join(args.dir, "toys.yaml")
    broker = Broker(os.path.join(args.dir, "kafka"), None) if args.kafka else None
    if broker:
        args.topics = f"oms:kafka://{broker.brokers}/toys"
    with open(pipeline, "w") as file:
        file.write(PIPELINE.format(topics=args.topics, rows=args.rows, rate=args.rows // args.seconds, seed=args.seed, rotate=args.rotate))
    log = open(os.path.join(args.dir, "leat.log"), "ab")
    try:
        if broker:
            broker.start()
        with SmallDisk(os.path.join(args.dir, "out"), DISK_MIB) if args.full else contextlib.nullcontext() as disk:
            filler = Filler(disk, args) if disk and disk.is_there else None
            torture(args, pipeline, log, broker)
            if filler:
                filler.join()
            found, there = judge(os.path.join(args.dir, "out"), args.rows)
            figures = {"rows": there, "kills": args.kills}
            if filler:
                with open(os.path.join(args.dir, "leat.log"), errors="replace") as said:
                    figures["full"], figures["stalls"] = filler.count, said.read().count("No space left on device")
            if broker:
                figures["broker_kills"] = args.broker_kills
            tell(args, found, lambda: plant(args.dir, args.rows), **figures)
    finally:
        if broker:
            broker.remove()


if __name__ == "__main__":
    main()
