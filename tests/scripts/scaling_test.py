#!/usr/bin/env python3
"""Tests of scripts/scaling.py on a plan of the program, and on what is none.

Skipped (exit status 77) where Python packages are missing.
"""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

from small_runs import MODEL, REST, ROOT, program, skip_without_packages

try:
    import matplotlib  # noqa: F401
except ImportError as problem:
    skip_without_packages(problem)


class Scaling(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = pathlib.Path(scratch.name)

    def draw(self, *plans):
        out = self.folder / "figure.png"
        done = subprocess.run([sys.executable, ROOT / "scripts/scaling.py", *plans, "--out", out], capture_output=True, text=True)
        return done, out

    def test_a_plan_is_drawn(self):
        config = self.folder / "a.yaml"
        config.write_text(MODEL + REST)
        words = ["--seconds", 0, "--threads", 1, "--ranks", "1,2,4", "--simulate-threads", "1,8", "--json"]
        plan = self.folder / "a.json"
        plan.write_text(program("plan", config, *words))
        self.assertEqual(len(json.loads(plan.read_text())["simulated"]), 6)
        done, out = self.draw(plan, plan)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(out.read_bytes().startswith(b"\x89PNG"))

    def test_anything_else_is_refused_in_a_sentence(self):
        other = self.folder / "other.json"
        for text in ("no JSON", "{}", json.dumps({"simulated": [{"ranks": 2, "threads": 1, "seconds": 1.0}]})):
            other.write_text(text)
            done, out = self.draw(other)
            self.assertEqual(done.returncode, 1)
            self.assertIn("this is no plan of one rank and one thread among others", done.stderr)
            self.assertEqual(len(done.stderr.splitlines()), 1)
            self.assertFalse(out.exists())


if __name__ == "__main__":
    unittest.main()
