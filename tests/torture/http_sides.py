"""The two sides that http_run.py plays around the daemon: clients that post, and a server that is posted to.

Both misbehave as much as is allowed. A client gives each request its key, and repeats it until it has a 200; between, it
hangs up, sends halves, never fetches an answer, and repeats what was answered long ago. The server takes a record and
says so, or takes it and says nothing, or takes nothing, or takes it after the other side has given up.
"""
import asyncio
import collections
import json
import random
import zlib

CLIENTS_TRY_S = 3       # for an answer; then the request is repeated
REPEATED_LATER = 20     # how many of its answered requests a client may repeat
SINK_TIMEOUT_S = 0.4    # of the pipeline's http sink


def checksum(client, number, pad):
    return zlib.crc32(f"{client} {number} {pad}".encode())


async def read_message(reader):
    """First line, headers and body of a request or an answer; asyncio.IncompleteReadError where it ends within."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {}
    for line in head[1:]:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return head[0], headers, await reader.readexactly(int(headers.get("content-length", 0)))


class Client:
    """Posts records 0, 1, 2 ... of its own until `end` is set; the next one only when one is acknowledged or abandoned."""

    def __init__(self, name, port, seed, counts, is_over):
        self.name, self.port, self.counts, self.is_over = name, port, counts, is_over
        self.random = random.Random(f"{seed} {name}")
        self.path = f"/in/t{name % 3}"
        self.reader = self.writer = None
        self.sent = []      # per number: "acknowledged" or "abandoned"
        self.answered = collections.deque(maxlen=REPEATED_LATER)  # (life of the daemon, key, body)
        self.life = 0       # set from outside: how often the daemon was started
        self.faults = []

    def record(self, number):
        length = 20000 if self.random.random() < 0.003 else self.random.randint(0, 200)
        pad = "".join(self.random.choices("abc\u00e4\u20ac\"\\ 0", k=length))
        row = {"client": self.name, "number": number, "pad": pad, "sum": checksum(self.name, number, pad)}
        return f"{self.name}-{number}", json.dumps(row, ensure_ascii=self.random.random() < 0.5).encode()

    async def run(self):
        while not self.is_over():
            key, body = self.record(len(self.sent))
            life = self.life
            if self.random.random() < 0.005:
                await self.leave_behind(key, body)
                self.sent.append("abandoned")
                continue
            self.sent.append("acknowledged")
            await self.until_acknowledged(key, body, life)
            self.answered.append((self.life, key, body))
            if self.random.random() < 0.03:
                await self.repeat_answered()
        self.hang_up()

    async def until_acknowledged(self, key, body, life):
        while True:
            if self.random.random() < 0.02:
                await self.leave_behind(key, body)
            status, is_replay = await self.ask(key, body)
            if status == 200:
                self.counts["replayed"] += is_replay
                self.counts["replayed_over_kills"] += is_replay and life < self.life
                return
            if status not in (0, 409, 503):
                self.faults.append(f"client {self.name}: {key} was answered {status}")
            await asyncio.sleep(self.random.uniform(0, 0.04))

    async def repeat_answered(self):
        """A request that was answered must be known: also one that an earlier life of the daemon answered."""
        life, key, body = self.random.choice(self.answered)
        status, is_replay = await self.ask(key, body)
        if status == 200:
            self.counts["repeated"] += 1
            self.counts["repeated_over_kills"] += life < self.life
            if not is_replay:
                self.faults.append(f"client {self.name}: {key} was taken for a new one")
        elif status not in (0, 503):
            self.faults.append(f"client {self.name}: {key} was answered {status} when it was repeated")

    async def leave_behind(self, key, body):
        """Sends all or a part, and is gone before the answer."""
        whole = self.request(key, body)
        part = self.random.randint(1, len(whole)) if self.random.random() < 0.5 else len(whole)
        try:
            if await self.connect():
                self.writer.write(whole[:part])
                await self.writer.drain()
                await asyncio.sleep(self.random.choice([0, 0, 0.001, 0.005]))
        except OSError:
            pass
        self.hang_up()
        self.counts["left"] += 1

    def request(self, key, body):
        return (f"POST {self.path} HTTP/1.1\r\nHost: leat\r\nContent-Type: application/json\r\n"
                f"Idempotency-Key: {key}\r\nContent-Length: {len(body)}\r\n\r\n").encode() + body

    async def ask(self, key, body):
        """(status, was it a replay); status 0: nobody knows."""
        self.counts["requests"] += 1
        status, headers = 0, {}
        try:
            if await self.connect():
                self.writer.write(self.request(key, body))
                line, headers, _ = await asyncio.wait_for(read_message(self.reader), CLIENTS_TRY_S)
                status = int(line.split()[1])
        except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError):
            pass
        if status == 0 or headers.get("connection") == "close" or self.random.random() < 0.02:
            self.hang_up()
        self.counts[f"answers_{status}" if status else "answers_missing"] += 1
        return status, headers.get("idempotent-replayed") == "true"

    async def connect(self):
        if not self.writer:
            try:
                self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                return False
        return True

    def hang_up(self):
        if self.writer:
            self.writer.transport.abort()
        self.reader = self.writer = None


class Receiver:
    """Writes what it takes into a journal, KEY and body a line, before it answers. The journal has repetitions."""

    def __init__(self, path, seed, counts):
        self.journal, self.counts = open(path, "wb"), counts
        self.random, self.listener, self.port = random.Random(f"{seed} receiver"), None, 0
        self.serving = {}  # connection -> its task

    async def open(self):
        self.listener = await asyncio.start_server(self.serve, "127.0.0.1", self.port, backlog=256)
        self.port = self.listener.sockets[0].getsockname()[1]

    def shut(self):
        """Nobody can connect, and who was connected is cut off, until open()."""
        self.listener.close()
        for writer in list(self.serving):
            writer.transport.abort()

    async def close(self):
        tasks = list(self.serving.values())
        self.shut()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.journal.close()

    def take(self, key, body):
        self.journal.write(key.encode() + b"\t" + body + b"\n")
        self.journal.flush()
        self.counts["taken"] += 1

    async def serve(self, reader, writer):
        self.serving[writer] = asyncio.current_task()
        try:
            while await self.serve_one(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            del self.serving[writer]
            writer.transport.abort()

    async def serve_one(self, reader, writer):
        """False: this connection is at its end."""
        _, headers, body = await read_message(reader)
        key = headers["idempotency-key"]
        mood = self.random.choices(["fine", "refuse", "take and hang up", "hang up", "take and break", "take and refuse",
                                    "late", "take and wait"], [800, 50, 40, 20, 10, 10, 2, 2])[0]
        self.counts["asked"] += 1
        if mood == "late":
            await asyncio.sleep(SINK_TIMEOUT_S * self.random.uniform(0.9, 1.6))
        if mood not in ("refuse", "hang up"):
            self.take(key, body)
        if mood == "take and wait":
            await asyncio.sleep(SINK_TIMEOUT_S * 1.5)
        if mood in ("take and hang up", "hang up"):
            self.counts["no_answer"] += 1
            return False
        if mood == "take and break":
            writer.write(b"HTTP/1.1 200 OK\r\nConte")
            self.counts["no_answer"] += 1
            return False
        is_refusal = mood in ("refuse", "take and refuse")
        status = self.random.choice(["503 No", "500 No", "408 No", "409 No"] if is_refusal else ["200 OK", "201 Yes", "202 So"])
        self.counts["answered_503"] += status.startswith("503")
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 3\r\n\r\nso\n".encode())
        await writer.drain()
        return True
