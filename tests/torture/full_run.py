#!/usr/bin/env python3
"""Fills the commit log's disk and frees it, again and again: numbered rows go into a file meanwhile; then they are counted.

    full_run.py --leat BIN --dir DIR [--full 100] [--seed 1]

No step hopes for its time: each fill is held until the source says that it waits and the sink has all that there is, and
each time it goes on by itself. One time in ten the daemon is killed and started while the disk is full. Needs the right to mount.
"""
import argparse
import json
import os
import random
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
import disks  # noqa: E402
import kit  # noqa: E402
from kit import in_order, wait  # noqa: E402


def records(box):
    return box.status(None).get("toys", {}).get("records", 0)


def torture(args, box, disk):
    draw, kills = random.Random(args.seed), 0
    daemon = box.start("run", "toys.yaml")

    def held(condition):
        return disks.held(disk, condition, box)

    for _ in range(args.full):
        before, more = records(box), draw.randrange(1, 3000)
        wait("some rows", lambda: records(box) > before + more)
        disk.fill(but=int(10 ** draw.uniform(0, 6.3)))
        wait("the source waits", lambda: held(disks.is_waiting))
        if draw.randrange(10) == 0:
            daemon.process.kill()
            daemon.process.wait()
            kills += 1
            daemon = box.start("run", "toys.yaml")
            wait("the source waits again", lambda: held(disks.is_waiting))
        wait("the sink has it all", lambda: held(disks.drained))
        disk.free()
        wait("it goes on", lambda: box.status(None).get("toys", {}).get("state") == "running")
    daemon.stop()
    return kills


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--leat", required=True, type=os.path.abspath)
    parser.add_argument("--dir", required=True, type=os.path.abspath)
    parser.add_argument("--full", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    shutil.rmtree(args.dir, ignore_errors=True)
    os.makedirs(args.dir)
    box = kit.Box(args.leat, None, "full")
    try:
        with disks.SmallDisk(box.path("leat-data"), 24) as disk:
            if not disk.is_there:
                raise SystemExit("full_run needs the right to mount a small disk: run it as root")
            disks.toys(box, min_free=random.Random(args.seed).choice(["0B", "1MiB"]))
            kills = torture(args, box, disk)
        seen = disks.numbers(box)
        in_order(seen, len(seen))
    except kit.Wrong as wrong:
        for daemon in box.daemons:
            shutil.copy(daemon.log_path, args.dir)
        raise SystemExit(f"{wrong}; see {args.dir}") from None
    finally:
        box.clean_up(False)
    print(json.dumps({"rows": len(seen), "full": args.full, "kills": kills, "lost": 0, "doubled": 0}))


if __name__ == "__main__":
    main()
