#!/usr/bin/env python3
"""Damages files that the program reads, one at a time, and checks how it takes them.

    tests/mutate.py build/release/waiver [--count 1000] [--seed 1] [--keep]

Logs, states, weights, identities and other files of a run, records, configs, studies, specs and
corpora are damaged by flipped bits, cuts, inserted, repeated or foreign bytes. Whatever the damage, the
program must end by itself within 20 seconds with a status of 0, 1 or 2, say something short that a terminal
can show, and never call something done that is not: a run that says so has the weights that it
would have had. Needs the standard library alone. Ends with a table, and 1 where something failed.
"""
import argparse
import collections
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile

LIMIT = 20  # seconds
CONFIG = """\
# A comment.
model: {layers: 2, heads: 2, width: 16, context: 12, mlp: {kind: gelu, width: 24}, position: rope}
data: {kind: text, path: text.txt, tokenizer: char}
train:
  steps: 12
  batch: 4
  optimizer: {kind: adamw, lr: 0.003, weight_decay: 0.1}
  log_every: 2
  eval: {every: 6, batches: 2}
  checkpoint: {every: 4, keep: 2}
probe: {every: 4, first: [0, 1], snapshots: [0, 8], batch: 2}
"""
TOKENS = CONFIG.replace("data: {kind: text, path: text.txt, tokenizer: char}",
                        "data: {kind: tokens, train: train.bin, validation: train.bin, vocabulary: 40}")
STUDY = "title: t\nbase: text.yaml\nset: {train: {steps: 4}, probe: {snapshots: []}}\n" \
        "pairs: [{name: a, model.layers: 1}]\ngrid: {model.position.kind: [none, rope, alibi]}\n" \
        "skip: [{model.position: alibi}]\nseeds: [0]\n" \
        "overrides: [{where: {model.position: rope}, set: {train.batch: 3}}]\n"
SPEC = "title: t\npositions: {waiver: 0, other: 5}\narms:\n  - name: zero\n    edits:\n" \
       "      - {at: blocks.*.attn.v, edit: zero, positions: [waiver]}\n"


class Case:
    """A file to damage, and the command that reads it."""

    def __init__(self, name, file, command, weights=None):
        self.name, self.file, self.command, self.weights = name, file, command, weights


def cases():
    resume = ["train", "text.yaml", "--out", "run", "--resume"]
    last, before = "run/checkpoints/step-00000012/", "run/checkpoints/step-00000008/"
    for file in ("log.h5", "identity.json", "config.yaml", "environment.json", "status",
                 "overrides.txt"):
        yield Case(f"{file}, resume", "run/" + file, resume, True)
    for name in ("model.safetensors", "state.h5"):
        yield Case(f"{name}, resume", last + name, resume, True)
        yield Case(f"{name}, eval", last + name, ["eval", "run"])
        yield Case(f"{name}, probe", last + name, ["probe", "run", "--mechanism"])
        yield Case(f"{name}, older", before + name, ["sample", before, "--prompt", "ab"])
    yield Case("log.h5, continued", "cut/log.h5",
               ["train", "text.yaml", "--out", "cut", "--resume"], True)
    yield Case("log.h5, events", "sweep/a,position.kind=rope,seed=0/log.h5",
               ["sweep", "study.yaml", "--out", "sweep", "--resume"])
    yield Case("environment, summary", "sweep/a,position.kind=rope,seed=0/environment.json",
               ["sweep", "study.yaml", "--out", "sweep", "--collect"])
    for verb in ("--resume", "--status"):
        yield Case(f"record, {verb[2:]}", "moved/records/a,position.kind=rope,seed=0.json",
                   ["sweep", "study.yaml", "--out", "moved", verb])
    # `show` and `log` only read: there is nothing that they could call done.
    for name, file, command in (
            ("log.h5, show", "run/log.h5", ["show", "run"]),
            ("log.h5, show --json", "run/log.h5", ["show", "run", "--json"]),
            ("status, show", "run/status", ["show", "run"]),
            ("log.h5, report", "run/log.h5", ["report", "run"]),
            ("environment.json, report", "run/environment.json", ["report", "run"]),
            ("sweep.json, report", "sweep/sweep.json", ["report", "sweep"]),
            ("log.h5, sweep's report", "sweep/a,position.kind=rope,seed=0/log.h5", ["report", "sweep"]),
            ("mechanism.h5, show", "run/mechanism.h5", ["show", "run"]),
            ("mechanism.h5, log", "run/mechanism.h5", ["log", "run/mechanism.h5"]),
            ("log.h5, log", "run/log.h5", ["log", "run", "probe/enrichment[layer=0]", "--csv"]),
            ("log.h5, sweep's show", "sweep/a,position.kind=rope,seed=0/log.h5",
             ["show", "sweep"]),
            ("mechanism.json, show", "sweep/mechanism.json", ["show", "sweep", "--json"]),
            ("sweep.json, show", "sweep/sweep.json", ["show", "sweep"])):
        yield Case(name, file, command)
    yield Case("sweep.json", "sweep/sweep.json",
               ["sweep", "study.yaml", "--out", "sweep", "--resume"])
    yield Case("sweep.json, mechanism", "sweep/sweep.json", ["probe", "sweep", "--mechanism"])
    yield Case("config, check", "text.yaml", ["config", "check", "text.yaml"])
    # An empty config is a good one, which would train for an hour.
    yield Case("config, train", "text.yaml", ["train", "text.yaml", "--out", "new", "train.steps=4"])
    yield Case("study", "study.yaml", ["sweep", "study.yaml", "--out", "other"])
    yield Case("study, check", "study.yaml", ["config", "check", "study.yaml"])
    yield Case("spec", "spec.yaml", ["intervene", "run", "spec.yaml"])
    yield Case("corpus, train", "text.txt", ["train", "text.yaml", "--out", "new"])
    yield Case("corpus, resume", "text.txt", resume)
    yield Case("corpus, eval", "text.txt", ["eval", "run", "data.path=text.txt"])
    yield Case("tokens, train", "train.bin", ["train", "tokens.yaml", "--out", "new"])
    yield Case("tokens, check", "train.bin", ["config", "check", "tokens.yaml"])


def damage(data: bytes, draw: random.Random) -> bytes:
    kind = draw.randrange(9)
    at = draw.randrange(len(data)) if data else 0
    some = bytes(draw.randrange(256) for _ in range(draw.choice([1, 2, 8, 64, 4096])))
    if kind == 0 and data:  # one bit
        return data[:at] + bytes([data[at] ^ 1 << draw.randrange(8)]) + data[at + 1:]
    if kind == 1:  # cut
        return data[:at]
    if kind == 2:  # inserted
        return data[:at] + some + data[at:]
    if kind == 3:  # overwritten
        return data[:at] + some[:len(data) - at] + data[at + len(some):]
    if kind == 4:  # a hole
        return data[:at] + bytes(min(512, len(data) - at)) + data[at + 512:]
    if kind == 5:  # repeated, or left out
        return data[:at] + data[max(0, at - 100):] if draw.random() < .5 else \
            data[:at] + data[at + 100:]
    if kind == 6:  # a number or a word that is another
        numbers = list(re.finditer(rb"\d+|true|false|none|rope", data))
        if numbers:
            m = draw.choice(numbers)
            other = draw.choice([b"0", b"-1", b"1e400", b"9223372036854775807", b"nan", b"", b"1.5",
                                 b"4611686018427387904", b"[" * 2000, b"x" * 100000, b"\0", b"\t"])
            return data[:m.start()] + other + data[m.end():]
        return some
    if kind == 7:  # foreign
        return draw.choice([b"", b"\0" * 3000, some, b"\x89PNG\r\n\x1a\n" + some, b"{" * 5000,
                            b"[" * 100000, b"\x93NUMPY\1\0" + some, b"\xff\xfe" + some,
                            b"\x1b[31m" * 100, b"\x89HDF\r\n\x1a\n" + some])
    for _ in range(draw.randrange(2, 20)):  # many bits
        if data:
            at = draw.randrange(len(data))
            data = data[:at] + bytes([data[at] ^ 1 << draw.randrange(8)]) + data[at + 1:]
    return data


def prepare(waiver: str, folder: pathlib.Path) -> None:
    (folder / "text.txt").write_text("the quick brown fox jumps over the lazy dog\n" * 40)
    (folder / "train.bin").write_bytes(b"".join((i * i % 40).to_bytes(2, "little")
                                                for i in range(2000)))
    for name, text in (("text.yaml", CONFIG), ("tokens.yaml", TOKENS), ("study.yaml", STUDY),
                       ("spec.yaml", SPEC)):
        (folder / name).write_text(text)
    for command in (["train", "text.yaml", "--out", "run"], ["train", "text.yaml", "--out", "cut"],
                    ["sweep", "study.yaml", "--out", "sweep"],
                    ["probe", "run", "--mechanism", "--all-checkpoints"],
                    ["probe", "sweep", "--mechanism"]):
        subprocess.run([waiver, *command], cwd=folder, check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
    shutil.rmtree(folder / "cut/checkpoints/step-00000012")
    (folder / "moved").mkdir()
    shutil.move(folder / "sweep/records", folder / "moved/records")  # so that logs are read


def trouble(case: Case, done: subprocess.CompletedProcess, folder: pathlib.Path,
            weights: bytes) -> str:
    """What is wrong with how the program took it; empty if nothing."""
    output = done.stdout + done.stderr
    if done.returncode not in (0, 1, 2):
        return f"status {done.returncode}"
    if len(output) > 20000:
        return f"{len(output)} bytes of output"
    if case.command[0] != "sample" and re.search(rb"[\x00-\x08\x0b-\x1f\x7f]", output):
        return "control characters in the output"
    if re.search(rb"std::|bad_alloc|what\(\)|terminate|json\.exception|Aborted", output):
        return "an exception's own words"
    if done.returncode != 0 and not output.strip():
        return "no word of why"
    if case.command[0] != "train":
        return ""
    run = folder / case.command[3]
    status = (run / "status").read_text() if (run / "status").exists() else ""
    if done.returncode == 0 and not status.startswith("done"):
        return f"status 0, but the run's is '{status.strip()}'"
    if done.returncode == 0 and case.weights:
        found = run / "checkpoints/step-00000012/model.safetensors"
        if not found.exists() or found.read_bytes() != weights:
            return "done, with other weights"
    return ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("waiver")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="keep the folders of what failed")
    options = parser.parse_args()
    waiver = str(pathlib.Path(options.waiver).resolve())
    root = pathlib.Path(tempfile.mkdtemp(prefix="waiver-mutate-"))
    good, tried = root / "good", root / "tried"
    good.mkdir()
    prepare(waiver, good)
    weights = (good / "run/checkpoints/step-00000012/model.safetensors").read_bytes()
    all_cases, failures = list(cases()), 0
    table = collections.defaultdict(collections.Counter)
    for i in range(options.count):
        case, draw = all_cases[i % len(all_cases)], random.Random(options.seed * 1000003 + i)
        shutil.copytree(good, tried)
        data = (tried / case.file).read_bytes()
        damaged = data
        while damaged == data:
            damaged = damage(data, draw)
        (tried / case.file).write_bytes(damaged)
        try:
            done = subprocess.run([waiver, *case.command], cwd=tried, timeout=LIMIT,
                                  stdin=subprocess.DEVNULL, capture_output=True)
            why, ended = trouble(case, done, tried, weights), str(done.returncode)
        except subprocess.TimeoutExpired:
            why, ended = f"no end within {LIMIT} s", "hung"
        table[case.name][ended] += 1
        if why:
            failures += 1
            print(f"{i} {case.name}: {why}: waiver {' '.join(case.command)}", flush=True)
        if why and options.keep:
            tried.rename(root / f"failed-{i}")
        else:
            shutil.rmtree(tried)
    for name, counts in table.items():
        print(f"{name:26}" + "  ".join(f"status {k}: {n}" for k, n in sorted(counts.items())))
    print(f"{options.count - failures} passed, {failures} failed")
    if options.keep and failures:
        print(f"The folders of what failed are in {root}.")
    else:
        shutil.rmtree(root)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
