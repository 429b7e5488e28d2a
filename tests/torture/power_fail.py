#!/usr/bin/env python3
"""Shows what a failing disk does to the daemon, live: writes that the device answers with EIO, on real file systems.

    power_fail.py --leat BIN --disk power_disk --dir DIR [--rows 6000] [--seed 1] [--systems ext4,xfs,btrfs]

Rows go through log and files on one disk. Then writes fail: those of the log's segment, of a file's mark, of a file, or
every one; or each flush does. The daemon ends with status 7; while the disk still fails it does so again; once it writes again the next start
goes on, without a remount in between: the page cache still shows what the disk does not have. After a while the machine
loses power, with nothing but what was flushed on its disk: each row is there once after going on. What the kernel does to
a file whose sync failed is measured beside it. Needs root. Exit status 0: nothing was lost.
"""
import collections
import fcntl
import json
import mmap
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import power_kit  # noqa: E402
from power_kit import Disk, Shared, Tape  # noqa: E402
from power_run import PIPELINE  # noqa: E402
from torture_kit import arguments, tell  # noqa: E402
from toy_run import judge  # noqa: E402

FIEMAP, EXTENT = struct.Struct("<QQIIII"), struct.Struct("<QQQ16xI12x")
FS_IOC_FIEMAP = 0xC020660B
SEGMENT = "leat-data/logs/toys/segments/00000000000000000000.seg"
EVERYWHERE = ((0, 1 << 62),)


def extents(path):
    """Where the bytes of the file are on the disk: (in the file, on the disk, length)."""
    room = bytearray(FIEMAP.pack(0, 1 << 62, 0, 0, 150, 0) + bytes(150 * EXTENT.size))
    with open(path, "rb") as file:
        fcntl.ioctl(file.fileno(), FS_IOC_FIEMAP, room)
    count = FIEMAP.unpack_from(room)[3]
    return [EXTENT.unpack_from(room, FIEMAP.size + number * EXTENT.size)[:3] for number in range(count)]


def places(system, *paths):
    """What must fail so that the files cannot be written. btrfs writes to new places: there everything fails."""
    if system == "btrfs":
        return EVERYWHERE
    return [(at, at + length) for path in paths for _, at, length in extents(path)]


def read_direct(path, size):
    """From the disk, past the page cache."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECT)
    buffer = mmap.mmap(-1, (size + 4095) // 4096 * 4096)
    try:
        have = os.readv(fd, [buffer])
        return buffer[:min(have, size)]
    finally:
        os.close(fd)


def kernel_facts(disk, shared, system):
    """What one file sees of a device that fails once: both syncs, and what cache and disk hold afterwards."""
    path = os.path.join(disk.mnt, "fact")
    size = 64 << 10
    with open(path, "wb") as file:
        file.write(b"a" * size)
        os.fsync(file.fileno())
    said = []
    with open(path, "r+b", buffering=0) as file:
        file.write(b"b" * size)
        shared.fail(power_kit.FAIL_WRITES, places(system, path))
        for _ in range(2):
            try:
                os.fdatasync(file.fileno())
                said.append("OK")
            except OSError as error:
                said.append(os.strerror(error.errno))
            shared.heal()
        file.seek(0)
        cached = file.read(size).count(b"b")
    disk.unmount()
    disk.mount()
    with open(path, "rb") as file:
        after = file.read(size).count(b"b")
    return {"first sync": said[0], "second sync": said[1], "new bytes in the cache": cached, "after a remount": after}


class Failing:
    """One file system, one kind of failure."""

    def __init__(self, args, system, place, draw):
        self.args, self.system, self.place, self.draw = args, system, place, draw
        self.shared = Shared(os.path.join(place, "shared"))
        self.base, self.image, self.tape = (os.path.join(place, name) for name in ("base", "image", "tape"))
        self.said = open(os.path.join(args.dir, f"{system}.log"), "ab")
        self.found, self.figures = collections.Counter(), collections.Counter()

    def write_pipeline(self, mnt, rate):
        with open(os.path.join(mnt, "toys.yaml"), "w") as file:
            file.write(PIPELINE.format(fsync="every_commit", rows=self.args.rows, rate=rate, seed=self.args.seed))
        return os.path.join(mnt, "toys.yaml")

    def start(self, mnt):
        return subprocess.Popen([self.args.leat, "run", os.path.join(mnt, "toys.yaml")], cwd=mnt, stdout=self.said, stderr=self.said)

    def wrong(self, what, **counts):
        print(f"{self.system}: {what}", file=sys.stderr)
        self.found.update(counts or {"wrong": 1})

    def ends_with_7(self, mnt, daemon, when):
        try:
            status = daemon.wait(timeout=30)
        except subprocess.TimeoutExpired:
            daemon.kill()
            status = f"{daemon.wait()} (it was killed: it went on for 30 s)"
        if status != 7:
            self.wrong(f"the daemon ended with {status} {when}; see {self.said.name}")
        self.figures["ended_with_7"] += status == 7
        return mnt

    def cache_and_disk(self, path):
        """How many bytes of the file are other ones in the page cache than on the disk."""
        with open(path, "rb") as file:
            cached = file.read()
        try:
            there = read_direct(path, len(cached))
        except OSError:  # btrfs: a checksum that does not match
            self.figures["unreadable"] += 1
            return
        self.figures["in_cache_alone"] += sum(1 for at in range(0, len(cached), 512) if cached[at:at + 512] != there[at:at + 512]) * 512

    def fail_and_go_on(self, disk, names):
        mnt = disk.mnt
        self.write_pipeline(mnt, self.args.rows // 4)
        subprocess.run(["sync", "-f", mnt], check=True)
        daemon = self.start(mnt)
        time.sleep(self.draw.uniform(0.8, 1.2))
        paths = [os.path.join(mnt, name) for name in names or ()]
        what = power_kit.FAIL_WRITES if names is not None else power_kit.FAIL_FLUSHES
        self.shared.fail(what, places(self.system, *paths) if paths else EVERYWHERE)
        self.ends_with_7(mnt, daemon, "when the disk failed")
        for path in paths:
            self.cache_and_disk(path)
        if paths and self.system != "btrfs" and self.draw.random() < 0.6:  # where all fails, the file system itself is done
            self.ends_with_7(mnt, self.start(mnt), "at a start on the disk that still failed")
        self.shared.heal()
        if not paths or self.system == "btrfs":
            disk.unmount()
            disk.mount()
        daemon = self.start(mnt)
        time.sleep(self.draw.uniform(0.5, 1))
        if daemon.poll() is not None:
            self.wrong(f"the daemon ended with {daemon.returncode} though the disk wrote again; see {self.said.name}")
            return
        daemon.send_signal(signal.SIGKILL)
        daemon.wait()

    def power_cut(self):
        """Nothing that was not flushed is on the disk."""
        tape = Tape(self.tape, self.base)
        last = tape.flushes[-1]
        tape.cut(self.image, last + 1, self.draw, flush=last)
        mnt = os.path.join(self.place, "mnt")
        power_kit.run("mount", "-t", self.system, "-o", power_kit.SYSTEMS[self.system]["mount"], self.image, mnt)
        self.write_pipeline(mnt, 0)
        done = subprocess.run(["timeout", "120", self.args.leat, "run", "--once", os.path.join(mnt, "toys.yaml")], cwd=mnt, check=False,
                              capture_output=True, text=True)
        found, there = judge(os.path.join(mnt, "out"), self.args.rows)
        self.figures["rows"] += there
        if done.returncode != 0 or +found:
            self.wrong(f"after the power cut: status {done.returncode}, {dict(+found)}: {done.stderr}", **(+found or {"ended": 1}))
        power_kit.run("umount", mnt)

    def run(self, names):
        power_kit.make_system(self.system, self.base)
        power_kit.copy_sparse(self.base, os.path.join(self.place, "disk"))
        with Disk(self.args.disk, self.system, os.path.join(self.place, "disk"), self.shared, self.tape, self.place) as disk:
            self.fail_and_go_on(disk, names)
        if not self.found:
            self.power_cut()
        self.figures["failures"] += 1


def facts(args, system, place):
    image, shared = os.path.join(place, "disk"), Shared(os.path.join(place, "shared"))
    power_kit.make_system(system, image)
    with Disk(args.disk, system, image, shared, "-", place) as disk:
        return kernel_facts(disk, shared, system)


def main():
    power_kit.in_a_world_of_its_own()
    args = arguments("disk", rows=6000, systems="ext4,xfs,btrfs")
    world = power_kit.make_world(args.dir)
    lacks = power_kit.complain_of_missing(args.systems.split(","))
    kinds = {"log": [SEGMENT], "mark": ["out/.toy.t0.ndjson.leat", "out/.toys.archive.leat"], "file": ["out/toy.t1.ndjson"], "all": [],
             "flush": None}
    figures, found, kernel = collections.Counter(), collections.Counter(), {}
    for number, system in enumerate(args.systems.split(",")):
        if system in lacks:
            continue
        os.makedirs(os.path.join(world, system))
        kernel[system] = facts(args, system, os.path.join(world, system))
        for kind, names in kinds.items():
            place = os.path.join(world, f"{system}-{kind}")
            os.makedirs(place)
            one = Failing(args, system, place, random.Random(args.seed * 100 + number))
            one.run(names)
            print(f"{system}, {kind}: {json.dumps({**one.figures, **one.found})}", file=sys.stderr)
            figures.update(one.figures)
            found.update(one.found)
            shutil.rmtree(place)
    tell(args, found, kernel=kernel, missing=sorted(lacks), **figures)


if __name__ == "__main__":
    main()
