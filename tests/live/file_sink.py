#!/usr/bin/env python3
"""The file sink against what befalls disks: a full one, directories that are lost, restored, or written by two daemons."""
import json
import os
import re
import shutil
import sys

import kit
from kit import has, in_order, same, wait

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "servers"))
from smalldisk import SmallDisk  # noqa: E402

TOYS = """\
data: ./leat-data
pipelines:
  toys:
    source:
      toy: {{count: {rows}, rate: {rate}, topics: 2, writers: 1, keys: 50}}
    sinks:
      out:
        file: {{path: "{path}", format: json{more}}}
        errors: {{retry: {{first: 50ms, most: 400ms}}}}
"""


def toys(box, rows=2000, rate=0, path="out/all.ndjson", more="", name="toys.yaml"):
    return box.write(name, TOYS.format(rows=rows, rate=rate, path=path, more=more))


def numbers(box, folder="out"):
    """What stands in the files, closed ones first."""
    names = sorted(name for name in os.listdir(box.path(folder)) if name.endswith(".ndjson"))
    names = [name for name in names if name != "all.ndjson"] + ["all.ndjson"]
    return [json.loads(line)["seq"] for name in names if os.path.exists(box.path(folder, name))
            for line in box.read(f"{folder}/{name}").split("\n")[:-1]]


def all_of(box, rows, folder="out"):
    in_order(numbers(box, folder), rows)


def case_a_full_disk_stalls_and_goes_on_by_itself(box):
    for more in ("", ", rotate_size: 64KiB"):
        with SmallDisk(box.path("out"), 16) as disk:
            if not disk.is_there:
                return
            disk.fill(but=600000)
            toys(box, 20000, more=more)
            daemon = box.start("run", "--once", "toys.yaml")
            daemon.says(r"No space left on device; free some space, it goes on by itself")
            wait("its state", lambda: re.search(r"toys\.out +waiting .*No space left on device", box.run("status").both)) # between two tries
            same(numbers(box), list(range(len(numbers(box)))), "what is there meanwhile")
            disk.free()
            daemon.ends(0)
            all_of(box, 20000)
            shutil.rmtree(box.path("leat-data"))


def case_a_full_disk_and_kills(box):
    with SmallDisk(box.path("out"), 16) as disk:
        if not disk.is_there:
            return
        toys(box, 30000, more=", rotate_size: 64KiB")
        for room in (0, 100000, 400000, 900000):
            disk.fill(but=room)
            daemon = box.start("run", "--once", "toys.yaml")
            daemon.says(r"No space left on device")
            daemon.process.kill()
            daemon.process.wait()
            disk.free()
        box.run("run", "--once", "toys.yaml", status=0)
        all_of(box, 30000)


def running(box, rows=3000, **more):
    """A daemon in the midst of its rows, forever; it has written some."""
    toys(box, 100000000, rate=20000, **more)
    daemon = box.start("run", "toys.yaml")
    wait("some rows", lambda: os.path.exists(box.path("out/all.ndjson")) and len(numbers(box)) > rows)
    return daemon


def case_a_directory_that_is_lost_while_it_is_written(box):
    daemon = running(box)
    os.rename(box.path("out"), box.path("away"))
    daemon.says(r"out/\S+ was deleted or moved while it was written: bring it back")
    daemon.stop(1)
    daemon = box.start("run", "toys.yaml")
    daemon.says("holds no mark for toys/0")
    daemon.stop(1)
    shutil.rmtree(box.path("out"))
    os.rename(box.path("away"), box.path("out"))
    daemon = box.start("run", "toys.yaml")
    before = len(numbers(box))
    wait("it goes on", lambda: len(numbers(box)) > before + 3000)
    daemon.stop()
    all_of(box, len(numbers(box)))


def case_a_directory_that_is_lost_while_nothing_runs(box):
    toys(box)
    box.run("run", "--once", "toys.yaml", status=0)
    shutil.rmtree(box.path("out"))
    has(box.run("run", "--once", "toys.yaml", status=1).both,
        r"holds no mark for toys/0, though this sink has written there", "leat offsets reset toys.out")
    box.run("offsets", "reset", "toys.out", status=0)
    box.run("run", "--once", "toys.yaml", status=0)
    all_of(box, 2000)


def case_a_file_that_is_lost(box):
    toys(box)
    box.run("run", "--once", "toys.yaml", status=0)
    os.rename(box.path("out/all.ndjson"), box.path("away"))
    toys(box, 3000)
    has(box.run("run", "--once", "toys.yaml", status=1).both, r"out/all.ndjson is gone, though \d+ bytes were written and synced")
    os.rename(box.path("away"), box.path("out/all.ndjson"))
    box.run("run", "--once", "toys.yaml", status=0)
    all_of(box, 3000)


def case_a_log_that_lost_its_tail_is_damaged(box):
    """A copy that was made while it was written to: it wrote what the mark stands at itself, and does not have it."""
    toys(box, 1000)
    box.run("run", "--once", "toys.yaml", status=0)
    toys(box, 100000, 2000, name="endless.yaml")
    daemon = box.start("run", "endless.yaml")
    wait("more lines", lambda: len(box.lines("out/all.ndjson")) > 1500)
    shutil.copytree(box.path("leat-data"), box.path("backup"), ignore=shutil.ignore_patterns("*.sock"))
    before = len(box.lines("out/all.ndjson"))
    wait("lines that the copy does not have", lambda: len(box.lines("out/all.ndjson")) > before + 3000)
    daemon.stop(0)
    shutil.rmtree(box.path("leat-data"))
    os.rename(box.path("backup"), box.path("leat-data"))
    has(box.run("run", "--once", "toys.yaml", status=5).both, r"is ahead of the log, in a part that this very log wrote.*"
        r"leat recover toys --from-sinks")
    daemon = box.start("run", "endless.yaml") # what the source brings would stand behind what is lost
    daemon.says(r"toys: stops: toys.out and all sinks of the pipeline say that its log is damaged")
    daemon.ends(5)


def case_an_older_data_directory_is_no_beginning(box):
    toys(box)
    box.run("run", "--once", "toys.yaml", status=0)
    shutil.copytree(box.path("leat-data"), box.path("backup"))
    toys(box, 4000)
    box.run("run", "--once", "toys.yaml", status=0)
    shutil.rmtree(box.path("leat-data"))
    os.rename(box.path("backup"), box.path("leat-data"))
    # Which of the two depends on how much the source has written before the sink asks.
    has(box.run("run", "--once", "toys.yaml", status=6).both, r"mark for toys/0 (is ahead of the log, written|was written from another "
        r"log) by leat on .*restored (from an older )?backup.*bring the (newer one|right data directory) back")
    all_of(box, 4000)
    os.rename(box.path("out"), box.path("away"))
    box.run("offsets", "reset", "toys.out", status=0)
    box.run("run", "--once", "toys.yaml", status=0)
    all_of(box, 4000)


def case_older_files_are_written_again(box):
    for more in ("", ", rotate_size: 64KiB"):
        toys(box, 2000, more=more)
        box.run("run", "--once", "toys.yaml", status=0)
        shutil.copytree(box.path("out"), box.path("backup"))
        toys(box, 6000, more=more)
        box.run("run", "--once", "toys.yaml", status=0)
        shutil.rmtree(box.path("out"))
        os.rename(box.path("backup"), box.path("out"))
        toys(box, 7000, more=more)
        has(box.run("run", "--once", "toys.yaml", status=0).both, "the target lost its tail in toys/0; writing it again")
        all_of(box, 7000)
        shutil.rmtree(box.path("leat-data"))
        shutil.rmtree(box.path("out"))


def case_one_older_file_among_newer_ones_is_noticed(box):
    toys(box, 2000)
    box.run("run", "--once", "toys.yaml", status=0)
    shutil.copy(box.path("out/all.ndjson"), box.path("older"))
    toys(box, 3000)
    box.run("run", "--once", "toys.yaml", status=0)
    shutil.copy(box.path("older"), box.path("out/all.ndjson"))
    toys(box, 4000)
    has(box.run("run", "--once", "toys.yaml", status=1).both, r"has \d+ bytes, but \d+ were written and synced: somebody cut it, or it "
        r"was restored")


def case_of_two_daemons_the_one_that_holds_the_files_goes_on(box):
    old = running(box, path=box.path("out/all.ndjson"))
    old.freeze()
    box.clone()
    shutil.copy(box.path("toys.yaml"), box.path("clone", "toys.yaml"))
    new = box.start("run", "clone/toys.yaml")
    new.says(rf"leat on \S+, pid {old.pid}, since 20.*, writes these files; this one stops: .*out/\.toys\.out\.leat is held by another process")
    old.thaw()
    before = len(numbers(box))
    wait("the old one goes on", lambda: len(numbers(box)) > before + 3000)
    new.ends(6)
    old.stop()
    all_of(box, len(numbers(box)))


if __name__ == "__main__":
    kit.main(needs_server=False)
