"""A throw-away Kafka broker, and what is in it: for the tests and the torture of the kafka connectors."""
import collections
import hashlib
import os
import socket
import struct
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "servers")]
import kit  # noqa: E402
from ports import free_port  # noqa: E402

KINDS = {"topic": 2, "group": 3, "cluster": 4, "transactional_id": 5}
OPERATIONS = {"read": 3, "write": 4, "create": 5, "describe": 8, "describe_configs": 10}
KAFKA = os.path.join(HERE, "..", "servers", "kafka")
Message = collections.namedtuple("Message", "topic partition offset time key value headers")


class Broker:
    """Brokers of their own data; `tool` is the built kafka_tool. `listeners`: see KAFKA_LISTENERS of tests/servers/kafka."""

    def __init__(self, folder, tool, properties="", version="", count=1, listeners=""):
        self.folder, self.tool, self.count = folder, tool, count
        self.env = {**os.environ, "KAFKA_PROPS": properties, "KAFKA_LISTENERS": listeners}
        if version:
            self.env["KAFKA_VERSION"] = version
        self.port = free_port(2 * count) # each broker is a controller too
        self.brokers = ",".join(f"127.0.0.1:{self.port + i}" for i in range(count))

    def server(self, verb, *args, seconds=300):
        done = subprocess.run([KAFKA, verb, self.folder, *map(str, args)], capture_output=True, text=True, env=self.env,
                              stdin=subprocess.DEVNULL, timeout=seconds)
        if done.returncode != 0:
            raise RuntimeError(f"kafka {verb}: {done.stderr[-3000:]}{done.stdout[-1000:]}")
        return done.stdout

    def start(self):
        self.server("start", self.port, self.count)
        return self

    def restart(self, number):
        self.server("restart", number)

    def kill(self, *number):
        self.server("kill", *number, seconds=60)

    def remove(self):
        subprocess.run([KAFKA, "rm", self.folder], check=False, timeout=60)

    def call(self, verb, *args):
        done = subprocess.run([self.tool, verb, self.brokers, *map(str, args)], capture_output=True, timeout=120)
        if done.returncode != 0:
            raise RuntimeError(f"kafka_tool {verb} {args}: {done.stderr.decode()[-2000:]}")
        return done.stdout

    def make(self, topic, partitions, **config):
        self.call("make", topic, partitions, *[f"{name.replace('_', '.')}={value}" for name, value in config.items()])

    def request(self, key, version, is_flexible, body):
        """The answer to a request that librdkafka does not make, without its head."""
        head = struct.pack(">hhih", key, version, 7, -1) + (b"\0" if is_flexible else b"")
        with socket.create_connection(("127.0.0.1", self.port), 20) as sock:
            sock.sendall(struct.pack(">i", len(head + body)) + head + body)
            stream = sock.makefile("rb")
            answer = stream.read(int.from_bytes(stream.read(4), "big"))
        return answer[5 if is_flexible else 4:]

    def allow(self, user, kind, name, *operations, prefixed=False):
        """Access rules, by CreateAcls (librdkafka's own has no transactional ids)."""
        def text(value):
            return struct.pack(">h", len(value)) + value.encode()
        rules = b"".join(struct.pack(">b", KINDS[kind]) + text(name) + struct.pack(">b", 4 if prefixed else 3) +
                         text(f"User:{user}") + text("*") + struct.pack(">bb", OPERATIONS[operation], 3)
                         for operation in operations)
        answer, at = self.request(30, 1, False, struct.pack(">i", len(operations)) + rules), 8 # throttle time, count
        for _ in operations:
            code, size = struct.unpack_from(">hh", answer, at)
            if code:
                raise RuntimeError(f"CreateAcls: error {code}")
            at += 4 + max(size, 0)

    def user(self, name, password):
        """A user of both SCRAM mechanisms, by AlterUserScramCredentials."""
        def compact(value):
            return bytes([len(value) + 1]) + value
        for number, kind in ((1, "sha256"), (2, "sha512")):
            salt = os.urandom(16)
            salted = hashlib.pbkdf2_hmac(kind, password.encode(), salt, 4096)
            answer = self.request(51, 0, True, b"\1\2" + compact(name.encode()) + struct.pack(">bi", number, 4096) +
                                  compact(salt) + compact(salted) + b"\0\0")
            code, = struct.unpack_from(">h", answer, 4 + 1 + 1 + len(name))
            if code:
                raise RuntimeError(f"AlterUserScramCredentials: error {code}")

    def feed(self, *commands, id="feed"):
        """Each command a list as kafka_feed takes it, `id` its transactional id; returns what it prints."""
        text = "".join("\t".join(map(str, command)) + "\n" for command in commands)
        done = subprocess.run([os.path.join(os.path.dirname(self.tool), "kafka_feed"), self.brokers, id], timeout=120,
                              input=text.encode(), capture_output=True)
        if done.returncode != 0:
            raise RuntimeError(f"kafka_feed: {done.stderr.decode()[-2000:]}")
        return done.stdout.decode()

    def read(self, *topics):
        """Committed messages, in order of each partition. Values are bytes, None for null."""
        messages = []
        for line in self.call("read", *topics).split(b"\n")[:-1]:
            topic, partition, offset, time, key, value, headers = line.split(b"\t")
            messages.append(Message(topic.decode(), int(partition), int(offset), int(time), None if key == b"\\N" else key,
                                    None if value == b"\\N" else value,
                                    dict(h.decode(errors="replace").split("=", 1) for h in headers.split(b";")[:-1])))
        return messages


def murmur2(data):
    """Of org.apache.kafka.common.utils.Utils, as Java's default partitioner takes it."""
    m, mask = 0x5bd1e995, 0xffffffff
    h = (0x9747b28c ^ len(data)) & mask
    for i in range(0, len(data) // 4 * 4, 4):
        k = int.from_bytes(data[i:i + 4], "little") * m & mask
        k = (k ^ k >> 24) * m & mask
        h = h * m & mask ^ k
    rest = data[len(data) // 4 * 4:]
    if rest:
        h = (h ^ int.from_bytes(rest, "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return h ^ h >> 15


def partition_of(key, partitions):
    return (murmur2(key) & 0x7fffffff) % partitions


def main(make=Broker, *more, begin=None):
    """Runs the cases of the file that runs on one broker, make(folder, tool, version=...), which they share; `more` flags
    are as in kit.arguments(). begin(args, cases), called when the broker is up, may add to the cases, and returns the names
    of those that run if none is asked for; None: all."""
    args = kit.arguments(("--tool", {"required": True, "type": os.path.abspath, "help": "the built kafka_tool"}),
                         ("--version", {"default": "", "help": "of Kafka; tests/servers/kafka knows which"}), *more)
    with kit.folder(args.keep) as base:
        kit.Box.broker = broker = make(os.path.join(base, "kafka"), args.tool, version=args.version)
        try:
            broker.start()
            known = kit.cases()
            kit.judge(args, known, preset=begin(args, known) if begin else None)
        finally:
            broker.remove()
