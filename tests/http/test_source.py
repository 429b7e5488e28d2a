#!/usr/bin/env python3
"""The http source in the real program: answers, Idempotency-Keys over kill -9, a full queue.   test_source.py BIN"""
import collections
import http.client
import json
import random
import socket
import sys
import threading
import time
import unittest

from daemon import Daemon, free_port, wait_for

BINARY = sys.argv.pop(1)
PIPELINE = """
pipelines:
  orders:
    source:
      http: {{listen: "127.0.0.1:{port}", path: /in, {options}}}
    sinks:
      out:
        file: {{path: "out.ndjson", format: json}}
"""


def post(port, path="/in", body=b"{}", kind="application/json", key=None, method="POST", headers=None, timeout=20):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        sent = dict(headers or {})
        if kind:
            sent["Content-Type"] = kind
        if key is not None:
            sent["Idempotency-Key"] = key
        connection.request(method, path, body, sent)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


class Source(unittest.TestCase):
    def setUp(self):
        self.port = free_port()

    def daemon(self, options="max_body: 1MiB", start=True):
        daemon = Daemon(BINARY, PIPELINE.format(port=self.port, options=options))
        self.addCleanup(daemon.close)
        if start:
            daemon.start(self.port)
        return daemon

    def lines(self, daemon):
        try:
            with open(daemon.path("out.ndjson"), encoding="utf-8") as file:
                return file.read().splitlines()
        except FileNotFoundError:
            return []

    def rows(self, daemon, count):
        """All that is in the file once `count` rows have come, and the daemon has stopped."""
        wait_for(f"{count} rows", lambda: len(self.lines(daemon)) >= count)
        daemon.stop()
        return [json.loads(line) for line in self.lines(daemon)]

    def test_a_body_becomes_a_record(self):
        daemon = self.daemon()
        self.assertEqual(post(self.port, body=b'{"id":1,"x":[null,1.50,"\xc3\xa4"]}')[0], 200)
        self.assertEqual(post(self.port, body=b"a line", kind="text/plain; charset=utf-8")[0], 200)
        self.assertEqual(post(self.port, path="/in/shop", body=b'{"id":2}', kind="application/vnd.x+json")[0], 200)
        self.assertEqual(self.rows(daemon, 3), [{"id": 1, "x": [None, 1.5, "ä"]}, "a line", {"id": 2}])

    def test_what_is_refused(self):
        daemon = self.daemon("max_body: 100B, bearer: sesame")
        token = {"Authorization": "Bearer sesame"}
        self.assertEqual(post(self.port)[0], 401)
        self.assertEqual(post(self.port, headers={"Authorization": "Bearer sesamE"})[0], 401)
        self.assertEqual(post(self.port, headers=token)[0], 200)
        self.assertEqual(post(self.port, headers=token, path="/inn")[0], 404)
        self.assertEqual(post(self.port, headers=token, path="/in/../x")[0], 404)
        status, headers, _ = post(self.port, headers=token, method="GET", body=None)
        self.assertEqual((status, headers["Allow"]), (405, "POST"))
        self.assertEqual(post(self.port, headers=token, kind=None)[0], 415)
        self.assertEqual(post(self.port, headers=token, kind="application/x-www-form-urlencoded")[0], 415)
        self.assertEqual(post(self.port, headers=token, body=b'{"a":')[0], 400)
        self.assertEqual(post(self.port, headers=token, body=b"\xff", kind="text/plain")[0], 400)
        self.assertEqual(post(self.port, headers=token, body=b"")[0], 400)
        self.assertEqual(post(self.port, headers=token, key="k" * 256)[0], 400)
        self.assertEqual(post(self.port, headers=token, body=b'"' + b"x" * 98 + b'"')[0], 200)
        self.assertEqual(post(self.port, headers=token, body=b'"' + b"x" * 99 + b'"')[0], 413)
        chunks = iter([b'"' + b"x" * 60, b"x" * 60 + b'"'])
        self.assertEqual(post(self.port, headers=token, body=chunks)[0], 413)
        self.assertEqual(len(self.rows(daemon, 2)), 2)

    def test_a_key_makes_one_record(self):
        daemon = self.daemon()
        self.assertEqual(post(self.port, key="k1", body=b'{"id":1}')[0], 200)
        status, headers, _ = post(self.port, key="k1", body=b'{"id":1}')
        self.assertEqual((status, headers.get("Idempotent-Replayed")), (200, "true"))
        self.assertEqual(post(self.port, key="k1", body=b'{"id":2}')[0], 422)
        self.assertEqual(post(self.port, key="k1", path="/in/other", body=b'{"id":1}')[0], 422)
        daemon.kill()
        daemon.start(self.port)
        status, headers, _ = post(self.port, key="k1", body=b'{"id":1}')
        self.assertEqual((status, headers.get("Idempotent-Replayed")), (200, "true"))
        self.assertEqual(post(self.port, key="k1", body=b'{"id":2}')[0], 422)
        self.assertEqual(self.rows(daemon, 1), [{"id": 1}])

    def test_old_keys_are_forgotten(self):
        daemon = self.daemon("idempotency_window: 10")
        for number in range(30):
            self.assertEqual(post(self.port, key=f"k{number}", body=b"%d" % number)[0], 200)
        self.assertIn("Idempotent-Replayed", post(self.port, key="k29", body=b"29")[1])
        self.assertNotIn("Idempotent-Replayed", post(self.port, key="k3", body=b"3")[1])
        daemon.stop()
        listed = daemon.run("offsets", "show", "orders", "--data", "data")
        self.assertEqual(listed.stdout.count('"key":['), 10, listed.stdout + listed.stderr)

    def test_a_full_queue_is_answered_503(self):
        daemon = self.daemon("max_waiting: 2")
        waiting = []
        for _ in range(2):  # their bodies never end: each holds a place
            sock = socket.create_connection(("127.0.0.1", self.port))
            self.addCleanup(sock.close)
            sock.sendall(b"POST /in HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 10\r\n\r\nab")
            waiting.append(sock)
        wait_for("503", lambda: post(self.port)[0] == 503)
        self.assertIn("Retry-After", post(self.port)[1])
        waiting[0].sendall(b"cdefghij")
        self.assertTrue(waiting[0].recv(100).startswith(b"HTTP/1.1 200"))
        wait_for("room", lambda: post(self.port, body=b'"x"')[0] == 200)
        self.assertIn("abcdefghij", self.rows(daemon, 2))

    def test_retried_requests_over_kills_arrive_once(self):
        daemon = self.daemon("max_waiting: 64")
        end, lock, answers = time.monotonic() + 8, threading.Lock(), collections.Counter()
        sent = []

        def client(number):
            count = 0
            while time.monotonic() < end:
                key, body = f"c{number}-{count}", json.dumps({"c": number, "n": count}).encode()
                while True:
                    try:
                        status, headers, _ = post(self.port, key=key, body=body, timeout=5)
                    except (OSError, http.client.HTTPException):
                        status = 0
                    with lock:
                        answers["replayed" if status == 200 and "Idempotent-Replayed" in headers else status] += 1
                    if status == 200:
                        break
                    self.assertIn(status, (0, 409, 503), status)
                    time.sleep(0.01)
                with lock:
                    sent.append((number, count))
                count += 1

        clients = [threading.Thread(target=client, args=(number,)) for number in range(8)]
        for thread in clients:
            thread.start()
        chance = random.Random(1)
        while time.monotonic() < end - 1:
            time.sleep(chance.uniform(0.2, 0.7))
            daemon.kill()
            daemon.start(self.port)
        for thread in clients:
            thread.join()
        rows = [(row["c"], row["n"]) for row in self.rows(daemon, len(sent))]
        self.assertEqual(len(rows), len(set(rows)))
        self.assertEqual(sorted(rows), sorted(sent))
        self.assertGreater(len(rows), 100)
        print(f"{len(rows)} records, answers {dict(answers)}")


if __name__ == "__main__":
    unittest.main(verbosity=1)
