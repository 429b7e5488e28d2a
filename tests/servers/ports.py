#!/usr/bin/env python3
"""free_port(): a port of 127.0.0.1 for a server that a test starts; as a program it prints one.

It lies below those that the system gives to connections (ip_local_port_range): a port of theirs that is free now may be some
other test's connection by the time the server binds it.
"""
import random
import socket

FIRST, LAST = 10000, 28000


def free_port():
    draw = random.SystemRandom()
    while True:
        port = draw.randint(FIRST, LAST)
        with socket.socket() as sock:
            try:
                sock.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass


if __name__ == "__main__":
    print(free_port())
