"""A daemon in a directory of its own, for tests: start, kill, wait for what must become true."""
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "servers"))
from ports import free_port  # noqa: E402


def wait_for(what, condition, seconds=60):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError(f"{what}: not within {seconds} s")


class Daemon:
    """`leat run` over one pipeline file."""

    def __init__(self, binary, pipeline):
        self.binary, self.process = os.path.abspath(binary), None
        self.dir = tempfile.mkdtemp(prefix="leat-http-")
        self.log = os.path.join(self.dir, "log.txt")
        self.write("leat.yaml", "data: ./data\n" + pipeline)

    def write(self, name, text):
        with open(os.path.join(self.dir, name), "w", encoding="utf-8") as file:
            file.write(text)

    def path(self, name):
        return os.path.join(self.dir, name)

    def run(self, *args, **more):
        return subprocess.run([self.binary, *args], cwd=self.dir, capture_output=True, text=True, timeout=60, **more)

    def start(self, port=None):
        with open(self.log, "ab") as log:
            began = log.tell()
            self.process = subprocess.Popen([self.binary, "run", "leat.yaml"], cwd=self.dir, stdout=log, stderr=log)
        if port:
            wait_for("the port", lambda: self.process.poll() is not None or answers(port))
        wait_for("a line in the log", lambda: self.process.poll() is not None or os.path.getsize(self.log) > began)
        assert self.process.poll() in (None, 0), self.tell()  # 0: toy was at its end already, and all is delivered

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=60)
        assert code == 0, f"exit status {code}\n{self.tell()}"

    def tell(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()[-4000:]

    def close(self):
        if self.process and self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.dir)


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False
