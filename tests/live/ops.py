#!/usr/bin/env python3
"""A running daemon under its operator's hands: pause, resume, restart and stop of single connectors."""
import json
import os
import subprocess

import kit
from kit import has, same, wait

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


def status(box):
    lines = box.run("status", "--format", "json", status=0).stdout.splitlines()
    return {row["name"]: row for row in map(json.loads, lines)}


def states(box):
    return {name: row["state"] for name, row in status(box).items()}


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
    same(states(box), {"shop": "running", "shop.archive": "paused", "shop.copy": "running", "other": "running",
                       "other.archive": "running"}, "states")
    has(box.run("resume", "shop.archive", status=0).stdout, r"^shop\.archive: running\n")
    wait("it caught up", lambda: count(box, "archive") > count(box, "copy") - 200)
    daemon.stop()
    same(count(box, "archive"), count(box, "copy"), "records in the end")


def case_a_paused_source_lets_its_sinks_finish(box):
    daemon = shop(box)
    box.run("pause", "shop", status=0)
    wait("the sinks have all", lambda: count(box, "archive") == count(box, "copy") == status(box)["shop.copy"]["records"])
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
    before = status(box)["shop"]["records"]
    wait("the source goes on", lambda: status(box)["shop"]["records"] > before)
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
    has(json.dumps(status(box)["shop.archive"]["error"]), "archive")
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


if __name__ == "__main__":
    kit.main(needs_server=False)
