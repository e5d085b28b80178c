#!/usr/bin/python3
"""Compares what `waiver plan` says with what a run takes: tests/plans.py [--program WAIVER] [--threads N]

Five configs are planned and then trained, each for some seconds: the peak of memory has to be within 10 % of the plan, and the time
of the training loop within 20 %. On a machine that does other work times differ by more. Exit status: 0 where all are, else 1. Needs
h5py.
"""
import argparse
import json
import os
import pathlib
import sys
import tempfile

import h5py

ROOT = pathlib.Path(__file__).parents[1]
# Sizes, contexts, vocabularies, probes and precisions that differ; steps for about half a minute on two cores.
RUNS = [
    ("configs/bigram_backcopy.yaml", ["train.steps=800"]),
    ("configs/nop.yaml", ["train.steps=1000"]),
    ("configs/masked_backcopy.yaml", ["train.steps=600", "model.precision=bfloat16"]),
    ("experiments/scaling/small.yaml", ["train.steps=100"]),
    ("experiments/scaling/gu60m.yaml", ["train.steps=3", "train.batch=2", "train.accumulate=2", "train.recompute=true"]),
]


def run(words):
    """What a program prints, its peak of memory in bytes, and its exit status."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.dup2(write, 1)
        os.execv(words[0], words)
    os.close(write)
    with os.fdopen(read) as out:
        text = out.read()
    _, status, usage = os.wait4(child, 0)
    return text, 1024 * usage.ru_maxrss, os.waitstatus_to_exitcode(status)


def trained(program, config, changes, threads, out):
    _, peak, status = run([program, "train", config, *changes, "--out", str(out), "--threads", threads])
    if status:
        sys.exit(f"{config}: exit status {status}")
    with h5py.File(out / "log.h5") as log:
        steps, seconds = log["timing/step"][:], log["timing/seconds"][:]
    # The first update also lays out the memory.
    return peak, (seconds[-1] - seconds[0]) / (steps[-1] - steps[0])


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--program", default="build/release/waiver")
    options.add_argument("--threads", default=str(len(os.sched_getaffinity(0))))
    given = options.parse_args()
    program, good = str(pathlib.Path(given.program).resolve()), True
    with tempfile.TemporaryDirectory() as folder:
        for i, (config, changes) in enumerate(RUNS):
            config, changes = str(ROOT / config), [*changes, "train.log_every=1"]
            text, _, status = run([program, "plan", config, *changes, "--json", "--threads", given.threads])
            if status:
                sys.exit(f"{config}: exit status {status}")
            plan = json.loads(text)
            steps = plan["steps"]
            peak, step = trained(program, config, changes, given.threads, pathlib.Path(folder) / str(i))
            planned = (plan["seconds"]["run"]) / steps
            memory, time = plan["memory"]["total"] / peak, planned / step
            good &= abs(memory - 1) <= .1 and abs(time - 1) <= .2
            print(f"{pathlib.Path(config).name} {' '.join(changes[:-1])}: memory {plan['memory']['total'] / 2**20:.0f} MiB planned, "
                  f"{peak / 2**20:.0f} taken, {memory:.2f}; a step with its probes {1e3 * planned:.1f} ms planned, {1e3 * step:.1f} taken, "
                  f"{time:.2f}", flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
