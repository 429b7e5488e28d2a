#!/usr/bin/env python3
"""The redis sink on a real server: each type, what servers refuse, what is lost and comes again, who owns the mark."""
import json
import os
import shutil
import subprocess
import sys
import threading
import time

import kit
from kit import has, in_order, lacks, same, shop_yaml, wait

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "servers"))
from proxy import Proxy  # noqa: E402
from redis import Connection, Refused  # noqa: E402

TOYS = """\
data: ./leat-data
pipelines:
  toys:
    source:
      toy: {{count: {rows}, rate: {rate}, topics: 1, writers: 1, keys: 50}}
    sinks:
      out:
        redis: {{port: {port}, {more}}}
        errors: {{{errors}retry: {{first: 50ms, most: 400ms}}}}
"""


def toys(box, server, more='as: list, key: "{topic}", format: json', rows=2000, rate=0, errors="", name="toys.yaml"):
    return box.write(name, TOYS.format(rows=rows, rate=rate, port=server.port, more=more, errors=errors))


def numbers(server, key="toy.t0"):
    return [json.loads(line)["seq"] for line in server.ask("LRANGE", key, 0, -1)]


def all_of(server, rows):
    in_order(numbers(server), rows)


def calls(server, command):
    """How often the server has run it."""
    stats = server.text("INFO", "commandstats")
    return int(stats.split(f"cmdstat_{command}:calls=")[1].split(",")[0]) if f"cmdstat_{command}:" in stats else 0


def case_each_type(box):
    server = box.redis()
    sinks = {
        "st": "as: stream, key: st, format: json",
        "cols": "as: stream, columns: true, key: cols",
        "li": "as: list, key: li, format: json",
        "ha": "as: hash",
        "ht": 'as: hash, key: "t:{key.id}", ttl_field: expires',
        "js": 'as: json, key: "j:{key.id}", ttl: 10000d',
        "sr": 'as: string, format: json, key: "{value.what}"',
        "se": 'as: set, key: "set:{value.what}", member: "{key.id}"',
        "zs": 'as: zset, key: zs, member: "{key.id}", score: points',
        "pu": "as: publish, key: news, format: json",
    }
    box.shared.sql("USE shop", "DROP TABLE items",
                   "CREATE OR REPLACE TABLE orders (id INT PRIMARY KEY, what VARCHAR(40), points DECIMAL(9,2), expires DATETIME)")
    box.write("shop.yaml", shop_yaml(box.shared.port, sinks="".join(
        f"      {name}:\n        redis: {{port: {server.port}, {what}}}\n" for name, what in sinks.items())))
    daemon = box.start("run", "shop.yaml")
    daemon.says("streaming")
    box.shared.sql("USE shop", "INSERT INTO orders VALUES (1,'pen',2.5,'2040-01-01 00:00:00'),(2,'ink',7,NULL)",
                   "INSERT INTO orders VALUES (3,'cup',1,'2001-01-01 00:00:00')",
                   "UPDATE orders SET what='mug', points=9, expires=NULL WHERE id=1",
                   "UPDATE orders SET points=NULL WHERE id=2", "UPDATE orders SET points=8 WHERE id=2",
                   "DELETE FROM orders WHERE id=3", "INSERT INTO orders VALUES (4,'end',0,NULL)")
    wait("the last row in each", lambda: all([
        b'"id":4' in (server.ask("LRANGE", "li", -1, -1) or [b""])[0], server.ask("EXISTS", "shop.orders:4", "t:4", "j:4", "end",
                                                                         "set:end") == 5,
        server.ask("ZSCORE", "zs", "4"), server.ask("XLEN", "cols") == 8, server.ask("XLEN", "st") >= 7]))
    rows = [json.loads(line) for line in server.ask("LRANGE", "li", 0, -1)]
    same([(r["id"], r["what"]) for r in rows],
         [(1, "pen"), (2, "ink"), (3, "cup"), (1, "mug"), (2, "ink"), (2, "ink"), (4, "end")], "list")
    same([entry[1][1] for entry in server.text("XRANGE", "st", "-", "+")], server.text("LRANGE", "li", 0, -1), "stream")
    entry = server.text("XRANGE", "cols", "-", "+")
    same(entry[0][1], ["id", "1", "what", "pen", "points", "2.50", "expires", "2040-01-01T00:00:00"], "entry of columns")
    same(entry[6][1][-2:], ["__deleted", "true"], "entry of a delete")
    same(server.hash("shop.orders:1"), {"id": "1", "what": "mug", "points": "9.00"}, "hash after nulls")
    same(server.ask("EXISTS", "shop.orders:3"), 0, "hash of a deleted row")
    same([server.ask("TTL", "t:1"), server.ask("EXISTS", "t:3")], [-1, 0], "hash with a time to live")
    same(json.loads(server.ask("GET", "j:2"))["points"], 8.0, "json")
    same(server.ask("TTL", "j:2") > 9000 * 86400, True, "ttl")
    same([server.ask("EXISTS", key) for key in ("pen", "mug", "ink", "cup")], [0, 1, 1, 0], "strings that moved")
    same([server.text("SMEMBERS", f"set:{what}") for what in ("pen", "mug", "cup")], [[], ["1"], []], "sets")
    same(server.text("ZRANGE", "zs", 0, -1, "WITHSCORES"), ["4", "0", "2", "8", "1", "9"], "sorted set")
    has(daemon.log(), r"shop\.pu: redis .*at-most-once", r"shop\.li: redis .*, exactly-once")
    daemon.stop()


def case_streams_are_trimmed(box):
    server = box.redis()
    toys(box, server, "as: stream, maxlen: 500, key: a", rows=3000)
    box.run("run", "--once", "toys.yaml", status=0)
    same(500 <= server.ask("XLEN", "a") <= 1000, True, f"length {server.ask('XLEN', 'a')}")


def case_what_is_wrong_is_said(box):
    server = box.redis()
    server.ask("ACL", "SETUSER", "leat", "on", ">water", "~other*", "+@all")
    server.ask("ACL", "SETUSER", "reader", "on", ">water", "allkeys", "+@read", "+info", "+select")
    list_to = 'as: list, key: "{topic}", '
    toys(box, server, list_to + "user: leat, password: wine")
    has(box.run("check", "--connect", "toys.yaml").both,
        "WRONGPASS", "look at `user` and `password`")
    has(box.run("run", "--once", "toys.yaml", status=1).both, "WRONGPASS")
    toys(box, server, list_to + "user: leat, password: water")
    has(box.run("check", "--connect", "toys.yaml").both, "the user may not HSET {leat:", r"the user may not RPUSH",
        r"ACL SETUSER leat \+RPUSH")
    has(box.run("run", "--once", "toys.yaml", status=1).both, "the user may not")
    toys(box, server, list_to + "user: reader, password: water")
    has(box.run("check", "--connect", "toys.yaml").both, r"ACL SETUSER reader \+evalsha")
    server.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    toys(box, server)
    has(box.run("check", "--connect", "toys.yaml").both, "warning.*maxmemory-policy is allkeys-lru")
    server.ask("CONFIG", "SET", "maxmemory", "1gb")
    has(box.run("run", "--once", "toys.yaml", status=1).both, "CONFIG SET maxmemory-policy noeviction")
    server.ask("SET", "{leat:toys.out}:mark", "mine")
    server.ask("CONFIG", "SET", "maxmemory-policy", "noeviction")
    has(box.run("run", "--once", "toys.yaml", status=1).both, "is no hash; it belongs to something else")
    for more, text in (("as: zset", "need `member`"), ("as: list, maxlen: 5", "only as: stream"),
                       ("tls_ca: x", "say tls"), ("as: list, format: xml", "unknown format"), ("user: x", "password")):
        toys(box, server, more)
        has(box.run("check", "toys.yaml", status=3).both, text)


def case_the_rights_that_the_docs_name_are_enough(box):
    server = box.redis()
    server.ask("ACL", "SETUSER", "leat", "on", ">water", "~{leat:*", "~order:*", "+evalsha", "+script|load", "+info",
               "+client|setname", "+select", "+hmget", "+hset", "+hdel", "+unlink", "+pexpireat", "+persist")
    toys(box, server, 'as: hash, key: "order:{key.id}", ttl: 10000d, db: 3, user: leat, password: water')
    lacks(box.run("check", "--connect", "toys.yaml", status=0).both, "may not")
    server.ask("ACL", "SETUSER", "leat", "-unlink")
    has(box.run("check", "--connect", "toys.yaml").both, r"may not UNLINK order:\?; run: ACL SETUSER leat \+UNLINK ~order:\*")
    server.ask("ACL", "SETUSER", "leat", "+unlink")
    box.run("run", "--once", "toys.yaml", status=0)
    server.ask("SELECT", 3)
    same(len(server.text("KEYS", "order:*")), 50, "keys")
    toys(box, server, 'as: stream, key: "order:all", db: 3, user: leat, password: water', rows=10000, name="stream.yaml")
    server.ask("ACL", "SETUSER", "leat", "+xadd")
    has(box.run("check", "--connect", "stream.yaml", status=0).both, r"may not WATCH: large batches go by script.*\+watch \+multi")
    server.ask("ACL", "SETUSER", "leat", "+watch", "+multi", "+exec", "+discard")
    lacks(box.run("check", "--connect", "stream.yaml", status=0).both, "may not")
    box.run("run", "--once", "stream.yaml", status=0)
    same([server.ask("XLEN", "order:all"), calls(server, "exec") > 0], [8000, True], "entries behind the rows of before, by transactions")


def case_tls(box):
    if not shutil.which("openssl"):
        return
    for name, subject in (("ca", "/CN=our ca"), ("other", "/CN=another ca")):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                        "-subj", subject, "-keyout", box.path(f"{name}.key"), "-out", box.path(f"{name}.crt")], check=True,
                       capture_output=True)
    box.write("names", "subjectAltName=IP:127.0.0.1\n")
    subprocess.run(f"openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=redis -keyout s.key -out s.csr && "
                   f"openssl x509 -req -in s.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile names -out s.crt",
                   shell=True, check=True, capture_output=True, cwd=box.folder)
    port = kit.free_port()
    server = box.redis("--tls-port", str(port), "--tls-cert-file", box.path("s.crt"), "--tls-key-file", box.path("s.key"),
                   "--tls-ca-cert-file", box.path("ca.crt"), "--tls-auth-clients", "no")
    plain, server.port = server.port, port
    for more, text in (("tls: verify, tls_ca: other.crt", "certificate"), ("tls: verify, tls_ca: ca.crt, host: localhost", "certificate"),
                       ("tls: off, timeout: 2s", "redis")):
        toys(box, server, "as: list, key: all, " + more)
        has(box.run("check", "--connect", "toys.yaml").both, "error.*" + text)
    toys(box, server, "as: list, key: toy.t0, format: json, tls: verify, tls_ca: ca.crt", rows=50000)
    box.run("run", "--once", "toys.yaml", status=0)
    server.port = plain
    all_of(server, 50000)


def case_memory_runs_out_and_comes_back(box):
    server = box.redis()
    server.ask("CONFIG", "SET", "maxmemory", server.text("INFO", "memory").split("used_memory:")[1].split()[0])
    toys(box, server, rows=20000)
    daemon = box.start("run", "--once", "toys.yaml")
    daemon.says("OOM")
    same(numbers(server), [], "written without memory")
    server.ask("CONFIG", "SET", "maxmemory", 0)
    daemon.ends(0)
    all_of(server, 20000)


def case_large_batches_go_as_transactions(box):
    server = box.redis()
    toys(box, server, rows=30000)
    box.run("run", "--once", "toys.yaml", status=0)
    all_of(server, 30000)
    same(0 < calls(server, "exec") < 1000, True, "transactions")


def case_a_transaction_finds_a_key_of_another_type(box):
    server = box.redis()
    toys(box, server, rows=1000000, rate=20000)
    daemon = box.start("run", "toys.yaml")
    wait("a transaction", lambda: calls(server, "exec") > 0)
    server.ask("MULTI")
    server.ask("RENAME", "toy.t0", "kept")
    server.ask("SET", "toy.t0", "of another type")
    server.ask("EXEC")
    daemon.says("WRONGTYPE")
    daemon.stop(1)
    same(server.ask("GET", "toy.t0"), b"of another type", "the other's key")
    server.ask("RENAME", "kept", "toy.t0")
    before = server.ask("LLEN", "toy.t0")
    daemon = box.start("run", "toys.yaml")
    wait("more rows", lambda: server.ask("LLEN", "toy.t0") > before + 1000)
    daemon.stop()
    all_of(server, server.ask("LLEN", "toy.t0"))


def case_rights_come_and_go_beside_transactions(box):
    server = box.redis()
    server.ask("ACL", "SETUSER", "leat", "on", ">water", "allkeys", "+@all")
    toys(box, server, 'as: list, key: "{topic}", format: json, user: leat, password: water', rows=1000000, rate=20000)
    daemon = box.start("run", "toys.yaml")
    wait("a transaction", lambda: calls(server, "exec") > 0)
    for right in ("multi", "watch", "exec", "discard"):
        server.ask("ACL", "SETUSER", "leat", "-" + right)
        before = server.ask("LLEN", "toy.t0")
        wait(f"rows without {right}", lambda: server.ask("LLEN", "toy.t0") > before + 1000)
    server.ask("ACL", "SETUSER", "leat", "-rpush")
    daemon.says("rpush|RPUSH|The user executing the script can't")
    daemon.stop(1)
    server.ask("ACL", "SETUSER", "leat", "+rpush")
    before = server.ask("LLEN", "toy.t0")
    daemon = box.start("run", "toys.yaml")
    wait("rows by scripts", lambda: server.ask("LLEN", "toy.t0") > before + 1000)
    daemon.stop()
    all_of(server, server.ask("LLEN", "toy.t0"))


def case_others_write_into_the_hash_of_marks(box):
    server = box.redis()
    toys(box, server, 'as: list, key: "{topic}", format: json, mark_key: marks', rows=100000)
    daemon = box.start("run", "--once", "toys.yaml")
    while daemon.process.poll() is None:
        server.ask("HSET", "marks", "of another", "x")
        time.sleep(0.003)
    daemon.ends(0)
    all_of(server, 100000)


def case_connections_are_cut(box):
    server = box.redis()
    toys(box, server, rows=30000, rate=10000)
    daemon = box.start("run", "--once", "toys.yaml")
    cut = there = 0
    while daemon.process.poll() is None:
        if server.ask("LLEN", "toy.t0") > there: # a cut for some progress
            cut += server.kill_connections("leat:toys.out")
            there = server.ask("LLEN", "toy.t0")
        time.sleep(0.02)
    daemon.ends(0)
    all_of(server, 30000)
    same(cut > 0, True, "cut")


def case_a_target_that_lost_its_tail_is_written_again(box):
    server = box.redis()
    toys(box, server, rows=40000, rate=10000)
    daemon = box.start("run", "--once", "toys.yaml")
    wait("some rows", lambda: server.ask("LLEN", "toy.t0") > 3000)
    server.ask("SAVE")
    kept = server.ask("LLEN", "toy.t0")
    wait("more rows", lambda: server.ask("LLEN", "toy.t0") > kept + 5000)
    server.stop("KILL")
    server.start()
    daemon.ends(0)
    has(daemon.log(), "the target lost its tail in toys/0; writing it again")
    all_of(server, 40000)


def case_a_server_that_is_loading_is_waited_for(box):
    server = box.redis()
    toys(box, server, rows=1000)
    box.run("run", "--once", "toys.yaml", status=0)
    for n in range(15):
        server.ask("SET", f"more:{n}", os.urandom(4000))
    server.ask("SAVE")
    server.stop("KILL")
    start = threading.Thread(target=server.start, args=("--key-load-delay", "100000", "--loading-process-events-interval-bytes", "1024"))
    start.start()

    def is_loading():
        try:
            return Connection(server.port).ask("GET", "x") and False
        except Refused as error:
            return "LOADING" in str(error)
        except OSError:
            return False
    wait("the server to load", is_loading)
    toys(box, server, rows=2000)
    has(box.run("run", "--once", "toys.yaml", status=0).both, "it is loading its data; trying again")
    start.join()
    all_of(server, 2000)


def case_a_wiped_target_is_no_new_one(box):
    server = box.redis()
    toys(box, server, rows=1000000, rate=5000)
    daemon = box.start("run", "toys.yaml")
    wait("some rows", lambda: server.ask("LLEN", "toy.t0") > 3000)
    wait("the log's own hint of the mark", lambda: '"mark"' in box.run("offsets", "list", "toys.out").stdout)
    server.ask("FLUSHALL")
    daemon.says(r"holds no mark for toys/0")
    same(server.ask("DBSIZE"), 0, "written after it")
    daemon.stop(1)


def case_the_older_of_two_daemons_is_fenced(box):
    server = box.redis()
    toys(box, server, rows=1000000, rate=5000)
    old = box.start("run", "toys.yaml")
    wait("some rows", lambda: server.ask("LLEN", "toy.t0") > 3000)
    old.freeze()
    box.clone()
    shutil.copy(box.path("toys.yaml"), box.path("clone", "toys.yaml"))
    before = server.ask("LLEN", "toy.t0")
    new = box.start("run", "clone/toys.yaml")
    wait("rows of the new one", lambda: server.ask("LLEN", "toy.t0") > before + 3000)
    old.thaw()
    old.says(rf"was taken over by leat on .*, pid {new.pid}, since 20.*; this one stops")
    now = server.ask("LLEN", "toy.t0")
    wait("the new one goes on", lambda: server.ask("LLEN", "toy.t0") > now + 1000)
    old.ends(6)
    new.stop()
    all_of(server, server.ask("LLEN", "toy.t0"))


def case_one_that_was_taken_over_while_it_was_cut_off_stops(box):
    server = box.redis()
    toys(box, server, rows=1000000, rate=5000)
    old = box.start("run", "toys.yaml")
    wait("some rows", lambda: server.ask("LLEN", "toy.t0") > 3000)
    old.freeze()
    box.clone()
    shutil.copy(box.path("toys.yaml"), box.path("clone", "toys.yaml"))
    before = server.ask("LLEN", "toy.t0")
    same(server.kill_connections("leat:toys.out"), 1, "connections of the old one")
    new = box.start("run", "clone/toys.yaml")
    wait("rows of the new one", lambda: server.ask("LLEN", "toy.t0") > before + 3000)
    old.thaw()
    old.says(rf"was taken over by leat on .*, pid {new.pid}, since 20.*; this one stops")
    old.ends(6)
    now = server.ask("LLEN", "toy.t0")
    wait("the new one goes on", lambda: server.ask("LLEN", "toy.t0") > now + 1000)
    new.stop()
    all_of(server, server.ask("LLEN", "toy.t0"))


def case_one_that_starts_takes_over_also_when_the_server_comes_later(box):
    server = box.redis()
    toys(box, server, rows=1000)
    box.run("run", "--once", "toys.yaml", status=0)
    server.ask("SAVE")
    server.stop()
    toys(box, server, rows=2000)
    daemon = box.start("run", "--once", "toys.yaml")
    daemon.says("cannot connect")
    server.start()
    daemon.ends(0)
    all_of(server, 2000)


def case_two_that_read_one_mark_do_not_both_write(box):
    """Both have read the mark; what the one claims and the other's second batch expects is the same token."""
    feeds, target = [box.redis(), box.redis()], box.redis()
    text = ("data: ./leat-data\npipelines:\n  p:\n    source:\n      redis: {{port: {feed}, streams: [in]}}\n    sinks:\n      out:\n"
            "        redis: {{port: {port}, as: list, key: all, format: json}}\n")
    proxies = [Proxy(target.port).start() for _ in feeds]
    for feed in feeds:
        feed.ask("XADD", "in", "1-1", "n", 0)
    box.write("p.yaml", text.format(feed=feeds[0].port, port=target.port))
    box.run("run", "--once", "p.yaml", status=0)
    box.clone()
    for folder, feed, proxy in zip((".", "clone"), feeds, proxies):
        box.write(f"{folder}/p.yaml", text.format(feed=feed.port, port=proxy.port))
    daemons = [box.start("run", "p.yaml"), box.start("run", "clone/p.yaml")]
    for daemon in daemons:
        daemon.says(r"p\.out: redis .*exactly-once")
    for proxy in proxies:
        proxy.freeze()

    for n in (1, 2, 3): # three batches, each on its way
        before = proxies[0].came
        feeds[0].ask("XADD", "in", f"{n + 1}-1", "n", n)
        wait("its request", lambda: proxies[0].came > before)
    feeds[1].ask("MULTI") # one batch of two
    for n in (1, 2):
        feeds[1].ask("XADD", "in", f"{n + 1}-1", "n", n)
    feeds[1].ask("EXEC")
    wait("both records in the log", lambda: '"n":"2"' in box.run("read", "--data", "clone/leat-data", "in").stdout)
    proxies[1].thaw()
    wait("the rows of the second", lambda: target.ask("LLEN", "all") == 3)
    proxies[0].thaw()
    daemons[0].says(rf"was moved on by leat on .*, pid {daemons[1].pid}, since")
    daemons[0].says(rf"was taken over by leat on .*, pid {daemons[1].pid}, since")
    daemons[0].ends(6)
    same([json.loads(line)["n"] for line in target.text("LRANGE", "all", 0, -1)], ["0", "1", "2"], "rows")
    for proxy in proxies:
        proxy.stop()


def case_a_refused_record_becomes_a_dead_letter_and_no_other(box):
    server = box.redis()
    for id in (3, 17):
        server.ask("SET", f"k:{id}", "of another type")
    toys(box, server, 'as: list, key: "k:{key.id}", format: json', rows=3000,
         errors="policy: dead_letter, ")
    box.run("run", "--once", "toys.yaml", status=0, seconds=60)
    there = {id: [json.loads(line)["seq"] for line in server.ask("LRANGE", f"k:{id}", 0, -1)]
             for id in range(200) if server.ask("TYPE", f"k:{id}") == b"list"}
    letters = [json.loads(line) for line in box.run("read", "toys.dead").stdout.splitlines() if line.startswith("{")]
    refused = [json.loads(line["value"]["record"])["value"]["seq"] if isinstance(line["value"]["record"], str)
               else line["value"]["record"]["value"]["seq"] for line in letters]
    for id, seqs in there.items():
        same(seqs, sorted(seqs), f"order of key {id}")
    same(sorted(refused), refused, "order of the letters")
    same(sorted(refused + sum(there.values(), [])) == list(range(3000)), True, "each delivered or dead")
    has(json.dumps(letters[0]), "WRONGTYPE")


def case_a_refused_record_stops_at_its_place(box):
    server = box.redis()
    server.ask("SET", "k:3", "of another type")
    toys(box, server, 'as: list, key: "k:{key.id}", format: json', rows=500)
    has(box.run("run", "--once", "toys.yaml", status=1).both, "WRONGTYPE", "mend the cause")
    has(box.run("run", "--once", "toys.yaml", status=1).both, "WRONGTYPE")
    server.ask("DEL", "k:3")
    box.run("run", "--once", "toys.yaml", status=0)
    seqs = [json.loads(line)["seq"] for id in range(200) if server.ask("TYPE", f"k:{id}") == b"list"
            for line in server.ask("LRANGE", f"k:{id}", 0, -1)]
    same(sorted(seqs), list(range(500)), "rows")


if __name__ == "__main__":
    kit.main()
