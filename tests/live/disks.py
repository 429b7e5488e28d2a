#!/usr/bin/env python3
"""The commit log's disk: full and free again, and one that fails. disks.py --leat BIN [--bad-disk LIBRARY] [CASE...]"""
import contextlib
import http.client
import json
import os
import re
import signal
import sys

import kit
from kit import Wrong, has, in_order, lacks, same, wait

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "servers"))
from ports import free_port  # noqa: E402
from smalldisk import SmallDisk  # noqa: E402

LIBRARY = [None]
TOYS = """\
data: ./leat-data
min_free: {min_free}
pipelines:
  toys:
    source:
      toy: {{count: {rows}, rate: {rate}, topics: 2, writers: 1, keys: 50, payload: 1000B}}
    retain: {{bytes: {retain}, rewind: 0s}}
    on_full: {on_full}
    sinks:
      out:
        file: {{path: "out/all.ndjson", format: json}}
"""


def toys(box, rows=100000000, rate=10000, min_free="1MiB", retain="4MiB", on_full="pause_sources"):
    return box.write("toys.yaml", TOYS.format(rows=rows, rate=rate, min_free=min_free, retain=retain, on_full=on_full))


def numbers(box):
    return [row["seq"] for row in box.lines("out/all.ndjson")]


def is_waiting(box, name="toys"):
    row = box.status(None).get(name, {})
    return row.get("state") == "stalled" and re.search("disk is full", row.get("stalled") or "")


def drained(box):
    """The sink has written all that there is while the source waits."""
    lag = box.status(None).get("toys.out", {}).get("lag", {})
    return lag.get("records") == 0


def held(disk, condition, box):
    """Whatever comes free meanwhile is taken: else the log lives on what its own retention frees."""
    disk.refill()
    return condition(box)


def case_filled_and_freed(box):
    fill_and_free(box, 3)


def fill_and_free(box, rounds):
    """Each time the source says so and waits, the sink writes all that is there, and it goes on by itself."""
    with SmallDisk(box.path("leat-data"), 24) as disk:
        if not disk.is_there:
            return
        toys(box)
        daemon = box.start("run", "toys.yaml")
        for _ in range(rounds):
            before = box.status(None).get("toys", {}).get("records", 0)
            wait("some rows", lambda: box.status(None).get("toys", {}).get("records", 0) > before + 1000)
            disk.fill(but=1000000)
            wait("the source waits", lambda: held(disk, is_waiting, box))
            wait("the sink has it all", lambda: held(disk, drained, box))
            disk.free()
            wait("it goes on", lambda: box.status(None)["toys"]["state"] == "running")
        has(box.run("status").both, r"toys +running")
        log = daemon.stop()
        has(log, r"too little for a new segment beside `min_free` \(1.0 MiB\): sources pause", "the disk has room again")
        seen = numbers(box)
        in_order(seen, len(seen))
        box.run("run", "--once", toys(box, rows=len(seen) + 1000, rate=0), status=0, seconds=60)
        in_order(numbers(box), len(seen) + 1000)


def case_killed_and_started_on_a_full_disk(box):
    with SmallDisk(box.path("leat-data"), 24) as disk:
        if not disk.is_there:
            return
        toys(box, min_free="0B")
        for _ in range(2):
            daemon = box.start("run", "toys.yaml")
            before = box.status(None).get("toys", {}).get("records", 0)
            wait("some rows", lambda: box.status(None).get("toys", {}).get("records", 0) > before + 1000)
            disk.fill()
            wait("the source waits", lambda: held(disk, is_waiting, box))
            daemon.process.kill()
            daemon.process.wait()
            daemon = box.start("run", "toys.yaml")
            wait("the source waits again", lambda: held(disk, is_waiting, box))
            wait("the sink has it all", lambda: held(disk, drained, box))
            disk.free()
            wait("it goes on", lambda: box.status(None)["toys"]["state"] == "running")
            daemon.stop()
        seen = numbers(box)
        in_order(seen, len(seen))


def case_another_min_free_counts_at_once(box):
    with SmallDisk(box.path("leat-data"), 24) as disk:
        if not disk.is_there:
            return
        toys(box)
        daemon = box.start("run", "toys.yaml")
        daemon.says("toys")
        wait("it runs", lambda: numbers(box))
        toys(box, min_free="20MiB")
        daemon.process.send_signal(signal.SIGHUP)
        wait("the source waits", lambda: is_waiting(box))
        has(box.run("status").both, "waiting for room: the disk is full: .* has .* free, and `min_free` keeps 20.0 MiB for others")
        toys(box)
        daemon.process.send_signal(signal.SIGHUP)
        wait("it goes on", lambda: box.status(None).get("toys", {}).get("state") == "running")
        daemon.stop()
        seen = numbers(box)
        in_order(seen, len(seen))


def case_the_slowest_is_released_and_says_so(box):
    with SmallDisk(box.path("leat-data"), 24) as disk:
        if not disk.is_there:
            return
        toys(box, retain="200MiB", on_full="release_slowest")
        daemon = box.start("run", "toys.yaml")
        wait("it runs", lambda: numbers(box))
        box.run("pause", "toys.out", status=0)
        daemon.says(r"on_full: release_slowest: toys\.out has not read all of (toy\.)?t\d \d+ to \d+.*, which is released now")
        lacks(daemon.log(), "still failing")
        box.run("resume", "toys.out")
        wait("it stops", lambda: box.status(None)["toys.out"]["state"] == "failed")
        has(box.run("status").both, "toys.out .*lies before the oldest record kept: records between were released")
        daemon.stop(1)


def post(port, key):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("POST", "/in", json.dumps({"key": key, "pad": "x" * 20000}),
                           {"Content-Type": "application/json", "Idempotency-Key": str(key)})
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.getheader("Retry-After")
    except TimeoutError:
        return None, None
    finally:
        connection.close()


def case_http_answers_503_while_the_disk_is_full(box):
    port = free_port()
    with SmallDisk(box.path("leat-data"), 32) as disk:
        if not disk.is_there:
            return
        box.write("in.yaml", f"""\
data: ./leat-data
min_free: 0B
pipelines:
  orders:
    source:
      http: {{listen: "127.0.0.1:{port}", path: /in}}
    sinks:
      out:
        file: {{path: "out/all.ndjson", format: json}}
""")
        daemon = box.start("run", "in.yaml")
        daemon.says("listening on port")
        wait("the port", lambda: not failing(lambda: post(port, 0)))
        disk.fill()
        connections, key = [], 1
        while not is_waiting(box, "orders"):  # one by one; the last ones wait for their answer
            connections.append(http.client.HTTPConnection("127.0.0.1", port, timeout=60))
            connections[-1].request("POST", "/in", json.dumps({"key": key, "pad": "x" * 20000}),
                                    {"Content-Type": "application/json", "Idempotency-Key": str(key)})
            key += 1
        same(post(port, key), (503, "1"), "the answer while the disk is full")
        disk.free()
        answers = [connection.getresponse().status for connection in connections]
        same([answer for answer in answers if answer not in (200, 503)], [], "answers")
        wait("it is taken", lambda: post(port, key)[0] == 200)
        taken = {0, key} | {at + 1 for at, answer in enumerate(answers) if answer == 200}
        wait("all that was acknowledged", lambda: taken <= {row["key"] for row in box.lines("out/all.ndjson")})
        daemon.stop()
        seen = [row["key"] for row in box.lines("out/all.ndjson")]
        same(len(seen), len(set(seen)), "each once")


def failing(call):
    try:
        call()
        return False
    except OSError:
        return True


# ---- a disk that fails ----

@contextlib.contextmanager
def bad(box, call, path, error="EIO"):
    """What starts within gets a disk that fails once the file `bad` is there."""
    os.environ.update(LEAT_BAD_DISK=f"{call} {path} {error}", LEAT_BAD_WHEN=box.path("bad"), LD_PRELOAD=LIBRARY[0])
    try:
        yield
    finally:
        for name in ("LEAT_BAD_DISK", "LEAT_BAD_WHEN", "LD_PRELOAD"):
            del os.environ[name]


def plain(box, **more):
    os.makedirs(box.path("leat-data"), exist_ok=True)
    return toys(box, min_free="0B", **more)


def fail_once_running(box, call, path, error="EIO", **more):
    plain(box, **more)
    before = len(numbers(box))
    with bad(box, call, path, error):
        daemon = box.start("run", "toys.yaml")
    wait("some rows", lambda: len(numbers(box)) > before + 500)
    box.write("bad", "")
    return daemon


def case_a_failed_write_or_sync_ends_it(box):
    """Nothing that came later is shown or acknowledged; the next start goes on, and all is there once."""
    for call, path, text in (("fdatasync", "segments/", r"cannot sync \(fdatasync\) \S+/segments/\d+\.seg: Input/output error"),
                             ("pwritev", "segments/", r"cannot write \(pwritev\) to \S+/segments/\d+\.seg: Input/output error"),
                             ("fdatasync", "segments/", None), ("ftruncate", "segments/", r"cannot cut \(ftruncate\) \S+\.seg"),
                             ("fallocate", "segments/", r"cannot begin segment \S+\.seg: Input/output error")):
        daemon = fail_once_running(box, call, path, error="EIO" if text else "ENOSPC")
        log = daemon.ends(7)
        has(log, text or r"cannot sync \(fdatasync\) \S+: No space left on device",
            "nothing after that was acknowledged, and a restart recovers what was: look at the disk first")
        if call in ("fdatasync", "pwritev"):
            same(box.read("bad").count("failed"), 1, "tries")
        os.unlink(box.path("bad"))
    seen = numbers(box)
    box.run("run", "--once", plain(box, rows=len(seen) + 5000, rate=0), status=0, seconds=60)
    in_order(numbers(box), len(seen) + 5000)


def case_short_and_interrupted_calls_are_no_failures(box):
    for call in ("pwritev", "pread"):
        daemon = fail_once_running(box, call, "segments/", "SHORT", rate=2000)
        before = len(numbers(box))
        wait("it goes on", lambda: len(numbers(box)) > before + 200)
        os.unlink(box.path("bad"))
        wait("and on", lambda: len(numbers(box)) > before + 2000)
        lacks(daemon.stop(), "error", "warning")
    seen = numbers(box)
    in_order(seen, len(seen))


def case_a_reader_that_cannot_read_stops_alone(box):
    plain(box)
    with bad(box, "pread", "segments/"):
        daemon = box.start("run", "toys.yaml")
    wait("some rows", lambda: len(numbers(box)) > 500)
    box.write("bad", "")
    daemon.says(r"cannot read \S+/segments/\d+\.seg at byte \d+ \(LSN \d+\): Input/output error: look at the disk first")
    wait("the sink's state", lambda: box.status(None)["toys.out"]["state"] == "failed")
    lacks(daemon.log(), "damaged")
    if box.status(None)["toys"]["state"] not in ("running", "stalled"):
        raise Wrong("the source has to go on")
    os.unlink(box.path("bad"))
    box.run("restart", "toys.out")
    before = len(numbers(box))
    wait("it goes on", lambda: len(numbers(box)) > before + 1000)
    daemon.stop()
    seen = numbers(box)
    in_order(seen, len(seen))


def main():
    args = kit.arguments(("--bad-disk", {"help": "the library that is preloaded"}))
    LIBRARY[0] = args.bad_disk and os.path.abspath(args.bad_disk)
    known = kit.cases()
    with kit.folder(args.keep):
        kit.judge(args, known)


if __name__ == "__main__":
    main()
