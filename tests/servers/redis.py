"""A throw-away Redis of a test (tests/servers/redis), and a connection to it that speaks RESP2: no client library is needed."""
import os
import socket
import subprocess

from ports import free_port

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "redis")


class Refused(Exception):
    """An error that the server answered."""


class Connection:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.file = self.socket.makefile("rb")

    def ask(self, *words):
        parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        self.socket.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts))
        return self.answer()

    def answer(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("the server closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise Refused(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self.file.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return None if rest == b"-1" else [self.answer() for _ in range(int(rest))]
        return rest

    def close(self):
        self.socket.close()


class Redis:
    def __init__(self, folder, *options):
        self.folder, self.port, self.options = folder, free_port(), list(options)
        self.connection, self.is_up = None, False

    def start(self, *more):
        subprocess.run([SCRIPT, "start", self.folder, str(self.port), *self.options, *more], check=True,
                       stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        self.is_up = True
        return self

    def stop(self, sign="TERM"):
        if self.connection:
            self.connection.close()
            self.connection = None
        if self.is_up:
            subprocess.run([SCRIPT, "stop", self.folder, sign], check=True, stdout=subprocess.DEVNULL)
            self.is_up = False

    def ask(self, *words):
        if not self.connection:
            self.connection = Connection(self.port)
        return self.connection.ask(*words)

    def text(self, *words):
        """The answer with bytes as text, lists too."""
        def as_text(answer):
            if isinstance(answer, list):
                return [as_text(one) for one in answer]
            return answer.decode(errors="replace") if isinstance(answer, bytes) else answer
        return as_text(self.ask(*words))

    def hash(self, key):
        flat = self.text("HGETALL", key)
        return dict(zip(flat[::2], flat[1::2]))

    def kill_connections(self, name):
        """Cuts the connections whose name begins so; returns how many."""
        count = 0
        for line in self.text("CLIENT", "LIST").splitlines():
            fields = dict(field.split("=", 1) for field in line.split() if "=" in field)
            if fields.get("name", "").startswith(name):
                try:
                    self.ask("CLIENT", "KILL", "ID", fields["id"])
                    count += 1
                except Refused:
                    pass
        return count
