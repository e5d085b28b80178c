#!/usr/bin/python3
"""Asks a model by which way it selects its waiver: one study, experiments/published/NAME.yaml, with one command.

    scripts/published.py experiments/published/minilm-l6.yaml [--text FILE] [--out DIR] [--python PYTHON]
    scripts/published.py --table

Makes the model's folder from its Python package and imports it (or trains one here), makes sequences from the text, probes them
and as many random ones, tests the mechanism, edits the pass, and judges the study's claims. What is there already is not made
again. Writes the numbers to published/NAME.json and the figure to figures/NAME.png in experiments/ (--results); --table prints what
all studies there found side by side. PYTHON has the packages that scripts/hub_folder.py and scripts/make_tokens.py need; this script
needs Debian's h5py, matplotlib and yaml.
"""
import argparse
import contextlib
import hashlib
import json
import pathlib
import sys
import time

import numpy as np

from figures_of.style import save_png
from published_study.figure import draw
from published_study.steps import INTERVENTIONS, ROOT, read_study, refuse, run
from published_study.subject import Subject
from published_study.table import table


def digest(path: pathlib.Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Study:
    """A study file and its folder."""

    def __init__(self, options):
        self.name, self.python, self.text = options.study.stem, options.python, options.text
        self.waiver = options.waiver
        self.spec = read_study(options.study)
        self.out = options.out or ROOT / "runs/published" / self.name
        self.trained = "trained" in self.spec
        if not self.trained and not self.text.is_file():
            refuse(f"{self.text}: there is no such text. Name one with --text FILE; scripts/fetch_data.sh downloads public corpora.")

    def claim_folder(self) -> None:
        """What is in the folder was made for this study, this text and these interventions, or the study ends here."""
        self.out.mkdir(parents=True, exist_ok=True)
        mark = self.out / "study.json"
        made_for = {"study": {key: self.spec[key] for key in self.spec if key != "claims"},
                    "text_sha256": None if self.trained else digest(self.text),
                    "program": run(self.waiver, "--version").strip(),
                    "interventions_sha256": [digest(INTERVENTIONS / f"{name}.yaml") for name in ("crossed", "blocks")]}
        unmarked = not mark.exists() and any(self.out.iterdir())
        if unmarked or (mark.exists() and json.loads(mark.read_text()) != made_for):
            refuse(f"{self.out}: what is here was made for another text or study. Remove it, or choose another place with --out.")
        mark.write_text(json.dumps(made_for) + "\n")

    @contextlib.contextmanager
    def timed(self):
        """Adds up how long the study took, over all its parts, until it is complete."""
        file, start = self.out / "time.json", time.monotonic()
        before = json.loads(file.read_text()) if file.exists() else {"seconds": 0.0, "complete": False}
        done = before["complete"]
        try:
            yield
            done = True
        finally:
            if not before["complete"]:
                file.write_text(json.dumps({"seconds": before["seconds"] + time.monotonic() - start, "complete": done}) + "\n")

    def minutes(self) -> int:
        return max(1, round(json.loads((self.out / "time.json").read_text())["seconds"] / 60))

    def machine(self) -> str:
        """The processor here and its instruction set, as records of sweeps have them."""
        told = json.loads(run(self.waiver, "doctor", "--json"))
        return f"{told['processor']}, {told['instruction_set']}"

    def make(self, path: pathlib.Path, *command) -> pathlib.Path:
        if not path.exists():
            run(*command)
        return path

    def tokens(self, name: str, first: bool) -> pathlib.Path:
        """Sequences of the text, all with the same tokens of it, between the tokens that the study names."""
        ends = [end for end in ("first", "last") if end in self.spec and (first or end != "first")]
        frame = [part for end in ends for part in (f"--{end}", self.spec[end])]
        missing = 0 if first else 1
        strings = ["--strings", self.out / "strings.json"] if first else []
        return self.make(self.out / name, self.python, ROOT / "scripts/make_tokens.py", self.out / "hub", self.text, *frame,
                         "--length", self.spec["length"] - missing, "--out", self.out / name, *strings)

    def train(self, seed: int) -> pathlib.Path:
        """The run of a seed; one that was interrupted goes on, and one that is done stays as it is."""
        begin = []
        if "from" in self.spec:
            before = self.train_one(self.spec["from"], seed, self.out / f"from-{seed}", [])
            begin = [f"train.from={sorted((before / 'checkpoints').glob('step-*'))[-1]}"]
        return self.train_one(self.spec, seed, self.out / f"seed-{seed}", begin)

    def train_one(self, spec: dict, seed: int, out: pathlib.Path, more: list[str]) -> pathlib.Path:
        seeds = [f"{key}={seed}" for key in self.spec.get("seed_keys", ["seed.init", "seed.data"])]
        run(self.waiver, "train", ROOT / spec["trained"], *spec["set"], *seeds, *more, "--out", out, "--resume")
        return out

    def subjects(self) -> list[Subject]:
        """The models that are asked: the published one, or one for each seed."""
        if self.trained:
            return [Subject(self, self.train(seed), [], f"-{seed}") for seed in self.spec["seeds"]]
        hub = self.make(self.out / "hub", self.python, ROOT / "scripts/hub_folder.py", self.spec["model"], "--out", self.out / "hub")
        text = self.tokens("text.npy", True)
        strings = self.out / "strings.json"
        words = json.loads(strings.read_text())
        special = [words.index(self.spec[end]) for end in ("first", "last") if end in self.spec]
        model = self.make(self.out / "run", self.waiver, "import", hub, "--out", self.out / "run", "--strings", strings)
        return [Subject(self, model, [f"model.context={self.spec['length']}", f"data.validation={text}", f"data.special={special}"], "")]


def rounded(x):
    """Numbers to four digits, NaN as null."""
    if isinstance(x, dict):
        return {key: rounded(value) for key, value in x.items()}
    if isinstance(x, list):
        return [rounded(value) for value in x]
    if isinstance(x, float):
        return None if np.isnan(x) else float(f"{x:.4g}")
    return x


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=pathlib.Path, nargs="?")
    parser.add_argument("--table", action="store_true", help="print what all studies found, as Markdown")
    parser.add_argument("--text", type=pathlib.Path, default=ROOT / "data/tinyshakespeare.txt")
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--results", type=pathlib.Path, default=ROOT / "experiments")
    parser.add_argument("--waiver", type=pathlib.Path, default=ROOT / "build/release/waiver", help="the program")
    options = parser.parse_args()
    if options.table == (options.study is not None):
        parser.error("give a study, or --table")
    return options


def print_table(records: pathlib.Path) -> None:
    found = {path.stem: json.loads(path.read_text()) for path in sorted(records.glob("*.json"))}
    if not found:
        refuse(f"{records}: there are no results of studies. Run some first.")
    print(table(found))


def do(study: Study, results: pathlib.Path) -> None:
    records, figures = results / "published", results / "figures"
    for folder in (records, figures):
        folder.mkdir(parents=True, exist_ok=True)
    study.claim_folder()
    record = {"model": study.spec.get("model", study.name), "sequences": study.spec["sequences"]}
    with study.timed():
        subjects = study.subjects()
        measured = [subject.measure() for subject in subjects]
    if study.trained:
        record["seeds"] = {str(seed): one for seed, one in zip(study.spec["seeds"], measured)}
    else:
        record |= {"text_sha256": digest(study.text), "length": study.spec["length"], **measured[0]}
    record = rounded(record | {"processor": study.machine(), "minutes": study.minutes()})
    target = records / f"{study.name}.json"
    target.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    if not study.trained:
        save_png(draw(record), figures, study.name)
    for seed, one in (record["seeds"] if study.trained else {"": record}).items():
        for claim, found in one["claims"].items():
            print(f"{claim}{' seed ' + seed if seed else ''} {found['verdict']:10} " +
                  ", ".join(f"{key} {found[key]}" for key in found if key != "verdict"))
    print(target)


def main() -> None:
    options = arguments()
    try:
        if options.table:
            print_table(options.results / "published")
        else:
            do(Study(options), options.results)
    except OSError as error:
        refuse(f"{error.filename}: {error.strerror}." if error.filename else f"{error}.")
    except KeyboardInterrupt:
        print("stopped; the same command goes on from here.", file=sys.stderr)
        sys.exit(3)


if __name__ == "__main__":
    main()
