"""Leaves a record of a transaction in a partition that the coordinator does not know to be part of it.

So it is after a coordinator that was killed within a commit has started again and skipped the partition: the transaction is
over, and nobody ever tells the partition. KIP-890 calls that a hanging transaction.
"""
import glob
import os
import signal
import struct

from kit import Wrong, wait
from proxy import END_TXN

PRODUCE, INCREMENTAL_ALTER_CONFIGS, BROKER = 0, 44, 4
TRANSACTIONAL, CONTROL = 0x10, 0x20
BATCH = ">qiibIhiqqqhii" # offset, length, leader epoch, format, CRC, attributes, last offset, times, producer, epoch, sequence, count


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def text(value):
    return struct.pack(">h", len(value)) + value.encode()


def last_of(broker, topic):
    """Producer id, epoch and next sequence of the last transaction in partition 0, from the broker's own file; None: it is open."""
    with open(sorted(glob.glob(os.path.join(broker.folder, "1", "data", f"{topic}-0", "*.log")))[-1], "rb") as file:
        data = file.read()
    found, is_open, at, size = None, True, 0, struct.calcsize(BATCH)
    while at + size <= len(data):
        _, length, _, _, _, attributes, _, _, _, producer, epoch, sequence, count = struct.unpack_from(BATCH, data, at)
        if attributes & TRANSACTIONAL:
            is_open = not attributes & CONTROL
            found = (producer, epoch, sequence + count) if is_open else found
        at += 12 + length
    return None if is_open else found


def batch_of(producer, epoch, sequence, key):
    """One record with a key and no value, in a transaction."""
    record = b"\0\0\0" + bytes([2 * len(key)]) + key + b"\1\0" # attributes, time, offset; no value, no headers
    record = bytes([2 * len(record)]) + record
    counted = struct.pack(">hiqqqhii", TRANSACTIONAL, 0, 0, 0, producer, epoch, sequence, 1) + record
    rest = struct.pack(">ibI", -1, 2, crc32c(counted)) + counted
    return struct.pack(">qi", 0, len(rest)) + rest


def hang(broker, topic, transactional_id):
    """The transaction behind the last one of `topic`. False: its producer is not the newest any more."""
    setting = text("transaction.partition.verification.enable") + b"\0" + text("false")
    answer = broker.request(INCREMENTAL_ALTER_CONFIGS, 0, False,
                            struct.pack(">ib", 1, BROKER) + text("1") + struct.pack(">i", 1) + setting + b"\0")
    if struct.unpack_from(">h", answer, 8)[0]:
        raise RuntimeError(f"IncrementalAlterConfigs: {answer}")
    try:
        last = wait("the end of the transaction", lambda: last_of(broker, topic), 5)
    except Wrong: # its next producer has begun another one
        return False
    records = batch_of(*last, b"hanging")
    answer = broker.request(PRODUCE, 3, False, text(transactional_id) + struct.pack(">hii", -1, 10000, 1) + text(topic) +
                            struct.pack(">iii", 1, 0, len(records)) + records)
    return struct.unpack_from(">h", answer, 4 + 2 + len(topic) + 4 + 4)[0] == 0


def hang_after(proxy, daemon, leave):
    """An answer to a commit is swallowed, and `leave` called before the daemon can open its next producer."""
    for _ in range(20):
        swallowed = proxy.swallowed
        proxy.swallow(END_TXN)
        wait("a commit", lambda: proxy.swallowed > swallowed)
        daemon.process.send_signal(signal.SIGSTOP)
        is_left = leave()
        daemon.process.send_signal(signal.SIGCONT)
        if is_left:
            return
    raise RuntimeError("the daemon was always faster")
