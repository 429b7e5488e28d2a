#!/usr/bin/env python3
"""A running daemon under its operator's hands: pause, resume, restart and stop of single connectors; a target that is dead or
hangs, and what status says of it; what the other sinks do meanwhile."""
import json
import os
import re
import signal
import subprocess
import sys

import kit
from kit import has, lacks, same, wait

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "servers"))
from redis import Redis  # noqa: E402

SHOP = """\
data: ./leat-data
pipelines:
  shop:
    source:
      toy: {count: 1000000000, rate: 500}
    sinks:
      archive:
        file: {path: "archive/{topic}.ndjson", format: native-json}
      copy:
        file: {path: "copy/{topic}.ndjson", format: native-json}
  other:
    source:
      toy: {count: 1000000000, rate: 500}
    sinks:
      archive:
        file: {path: "other/{topic}.ndjson", format: native-json}
"""


def states(box, exit_status=0):
    return {name: row["state"] for name, row in box.status(exit_status).items()}


def count(box, folder):
    """Records of a file sink, all in it, in order and once."""
    total = 0
    for name in sorted(os.listdir(box.path(folder))) if os.path.isdir(box.path(folder)) else []:
        if not name.endswith(".ndjson"):
            continue
        offsets = [record["offset"] for record in box.lines(f"{folder}/{name}")]
        same(offsets, list(range(len(offsets))), f"offsets in {folder}/{name}")
        total += len(offsets)
    return total


def grows(box, folder):
    before = count(box, folder)
    wait(f"{folder} grows", lambda: count(box, folder) > before)


def shop(box):
    box.write("shop.yaml", SHOP)
    daemon = box.start("run", "shop.yaml")
    for folder in ("archive", "copy", "other"):
        wait(f"records in {folder}", lambda f=folder: count(box, f) > 0)
    return daemon


def case_a_paused_sink_stands_still_and_the_others_go_on(box):
    daemon = shop(box)
    same(box.run("pause", "shop.archive", status=0).stdout, "shop.archive: paused\n", "what pause says")
    stands_at = count(box, "archive")
    grows(box, "copy")
    grows(box, "other")
    same(count(box, "archive"), stands_at, "records while it is paused")
    behind = box.status()["shop.archive"]["lag"]["records"]
    wait("it falls behind", lambda: box.status()["shop.archive"]["lag"]["records"] > behind)
    same(states(box), {"shop": "running", "shop.archive": "paused", "shop.copy": "running", "other": "running",
                       "other.archive": "running"}, "states")
    box.run("pause", "shop", status=0) # so that the numbers stand still
    wait("the copy has all", lambda: box.status()["shop.copy"]["lag"]["records"] == 0)
    wait("the paused one lacks the rest", lambda: box.status()["shop.archive"]["lag"]["records"] == count(box, "copy") - stands_at)
    box.run("resume", "shop", status=0)
    has(box.run("resume", "shop.archive", status=0).stdout, r"^shop\.archive: running\n")
    wait("it caught up", lambda: count(box, "archive") > count(box, "copy") - 200)
    daemon.stop()
    same(count(box, "archive"), count(box, "copy"), "records in the end")


def case_a_paused_source_lets_its_sinks_finish(box):
    daemon = shop(box)
    box.run("pause", "shop", status=0)
    wait("the sinks have all", lambda: count(box, "archive") == count(box, "copy") == box.status()["shop.copy"]["records"])
    stands_at = count(box, "copy")
    grows(box, "other")
    same(count(box, "copy"), stands_at, "records of a paused source")
    box.run("resume", "shop", status=0)
    grows(box, "copy")
    daemon.stop()


def case_a_pause_outlives_the_daemon(box):
    daemon = shop(box)
    box.run("pause", "shop.*", status=0)
    box.run("stop", "other.archive", status=0)
    daemon.stop()
    stands_at = count(box, "archive"), count(box, "copy"), count(box, "other")
    daemon = box.start("run", "shop.yaml")
    daemon.says(r"shop\.copy: .*paused.*`leat resume shop\.copy`")
    wait("it runs", lambda: states(box)["shop"] == "running")
    same(states(box), {"shop": "running", "shop.archive": "paused", "shop.copy": "paused", "other": "running",
                       "other.archive": "stopped"}, "states after a restart")
    before = box.status()["shop"]["records"]
    wait("the source goes on", lambda: box.status()["shop"]["records"] > before)
    same((count(box, "archive"), count(box, "copy"), count(box, "other")), stands_at, "records while paused")
    box.run("resume", "shop.*", "other.archive", status=0)
    for folder in ("archive", "copy", "other"):
        grows(box, folder)
    daemon.stop()
    same(count(box, "archive"), count(box, "copy"), "records in the end")
    same(box.read("leat-data/control/wanted"), "", "what is kept of orders that were taken back")


def case_a_failed_connector_is_started_anew_alone(box):
    daemon = shop(box)
    box.run("pause", "shop.archive", status=0)
    box.write("aside", "")
    os.rename(box.path("archive"), box.path("kept"))
    box.write("archive", "a file where the directory was")
    box.run("resume", "shop.archive", status=0)
    wait("it has trouble", lambda: states(box)["shop.archive"] in ("failed", "waiting"))
    has(json.dumps(box.status()["shop.archive"]["error"]), "archive")
    grows(box, "copy")
    os.remove(box.path("archive"))
    os.rename(box.path("kept"), box.path("archive"))
    box.run("restart", "shop.archive", status=0)
    grows(box, "archive")
    same(states(box)["shop.archive"], "running", "state")
    daemon.stop()
    same(count(box, "archive"), count(box, "copy"), "records in the end")


def case_all_paused_is_no_end_of_the_run(box):
    daemon = shop(box)
    box.run("pause", "shop", "shop.*", "other", "other.*", status=0)
    same(set(states(box).values()), {"paused"}, "states")
    box.run("resume", "other", "other.*", status=0)
    grows(box, "other")
    daemon.stop()


TAKEN_OUT = """\
data: ./leat-data
pipelines:
  shop:
    source:
      toy: {{count: {rows}, rate: 5000, writers: 1, payload: 1000B}}
    retain: {{{retain}, rewind: 0s}}
    on_full: {on_full}
    sinks:
      archive:
        file: {{path: "archive/{{topic}}.ndjson", format: native-json}}
"""
COPY = """\
      copy:
        file: {path: "copy/{topic}.ndjson", format: native-json}
"""


def take_out(box, retain, on_full):
    """Two sinks have what is less than a segment; then one is taken out of the file, and the log grows."""
    box.write("shop.yaml", TAKEN_OUT.format(rows=100, retain=retain, on_full=on_full) + COPY)
    lacks(box.run("run", "--once", "shop.yaml", status=0).both, "orphaned")
    same(count(box, "copy"), 100, "records in copy")
    box.write("shop.yaml", TAKEN_OUT.format(rows=10**9, retain=retain, on_full=on_full))
    daemon = box.start("run", "shop.yaml")
    daemon.says(r"shop\.copy: orphaned: no sink .* log shop keeps .*`leat offsets forget shop\.copy`")
    return daemon


def segments(box):
    return sorted(name for name in os.listdir(box.path("leat-data/logs/shop/segments")) if name.endswith(".seg"))


def consumers(box, *args):
    """Those that `offsets list` tells of, and what it says of the orphans."""
    done = box.run("offsets", "list", *args, status=0)
    rows = [row for row in map(json.loads, done.stdout.splitlines()) if "kept" in row]
    return {row["name"]: row["orphaned"] for row in rows}, done.stderr


def case_a_sink_that_was_taken_out_holds_the_log_as_an_orphan_until_it_is_forgotten(box):
    daemon = take_out(box, "age: 1ms", "pause_sources")
    wait("the log grows", lambda: len(segments(box)) > 2)
    oldest = segments(box)[0]
    row = box.status()["shop.copy"]
    same((row["state"], row["kind"], row["log"], row["kept"] > 1 << 20), ("orphaned", "sink", "shop", True), f"status {row}")
    has(box.run("status", status=0).stdout, r"shop\.copy +orphaned +no sink .*log shop keeps \d.*`leat offsets forget shop\.copy`")
    for args in ((), ("-f", "shop.yaml")): # by the daemon, and by the file
        names, notes = consumers(box, *args)
        same(names, {"shop.archive": False, "shop.copy": True}, "who is orphaned")
        has(notes, r"^leat: shop\.copy: orphaned: .*`leat offsets forget shop\.copy`")
    daemon.stop()
    names, notes = consumers(box)
    same((names, notes), ({"shop.archive": None, "shop.copy": None}, ""), "who is orphaned, where nobody can know")
    daemon = box.start("run", "shop.yaml")
    daemon.says(r"shop\.copy: orphaned: ")
    same(segments(box)[0], oldest, "the oldest segment")
    daemon.stop()
    box.run("offsets", "forget", "shop.copy", status=0)
    same(consumers(box, "-f", "shop.yaml")[0], {"shop.archive": False}, "consumers behind a forget")
    daemon = box.start("run", "shop.yaml")
    wait("the oldest segment goes", lambda: segments(box)[0] != oldest)
    same("shop.copy" in box.status(), False, "status tells of it")
    lacks(daemon.log(), "orphaned")
    daemon.stop()


def case_an_orphan_whose_records_were_released_comes_back_and_stops(box):
    daemon = take_out(box, "bytes: 2MiB", "release_slowest")
    daemon.says(r"on_full: release_slowest: (shop\.archive, )?shop\.copy has not read all of \S+ \d+ to \d+, which is released now")
    has(box.run("status", status=0).stdout, r"shop\.copy +orphaned ")
    box.write("shop.yaml", box.read("shop.yaml") + COPY)
    daemon.process.send_signal(signal.SIGHUP)
    wait("it stops", lambda: states(box)["shop.copy"] == "failed")
    has(box.run("status", status=0).stdout, r"shop\.copy +failed .*lies before the oldest record kept: records between were released")
    daemon.stop(1)


def case_wrong_orders_are_refused_by_name(box):
    has(box.run("pause", "shop", status=1).stderr, r"no daemon answers")
    daemon = shop(box)
    has(box.run("pause", status=2).stderr, "which NAME")
    has(box.run("pause", "shop.archiv", status=2).stderr, r'no connector is named "shop\.archiv"; did you mean "shop\.archive"')
    has(box.run("pause", "shop/../x", status=2).stderr, "is no name of a connector")
    same(set(states(box).values()), {"running"}, "states")
    daemon.stop()


def case_a_port_takes_no_orders(box):
    port = kit.free_port()
    box.write("toy.yaml", SHOP + f"admin: 127.0.0.1:{port}\n")
    daemon = box.start("run", "toy.yaml")
    wait("it runs", lambda: count(box, "copy") > 0)
    said = subprocess.run(["curl", "-s", "-X", "PUT", f"http://127.0.0.1:{port}/connectors/shop/pause"],
                          capture_output=True, text=True).stdout
    has(said, "admin.sock alone")
    same(states(box)["shop"], "running", "state")
    daemon.stop()


# ---- other files while it runs ----


def reload(daemon, pattern):
    before = len(daemon.log())
    daemon.process.send_signal(signal.SIGHUP)
    wait(f"/{pattern}/ is said", lambda: re.search(pattern, daemon.log()[before:]))


def case_a_reload_touches_only_what_differs(box):
    daemon = shop(box)
    text = box.read("shop.yaml")
    untouched = wait("records", lambda: box.status()["shop"]["records"])
    head, tail = text.split("  other:")
    box.write("shop.yaml", "# a comment moves all lines\n" + head + "  other:" + tail.replace("archive:", "moved:").replace(
        "other/", "moved/"))
    reload(daemon, r"tasks 3 go on, 2 have ended, 2 begin")
    daemon.says(r"other\.archive: orphaned: no sink ")
    wait("moved is written", lambda: count(box, "moved") > 0)
    same(box.status()["shop"]["records"] >= untouched, True, "what is counted of shop goes on")
    stands_at = count(box, "other")
    grows(box, "copy")
    grows(box, "moved")
    same(count(box, "other"), stands_at, "records in the old place")
    box.write("shop.yaml", text.replace("  other:", "  third:").replace('"other/', '"third/'))
    reload(daemon, r"tasks 3 go on, 2 have ended, 2 begin")
    wait("third is written", lambda: count(box, "third") > 0)
    same(sorted(box.status()), ["other.archive", "other.moved", "shop", "shop.archive", "shop.copy", "third", "third.archive"], "connectors")
    same({name for name, state in states(box).items() if state == "orphaned"}, {"other.archive", "other.moved"}, "orphans")
    box.write("shop.yaml", text.replace("toy:", "tyo:"))
    reload(daemon, r"the pipeline files are wrong; going on as before")
    grows(box, "copy")
    grows(box, "third")
    box.write("shop.yaml", text + "memory: 24MiB\n")
    reload(daemon, r"more than pipelines has changed: all begin anew")
    all_run = dict.fromkeys(("other", "other.archive", "shop", "shop.archive", "shop.copy"), "running")
    wait("all run", lambda: states(box, None) == all_run | dict.fromkeys(("other.moved", "third.archive"), "orphaned"))
    daemon.stop()
    same(count(box, "archive"), count(box, "copy"), "records in the end")


def case_a_pause_outlives_a_reload(box):
    daemon = shop(box)
    box.run("pause", "other.archive", "shop.copy", status=0)
    box.write("shop.yaml", box.read("shop.yaml").replace('path: "other/', 'path: "moved/'))
    reload(daemon, "tasks 3 go on")
    wait("its source runs", lambda: states(box)["other"] == "running")
    same((states(box)["other.archive"], states(box)["shop.copy"]), ("paused", "paused"), "states")
    box.run("resume", "shop.copy", status=0)
    grows(box, "copy")
    daemon.stop()


# ---- sinks apart ----

ROWS = 20000
BOTH = """\
data: ./leat-data
pipelines:
  shop:
    source:
      toy: {{count: {rows}, rate: {rate}, topics: 1, writers: 1}}
    sinks:
      archive:
        file: {{path: "archive/{{topic}}.ndjson", format: native-json}}
      feed:
        redis: {{port: {port}, as: list, key: feed, format: json, timeout: {timeout}}}
"""


def redis(box):
    server = Redis(box.path(f"redis{len(box.servers)}"))
    box.servers.append(server)
    return server


def both(box, server, rows=ROWS, rate=0, timeout="5s"):
    box.write("both.yaml", BOTH.format(rows=rows, rate=rate, port=server.port, timeout=timeout))


def numbers(server):
    return [json.loads(line)["seq"] for line in server.ask("LRANGE", "feed", 0, -1)]


def case_a_dead_sink_holds_nobody_up_and_catches_up_alone(box):
    """Endless rows: while redis is down the source and the file go on; its lag is what it lacks, and the last error is shown."""
    server = redis(box)
    both(box, server, rows=10**9, rate=2000)
    daemon = box.start("run", "both.yaml")
    wait("the file has rows", lambda: count(box, "archive") > 2000)
    row = wait("it waits", lambda: (now := box.status()["shop.feed"])["state"] == "waiting" and now)
    has(row["error"], "refused|connect")
    wait("its lag grows past 1,000 records", lambda: (box.status()["shop.feed"]["lag"]["records"] or 0) > 1000)
    wait("seconds too", lambda: box.status()["shop.feed"]["lag"]["us"] > 0 and box.status()["shop.feed"]["lag"]["bytes"] > 1000)
    box.run("pause", "shop", status=0) # so that the numbers stand still
    wait("the file has all", lambda: box.status()["shop.archive"]["lag"]["records"] == 0)
    total = count(box, "archive")
    wait("redis lacks them all", lambda: box.status()["shop.feed"]["lag"]["records"] == total)
    wait("the table tells it", lambda: re.search(r"shop\.feed +waiting .* behind [\d,]+ records, .*(refused|connect)",
                                                 box.run("status", status=0).stdout))
    server.start()
    box.run("restart", "shop.feed", status=0)
    wait("redis has them all", lambda: server.ask("LLEN", "feed") == total)
    same(numbers(server), list(range(total)), "rows in redis")
    same([count(box, "archive"), box.status()["shop.archive"]["retries"]], [total, 0], "rows and retries of the file sink")
    daemon.stop()
    same(count(box, "archive"), server.ask("LLEN", "feed"), "rows in the end")


def case_a_target_that_hangs_is_a_stall_and_says_so(box):
    server = redis(box).start()
    both(box, server, rows=10**9, rate=500, timeout="10m")
    daemon = box.start("run", "both.yaml")
    wait("rows in redis", lambda: server.ask("LLEN", "feed") > 100)
    with open(box.path("redis0", "redis.pid")) as file:
        pid = int(file.read())
    os.kill(pid, signal.SIGSTOP)
    try:
        row = wait("it is stalled", lambda: (now := box.status()["shop.feed"])["state"] == "stalled" and now, 30)
        has(row["stalled"], r"no progress for 1\d.* s: waiting for its target")
        same(row["lag"]["records"] > 0, True, "it is behind")
        daemon.says(r"shop\.feed: stalled: no progress")
        grows(box, "archive")
        same(states(box)["shop.archive"], "running", "the other sink")
    finally:
        os.kill(pid, signal.SIGCONT)
    wait("it goes on", lambda: states(box)["shop.feed"] == "running")
    daemon.says(r"shop\.feed: no longer stalled")
    daemon.stop()
    total = count(box, "archive")
    same(numbers(server), list(range(total)), "rows in redis")


def case_metrics_tell_lag_rate_and_stalls(box):
    port = kit.free_port()
    box.write("toy.yaml", SHOP + f"admin: 127.0.0.1:{port}\n")
    daemon = box.start("run", "toy.yaml")
    wait("records", lambda: count(box, "copy") > 0)
    said = subprocess.run(["curl", "-s", f"http://127.0.0.1:{port}/metrics"], capture_output=True, text=True).stdout
    for name in ("running", "stalled", "records_per_second", "lag_records", "lag_bytes", "lag_seconds", "errors_total"):
        has(said, rf'leat_connector_{name}{{connector="shop\.copy"}} [\d.]+')
    daemon.stop()


if __name__ == "__main__":
    kit.main(needs_server=False)
