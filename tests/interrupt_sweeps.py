#!/usr/bin/env python3
"""Kills sweeps at random moments and sees whether each resumes to the same summary:
tests/interrupt_sweeps.py [--sweeps N] [--seed S] [--program WAIVER]

A sweep of six tiny runs, one or two side by side, is sent KILL or TERM at a moment drawn over the
time that an undisturbed one takes, up to three times; then it is resumed in its folder, or its
records alone are carried to an empty folder and continued there. Every third sweep is made run by
run instead, in any order, and collected. The summary, events.json and all records without their
timing, must be that of the undisturbed sweep, byte for byte.
Exit status: 0 where all were, else 1. Needs the standard library alone.
"""
import argparse
import collections
import json
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

CONFIG = """
model: {layers: 2, heads: 2, width: 16, context: 24}
train: {steps: 60, batch: 4, log_every: 1, eval: {every: 20, batches: 1}, checkpoint: {every: 10}}
probe: {every: 4, first: [0, 1], snapshots: [], batch: 3}
"""
STUDY = """
title: t
base: base.yaml
pairs: [{name: plain, model.position: none}, {name: rotated, model.position: rope}]
overrides: [{where: {model.position: rope}, set: {train: {batch: 3}}}]
seeds: [0, 1, 2]
"""
RUNS, PATIENCE = 6, 120


def summary(out):
    found = {"events.json": (out / "events.json").read_bytes()}
    for file in (out / "records").iterdir():
        record = json.loads(file.read_text())
        del record["timing"]
        found[file.name] = json.dumps(record)
    return found


class Sweeps:
    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        (folder / "base.yaml").write_text(CONFIG)
        (folder / "study.yaml").write_text(STUDY)

    def start(self, out, *options):
        log = open(out.with_suffix(".txt"), "a")
        return subprocess.Popen([self.program, "sweep", str(self.folder / "study.yaml"), "--out",
                                 str(out), "--threads", "2", *options], stdout=log, stderr=log)

    def ends(self, out, *options):
        return self.start(out, *options).wait(PATIENCE)

    def interrupted(self, out, draw, seconds):
        """Why it failed; empty where it did not."""
        for attempt in range(draw.randint(1, 3)):
            jobs = ["--jobs", str(draw.choice([1, 2]))]
            process = self.start(out, *jobs, *["--resume"] * (attempt > 0))
            time.sleep(draw.uniform(0, seconds))
            killed = process.poll() is None
            number = draw.choice([signal.SIGKILL, signal.SIGTERM])
            process.send_signal(number)
            status = process.wait(PATIENCE)
            # TERM may come before the program takes signals.
            if killed and number == signal.SIGTERM and status not in (0, 3, -signal.SIGTERM):
                return f"asked to stop, it ended with {status}"
        if draw.random() < .5:
            moved = out.with_name(out.name + "-moved")
            if (out / "records").exists():
                shutil.copytree(out / "records", moved / "records")
            shutil.rmtree(out, ignore_errors=True)
            moved.mkdir(exist_ok=True)
            moved.rename(out)
        jobs = ["--jobs", str(draw.choice([1, 2]))]
        return "" if self.ends(out, "--resume", *jobs) == 0 else "it does not resume"

    def run_by_run(self, out, draw):
        order = list(range(1, RUNS + 1))
        draw.shuffle(order)
        cut = draw.randint(1, RUNS - 1)
        first = self.start(out, "--only", ",".join(map(str, order[:cut])), "--jobs", "2")
        second = self.start(out, "--only", ",".join(map(str, order[cut:])))
        if first.wait(PATIENCE) or second.wait(PATIENCE):
            return "a part of it failed"
        return "" if self.ends(out, "--collect") == 0 else "it cannot be collected"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--sweeps", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--program", default=str(pathlib.Path(__file__).resolve().parent.parent /
                                                 "build/release/waiver"))
    arguments = parser.parse_args()
    draw, outcomes = random.Random(arguments.seed), collections.Counter()
    with tempfile.TemporaryDirectory(prefix="waiver-sweeps-") as place:
        sweeps = Sweeps(arguments.program, pathlib.Path(place))
        whole = sweeps.folder / "whole"
        begun = time.monotonic()
        if sweeps.ends(whole) != 0:
            sys.exit(whole.with_suffix(".txt").read_text())
        seconds, expected = time.monotonic() - begun, summary(whole)
        assert len(expected) == RUNS + 1
        for i in range(arguments.sweeps):
            out = sweeps.folder / f"sweep-{i}"
            why = sweeps.run_by_run(out, draw) if i % 3 == 2 else \
                sweeps.interrupted(out, draw, seconds)
            if not why and summary(out) != expected:
                why = "it has another summary"
            if why:
                print(f"sweep {i}: {why}\n{out.with_suffix('.txt').read_text()[-2000:]}", flush=True)
            outcomes["failed" if why else "same"] += 1
            shutil.rmtree(out, ignore_errors=True)
    print(f"{outcomes['same']} sweeps gave the same summary, {outcomes['failed']} failed.")
    sys.exit(outcomes["failed"] > 0)


if __name__ == "__main__":
    main()
