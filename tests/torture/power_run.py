#!/usr/bin/env python3
"""Proves that the commit log survives power cuts on real file systems: ext4, xfs and btrfs.

    power_run.py --leat BIN --disk power_disk --log power_log --dir DIR [--images 40] [--daemon-images 6] [--rows 6000]
                 [--seed 1] [--policy every_commit|every|never] [--systems ext4,xfs,btrfs] [--plant]

A writer appends units on a file system whose device records what arrives; it is killed -9 now and then, and goes on. Then
images are made of what a power cut could have left at some moment: all that was flushed, and of what was not, anything.
Each is mounted (its journal is replayed), the log opens, and must hold at least what had been acknowledged at that
moment, whole units, no gap; and it must go on. Some images are the ground of the next recording, so that cuts meet
recoveries of cuts. Then the same with the whole daemon: rows -> log -> files, all on that disk: each row is there once
after going on. Needs root; runs in namespaces of its own, so nothing stays mounted however it ends. Exit status 0:
nothing was lost. --plant: a device that drops flushes must be noticed.
"""
import collections
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import power_kit  # noqa: E402
from power_kit import Disk, Shared, Tape  # noqa: E402
from torture_kit import arguments, tell  # noqa: E402
from toy_run import judge  # noqa: E402

IMAGES_EACH = 20  # of one recording

PIPELINE = """\
data: ./leat-data
min_free: 1MiB

pipelines:
  toys:
    fsync: {fsync}
    source:
      toy: {{count: {rows}, rate: {rate}, seed: {seed}, topics: 3, writers: 4, transaction: 20}}
    transforms:
      - drop: [secret]
    sinks:
      archive:
        file: {{path: "out/{{topic}}.ndjson", format: json, rotate_size: 64KiB, gzip: true}}
        errors: {{retry: {{first: 50ms, most: 400ms}}}}
"""


class Round:
    """One file system: recordings and the images that are made of them."""

    def __init__(self, args, system, place, draw):
        self.args, self.system, self.place, self.draw = args, system, place, draw
        self.shared = Shared(os.path.join(place, "shared"))
        self.base, self.image, self.tape = (os.path.join(place, name) for name in ("base", "image", "tape"))
        self.said = open(os.path.join(args.dir, f"{system}.log"), "ab")
        self.figures, self.found = collections.Counter(), collections.Counter()
        self.mnt, self.complaint = os.path.join(place, "mnt"), ""

    def record(self, work):
        """work(disk) on the file system of `base`, which stays as it was; the tape tells what happened."""
        copy_of_base = os.path.join(self.place, "disk")
        power_kit.copy_sparse(self.base, copy_of_base)
        with Disk(self.args.disk, self.system, copy_of_base, self.shared, self.tape, self.place) as disk:
            work(disk)
        return Tape(self.tape, self.base)

    def write(self, disk):
        """The writer, killed some times."""
        for _ in range(self.draw.randint(1, 3)):
            writer = subprocess.Popen([self.args.log, "write", os.path.join(disk.mnt, "log"), self.shared.path, str(self.args.seed),
                                       self.args.policy], stdout=self.said, stderr=self.said)
            time.sleep(self.draw.uniform(0.1, 0.8))
            status = writer.poll()
            writer.kill()
            writer.wait()
            if status is not None:
                raise SystemExit(f"power: the writer on {self.system} ended with {status}")
            self.figures["kills"] += 1

    def moment(self, tape):
        """Before which event the power goes: early ones, where recoveries stand, are of interest; so is the end of what a
        flush is about to make durable."""
        count = len(tape.events)
        at = self.draw.randrange(1, 1 + min(count - 1, 400)) if self.draw.random() < 0.25 else self.draw.randrange(1, count)
        if self.draw.random() < 0.5:
            at = min((flush for flush in tape.flushes if flush >= at), default=at)
        return at

    def mounted(self, look):
        """look(mnt) with the image mounted; None where that is not possible."""
        os.makedirs(self.mnt, exist_ok=True)
        done = subprocess.run(["mount", "-t", self.system, "-o", power_kit.SYSTEMS[self.system]["mount"], self.image, self.mnt],
                              check=False, capture_output=True, text=True)
        if done.returncode != 0:
            said = subprocess.run(["dmesg"], check=False, capture_output=True, text=True).stdout.splitlines()
            self.complaint = "\n".join([done.stderr.strip(), *said[-12:]])
            return None
        try:
            return look(self.mnt)
        finally:
            power_kit.run("umount", self.mnt)

    def compare(self, begun, acked):
        """How the log of the image is: exit status of power_log, what it saw, what it complained of."""
        done = self.mounted(lambda mnt: subprocess.run(
            [self.args.log, "check", os.path.join(mnt, "log"), str(self.args.seed), self.args.policy, str(acked), str(begun)], check=False,
            capture_output=True, text=True))
        if done is None:
            return "mount", 0, "the file system cannot be mounted: " + self.complaint
        seen = json.loads(done.stdout) if done.stdout else {"seen": 0, "cut": 0}
        self.figures["cut_tails"] += seen["cut"] > 0
        return done.returncode, seen["seen"], done.stderr.strip()

    def keep(self, tape, at, draw_state, what):
        """The image as it was before it was looked at, for who wants to see."""
        self.draw.setstate(draw_state)
        tape.cut(self.image, at, self.draw)
        kept = os.path.join(self.args.dir, f"failed-{self.system}-{at}")
        shutil.rmtree(kept, ignore_errors=True)
        os.makedirs(kept)
        power_kit.copy_sparse(self.image, os.path.join(kept, "image"))
        with open(os.path.join(kept, "why"), "w") as file:
            file.write(what + "\n")
        print(f"{self.system}, event {at}: {what}; see {kept}", file=sys.stderr)

    def one_image(self, tape):
        at, draw_state = self.moment(tape), self.draw.getstate()
        _, _, _, begun, acked, _ = tape.events[at]
        is_never = self.args.policy == "never"
        self.figures["unflushed"] += tape.cut(self.image, at, self.draw)
        status, seen, complaint = self.compare(begun, 0 if is_never else acked)
        self.figures["images"] += 1
        self.figures["acked"] += acked
        self.figures["ahead"] += max(0, seen - acked)
        if is_never and status in (0, 5):
            self.figures["refused"] += status == 5
            self.figures["forgetful"] += status == 0 and seen < acked
            self.figures["forgotten"] += max(0, acked - seen) if status == 0 else 0
        elif status == "mount":
            self.found["unmountable"] += 1
        elif status != 0:
            self.found["damaged" if status == 5 else "lost"] += 1
        if status != 0 and not (is_never and status == 5):
            self.keep(tape, at, draw_state, complaint)
        return at, draw_state

    def go_on_from(self, tape, at, draw_state):
        """This image is the next recording's ground."""
        state = self.draw.getstate()
        self.draw.setstate(draw_state)
        tape.cut(self.base + ".next", at, self.draw)
        self.draw.setstate(state)
        os.replace(self.base + ".next", self.base)
        _, _, _, begun, acked, _ = tape.events[at]
        self.shared.set_counts(begun, acked)

    # ---- the whole daemon ----

    def pipeline(self, mnt, rate):
        path = os.path.join(mnt, "toys.yaml")
        with open(path, "w") as file:
            file.write(PIPELINE.format(fsync={"every": "{every: 20ms}"}.get(self.args.policy, self.args.policy), rows=self.args.rows,
                                       rate=rate, seed=self.args.seed))
        return path

    def run_daemon(self, disk):
        pipeline = self.pipeline(disk.mnt, self.args.rows // 3)
        subprocess.run(["sync", "-f", disk.mnt], check=True)
        for _ in range(2):
            daemon = subprocess.Popen([self.args.leat, "run", pipeline], cwd=disk.mnt, stdout=self.said, stderr=self.said)
            time.sleep(self.draw.uniform(0.7, 1.4))
            status = daemon.poll()
            daemon.kill()
            daemon.wait()
            if status is not None:
                raise SystemExit(f"power: the daemon on {self.system} ended with {status}; see {self.said.name}")
            self.figures["kills"] += 1

    def finish(self, mnt):
        done = subprocess.run(["timeout", "120", self.args.leat, "run", "--once", self.pipeline(mnt, 0)], cwd=mnt, check=False,
                              capture_output=True, text=True)
        if done.returncode != 0:
            return {"ended": done.returncode}, done.stderr
        found, there = judge(os.path.join(mnt, "out"), self.args.rows)
        self.figures["rows"] += there
        return +found, done.stderr

    def daemon_images(self):
        """Rows go through log and files of one disk; behind each cut the daemon goes on to the last row, and every one of
        them is in the files once."""
        power_kit.make_system(self.system, self.base)
        tape = self.record(self.run_daemon)
        for _ in range(self.args.daemon_images):
            at, draw_state = self.moment(tape), self.draw.getstate()
            tape.cut(self.image, at, self.draw)
            wrong, said = self.mounted(self.finish) or ({"unmountable": 1}, self.complaint)
            self.figures["daemon_images"] += 1
            if wrong:
                self.found.update(wrong)
                self.keep(tape, at, draw_state, f"{wrong}: {said}")
                return

    def run(self):
        power_kit.make_system(self.system, self.base)
        while self.figures["images"] < self.args.images:
            tape = self.record(self.write)
            self.figures["recordings"] += 1
            self.figures["flushes"] += len(tape.flushes)
            for _ in range(min(IMAGES_EACH, self.args.images - self.figures["images"])):
                at, draw_state = self.one_image(tape)
                if self.found:
                    return
            if self.args.policy == "never":
                self.shared.set_counts(0, 0)
            else:
                self.go_on_from(tape, at, draw_state)
        if self.args.plant and self.args.policy != "never":
            self.plant(tape)
        if self.args.policy != "never":  # that promises nothing to sinks, whose marks may know what the log forgot
            self.daemon_images()

    def plant(self, tape):
        """A device that forgets its newest flushes: of twenty such cuts the comparison must see each that lost something."""
        missed = seen_faults = 0
        for _ in range(20):
            flush = self.draw.choice(tape.flushes[len(tape.flushes) // 2:])
            _, _, _, begun, acked, _ = tape.events[flush]
            tape.cut(self.image, flush, random.Random(1), flush=max(0, flush - 200))
            status, seen, _ = self.compare(begun, acked)
            seen_faults += status != 0
            missed += status == 0 and seen < acked
        if missed or not seen_faults:
            raise SystemExit(f"power: the check did not see {missed} of 20 cuts behind forgotten flushes on {self.system} "
                             f"({seen_faults} were seen)")
        self.figures["planted_and_seen"] += seen_faults


def main():
    power_kit.in_a_world_of_its_own()
    args = arguments("disk", "log", images=40, daemon_images=6, rows=6000, systems="ext4,xfs,btrfs", choices={"policy": ("every_commit", "every", "never")})
    started = time.monotonic()
    place = power_kit.make_world(args.dir)
    systems = args.systems.split(",")
    lacks = power_kit.complain_of_missing(systems)
    figures, found = collections.Counter(), collections.Counter()
    for number, name in enumerate(systems):
        if name in lacks:
            continue
        here = os.path.join(place, name)
        os.makedirs(here)
        one = Round(args, name, here, random.Random(args.seed * 10 + number))
        one.run()
        figures.update({f"{name}_images": one.figures["images"], **one.figures})
        found.update(one.found)
        shutil.rmtree(here)
    tell(args, found, policy=args.policy, missing=sorted(lacks), took_s=round(time.monotonic() - started), **figures)


if __name__ == "__main__":
    main()
