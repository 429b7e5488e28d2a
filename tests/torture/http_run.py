#!/usr/bin/env python3
"""Proves the http source and the http sink: clients repeat what was not answered, a server answers or not, kills all along.

    http_run.py --leat BIN --dir DIR [--clients 16] [--rows 10000] [--kills 20] [--seconds 20] [--seed 1] [--plant]

Two pipelines in one daemon, which is killed -9 (and now and then stopped):

    clients -> http source -> topic -> files     what was acknowledged is there once and in each client's order; what
                                                 was abandoned is there at most once; a key is known over kills
    toy -> topic -> http sink -> receiver        each row arrives under one key, the same key with the same body, first
                                                 arrivals in order for each key of the rows

Exit status 0: proven; the figures are printed as one JSON line. `lines` are of the first, `rows` of the second. --plant:
the check must see faults that are put into copies of what came out.
"""
import asyncio
import collections
import json
import os
import random
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "servers"))
from ports import free_port  # noqa: E402
from http_sides import SINK_TIMEOUT_S, Client, Receiver
from http_verify import judge_files, judge_journal, plant
from torture_kit import arguments, tell

PIPELINE = """\
data: ./leat-data

pipelines:
  posted:
    source:
      http: {{listen: "127.0.0.1:{listen}", path: /in, idempotency_window: {window}}}
    topic: "in.{{table}}"
    sinks:
      archive:
        file: {{path: "out/{{topic}}.ndjson", format: json, rotate_size: 512KiB, gzip: true}}
    errors: {{retry: {{first: 20ms, most: 200ms}}}}
  sent:
    source:
      toy: {{count: {rows}, rate: {rate}, seed: {seed}, topics: 2, writers: 4, keys: 20, payload: 24B}}
    topic: "toy.{{table}}"
    sinks:
      hook:
        http:
          url: "http://127.0.0.1:{target}/in/{{table}}"
          format: json
          timeout: {timeout_ms}ms
          retry_first: 5ms
          retry_most: 50ms
    errors: {{retry: {{first: 20ms, most: 200ms}}}}
"""
END_S = 120  # the most that may pass until all is over once nothing is killed any more


class Daemon:
    def __init__(self, leat, directory, clients):
        self.leat, self.dir, self.clients, self.process = leat, directory, clients, None
        self.log = open(os.path.join(directory, "leat.log"), "ab")

    async def start(self):
        self.process = await asyncio.create_subprocess_exec(self.leat, "run", "http.yaml", cwd=self.dir, stdout=self.log,
                                                            stderr=self.log)
        for client in self.clients:
            client.life += 1

    async def is_at_end(self):
        """Both sinks have all, and toy has no more."""
        status = await asyncio.create_subprocess_exec(self.leat, "status", "--format", "json", cwd=self.dir,
                                                      stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL)
        lines = (await status.communicate())[0].splitlines()
        told = {line["name"]: line for line in map(json.loads, lines)}
        return len(told) == 4 and told["sent"]["state"] == "done" and all(
            told[sink]["lag"]["records"] == 0 for sink in ("posted.archive", "sent.hook"))

    def must_run(self):
        if self.process.returncode is not None:
            raise SystemExit(f"leat ended by itself with {self.process.returncode}; see {self.dir}/leat.log")

    async def kill(self):
        self.must_run()
        self.process.kill()
        await self.process.wait()

    async def stop(self):
        self.must_run()
        self.process.send_signal(signal.SIGTERM)
        if await asyncio.wait_for(self.process.wait(), 60) != 0:
            raise SystemExit(f"leat ended with {self.process.returncode} after SIGTERM; see {self.dir}/leat.log")

    def close(self):
        if self.process and self.process.returncode is None:
            self.process.kill()
        self.log.close()


async def until(what, condition, daemon):
    deadline = time.monotonic() + END_S
    while not await condition():
        daemon.must_run()
        if time.monotonic() > deadline:
            raise SystemExit(f"{what}: not within {END_S} s; see {daemon.dir}/leat.log")
        await asyncio.sleep(0.1)


async def are_over(tasks):
    return all(task.done() for task in tasks)


async def torment(args, daemon, receiver, counts):
    """Kills, with pauses between that are sometimes too short for a start; each tenth time a stop, and a shut door."""
    draw = random.Random(args.seed)
    pause = args.seconds / (args.kills + 1)
    for number in range(args.kills):
        await asyncio.sleep(draw.uniform(0, 0.06) if draw.random() < 0.1 else pause * draw.uniform(0.3, 1.7))
        if number % 10 == 3:
            await daemon.stop()
            await daemon.start()
            counts["stops"] += 1
            await asyncio.sleep(draw.uniform(0, pause))
        if number % 10 == 7:
            receiver.shut()
            await asyncio.sleep(draw.uniform(0, pause))
            await receiver.open()
            counts["shut"] += 1
        await daemon.kill()
        await daemon.start()


def at_end(args, clients, counts):
    sent = {client.name: client.sent for client in clients}
    journal = os.path.join(args.dir, "journal.txt")
    files, rows = judge_files(os.path.join(args.dir, "out"), sent), judge_journal(journal, args.rows)
    faults = [fault for client in clients for fault in client.faults] + files.examples + rows.examples
    words = {"lost", "doubled", "reordered", "torn", "different", "phantom", *files.counts, *rows.counts}
    found = {word: files.counts[word] + rows.counts[word] for word in sorted(words)}
    found["wrong_answers"] = sum(len(client.faults) for client in clients)
    if not any(found.values()) and args.kills >= 5 and not (counts["repeated_over_kills"] and counts["no_answer"]):
        raise SystemExit(f"no key was repeated over a kill, or no answer withheld: this proves nothing; {dict(counts)}")
    for fault in faults[:40]:
        print(fault, file=sys.stderr)
    states = collections.Counter(state for states in sent.values() for state in states)
    tell(args, found, lambda: plant(args.dir, sent, journal, args.rows), lines=files.there, **states, rows=rows.there,
         kills=args.kills, **counts)


async def run(args):
    counts, end = collections.Counter(), time.monotonic() + args.seconds
    listen = free_port()
    clients = [Client(name, listen, args.seed, counts, lambda: time.monotonic() > end) for name in range(args.clients)]
    receiver = Receiver(os.path.join(args.dir, "journal.txt"), args.seed, counts)
    await receiver.open()
    with open(os.path.join(args.dir, "http.yaml"), "w") as file:
        file.write(PIPELINE.format(listen=listen, target=receiver.port, window=args.window, rows=args.rows,
                                   rate=max(1, int(1.5 * args.rows / args.seconds)), seed=args.seed,
                                   timeout_ms=int(SINK_TIMEOUT_S * 1000)))
    daemon = Daemon(args.leat, args.dir, clients)
    try:
        await daemon.start()
        tasks = [asyncio.ensure_future(client.run()) for client in clients]
        await torment(args, daemon, receiver, counts)
        await until("the clients' end", lambda: are_over(tasks), daemon)
        for task in tasks:
            task.result()
        counts["client_seconds"] = round(time.monotonic() - end + args.seconds)
        await until("the sinks' end", daemon.is_at_end, daemon)
        await daemon.stop()
    finally:
        daemon.close()
        await receiver.close()
    return clients, counts


def main():
    args = arguments(clients=16, rows=10000, window=50000, kills=20, seconds=20)
    at_end(args, *asyncio.run(run(args)))


if __name__ == "__main__":
    main()
