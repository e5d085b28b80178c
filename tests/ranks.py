#!/usr/bin/python3
"""Trains small models with several ranks over MPI and sees whether weights, optimizer state and log
have the bits of one process: tests/ranks.py [--all] [--kills N] [--seed S] [--program WAIVER]

Without --all, every config below runs with one number of ranks and threads, so that each number
meets each; with it, with all of 1 to 4 ranks by 1 and 2 threads. Then one run is killed N times, a
rank drawn at random each time at a random moment, and resumed with another number of ranks. And what
does not fit together on all ranks has to be refused. Exit status: 0 where all is well, 1, or 77
without mpirun or a program that was built with it. Needs h5py.
"""
import argparse
import json
import os
import pathlib
import random
import signal
import shutil
import subprocess
import sys
import tempfile
import time

CONFIG = """
model: {layers: 2, heads: 2, width: 32, context: 40, mlp: {width: 48}}
data: {kind: bigram_backcopy}
train:
  {steps: 14, batch: 12, clip: 0.7, log_every: 2, eval: {every: 5, batches: 2}, checkpoint: {every: 7, keep: 3},
   optimizer: {kind: adamw, lr: 1.0e-3}}
probe: {every: 5, first: [0, 1], snapshots: [0, 14], batch: 3}
"""
# What each run changes: every optimizer, both precisions, every way in which parts or parameters are shared.
RUNS = {
    "plain": [],
    "dropout": ["model.dropout={residual: 0.2, attention: 0.1, embedding: 0.1}", "train.batch=9"],
    "accumulated": ["train.accumulate=3", "train.recompute=true", "model.dropout={residual: 0.2}"],
    "singles": ["train.batch=5", "train.accumulate=5", "train.optimizer=sgd"],
    "masked": ["model.attention.mask=bidirectional", "train.objective=masked_token", "train.optimizer=lion"],
    "tied": ["model.output.tied=true", "model.output.bias=true", "train.accumulate=2", "train.optimizer=adam"],
    "bfloat16": ["model.precision=bfloat16", "model.mlp.kind=swiglu", "model.norm.kind=rms", "train.batch=7"],
    "muon": ["train.optimizer=muon", "model.position=rope", "model.attention.bias=all", "model.mlp.bias=true"],
    "ortho_adam": ["train.optimizer=ortho_adam", "model.position=alibi", "train.freeze=[blocks.0.*]"],
    "shared_bias": ["model.position=fire", "model.attention.slot=key_value", "model.sink_tokens=2", "train.recompute=true"],
    "gated": ["model.attention.gate=value", "model.attention.qk_norm=rms", "model.kv_heads=1", "model.position=kerple",
              "model.precision=bfloat16", "train.accumulate=4", "model.dropout={attention: 0.2}"],
    "pieces": ["model.context=260", "model.position=relative", "train.batch=16", "train.steps=4"],
    "long_tiles": ["model={context: 1024, heads: 4, precision: bfloat16}", "train.batch=4", "train.steps=3", "train.eval.batches=1",
                   "probe.every=0", "probe.snapshots=[]"],
    "features": ["data={kind: nop, features: 16}", "model={input: features, width: 16, heads: 2, dedicated: {count: 1}, "
                 "norm: {final: false}, position: {kind: learned, into: attention}, layers: 3}", "train.objective=regression"],
}
SHAPES = [(ranks, threads) for ranks in (1, 2, 3, 4) for threads in (1, 2)]
AS_ROOT = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
PATIENCE = 300  # seconds; a run that takes longer hangs


def command(program, ranks, *words):
    several = ["mpirun", "--oversubscribe", "--bind-to", "none", "-n", str(ranks)] if ranks > 1 else []
    return [*several, program, *map(str, words)]


def run(program, ranks, *words):
    return subprocess.run(command(program, ranks, *words), capture_output=True, text=True, timeout=PATIENCE,
                          env=os.environ | AS_ROOT | {"OMP_WAIT_POLICY": "passive"})


def train(program, config, out, ranks, threads, changes, *words):
    done = run(program, ranks, "train", config, *changes, "--out", out, "--threads", threads, *words)
    if done.returncode:
        raise AssertionError(f"{out.name}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def numbers(file):
    """Every dataset outside /timing with its bytes."""
    found = {}
    with h5py.File(file) as f:
        def keep(name, item):
            if isinstance(item, h5py.Dataset) and not name.startswith("timing") and item.dtype.kind in "if":
                found[name] = item[()].tobytes()
        f.visititems(keep)
    return found


def bits(out):
    """Weights and optimizer state of every checkpoint, and the log."""
    found = numbers(out / "log.h5")
    for checkpoint in sorted((out / "checkpoints").iterdir()):
        model = (checkpoint / "model.safetensors").read_bytes()
        found[f"{checkpoint.name} weights"] = model[8 + int.from_bytes(model[:8], "little"):]
        found |= {f"{checkpoint.name} {name}": value for name, value in numbers(checkpoint / "state.h5").items()}
    return found


def compare(name, one, other):
    for what, keys in [("lacks", one.keys() - other.keys()), ("has besides", other.keys() - one.keys()),
                       ("not the bits of one process", [key for key in one.keys() & other.keys() if one[key] != other[key]])]:
        if keys:
            raise AssertionError(f"{name}: {what}: {', '.join(sorted(keys)[:6])}")


def same_bits(program, config, folder, everything):
    """Every run with every number of ranks and threads, or with some that differ from run to run."""
    for i, (name, changes) in enumerate(RUNS.items()):
        train(program, config, folder / name, 1, 1, changes)
        expected = bits(folder / name)
        assert len(expected) > 30, expected.keys()
        for ranks, threads in SHAPES[1:] if everything else [SHAPES[2 + i % 6]]:
            out = folder / f"{name}-{ranks}-{threads}"
            train(program, config, out, ranks, threads, changes)
            compare(out.name, expected, bits(out))
            shutil.rmtree(out)
            print(f"{name}: {ranks} ranks of {threads} threads have the bits of one process", flush=True)
    train(program, config, folder / "other", 2, 1, ["seed.data=1"])
    try:
        compare("other", bits(folder / "plain"), bits(folder / "other"))
    except AssertionError:
        return
    raise AssertionError("another seed has the same bits, so the comparison cannot fail")


def descendants(process):
    """The ranks that a mpirun has started."""
    children = pathlib.Path(f"/proc/{process}/task/{process}/children")
    return [int(pid) for pid in children.read_text().split()] if children.exists() else []


def stopped(program, config, folder, stops, draw):
    """One run, asked to stop again and again, by a signal to one rank or to all, and resumed with another number of ranks."""
    changes = ["train.steps=400", "model.dropout={residual: 0.2}"]
    train(program, config, folder / "unstopped", 1, 1, changes)
    out, count = folder / "stopped", 0
    while count < stops:
        ranks = draw.choice((2, 3, 4))
        process = subprocess.Popen(command(program, ranks, "train", config, *changes, "--out", out, "--threads", "1", "--resume"),
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ | AS_ROOT)
        time.sleep(.25 + .6 * draw.random())
        found = descendants(process.pid)
        for pid in found if draw.random() < .5 else found[:1] if draw.random() < .5 else found[-1:]:
            try:
                os.kill(pid, draw.choice((signal.SIGUSR1, signal.SIGTERM)))
            except ProcessLookupError:
                pass
        text, _ = process.communicate(timeout=PATIENCE)
        count += 1
        print(f"stop {count}: {ranks} ranks, exit status {process.returncode}", flush=True)
        if process.returncode == 0:
            break
        assert process.returncode == 3, text
    train(program, config, out, draw.choice((1, 2, 3)), 1, changes, "--resume")
    expected, found = bits(folder / "unstopped"), bits(out)
    last = [key for key in expected if key.startswith("step-00000400") or not key.startswith("step-")]
    compare("stopped", {key: expected[key] for key in last}, {key: found[key] for key in last if key in found})
    print(f"{count} stops: the bits of one process", flush=True)


def killed(program, config, folder, kills, draw):
    """One run, killed again and again and resumed with another number of ranks."""
    changes = ["train.steps=300", "train.checkpoint.every=10", "model.dropout={residual: 0.2}", "train.accumulate=2"]
    train(program, config, folder / "whole", 1, 1, changes)
    expected, out, done = bits(folder / "whole"), None, 0
    for count in range(kills):
        ranks, out = draw.choice((2, 3, 4)), out or folder / f"killed-{done}"
        process = subprocess.Popen(command(program, ranks, "train", config, *changes, "--out", out, "--threads", "1", "--resume"),
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ | AS_ROOT)
        time.sleep(.25 + draw.random())
        found = descendants(process.pid)
        victim = draw.choice(found) if found else None
        if victim:
            try:
                os.kill(victim, signal.SIGKILL)
            except ProcessLookupError:
                pass
        text, _ = process.communicate(timeout=PATIENCE)
        ended = process.returncode == 0
        if not ended and "Memory of rank 0" in text and "Done:" not in text:
            # mpirun asks what is left to stop, which may be when there is nothing to save.
            lost = text.count("its process has ended")
            assert lost + text.count("the run was interrupted") == 1, text
            told = lost and "\nstep " in text and victim != found[0]  # to rank 0, in training
            assert not told or (out / "status").read_text().startswith("failed: rank "), text
        print(f"kill {count + 1}: {ranks} ranks, exit status {process.returncode}", flush=True)
        if ended or count % 10 == 9 or count == kills - 1:
            train(program, config, out, draw.choice((1, 2, 3)), 1, changes, *([] if ended and not out.exists() else ["--resume"]))
            compare(out.name, expected, bits(out))
            done, out = done + 1, None
    print(f"{kills} kills, {done} finished runs: the bits of one process", flush=True)


def refused(program, config, folder):
    """What is wrong on any rank is said once, by name, and leaves nothing behind."""
    done = run(program, 3, "train", config, "model.heads=5", "--out", folder / "bad")
    words = done.stdout + done.stderr
    assert done.returncode == 2 and words.count("model.heads") == 1, words
    assert not (folder / "bad").exists()
    for words, said in [(["sweep", config], "train alone"), (["train", config, "--nonsense"], "there is no such option"),
                        (["train", config, "model.heads=5"], "model.heads"), (["train"], "config is required")]:
        for _ in range(5):  # mpirun ends all ranks as soon as one has ended, which must not be before that is said
            done = run(program, 4, *words)
            assert done.returncode == 2 and (done.stdout + done.stderr).count(said) == 1, done.stdout + done.stderr
    done = run(program, 2, "train", config, "--out", folder / "plain")
    assert done.returncode == 2 and (done.stdout + done.stderr).count("a run is already there") == 1, done.stderr
    # Rank 1 with another instruction set.
    env = os.environ | AS_ROOT
    mixed = ["mpirun", "--oversubscribe", "-n", "1", program, "train", str(config), "--out", str(folder / "mixed"), ":",
             "-n", "1", "env", "ONEDNN_MAX_CPU_ISA=AVX2", program, "train", str(config), "--out", str(folder / "mixed")]
    other = ["mpirun", "--oversubscribe", "-n", "1", program, "train", str(config), "--out", str(folder / "unlike"), ":",
             "-n", "1", program, "train", str(config), "train.batch=6", "--out", str(folder / "unlike")]
    done = subprocess.run(other, capture_output=True, text=True, timeout=PATIENCE, env=env)
    words = done.stdout + done.stderr
    assert done.returncode == 2 and words.count("rank 1: it has the config '  batch: 6', and rank 0 has") == 1, words
    other[-5:] = ["show", str(config)]
    done = subprocess.run(other, capture_output=True, text=True, timeout=PATIENCE, env=env)
    words = done.stdout + done.stderr
    assert done.returncode == 2 and words.count("rank 1: ") == 1 and words.count("train alone") == 1, words
    assert not (folder / "unlike").exists()
    facts = json.loads(run(program, 1, "doctor", "--json").stdout)
    if facts["gemm_instruction_set"] != "AVX2":
        done = subprocess.run(mixed, capture_output=True, text=True, timeout=PATIENCE, env=env)
        words = done.stdout + done.stderr
        assert done.returncode == 2 and words.count("rank 1: it has gemm_instruction_set AVX2") == 1, words
        assert not (folder / "mixed").exists()
    print("what does not fit is refused by name")


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--all", action="store_true")
    options.add_argument("--kills", type=int, default=4)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--program", default=os.environ.get("WAIVER_PROGRAM", "build/release/waiver"))
    given = options.parse_args()
    program = str(pathlib.Path(given.program).resolve())
    if not shutil.which("mpirun"):
        print("skipped: there is no mpirun")
        return 77
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        config = folder / "config.yaml"
        config.write_text(CONFIG)
        without = run(program, 2, "train", config, "--out", folder / "first")
        if "built without MPI" in without.stdout + without.stderr:
            print("skipped: the program was built without MPI")
            return 77
        same_bits(program, config, folder, given.all)
        refused(program, config, folder)
        stopped(program, config, folder, given.kills, random.Random(given.seed))
        killed(program, config, folder, given.kills, random.Random(given.seed))
    return 0


if __name__ == "__main__":
    try:
        import h5py
    except ImportError as problem:
        sys.path.insert(0, str(pathlib.Path(__file__).parent / "scripts"))
        from small_runs import skip_without_packages
        skip_without_packages(problem)
    try:
        sys.exit(main())
    except AssertionError as problem:
        sys.exit(str(problem))
