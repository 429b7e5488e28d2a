#!/usr/bin/env python3
"""Proves that followed files lose and double no line: files grow and are rotated by rename while the daemon is killed.

    tail_run.py --leat BIN --dir DIR [--files 20] [--kills 20] [--seconds 20] [--seed 1]

Each line is `FILE NUMBER` and filler; numbers count up per name, over its rotations. In the end each number must stand in
the output once, and behind the one before it, over rotations too.
Exit status 0: proven; the figures are printed as one JSON line.
"""
import glob
import gzip
import os
import random
import re
import signal
import subprocess
import threading
import time
from torture_kit import arguments, says, tell

PIPELINE = """\
data: ./leat-data

pipelines:
  logs:
    source:
      tail: {paths: ["log/*.log", "log/*.log.*"]}
    sinks:
      archive:
        file: {path: "out/lines.txt", format: text, rotate_size: 4MiB, gzip: true}
"""


class Writer(threading.Thread):
    """Appends lines to its files in pieces that end anywhere, and rotates them by rename."""

    def __init__(self, directory, names, seed, end):
        super().__init__()
        self.directory, self.names, self.random, self.end = directory, names, random.Random(seed), end
        self.counts = {name: 0 for name in names}
        self.rotations = 0

    def run(self):
        files = {name: open(self.path(name), "ab", buffering=0) for name in self.names}
        while time.monotonic() < self.end:
            name = self.random.choice(self.names)
            text = b""
            for _ in range(self.random.randint(1, 40)):
                text += b"%s %d %s\n" % (name.encode(), self.counts[name], b"x" * self.random.randint(0, 200))
                self.counts[name] += 1
            cut = self.random.randint(0, len(text))
            files[name].write(text[:cut])
            files[name].write(text[cut:])
            if self.random.random() < 0.004:
                self.rotate(name, files)
            time.sleep(0.0005)
        for file in files.values():
            file.close()

    def rotate(self, name, files):
        path = self.path(name)
        for number in range(30, 0, -1):
            if os.path.exists(f"{path}.{number}"):
                os.rename(f"{path}.{number}", f"{path}.{number + 1}")
        os.rename(path, path + ".1")
        files[name].close()
        files[name] = open(path, "ab", buffering=0)
        self.rotations += 1

    def path(self, name):
        return os.path.join(self.directory, name + ".log")


def parts(out):
    closed = []
    for path in glob.glob(os.path.join(out, "lines-*.txt*")):
        match = re.search(r"-(\d{20})\.txt(\.gz)?$", path)
        if match:
            closed.append((int(match.group(1)), path))
    current = os.path.join(out, "lines.txt")
    return [path for _, path in sorted(closed)] + ([current] if os.path.exists(current) else [])


def judge(out, counts):
    found = {"lost": 0, "doubled": 0, "foreign": 0, "reordered": 0}
    seen = {name: bytearray(count) for name, count in counts.items()}
    newest = {name: -1 for name in counts}
    for path in parts(out):
        with (gzip.open if path.endswith(".gz") else open)(path, "rb") as file:
            for line in file:
                match = re.match(rb"(\w+) (\d+) x*\n$", line)
                name, number = (match.group(1).decode(), int(match.group(2))) if match else (None, 0)
                if name not in seen or number >= len(seen[name]):
                    found["foreign"] += 1
                    continue
                found["doubled"] += seen[name][number]
                found["reordered"] += number < newest[name]
                seen[name][number] = 1
                newest[name] = max(newest[name], number)
    found["lost"] = sum(numbers.count(0) for numbers in seen.values())
    return found


def main():
    args = arguments(flags=(), files=20, kills=20, seconds=20)
    for folder in ("log", "out"):
        os.makedirs(os.path.join(args.dir, folder))
    with open(os.path.join(args.dir, "logs.yaml"), "w") as file:
        file.write(PIPELINE)
    log = open(os.path.join(args.dir, "leat.log"), "ab")
    daemon = None

    def start(*more):
        return subprocess.Popen([args.leat, "run", os.path.join(args.dir, "logs.yaml"), *more], stdout=log, stderr=log,
                                cwd=args.dir)
    try:
        draw = random.Random(args.seed)
        end = time.monotonic() + args.seconds
        names = [f"f{number}" for number in range(args.files)]
        writers = [Writer(os.path.join(args.dir, "log"), names[n::2], args.seed + n, end) for n in range(2)]
        said, daemon = 0, start()
        for writer in writers:
            writer.start()
        pause = args.seconds / (args.kills + 1)
        for _ in range(args.kills):
            time.sleep(pause * draw.uniform(0.3, 1.5))
            if daemon.poll() is not None:
                raise SystemExit(f"leat ended by itself with {daemon.returncode}; see {args.dir}/leat.log")
            daemon.kill()
            daemon.wait()
            said = os.path.getsize(log.name)
            daemon = start()
        for writer in writers:
            writer.join()
        says(daemon, log.name, said, "following") # one that has just begun does not take SIGTERM for a stop yet
        daemon.send_signal(signal.SIGTERM)
        if daemon.wait(timeout=60) != 0:
            raise SystemExit(f"leat ended with {daemon.returncode} after SIGTERM; see {args.dir}/leat.log")
        daemon = start("--once")
        if daemon.wait(timeout=120) != 0:
            raise SystemExit(f"leat run --once ended with {daemon.returncode}; see {args.dir}/leat.log")
        counts = {name: count for writer in writers for name, count in writer.counts.items()}
        found = judge(os.path.join(args.dir, "out"), counts)
        tell(args, found, lines=sum(counts.values()), files=args.files, kills=args.kills,
             rotations=sum(w.rotations for w in writers))
    finally:
        if daemon and daemon.poll() is None:
            daemon.kill()
            daemon.wait()


if __name__ == "__main__":
    main()
