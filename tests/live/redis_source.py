#!/usr/bin/env python3
"""The redis source on a real server: streams over kills of everything, and gaps that XREAD does not tell of."""
import os
import random
import sys
import threading
import time

import kit
from kit import has, in_order, same, wait

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "servers"))
from proxy import Proxy  # noqa: E402
from redis import Connection, Refused  # noqa: E402

PIPELINE = """\
data: ./leat-data
pipelines:
  feed:
    source:
      redis: {{port: {port}, streams: [{streams}]{more}}}
    sinks:
      out:
        file: {{path: "out/{{topic}}.ndjson", format: json}}
"""


def feed(box, server, streams="a", more=""):
    return box.write("feed.yaml", PIPELINE.format(port=server.port, streams=streams, more=more))


def numbers(box, name="a"):
    return [int(row["n"]) for row in box.lines(f"out/{name}.ndjson")]


def add(server, name, first, end):
    for n in range(first, end):
        server.ask("XADD", name, "*", "n", n, "text", f"entry {n}")


def torment(box, server, seed, commands, more=""):
    """Two streams are written while the source is killed, and connections that are in one of `commands`; then each entry
    came once, in order."""
    draw, count = random.Random(seed), 6000
    feed(box, server, "a, b", more)

    def write():
        writer = Connection(server.port)
        for n in range(count):
            writer.ask("XADD", "a", "*", "n", n)
            writer.ask("XADD", "b", "*", "n", n)
        writer.close()
    thread = threading.Thread(target=write)
    thread.start()
    for _ in range(8):
        daemon = box.start("run", "feed.yaml")
        time.sleep(draw.uniform(0.1, 0.5))
        for _ in range(3):
            for line in server.text("CLIENT", "LIST", "TYPE", "NORMAL").splitlines():
                if any(f"cmd={word} " in line for word in commands) and draw.random() < 0.5:
                    try:
                        server.ask("CLIENT", "KILL", "ID", line.split()[0].split("=")[1])
                    except Refused:
                        pass
            time.sleep(draw.uniform(0, 0.1))
        daemon.process.kill()
        daemon.process.wait()
    thread.join()
    box.run("run", "--once", "feed.yaml", status=0, seconds=60)
    for name in ("a", "b"):
        in_order(numbers(box, name), count)


def case_entries_come_once_whatever_is_killed(box):
    torment(box, box.redis(), 3, ("exec", "xread"))


def case_what_was_trimmed_or_deleted_is_a_gap(box):
    server = box.redis()
    feed(box, server)
    add(server, "a", 0, 50)
    server.ask("XTRIM", "a", "MAXLEN", 40) # before the beginning: not missing
    server.ask("XDEL", "a", server.text("XRANGE", "a", "-", "+")[20][0])
    box.run("run", "--once", "feed.yaml", status=0)
    same(len(numbers(box)), 39, "entries that were there")
    add(server, "a", 50, 60)
    server.ask("XTRIM", "a", "MAXLEN", 10) # all that was read: not missing
    box.run("run", "--once", "feed.yaml", status=0)
    same(numbers(box)[-10:], list(range(50, 60)), "the new ones")
    add(server, "a", 60, 80)
    server.ask("XTRIM", "a", "MAXLEN", 19)
    has(box.run("run", "--once", "feed.yaml", status=1).both, "stream a was trimmed behind .*: records are missing")
    same(len(numbers(box)), 49, "entries after the gap")


def case_a_deleted_entry_and_a_new_stream_are_gaps(box):
    server = box.redis()
    feed(box, server)
    add(server, "a", 0, 10)
    box.run("run", "--once", "feed.yaml", status=0)
    add(server, "a", 10, 20)
    server.ask("XDEL", "a", server.text("XRANGE", "a", "-", "+")[15][0])
    has(box.run("run", "--once", "feed.yaml", status=1).both, "has had entries deleted")
    server.ask("DEL", "a")
    has(box.run("run", "--once", "feed.yaml", status=1).both, "has lost its end, or was made anew")
    add(server, "a", 0, 3)
    has(box.run("run", "--once", "feed.yaml", status=1).both, "was made anew")


def case_latest_is_one_moment(box):
    server = box.redis()
    feed(box, server, more=", from: latest")
    add(server, "a", 0, 10)
    daemon = box.start("run", "feed.yaml")
    wait("its position", lambda: "a" in box.run("offsets", "list").both and box.lines("out/a.ndjson") == [])
    daemon.says("streaming")
    wait("the wait for news", lambda: "cmd=xread" in server.text("CLIENT", "LIST"))
    daemon.process.kill()
    daemon.process.wait()
    add(server, "a", 10, 20)
    daemon = box.start("run", "feed.yaml")
    wait("what came meanwhile", lambda: len(numbers(box)) == 10)
    add(server, "a", 20, 25)
    wait("what comes", lambda: numbers(box) == list(range(10, 25)))
    daemon.stop()


GROUP = ", group: workers, consumer: we"


def pending(server, name="a"):
    return server.ask("XPENDING", name, "workers")[0]


def case_as_a_consumer_of_a_group_whatever_is_killed(box):
    server = box.redis()
    torment(box, server, 4, ("exec", "xread", "xack", "xreadgroup"), GROUP)
    for name in ("a", "b"):
        same(pending(server, name), 0, "entries that are not acknowledged")


def case_what_is_durable_is_acknowledged_after_a_crash(box):
    """Kills between the unit and XACK: the proxy swallows the acknowledgements."""
    server = box.redis()
    proxy = Proxy(server.port).start()
    box.write("feed.yaml", PIPELINE.format(port=proxy.port, streams="a", more=GROUP))
    for round in range(3):
        daemon = box.start("run", "feed.yaml")
        daemon.says("streaming") # what the life before it left is acknowledged
        same(pending(server) if round else 0, 0, "entries that are not acknowledged")
        proxy.hold = lambda data: b"XACK" in data
        server.ask("MULTI") # one batch: the source waits for the answer to its XACK
        add(server, "a", 100 * round, 100 * round + 100)
        server.ask("EXEC")
        wait("the entries", lambda: len(numbers(box)) == 100 * round + 100)
        same(pending(server) >= 100, True, "entries that are not acknowledged")
        daemon.process.kill()
        daemon.process.wait()
        proxy.hold = None
    box.run("run", "--once", "feed.yaml", status=0)
    same([numbers(box), pending(server)], [list(range(300)), 0], "entries once, and what is not acknowledged")
    proxy.stop()


def case_entries_of_the_dead_are_taken_over(box):
    server = box.redis()
    feed(box, server, more=GROUP + ", claim_after: 300ms")
    add(server, "a", 0, 250)
    server.ask("XGROUP", "CREATE", "a", "workers", "0", "ENTRIESREAD", 0)
    server.ask("XREADGROUP", "GROUP", "workers", "dead", "COUNT", 220, "STREAMS", "a", ">")
    for round in range(3): # a hundred at once; killed in between
        daemon = box.start("run", "feed.yaml")
        wait("some more", lambda: len(numbers(box)) >= min(250, 100 * round + 30))
        daemon.process.kill()
        daemon.process.wait()
    daemon = box.start("run", "feed.yaml")
    wait("all", lambda: len(numbers(box)) >= 250)
    wait("nothing pending", lambda: pending(server) == 0)
    add(server, "a", 250, 260)
    wait("new ones", lambda: len(numbers(box)) >= 260)
    daemon.stop()
    same(sorted(numbers(box)), list(range(260)), "entries, each once")
    has(daemon.log() + "".join(d.log() for d in box.daemons), r"entries of consumers that are silent for 300 ms are taken over")


def case_a_group_has_gaps_too(box):
    server = box.redis()
    feed(box, server, more=GROUP)
    add(server, "a", 0, 20)
    server.ask("XTRIM", "a", "MAXLEN", 15) # before the beginning: not missing
    box.run("run", "--once", "feed.yaml", status=0)
    server.ask("XDEL", "a", *[entry[0] for entry in server.text("XRANGE", "a", "-", "+")[:7]]) # that were read: not missing
    add(server, "a", 20, 40)
    box.run("run", "--once", "feed.yaml", status=0)
    same(numbers(box), list(range(5, 40)), "entries")
    add(server, "a", 40, 50)
    server.ask("XTRIM", "a", "MAXLEN", 5)
    has(box.run("run", "--once", "feed.yaml", status=1).both, "stream a was trimmed behind .*: records are missing")
    same(len(numbers(box)), 35, "entries after the gap")
    server.ask("XGROUP", "DESTROY", "a", "workers")
    has(box.run("run", "--once", "feed.yaml", status=1).both, "has no group workers any more")
    feed(box, server, more=", group: others")
    has(box.run("run", "--once", "feed.yaml", status=1).both, "was read as group workers")
    feed(box, server)
    has(box.run("run", "--once", "feed.yaml", status=1).both, "was read as group workers")


def case_from_no_group_to_one(box):
    server = box.redis()
    feed(box, server)
    add(server, "a", 0, 30)
    box.run("run", "--once", "feed.yaml", status=0)
    add(server, "a", 30, 60)
    feed(box, server, more=GROUP)
    box.run("run", "--once", "feed.yaml", status=0)
    same(numbers(box), list(range(60)), "entries")


def case_consumers_share_a_group(box):
    server = box.redis()
    feed(box, server, more=GROUP)
    add(server, "a", 0, 10)
    box.run("run", "--once", "feed.yaml", status=0)
    daemon = box.start("run", "feed.yaml")
    daemon.says("streaming")
    theirs, other = [], Connection(server.port)
    for n in range(10, 200):
        server.ask("XADD", "a", "*", "n", n)
        got = other.ask("XREADGROUP", "GROUP", "workers", "they", "COUNT", 1, "STREAMS", "a", ">")
        if got:
            theirs += [int(fields[1]) for _, fields in got[0][1]]
            other.ask("XACK", "a", "workers", got[0][1][0][0])
    wait("each entry at one of us", lambda: len(theirs) + len(numbers(box)) == 200)
    same(sorted(theirs + numbers(box)), list(range(200)), "entries")
    wait("nothing pending", lambda: pending(server) == 0)
    daemon.stop()


def case_messages_are_decoded(box):
    server = box.redis()
    feed(box, server, more=", field: value, format: json, key: id")
    server.ask("XADD", "a", "5000-0", "id", "k1", "value", '{"n":1,"deep":{"x":[1,2.5]}}')
    box.run("run", "--once", "feed.yaml", status=0)
    same(box.lines("out/a.ndjson"), [{"n": 1, "deep": {"x": [1, 2.5]}}], "record")
    has(box.run("read", "a").stdout, '"k1"', '"redis_id":"5000-0"', "1970-01-01T00:00:05")
    server.ask("XADD", "a", "*", "value", "no json")
    has(box.run("run", "--once", "feed.yaml").both, "stream a, entry .*: ")
    for more, text in ((", format: xml", "unknown"), (", tls_ca: x", "say tls")):
        feed(box, server, more=more)
        has(box.run("check", "feed.yaml", status=3).both, text)
    feed(box, server, "a, a")
    has(box.run("check", "feed.yaml", status=3).both, "twice")


if __name__ == "__main__":
    kit.main(needs_server=False)
