#!/usr/bin/env python3
"""Tests of `waiver report --watch`: what its server gives, what it refuses and survives, and how it ends.

The environment names the program: WAIVER_PROGRAM. Skipped (exit status 77) where Chromium, its driver or Selenium is missing.
"""
import http.client
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

from browser import PROGRAM, Page, report, train

FOLDER = tempfile.TemporaryDirectory(prefix="waiver-watch-")
HERE = pathlib.Path(FOLDER.name)


def setUpModule():
    train(HERE / "run")
    report(HERE / "run")


def tearDownModule():
    FOLDER.cleanup()


class Server:
    def __init__(self, run, *options):
        self.process = subprocess.Popen([PROGRAM, "report", run, "--watch", *options], stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        self.port = int(re.search(r"http://127\.0\.0\.1:(\d+)/", line)[1])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def get(self, path, method="GET", **headers):
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        link.request(method, path, headers=headers)
        answer = link.getresponse()
        body = answer.read()
        link.close()
        return answer.status, answer.headers, body

    def send(self, data, reads=True):
        """Bytes as they are; whatever comes back is fine."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as link:
            try:
                link.sendall(data)
                if reads:
                    link.settimeout(0.2)
                    link.recv(1 << 16)
            except OSError:
                pass


class Watch(unittest.TestCase):
    def test_gives_its_page_alone(self):
        with Server(HERE / "run") as server:
            status, headers, body = server.get("/")
            self.assertEqual((status, body[:15]), (200, b"<!doctype html>"))
            status, headers, body = server.get("/data.json")
            self.assertEqual((status, headers["Content-Type"], body[:1]), (200, "application/json", b"{"))
            self.assertEqual(server.get("/data.json", **{"If-None-Match": headers["ETag"]})[0], 304)
            for path in ("/config.yaml", "/../config.yaml", "/%2e%2e/config.yaml", "/etc/passwd", "//", "/report.html", "/data.json/", "/log.h5"):
                self.assertEqual(server.get(path)[0], 404, path)
            for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"):
                self.assertEqual(server.get("/", method)[0], 405, method)
            status, _, body = server.get("/", Range="bytes=" + ",".join(["0-"] * 1600))
            self.assertEqual((status, body), (416, b""))
            for host in ("example.org", f"example.org:{server.port}", "127.0.0.1", "localhost:1", ""):
                self.assertEqual(server.get("/data.json", Host=host)[0], 403, host)
            self.assertEqual(server.get("/", Host=f"localhost:{server.port}")[0], 200)

    def test_listens_to_this_machine_alone(self):
        with Server(HERE / "run") as server:
            rows = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
            bound = [row[1] for row in rows if row[3] == "0A" and row[1].endswith(f":{server.port:04X}")]
            self.assertEqual(bound, [f"0100007F:{server.port:04X}"])
            again = subprocess.run([PROGRAM, "report", HERE / "run", "--watch", "--port", str(server.port)], capture_output=True, text=True,
                                   timeout=30)
            self.assertEqual(again.returncode, 1)
            self.assertIn("port", again.stderr)

    def test_survives_a_thousand_odd_requests(self):
        draw = random.Random(0)
        odd = [lambda: os.urandom(draw.randrange(1, 400)), lambda: b"GET " + b"/" * draw.randrange(1, 9000) + b" HTTP/1.1\r\n\r\n",
               lambda: b"GET / HTTP/9.9\r\nHost: \r\n\r\n", lambda: b"\r\n" * draw.randrange(1, 50), lambda: b"GET",
               lambda: b"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\nx",
               lambda: b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
               lambda: b"GET /data.json HTTP/1.1\r\n" + b"".join(b"X-%d: %s\r\n" % (i, b"y" * 50) for i in range(200)) + b"\r\n",
               lambda: b"GET /data.json HTTP/1.1\r\nRange: bytes=9-1,-5,99999999999-\r\nHost: 127.0.0.1\r\n\r\n",
               lambda: b"GET /%00%ff%zz?a=%& HTTP/1.1\r\nHost: x\r\n\r\n", lambda: b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"]
        with Server(HERE / "run") as server:
            for i in range(1000):
                server.send(draw.choice(odd)(), reads=i % 10 == 0)
            self.assertIsNone(server.process.poll())
            self.assertEqual(server.get("/data.json")[0], 200)

    def test_ends_when_it_is_asked_to(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with Server(HERE / "run") as server:
                link = socket.create_connection(("127.0.0.1", server.port))  # which stays open
                server.process.send_signal(number)
                self.assertEqual(server.process.wait(timeout=10), 3)
                link.close()

    def test_ends_with_its_terminal(self):
        leader, follower = os.openpty()
        pid = os.fork()
        if pid == 0:
            os.setsid()
            os.close(leader)
            import fcntl
            import termios
            fcntl.ioctl(follower, termios.TIOCSCTTY, 0)
            for descriptor in (0, 1, 2):
                os.dup2(follower, descriptor)
            os.execv(PROGRAM, [PROGRAM, "report", str(HERE / "run"), "--watch"])
        os.close(follower)
        said = b""
        while b"http://" not in said:
            said += os.read(leader, 4096)
        os.close(leader)  # the terminal is gone
        for _ in range(100):
            done, _ = os.waitpid(pid, os.WNOHANG)
            if done:
                break
            time.sleep(0.1)
        else:
            os.kill(pid, signal.SIGKILL)
            self.fail("it went on without its terminal")

    def test_a_run_that_has_logged_nothing_yet(self):
        run = HERE / "young"
        shutil.copytree(HERE / "run", run)
        (run / "log.h5").rename(HERE / "log.h5")
        (run / "status").write_text("running\n")
        with Server(run) as server, Page(f"http://127.0.0.1:{server.port}/") as page:
            self.assertIn("nothing yet", page.text("#top"))
            (HERE / "log.h5").rename(run / "log.h5")
            page.wait(lambda: page.js("return Boolean(data.story)"), seconds=15)
            page.settle()
            self.assertTrue(page.table("emergence")[1])
            self.assertEqual(page.errors(), [])

    def test_the_page_follows_the_run(self):
        run = HERE / "growing"
        shutil.copytree(HERE / "run", run)
        train(HERE / "longer", "train.steps=60")
        with Server(run) as server, Page(f"http://127.0.0.1:{server.port}/") as page:
            steps = "return data.story.steps.length"
            before = page.js(steps)
            shutil.copy(HERE / "longer/log.h5", run / "new.h5")
            os.replace(run / "new.h5", run / "log.h5")
            page.table("loss")
            page.js("document.getElementById('step').focus()")
            page.wait(lambda: page.js(steps) > before, seconds=15)
            page.settle()
            self.assertEqual(page.js("return document.activeElement.id"), "step")
            self.assertFalse(page.js("return frames.find((f) => f.spec.id === 'loss').table_box.hidden"))
            self.assertIn("60", [row[0] for row in page.table("loss")[1]])
            self.assertEqual(page.js("return [state.layer, state.head]"), page.js("return [data.story.place.layer, data.story.place.head]"))
            self.assertEqual(page.js("return state.step"), 60)  # it was at the end, and stays there
            (run / "log.h5").write_bytes(b"torn")
            time.sleep(4)
            self.assertEqual(page.js(steps), before + 5)  # the last good one
            self.assertEqual(server.get("/data.json")[0], 503)


if __name__ == "__main__":
    unittest.main(verbosity=1)
