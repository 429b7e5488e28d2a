#!/usr/bin/env python3
"""free_port(count): a port of 127.0.0.1 for a server that a test starts, and those behind it; as a program it prints one.

It lies below those that the system gives to connections (ip_local_port_range): a port of theirs that is free now may be some
other test's connection by the time the server binds it.
"""
import random
import socket

FIRST, LAST = 10000, 28000


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
        if all(is_free(port + i) for i in range(count)):
            return port


if __name__ == "__main__":
    print(free_port())
