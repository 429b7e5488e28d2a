"""A throw-away Kafka broker, and what is in it: for the tests and the torture of the kafka connectors."""
import collections
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "servers"))
from ports import free_port  # noqa: E402

KAFKA = os.path.join(HERE, "..", "servers", "kafka")
Message = collections.namedtuple("Message", "topic partition offset time key value headers")


class Broker:
    """One broker of its own data; `tool` is the built kafka_tool."""

    def __init__(self, folder, tool, properties=""):
        self.folder, self.tool, self.properties = folder, tool, properties
        self.brokers = f"127.0.0.1:{free_port()}"

    def start(self):
        port = self.brokers.split(":")[1]
        done = subprocess.run([KAFKA, "start", self.folder, port], capture_output=True, text=True,
                              env={**os.environ, "KAFKA_PROPS": self.properties}, stdin=subprocess.DEVNULL, timeout=300)
        if done.returncode != 0:
            raise RuntimeError(f"no Kafka broker: {done.stderr[-3000:]}")
        return self

    def kill(self):
        subprocess.run([KAFKA, "kill", self.folder], check=True, timeout=60)

    def remove(self):
        subprocess.run([KAFKA, "rm", self.folder], check=False, timeout=60)

    def call(self, verb, *args):
        done = subprocess.run([self.tool, verb, self.brokers, *map(str, args)], capture_output=True, timeout=120)
        if done.returncode != 0:
            raise RuntimeError(f"kafka_tool {verb} {args}: {done.stderr.decode()[-2000:]}")
        return done.stdout

    def make(self, topic, partitions, **config):
        self.call("make", topic, partitions, *[f"{name.replace('_', '.')}={value}" for name, value in config.items()])

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
