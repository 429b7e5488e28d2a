#!/usr/bin/env python3
"""Proves that no byte of a conversation with a MySQL or MariaDB is the wrong one to lose the network at.

    bytes_run.py --leat BIN --dir DIR [--server mariadb|mysql] [--scenes snapshot,stream] [--acts cut,stall,swallow,drip]
                 [--every 1] [--first 0] [--cases 0] [--jobs 16] [--seed 1] [--plant]

One conversation is recorded first: a pipeline that begins with a snapshot (scene snapshot), and one that goes on within a log
of inserts, updates, deletes, DDL and a large transaction (scene stream). Then it is had again and again through a proxy, and
at byte k, counted over all connections and both ways, something happens, once: the connection is cut; stalls for good;
swallows all that the server says from there on; or drips, byte by byte. --every N: at each k that leaves --first when divided
by N; --cases: so many of these, drawn. Each case ends by itself, and its file of records is exactly the one of the
conversation that nobody disturbed: none lost, none doubled, in order. --plant: the proof must see faults that are put into
such a file. Exit status 0: proven.
"""
import asyncio
import json
import os
import random
import shutil
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "servers"))
from ports import free_port  # noqa: E402
from mysql_run import Server  # noqa: E402
from torture_kit import arguments, tell  # noqa: E402

HANG = 60 # seconds; far longer than any case takes on a machine that is not busy
DRIP = 600 # bytes that come one by one
PIPELINE = """\
data: ./data
pipelines:
  shop:
    source:
      mysql: {{host: 127.0.0.1, port: {port}, user: leat, password: water, tables: ["shop.*"], server_id: {number}, ssl: "off",
               heartbeat: 100ms, connect_timeout: 1s, read_timeout: 1s, chunk_rows: 7}}
      errors: {{retry: {{first: 1ms, most: 5ms}}}}
    sinks:
      out:
        file: {{path: ./out, format: debezium}}
"""
GRANTS = {"mariadb": "GRANT SELECT, RELOAD, REPLICATION SLAVE, BINLOG MONITOR ON *.* TO leat@'%'",
          "mysql": "GRANT SELECT, RELOAD, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO leat@'%'"}


class Case:
    """One run of the daemon, its connections, and what happens to them."""

    def __init__(self, act, at):
        self.act, self.at, self.bytes, self.connections, self.struck = act, at, 0, 0, False


class Link(asyncio.Protocol):
    """One direction of a connection; `other` is the one back."""

    def __init__(self, case, is_request):
        self.case, self.is_request, self.other, self.transport = case, is_request, None, None
        self.is_deaf = False # what comes is thrown away
        self.waiting, self.dripping = [], None

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        case = self.case
        before, case.bytes = case.bytes, case.bytes + len(data)
        if self.is_deaf:
            return
        if self.dripping:
            self.waiting.append(data)
            return
        if case.struck or case.act is None or case.bytes < case.at:
            self.pass_on(data)
            return
        case.struck = True
        if case.at > before:
            self.pass_on(data[:case.at - before])
        self.strike(data[max(0, case.at - before):])

    def pass_on(self, data):
        if data and self.other and self.other.transport:
            self.other.transport.write(data)

    def strike(self, rest):
        act = self.case.act
        if act == "cut":
            for link in (self, self.other):
                asyncio.get_running_loop().call_soon(link.transport.close) # what may pass is sent first
            self.is_deaf = self.other.is_deaf = True
        elif act == "stall":
            self.is_deaf = self.other.is_deaf = True
        elif act == "swallow": # of the server's side, whichever way this byte went
            answers = self.other if self.is_request else self
            answers.is_deaf = True
            if self.is_request:
                self.pass_on(rest)
        else:
            self.waiting.append(rest)
            self.dripping = asyncio.get_running_loop().create_task(self.drip())

    async def drip(self):
        left = DRIP
        while self.waiting:
            data = self.waiting.pop(0)
            for i in range(min(left, len(data))):
                self.pass_on(data[i:i + 1])
                await asyncio.sleep(0)
            self.pass_on(data[left:])
            left = max(0, left - len(data))
        self.dripping = None

    def connection_lost(self, error):
        if self.other and self.other.transport:
            self.other.transport.close()


class Proxy:
    """One port; the case that it has now is the runner's to set."""

    def __init__(self, to):
        self.to, self.case = to, None

    async def listen(self):
        self.port = free_port()
        self.server = await asyncio.get_running_loop().create_server(self.accept, "127.0.0.1", self.port)

    def accept(self):
        link = Link(self.case, True)
        self.case.connections += 1
        asyncio.get_running_loop().create_task(self.connect(link))
        return link

    async def connect(self, link):
        while link.transport is None:
            await asyncio.sleep(0)
        link.transport.pause_reading()
        try:
            _, answers = await asyncio.get_running_loop().create_connection(lambda: Link(link.case, False), "127.0.0.1", self.to)
        except OSError:
            link.transport.abort()
            return
        link.other, answers.other = answers, link
        link.transport.resume_reading()


# ---- the conversation ----

BEFORE = ["CREATE DATABASE shop", "USE shop",
          "CREATE TABLE orders (id INT PRIMARY KEY, what VARCHAR(40), price DECIMAL(8,2), at DATETIME(6))",
          "CREATE TABLE items (a INT, b VARCHAR(20), note TEXT, PRIMARY KEY (a, b))",
          "CREATE TABLE loose (id INT, what VARCHAR(40))",
          *[f"INSERT INTO orders VALUES ({i}, 'order {i}', {i}.25, '2026-01-02 03:04:05.678901')" for i in range(1, 21)],
          *[f"INSERT INTO items VALUES ({i % 4}, 'item {i}', REPEAT('n', {i * 3}))" for i in range(1, 16)],
          *[f"INSERT INTO loose VALUES ({i % 3}, 'loose {i}')" for i in range(1, 10)]]
AFTER = ["USE shop", "INSERT INTO orders VALUES (100, 'hundred', 1, NULL)", "UPDATE orders SET price = price + 1 WHERE id < 5",
         "BEGIN", "DELETE FROM orders WHERE id = 7", "INSERT INTO loose VALUES (1, 'again')", "UPDATE items SET a = 9 WHERE b = 'item 3'", "COMMIT",
         "ALTER TABLE orders ADD COLUMN region VARCHAR(8) DEFAULT 'none'", "UPDATE orders SET region = 'south' WHERE id = 100",
         "FLUSH BINARY LOGS", "BEGIN", *[f"INSERT INTO items VALUES (50, 'big {i}', REPEAT('b', 200))" for i in range(40)], "COMMIT",
         "CREATE TABLE late (id INT PRIMARY KEY, what VARCHAR(10))", "INSERT INTO late VALUES (1, 'one'), (2, 'two')",
         "BEGIN", "INSERT INTO orders VALUES (101, 'not this one', 1, NULL, NULL)", "ROLLBACK", "DELETE FROM late WHERE id = 1",
         "TRUNCATE TABLE loose", "INSERT INTO loose VALUES (7, 'seven')"]


def read(path):
    """What the file tells: each record without the times at which it was met."""
    if not os.path.exists(path):
        return []
    with open(path) as file:
        lines = file.read().split("\n")
    records = [json.loads(line) for line in lines[:-1]]
    for record in records:
        for times in (record, record["source"]):
            for name in [name for name in times if name.startswith("ts_")]:
                del times[name]
    return records


def count(rows, row):
    rows[row] = rows.get(row, 0) + 1


def rows_of_snapshot(records):
    """The rows that stand, each with how often it came: a table that was truncated begins anew."""
    tables = {}
    for record in records:
        table = tables.setdefault(record["source"]["table"], {})
        if record["op"] == "t":
            table.clear()
        else:
            count(table, json.dumps(record["after"], sort_keys=True))
    return {(name, row): times for name, table in tables.items() for row, times in table.items()}


def differences(scene, truth, seen):
    """(lost, doubled, reordered)"""
    if scene == "snapshot":
        wanted, found = rows_of_snapshot(truth), rows_of_snapshot(seen)
    else:
        wanted, found = {}, {}
        for records, rows in ((truth, wanted), (seen, found)):
            for record in records:
                count(rows, json.dumps(record, sort_keys=True))
    lost = sum(max(0, times - found.get(row, 0)) for row, times in wanted.items())
    doubled = sum(max(0, times - wanted.get(row, 0)) for row, times in found.items())
    return lost, doubled, int(scene == "stream" and not lost and not doubled and truth != seen)


class Run:
    def __init__(self, args):
        self.args, self.random = args, random.Random(args.seed)
        self.server = Server(args.server, self.path("db"), "--sync-binlog=0", "--innodb-flush-log-at-trx-commit=0")
        self.truth, self.length, self.numbers = {}, {}, iter(range(1000, 1000000))
        self.found = {"lost": 0, "doubled": 0, "reordered": 0, "hung": 0, "failed": 0}
        self.struck = {act: 0 for act in args.acts.split(",")}
        self.count, self.slowest, self.wrong = 0, 0, []

    def path(self, *parts):
        return os.path.join(self.args.dir, *parts)

    async def daemon(self, folder, proxy):
        """Exit status, None where it hangs; and the seconds."""
        with open(os.path.join(folder, "leat.yaml"), "w") as file:
            file.write(PIPELINE.format(port=proxy.port, number=next(self.numbers)))
        began = time.monotonic()
        with open(os.path.join(folder, "log"), "wb") as log:
            process = await asyncio.create_subprocess_exec(self.args.leat, "run", "--once", "leat.yaml", cwd=folder, stdout=log, stderr=log)
        try:
            status = await asyncio.wait_for(process.wait(), HANG)
        except asyncio.TimeoutError:
            status = None
            process.kill()
            await process.wait()
        return status, time.monotonic() - began

    def start_of(self, scene, folder):
        shutil.rmtree(folder, ignore_errors=True)
        if scene == "stream":
            shutil.copytree(self.path("before"), folder, ignore=shutil.ignore_patterns("*.sock"))
        else:
            os.makedirs(folder)

    async def record(self, proxy, scene):
        """The conversation that nobody disturbs."""
        folder = self.path("before" if scene == "before" else scene + "-truth")
        self.start_of(scene, folder)
        proxy.case = Case(None, 0)
        status, _ = await self.daemon(folder, proxy)
        if status != 0:
            raise SystemExit(f"{scene}: leat ended with {status}:\n{open(os.path.join(folder, 'log')).read()}")
        self.truth[scene], self.length[scene] = read(os.path.join(folder, "out")), proxy.case.bytes

    async def case(self, proxy, number, scene, act, at):
        folder = self.path(f"case-{number}")
        self.start_of(scene, folder)
        case = proxy.case = Case(act, at)
        status, seconds = await self.daemon(folder, proxy)
        self.slowest = max(self.slowest, seconds)
        self.struck[act] += case.struck
        bad = dict(zip(("lost", "doubled", "reordered"), differences(scene, self.truth[scene], read(os.path.join(folder, "out")))))
        bad.update(hung=int(status is None), failed=int(status not in (0, None)))
        for name, times in bad.items():
            self.found[name] += times
        if any(bad.values()):
            self.wrong.append((scene, act, at, {name: times for name, times in bad.items() if times}))
            os.rename(folder, self.path(f"wrong-{scene}-{act}-{at}"))
        else:
            shutil.rmtree(folder)

    async def worker(self, number, cases):
        proxy = Proxy(self.server.port)
        await proxy.listen()
        while cases and len(self.wrong) < 5:
            await self.case(proxy, number, *cases.pop())

    async def sweep(self, scene):
        args = self.args
        cases = [(scene, act, at) for act in self.struck for at in range(args.first or args.every, self.length[scene], args.every)]
        self.random.shuffle(cases)
        if args.cases:
            del cases[args.cases:]
        self.count += len(cases)
        await asyncio.gather(*(self.worker(number, cases) for number in range(args.jobs)))

    async def run(self):
        scenes, proxy = self.args.scenes.split(","), Proxy(self.server.port)
        self.server.start()
        self.server.sql(*BEFORE, "CREATE USER leat@'%' IDENTIFIED BY 'water'", GRANTS[self.args.server])
        await proxy.listen()
        await self.record(proxy, "before")
        if "snapshot" in scenes: # while the tables are what they were
            await self.record(proxy, "snapshot")
            await self.sweep("snapshot")
        self.server.sql(*AFTER)
        if "stream" in scenes:
            await self.record(proxy, "stream")
            await self.sweep("stream")

    def plant(self):
        """Faults in a file that is as it should be."""
        truth = self.truth["stream"]
        swapped = [truth[1], truth[0], *truth[2:]]
        planted = {"lost": truth[:3] + truth[4:], "doubled": truth + truth[-1:], "reordered": swapped}
        for number, (name, records) in enumerate(planted.items()):
            if not differences("stream", truth, records)[number]:
                raise SystemExit(f"the proof did not see what was planted: {name}")
        return len(planted)


def main():
    args = arguments(scenes="snapshot,stream", acts="cut,stall,swallow,drip", every=1, first=0, cases=0, jobs=16,
                     choices={"server": ("mariadb", "mysql")})
    run = Run(args)
    try:
        asyncio.run(run.run())
    finally:
        run.server.stop("KILL")
        shutil.rmtree(run.path("db"), ignore_errors=True)
    for scene, act, at, bad in run.wrong:
        print(f"{scene}: {act} at byte {at}: {bad}; see {run.path(f'wrong-{scene}-{act}-{at}')}", file=sys.stderr)
    tell(args, run.found, run.plant, cases=run.count, server=args.server, bytes_snapshot=run.length.get("snapshot", 0),
         bytes_stream=run.length.get("stream", 0), slowest_s=round(run.slowest, 1), **run.struck)


if __name__ == "__main__":
    main()
