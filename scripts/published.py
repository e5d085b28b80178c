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
import hashlib
import json
import pathlib
import subprocess
import sys

import numpy as np
import yaml

import published_claims as claims
from published_effects import BOTH_GONE, WAYS, Arms, Elements, blocks_of, by_role, mechanism_of, runs, ways_of
from published_eviction import Eviction
from published_figure import draw
from published_table import table

ROOT = pathlib.Path(__file__).resolve().parent.parent
INTERVENTIONS = ROOT / "experiments/interventions"
FEW = 16  # sequences, where every layer is taken out in turn


def run(*command) -> str:
    """Runs a step and says which; a failure ends the study with the step's own words."""
    print("  " + " ".join(str(part) for part in command), flush=True)
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(2)
    return done.stdout


def refuse(sentence: str):
    print(sentence, file=sys.stderr)
    sys.exit(2)


def digest(path: pathlib.Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Study:
    """A study file and its folder."""

    def __init__(self, options):
        self.name, self.python, self.text = options.study.stem, options.python, options.text
        self.waiver = options.waiver
        self.spec = yaml.safe_load(options.study.read_text())
        self.out = options.out or ROOT / "runs/published" / self.name
        self.trained = "trained" in self.spec
        if not self.trained and not self.text.exists():
            refuse(f"{self.text}: there is no such text. Name one with --text FILE; scripts/fetch_data.sh downloads public corpora.")

    def claim_folder(self) -> None:
        """What is in the folder was made for this study, this text and these interventions, or the study ends here."""
        self.out.mkdir(parents=True, exist_ok=True)
        mark = self.out / "study.json"
        made_for = {"study": {key: self.spec[key] for key in self.spec if key != "claims"},
                    "text_sha256": None if self.trained else digest(self.text),
                    "interventions_sha256": [digest(INTERVENTIONS / f"{name}.yaml") for name in ("crossed", "blocks")]}
        unmarked = not mark.exists() and any(self.out.iterdir())
        if unmarked or (mark.exists() and json.loads(mark.read_text()) != made_for):
            refuse(f"{self.out}: what is here was made for another text or study. Remove it, or choose another place with --out.")
        mark.write_text(json.dumps(made_for) + "\n")

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
        seeds = [f"{key}={seed}" for key in self.spec.get("seed_keys", ["seed.init", "seed.data"])]
        run(self.waiver, "train", ROOT / self.spec["trained"], *self.spec["set"], *seeds, "--out", self.out / f"seed-{seed}", "--resume")
        return self.out / f"seed-{seed}"

    def subjects(self) -> list["Subject"]:
        """The models that are asked: the published one, or one for each seed."""
        self.claim_folder()
        if self.trained:
            return [Subject(self, self.train(seed), [], f"-{seed}") for seed in self.spec["seeds"]]
        hub = self.make(self.out / "hub", self.python, ROOT / "scripts/hub_folder.py", self.spec["model"], "--out", self.out / "hub")
        text = self.tokens("text.npy", True)
        strings = self.out / "strings.json"
        words = json.loads(strings.read_text())
        special = [words.index(self.spec[end]) for end in ("first", "last") if end in self.spec]
        model = self.make(self.out / "run", self.waiver, "import", hub, "--out", self.out / "run", "--strings", strings)
        return [Subject(self, model, [f"model.context={self.spec['length']}", f"data.validation={text}", f"data.special={special}"], "")]


class Subject:
    """One model of a study, and what is measured on it; `data` are the overrides that say on which sequences."""

    def __init__(self, study: Study, model: pathlib.Path, data: list[str], suffix: str):
        self.study, self.spec, self.model, self.data, self.suffix = study, study.spec, model, data, suffix
        self.batch = [f"probe.batch={self.spec['sequences']}"]

    def file(self, name: str, verb: str, *rest) -> pathlib.Path:
        out = self.study.out / f"{name}{self.suffix}.h5"
        return self.study.make(out, self.study.waiver, verb, self.model, *rest, "--out", out)

    def probe(self, name: str, *options) -> pathlib.Path:
        return self.file(name, "probe", *self.data, *self.batch, *options)

    def arms(self, name: str, spec: pathlib.Path, batch: list[str] | None = None) -> Arms:
        other = [f"positions.other={self.spec['other']}"] if "other" in self.spec else []
        return Arms(self.file(name, "intervene", spec, *other, *self.data, *(batch or self.batch)), self.spec["waiver"])

    def bare(self) -> Elements:
        """The same texts without the token that is put before them."""
        text = self.study.tokens("bare.npy", False)
        data = [f"model.context={self.spec['length'] - 1}", f"data.validation={text}", *self.batch]
        return Elements(self.file("bare", "probe", *data))

    def taken_out(self) -> Arms:
        """The pass without some layers."""
        points = [f"blocks.{layer}.{part}.out" for layer in self.spec["taken_out"] for part in ("attn", "mlp")]
        spec = self.study.out / "taken_out.yaml"
        spec.write_text(yaml.safe_dump({"title": "Layers taken out", "positions": {"waiver": 0},
                                        "arms": [{"name": "taken out", "edits": [{"at": points, "edit": "zero"}]}]}))
        return self.arms("taken_out", spec)

    def cache(self, elements: Elements) -> dict:
        """Losses with a cache that evicts, with and without the first position, and with and without each text's own waiver."""
        how, texts = self.spec["cache"], np.load(self.study.out / "text.npy")
        out = self.study.out / "cache"
        out.mkdir(exist_ok=True)
        eviction = Eviction(lambda *rest: run(self.study.waiver, "eval", self.model, self.data[0], *rest), out, how["window"])
        return {"first": eviction.first(texts[:FEW]), "secondary": eviction.secondary(texts, elements, how["texts"])}

    def secondary(self, elements: Elements) -> list[dict]:
        """What the strongest waiver of each of some texts beside the first position follows, to a place 8 tokens on or back."""
        texts, found = np.load(self.study.out / "text.npy"), []
        out = self.study.out / "secondary"
        out.mkdir(exist_ok=True)
        end = texts.shape[1] * 3 // 4
        for text, key in elements.strongest(self.spec["secondary"], end):
            one, effects = out / f"text-{text}.npy", out / f"text-{text}.h5"
            np.save(one, texts[text:text + 1])
            places = [f"positions.waiver={key}", f"positions.other={key + 8 if key + 8 < end else key - 8}"]
            self.study.make(effects, self.study.waiver, "intervene", self.model, INTERVENTIONS / "crossed.yaml", *places, self.data[0],
                            f"data.validation={one}", *self.data[2:], "probe.batch=1", "--out", effects)
            arms = Arms(effects, self.spec["waiver"])
            natural = arms.waivers("natural")[:, :, key]
            found.append({"text": text, "position": key, "token": str(elements.tokens[text, key]), "layers": runs(natural.any(axis=1)),
                          "follow": {way: arms.follow(how["moved"]) for way, how in WAYS.items()},
                          "left without": {way: float(arms.waivers(how["without"])[:, :, key][natural].mean())
                                           for way, how in WAYS.items() if how["without"]}})
        return found

    def measure(self) -> dict:
        """Everything that the study asks of this model, with verdicts."""
        wanted, spec = self.spec["claims"], self.spec
        natural = self.probe("natural")
        arms = self.arms("arms", INTERVENTIONS / "crossed.yaml")
        ways, elements, roles = ways_of(arms), Elements(natural), by_role(natural)
        found = {"W17": claims.w17(arms, ways, wanted["W17"]), "W18": claims.w18(arms, ways, wanted["W18"])}
        record = {"claims": found, "ways": ways, "left": {arm: arms.left(arm) for arm in arms.names},
                  "gone": arms.share(BOTH_GONE, None),
                  "waivers": arms.waivers("natural").any(axis=2).mean(axis=1).tolist(),
                  "secondary": {"tokens": elements.by_token(), "texts by layer": elements.texts_with_secondary()},
                  "mechanism": mechanism_of(self.probe("mechanism", "--mechanism")),
                  "natural": roles}
        if not self.study.trained:
            record["random"] = by_role(self.probe("random", "--tokens", "random"))
        if spec.get("blocks", True):
            record["blocks"] = blocks_of(self.arms("blocks", INTERVENTIONS / "blocks.yaml", [f"probe.batch={FEW}"]))
        if "secondary" in spec:
            record["secondary"]["follow"] = self.secondary(elements)
        if "cache" in spec:
            record["cache"] = self.cache(elements)
            found["W13"] = claims.w13(record["cache"], wanted["W13"])
        if "B34" in wanted:
            found["B34"] = claims.b34(elements, wanted["B34"])
        if "B35" in wanted:
            found["B35"] = claims.b35(elements, wanted["B35"])
        if "B36" in wanted:
            found["B36"] = claims.b36(elements, self.bare(), wanted["B36"])
        if "B37" in wanted:
            found["B37"] = claims.b37(self.taken_out(), spec["taken_out"], wanted["B37"])
        if "B38" in wanted:
            found["B38"] = claims.b38(roles, wanted["B38"])
        return record


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
    if options.study and not options.study.exists():
        parser.error(f"{options.study}: there is no such study")
    return options


def main() -> None:
    options = arguments()
    records = options.results / "published"
    if options.table:
        print(table({path.stem: json.loads(path.read_text()) for path in sorted(records.glob("*.json"))}))
        return
    study = Study(options)
    subjects = study.subjects()
    record = {"model": study.spec.get("model", study.name), "sequences": study.spec["sequences"]}
    if study.trained:
        record["seeds"] = {str(seed): subject.measure() for seed, subject in zip(study.spec["seeds"], subjects)}
    else:
        record |= {"text_sha256": digest(study.text), "length": study.spec["length"], **subjects[0].measure()}
    record = rounded(record)
    target = records / f"{study.name}.json"
    target.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    if not study.trained:
        draw(record, options.results / "figures" / f"{study.name}.png")
    for seed, one in (record["seeds"] if study.trained else {"": record}).items():
        for claim, found in one["claims"].items():
            print(f"{claim}{' seed ' + seed if seed else ''} {found['verdict']:10} " +
                  ", ".join(f"{key} {found[key]}" for key in found if key != "verdict"))
    print(target)


if __name__ == "__main__":
    main()
