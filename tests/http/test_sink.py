#!/usr/bin/env python3
"""The http sink in the real program, against a server that misbehaves.   test_sink.py BIN"""
import base64
import collections
import http.server
import json
import random
import socket
import struct
import sys
import threading
import time
import unittest

from daemon import Daemon, wait_for

BINARY = sys.argv.pop(1)
PIPELINE = """
pipelines:
  shop:
    source:
      toy: {{count: {count}, keys: 5, rate: {rate}, payload: 8B}}
    {more}
    sinks:
      hook:
        http: {{url: "http://127.0.0.1:{port}/in/{{table}}", format: json, retry_first: 5ms, retry_most: 50ms, {options}}}
"""


class Server(http.server.ThreadingHTTPServer):
    """Takes requests as a receiver should: one effect for each key. `mood` says how it answers."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, mood):
        self.mood, self.lock = mood, threading.Lock()
        self.bodies, self.paths, self.tries, self.order = {}, {}, collections.Counter(), []
        self.running, self.most, self.wrong = collections.Counter(), 0, []
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        pass


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        server, key = self.server, self.headers["Idempotency-Key"]
        body = self.rfile.read(int(self.headers["Content-Length"]))
        row = json.loads(body)
        lane = (row["writer"], row["id"])
        with server.lock:
            server.tries[key] += 1
            if server.bodies.setdefault(key, body) != body:
                server.wrong.append(f"{key} came with another body")
            server.running[lane] += 1
            if server.running[lane] > 1:
                server.wrong.append(f"two at once for {lane}")
            server.most = max(server.most, sum(server.running.values()))
        try:
            answer = server.mood(row, server.tries[key], self)
        finally:
            with server.lock:
                server.running[lane] -= 1
        self.act(answer, key, row, lane)

    def act(self, answer, key, row, lane):
        server = self.server
        if answer in (200, "lost"):
            with server.lock:
                if key not in server.paths:
                    server.paths[key] = self.path
                    server.order.append((lane, row["seq"]))
        if answer in ("drop", "lost"):  # with and without an effect: the sender cannot know
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            return
        self.send_response(answer)
        if answer == 429:
            self.send_header("Retry-After", "1")
        text = b"no such row\r\n" if answer == 422 else b""
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *args):
        pass


class Sink(unittest.TestCase):
    def run_against(self, mood, count=200, rate=0, options="in_flight: 8", more="", start=True):
        server = Server(mood)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        daemon = Daemon(BINARY, PIPELINE.format(port=server.server_address[1], count=count, rate=rate,
                                                options=options, more=more))
        self.addCleanup(daemon.close)
        if start:
            daemon.start()
        return server, daemon

    def check(self, server, count):
        self.assertEqual(server.wrong, [])
        self.assertEqual(len(server.order), count)
        latest = collections.defaultdict(lambda: -1)
        for lane, seq in server.order:
            self.assertGreater(seq, latest[lane], lane)
            latest[lane] = seq

    def test_records_arrive_once_and_in_order_for_each_key(self):
        server, daemon = self.run_against(lambda row, tries, handler: time.sleep(0.002) or 200)
        wait_for("200 records", lambda: len(server.order) >= 200)
        daemon.stop()
        self.check(server, 200)
        self.assertEqual(set(server.tries.values()), {1})
        self.assertEqual(set(server.paths.values()), {"/in/t0"})
        self.assertGreater(server.most, 1)
        self.assertLessEqual(server.most, 8)

    def test_failures_are_tried_again_with_the_same_key_and_body(self):
        chance = random.Random(7)

        def mood(row, tries, handler):
            time.sleep(chance.uniform(0, 0.003))
            return chance.choice([200, 200, 200, "lost", "drop", 500, 503, 408, 409]) if tries < 6 else 200

        server, daemon = self.run_against(mood, count=400)
        wait_for("400 records", lambda: len(server.order) >= 400)
        daemon.stop()
        self.check(server, 400)
        self.assertGreater(max(server.tries.values()), 2)

    def test_kills_repeat_requests_with_their_keys(self):
        chance = random.Random(3)
        server, daemon = self.run_against(lambda row, tries, handler: time.sleep(0.001) or 200, count=1500, rate=500)
        while len(server.order) < 1500:
            time.sleep(chance.uniform(0.2, 0.6))
            daemon.kill()
            daemon.start()
        daemon.stop()
        self.check(server, 1500)
        self.assertGreater(max(server.tries.values()), 1)

    def test_retry_after_is_obeyed(self):
        times = collections.defaultdict(list)

        def mood(row, tries, handler):
            times[row["seq"], row["writer"]].append(time.monotonic())
            return 429 if tries == 1 else 200

        server, daemon = self.run_against(mood, count=4)
        wait_for("4 records", lambda: len(server.order) >= 4)
        daemon.stop()
        self.check(server, 4)
        for first, second in times.values():
            self.assertGreaterEqual(second - first, 0.99)

    def test_refused_records_become_dead_letters(self):
        server, daemon = self.run_against(lambda row, tries, handler: 422 if row["seq"] % 10 == 3 else 200, count=100,
                                          more="errors: dead_letter")
        wait_for("100 requests", lambda: len(server.tries) >= 100)
        refused = sum(1 for body in server.bodies.values() if json.loads(body)["seq"] % 10 == 3)
        wait_for("the others", lambda: len(server.order) >= 100 - refused)
        daemon.stop()
        self.check(server, 100 - refused)
        self.assertGreater(refused, 3)
        letters = daemon.run("read", "shop.dead", "--data", "data")
        topics = daemon.run("topics", "--data", "data").stdout
        self.assertEqual(letters.stdout.count("answered 422: no such row"), refused, topics + letters.stderr)

    def test_a_closed_door_keeps_the_record(self):
        shut = threading.Event()
        shut.set()

        def mood(row, tries, handler):
            expected = "Basic " + base64.b64encode(b"ann:sesame").decode()
            return 401 if shut.is_set() or handler.headers["Authorization"] != expected else 200

        server, daemon = self.run_against(mood, count=20, options="user: ann, password: sesame",
                                          more="errors: {retry: {first: 50ms, most: 100ms}}")
        wait_for("refusals", lambda: sum(server.tries.values()) > 3)
        self.assertEqual(server.order, [])
        shut.clear()
        wait_for("20 records", lambda: len(server.order) >= 20)
        daemon.stop()
        self.check(server, 20)
        self.assertNotIn("sesame", daemon.tell())


if __name__ == "__main__":
    unittest.main(verbosity=1)
