#!/usr/bin/env python3
"""free_port(count): a port of 127.0.0.1 for a server that a test starts, and those behind it; as a program it prints one.

It lies below those that the system gives to connections (ip_local_port_range): a port of theirs that is free now may be some
other test's connection by the time the server binds it. Nobody else who asks here gets it as long as this process lives: a
lock on a file of its name says that it is taken, also before the server has bound it.
"""
import fcntl
import os
import random
import socket
import tempfile

FIRST, LAST = 10000, 28000
FOLDER = os.path.join(tempfile.gettempdir(), f"leat-ports-{os.getuid()}")
taken = {} # port -> the file whose lock is held until this process ends


def take(port):
    """Whether no process that lives has been given this port; from now on this one has."""
    if port in taken:
        return False
    os.makedirs(FOLDER, exist_ok=True)
    lock = open(os.path.join(FOLDER, str(port)), "w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        return False
    taken[port] = lock
    return True


def is_free(port):
    with socket.socket() as sock:
        try:
            sock.bind(("127.0.0.1", port))
            return True
        except OSError:
            return False


def free_port(count=1):
    draw = random.SystemRandom()
    while True:
        port = draw.randint(FIRST, LAST)
        if all(take(port + i) and is_free(port + i) for i in range(count)):
            return port


if __name__ == "__main__":
    print(free_port())
