"""Runs of a small model by the program, for the tests of scripts that read them. The environment names it: WAIVER_PROGRAM."""
import os
import pathlib
import subprocess
import sys
import zlib

ROOT = pathlib.Path(__file__).parents[2]
SEAL = b"HDF5 follows after 512 bytes. CRC-32 of what follows: "
MODEL = "model: {layers: 2, heads: 2, width: 16, context: 12, mlp: {width: 24}}\ndata: {kind: bigram_backcopy}\n"
REST = "train: {steps: 24, batch: 4, eval: {every: 0}}\nprobe: {every: 2, first: [], snapshots: [0, 8, 24], batch: 3}\n"


def skip_without_packages(problem: ImportError) -> None:
    """Goes on in Debian's interpreter, which has what scripts/setup.sh installs, or skips the test."""
    debian = "/usr/bin/python3"
    if os.path.exists(debian) and not os.path.samefile(debian, sys.executable):
        os.execv(debian, [debian, *sys.argv])
    print(f"skipped: no Python package {problem.name} for {sys.executable}")
    sys.exit(77)


def program(*words) -> str:
    done = subprocess.run([os.environ["WAIVER_PROGRAM"], *map(str, words)], capture_output=True, text=True)
    if done.returncode:
        raise AssertionError(f"{words}: {done.stdout}{done.stderr}")
    return done.stdout


def train(folder: pathlib.Path, name: str, *changes, model: str = MODEL) -> pathlib.Path:
    config = folder / f"{name}.yaml"
    config.write_text(model + REST)
    program("train", config, *changes, "--out", folder / name, "--threads", 1)
    return folder / name


def sweep(folder: pathlib.Path, name: str, study: str) -> pathlib.Path:
    (folder / f"{name}_base.yaml").write_text(MODEL + REST)
    (folder / f"{name}.yaml").write_text(f"title: A study of ${name}$_x\nquestion: Is it drawn?\nbase: {name}_base.yaml\n{study}")
    program("sweep", folder / f"{name}.yaml", "--out", folder / name)
    return folder / name


def seal(log: pathlib.Path) -> None:
    """Makes the checksum of a changed log right."""
    rest = log.read_bytes()[512:]
    log.write_bytes((SEAL + b"%08x\n" % zlib.crc32(rest)).ljust(512, b"\0") + rest)
