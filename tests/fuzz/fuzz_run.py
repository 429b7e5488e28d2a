#!/usr/bin/env python3
"""Runs one fuzz target (clang, libFuzzer, sanitizers) and keeps what it found.

    fuzz_run.py --program BIN --dir DIR [--seconds 60] [--seeds BIN] [--keep]

It begins with corpus/NAME.pack beside this file (inputs, each behind its length, u32), with what earlier runs left in
DIR/NAME, and with the seeds that the target's ordinary build (--seeds) writes. --keep: what covers new code is made
small, and the smallest of it becomes the new pack: at most PACK_BYTES. One line of JSON: how often it ran, the edges that
were covered, crashes. Exit status 0: none.
"""
import argparse
import glob
import json
import os
import re
import shutil
import struct
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
INPUT_BYTES, PACK_BYTES = 1024, 24 << 10


def read_pack(path):
    with open(path, "rb") as file:
        data = file.read()
    at, inputs = 0, []
    while at < len(data):
        (size,) = struct.unpack_from("<I", data, at)
        inputs.append(data[at + 4:at + 4 + size])
        at += 4 + size
    return inputs


def write_pack(path, inputs):
    """The smallest first, as many as there is room for; in an order that makes equal packs equal files."""
    total, chosen = 0, []
    for data in sorted(inputs, key=lambda data: (len(data), data)):
        total += 4 + len(data)
        if len(data) > INPUT_BYTES or total > PACK_BYTES:
            break
        chosen.append(data)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        for data in chosen:
            file.write(struct.pack("<I", len(data)) + data)
    return len(chosen)


def files_of(folder):
    inputs = []
    for path in sorted(glob.glob(os.path.join(folder, "*"))):
        with open(path, "rb") as file:
            inputs.append(file.read())
    return inputs


def fuzz(program, *args, seconds):
    """libFuzzer's exit status, and what it said. Addresses stay where they are: ASan wants that on some kernels."""
    env = {**os.environ, "ASAN_OPTIONS": "detect_leaks=1", "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1"}
    done = subprocess.run(["setarch", "-R", program, *args, f"-max_total_time={seconds}", "-timeout=20", "-rss_limit_mb=1500",
                           "-malloc_limit_mb=1200", "-max_len=8192", "-print_final_stats=1"], capture_output=True, env=env)
    return done.returncode, done.stderr.decode(errors="replace")


def last(pattern, text):
    found = re.findall(pattern, text)
    return int(found[-1]) if found else 0


def minimise(program, name, folder):
    """The pack: inputs that together cover what the whole corpus does."""
    small = folder + ".small"
    shutil.rmtree(small, ignore_errors=True)
    os.makedirs(small)
    fuzz(program, "-merge=1", small, folder, seconds=600)
    return write_pack(os.path.join(HERE, "corpus", name + ".pack"), files_of(small))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for option in ("program", "dir"):
        parser.add_argument(f"--{option}", required=True, type=os.path.abspath)
    parser.add_argument("--seeds", type=os.path.abspath)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--keep", action="store_true")
    args = parser.parse_args()
    name = os.path.basename(args.program)
    folder, broken = os.path.join(args.dir, name), os.path.join(args.dir, name + "-crashes", "")
    for path in (folder, broken):
        os.makedirs(path, exist_ok=True)
    before = set(os.listdir(broken))
    pack = os.path.join(HERE, "corpus", name + ".pack")
    for number, data in enumerate(read_pack(pack) if os.path.exists(pack) else []):
        with open(os.path.join(folder, f"pack-{number:05}"), "wb") as file:
            file.write(data)
    if args.seeds:
        subprocess.run([args.seeds, "--seeds", folder], check=True, stdout=subprocess.DEVNULL)
    status, said = fuzz(args.program, f"-artifact_prefix={broken}", folder, seconds=args.seconds)
    crashes = sorted(set(os.listdir(broken)) - before)
    kept = minimise(args.program, name, folder) if args.keep and status == 0 else 0
    print(json.dumps({"verdict": "ok" if status == 0 else "BAD", "target": name, "seconds": args.seconds,
                      "cases": last(r"number_of_executed_units:\s*(\d+)", said), "edges": last(r"\bcov: (\d+)", said),
                      "crashes": len(crashes) or int(status != 0), "corpus": len(os.listdir(folder)), "kept": kept}))
    if status != 0:
        print(said[-6000:], *(os.path.join(broken, crash) for crash in crashes), sep="\n", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
