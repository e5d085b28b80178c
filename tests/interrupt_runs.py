#!/usr/bin/python3
"""Interrupts training runs at random moments and sees whether each saves its state, ends by itself
and resumes to the same bits; and imports of a published model, of which each is to leave either all
or nothing: tests/interrupt_runs.py [--runs N] [--imports N] [--seed S] [--program WAIVER]

A run is sent up to three signals among HUP, INT, TERM and USR1 within half a second, at a moment
drawn over the time that an undisturbed run takes; a third of the resumed runs are interrupted once
more. Odd runs use oneDNN's AVX2 kernels, even ones the best that the processor has. The shapes are
those at which handlers of signals were seen to overwrite memory (uxlfoundation/oneDNN#4845).
Exit status: 0 where every run did, else 1. Needs h5py.
"""
import argparse
import collections
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import h5py

CONFIG = """
model: {layers: 2, heads: 4, width: 128, context: 300, dropout: {residual: 0.1}}
data: {kind: bigram_backcopy}
train:
  steps: 30
  batch: 8
  clip: 1.0
  log_every: 1
  eval: {every: 10, batches: 2}
  checkpoint: {every: 10, keep: 2}
probe: {every: 10, first: [0, 1], snapshots: [0, 20], batch: 4}
"""
STEPS = 30
# Of a published model that takes about a second to import.
PUBLISHED = """
model:
  {layers: 4, heads: 8, width: 512, context: 128, position: rope, norm: rms,
   mlp: {kind: swiglu, width: 2048}}
data: {kind: tokens, vocabulary: 32000, train: TOKENS, validation: TOKENS}
train: {steps: 0, batch: 1, eval: {every: 0}}
probe: {every: 0}
"""
SIGNALS = [signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGUSR1]
STARTED = .05  # seconds until the program takes signals
PATIENCE = 120  # seconds after the signals; a run that takes longer hangs


def start(program, folder, out, avx2, resume=False):
    environment = dict(os.environ, ONEDNN_MAX_CPU_ISA="AVX2") if avx2 else dict(os.environ)
    command = [program, "train", str(folder / "config.yaml"), "--out", str(out)]
    log = open(out.with_suffix(".txt"), "a")
    return subprocess.Popen(command + ["--resume"] * resume, env=environment, stdout=log,
                            stderr=subprocess.STDOUT, preexec_fn=take_all_signals)


def take_all_signals():
    for each in SIGNALS:
        signal.signal(each, signal.SIG_DFL)


def status_of(out):
    return (out / "status").read_text() if (out / "status").exists() else "none"


def interrupt(process, out, delay, signals):
    """Sends the signals `delay` seconds after the run began; its exit status, or a word."""
    while process.poll() is None and status_of(out) != "running\n":
        time.sleep(.002)
    time.sleep(delay)
    for number, gap in signals:
        if process.poll() is None:
            process.send_signal(number)
        time.sleep(gap)
    try:
        return process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return "hangs"


def draw_signals(draw):
    return [(draw.choice(SIGNALS), draw.uniform(0, .25)) for _ in range(draw.randint(1, 3))]


def bits(out):
    """Every number of the run outside /timing, and its last checkpoint."""
    found = {}

    def keep(name, item):
        if isinstance(item, h5py.Dataset) and not name.startswith("timing/"):
            value = item[()]
            found[name] = value.tolist() if value.dtype == object else value.tobytes()

    with h5py.File(out / "log.h5") as log:
        log.visititems(keep)
    last = out / "checkpoints" / f"step-{STEPS:08}"
    found["weights"] = (last / "model.safetensors").read_bytes()
    with h5py.File(last / "state.h5") as state:
        state.visititems(keep)
    return found


def try_run(program, folder, name, draw, avx2, seconds, whole):
    """The fate of one interrupted run: `saved`, `unbegun`, `finished` before the signals, or a
    failure."""
    out = folder / name
    ended = interrupt(start(program, folder, out, avx2), out, draw.uniform(0, seconds),
                      draw_signals(draw))
    status = status_of(out)
    if ended == 0 and status == "done\n":
        return "finished"
    if ended != 3 or not status.startswith("stopped: "):
        return f"FAILED: ended with {ended}, status {status.strip()!r}"
    outcome = "saved" if "its state is saved" in status else "unbegun"
    if draw.random() < 1 / 3:
        again = interrupt(start(program, folder, out, avx2, True), out, draw.uniform(0, seconds),
                          draw_signals(draw))
        if again not in (0, 3):
            return f"FAILED: resumed and interrupted again it ended with {again}"
    if start(program, folder, out, avx2, True).wait() != 0:
        return "FAILED: it does not resume"
    if bits(out) != whole:
        return "FAILED: it resumed to other bits"
    return outcome


def publish(program, folder):
    """A published model in a folder of the hub."""
    (folder / "tokens.bin").write_bytes(bytes(4096))
    config = folder / "published.yaml"
    config.write_text(PUBLISHED.replace("TOKENS", str(folder / "tokens.bin")))
    run, hub = folder / "published", folder / "hub"
    for command in (["train", config, "--out", run], ["export", run, "--out", hub]):
        subprocess.run([program, *map(str, command)], check=True, stdout=subprocess.DEVNULL)
    shutil.rmtree(run)
    return hub


def start_import(program, hub, out, step):
    command = [program, "import", str(hub), "--out", str(out), "--step", str(step)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                            preexec_fn=take_all_signals)


def contents(out):
    """Every file of a folder; environment.json says when and where, and not what."""
    return {str(path.relative_to(out)): path.is_file() and path.read_bytes()
            for path in out.rglob("*") if path.name != "environment.json"}


def try_import(program, hub, out, step, delay, signals, whole):
    """The fate of an interrupted import into `out`, which may hold another step: `nothing` left,
    `whole`, or a failure. `whole`: what is there afterwards, as if never interrupted."""
    before = contents(out)
    process = start_import(program, hub, out, step)
    time.sleep(STARTED + delay)
    for number, gap in signals:
        if process.poll() is None:
            process.send_signal(number)
        time.sleep(gap)
    try:
        ended = process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return "FAILED: hangs"
    if ended not in (0, 3):
        return f"FAILED: ended with {ended}"
    if ended == 0:
        return "whole" if contents(out) == whole else "FAILED: it is not whole"
    if contents(out) != before or out.exists() != bool(before):
        return f"FAILED: it left {sorted(set(contents(out)) - set(before)) or 'other bytes'}"
    if start_import(program, hub, out, step).wait() != 0 or contents(out) != whole:
        return "FAILED: it is not whole at the second try"
    return "nothing"


def try_imports(program, folder, count, draw):
    """The fates of `count` imports, every other one into a run that has another step."""
    hub, outcomes = publish(program, folder), collections.Counter()
    whole, seconds = [], 0
    for step in (0, 1):
        begun = time.monotonic()
        if start_import(program, hub, folder / "imported", step).wait() != 0:
            sys.exit("the published model is not read")
        seconds = max(seconds, time.monotonic() - begun)
        whole.append(contents(folder / "imported"))
    for i in range(count):
        out, step = folder / "imported", i % 2
        if step == 0:
            shutil.rmtree(out)
        else:
            shutil.rmtree(out / "checkpoints" / "step-00000001", ignore_errors=True)
        outcome = try_import(program, hub, out, step, draw.uniform(0, seconds - STARTED),
                             draw_signals(draw), whole[step])
        if outcome.startswith("FAILED"):
            print(f"import {i}: {outcome[8:]}", flush=True)
            outcome = "failed"
        outcomes[outcome] += 1
    return outcomes


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--runs", type=int, default=200, help="how many are to be interrupted")
    parser.add_argument("--imports", type=int, default=100, help="the same of imports")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--program", default=str(pathlib.Path(__file__).resolve().parent.parent /
                                                 "build/release/waiver"))
    arguments = parser.parse_args()
    draw = random.Random(arguments.seed)
    outcomes = collections.Counter()
    with tempfile.TemporaryDirectory(prefix="waiver-interrupt-") as place:
        folder = pathlib.Path(place)
        (folder / "config.yaml").write_text(CONFIG)
        imports = try_imports(arguments.program, folder, arguments.imports, draw)
        wholes, seconds = {}, 0
        for avx2 in (False, True):
            out = folder / f"whole-{avx2}"
            begun = time.monotonic()
            if start(arguments.program, folder, out, avx2).wait() != 0:
                sys.exit(out.with_suffix(".txt").read_text())
            seconds = max(seconds, time.monotonic() - begun)
            wholes[avx2] = bits(out)
        tried = 0
        while tried - outcomes["finished"] < arguments.runs:
            avx2, name = tried % 2 == 1, f"run-{tried}"
            outcome = try_run(arguments.program, folder, name, draw, avx2, .9 * seconds,
                              wholes[avx2])
            if outcome.startswith("FAILED"):
                print(f"{name}{' (AVX2)' if avx2 else ''}: {outcome[8:]}", flush=True)
                outcome = "failed"
            outcomes[outcome] += 1
            tried += 1
            shutil.rmtree(folder / name, ignore_errors=True)
    print(f"{arguments.runs} runs interrupted: {outcomes['saved']} saved their state and "
          f"{outcomes['unbegun']} had none yet, and resumed to the same bits; "
          f"{outcomes['failed']} failed. {outcomes['finished']} more were done before the signals.")
    print(f"{arguments.imports} imports interrupted: {imports['nothing']} left nothing, "
          f"{imports['whole']} were whole, {imports['failed']} failed.")
    sys.exit(outcomes["failed"] + imports["failed"] > 0)


if __name__ == "__main__":
    main()
