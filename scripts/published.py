#!/usr/bin/python3
"""Asks a published model by which way it selects its waiver: one study, experiments/published/NAME.yaml, with one command.

    scripts/published.py experiments/published/minilm-l6.yaml [--text FILE] [--out DIR] [--python PYTHON]

Makes the model's folder from its Python package, imports it, makes sequences from the text, probes them and as many random
ones, edits the pass as the study says, and judges its claims. What is there already is not made again. Writes the numbers to
experiments/published/NAME.json and the figure to experiments/figures/NAME.png. PYTHON has the packages that
scripts/hub_folder.py and scripts/make_tokens.py need; this script needs Debian's h5py, matplotlib and yaml.
"""
import argparse
import hashlib
import json
import pathlib
import subprocess
import sys

import h5py
import matplotlib
import numpy as np
import yaml

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import matplotlib.ticker

ROOT = pathlib.Path(__file__).resolve().parent.parent
WAIVER = ROOT / "build/release/waiver"
ELEMENT, OTHER = "first place", "other place"


def run(*command) -> None:
    """Runs a step and says which; a failure ends the study with the step's own words."""
    print("  " + " ".join(str(part) for part in command), flush=True)
    if subprocess.run([str(part) for part in command], stdout=subprocess.DEVNULL).returncode != 0:
        sys.exit(2)


def digest(path: pathlib.Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Study:
    """The steps of a study, each skipped where its result is there."""

    def __init__(self, path: pathlib.Path, out: pathlib.Path | None, text: pathlib.Path, python: str):
        self.path, self.text, self.python = path, text, python
        self.spec = yaml.safe_load(path.read_text())
        self.out = out or ROOT / "runs/published" / path.stem
        self.data = [f"model.context={self.spec['length']}", f"probe.batch={self.spec['sequences']}",
                     f"data.validation={self.out / 'text.npy'}"]

    def make(self, name: str, *command) -> pathlib.Path:
        if not (self.out / name).exists():
            run(*command)
        return self.out / name

    def claim_folder(self) -> None:
        """What is in the folder was made for this study and this text, or the study ends here."""
        self.out.mkdir(parents=True, exist_ok=True)
        mark, made_for = self.out / "study.json", {"study": {key: self.spec[key] for key in self.spec if key != "claims"},
                                                    "text_sha256": digest(self.text),
                                                    "intervention_sha256": digest(ROOT / self.spec["intervention"])}
        unmarked = not mark.exists() and any(self.out.iterdir())
        if unmarked or (mark.exists() and json.loads(mark.read_text()) != made_for):
            print(f"{self.out}: what is here was made for another text or study. Remove it, or choose another place with --out.",
                  file=sys.stderr)
            sys.exit(2)
        mark.write_text(json.dumps(made_for) + "\n")

    def prepare(self) -> pathlib.Path:
        self.claim_folder()
        hub = self.make("hub", self.python, ROOT / "scripts/hub_folder.py", self.spec["model"], "--out", self.out / "hub")
        frame = [part for end in ("first", "last") if end in self.spec for part in (f"--{end}", self.spec[end])]
        self.make("text.npy", self.python, ROOT / "scripts/make_tokens.py", hub, self.text, *frame, "--length",
                  self.spec["length"], "--out", self.out / "text.npy", "--strings", self.out / "strings.json")
        return self.make("run", WAIVER, "import", hub, "--out", self.out / "run", "--strings", self.out / "strings.json")

    def measure(self) -> dict[str, pathlib.Path]:
        model = self.prepare()
        strings = json.loads((self.out / "strings.json").read_text())
        special = [strings.index(self.spec[end]) for end in ("first", "last") if end in self.spec]
        self.data.append(f"data.special={special}")
        probe = [WAIVER, "probe", model, *self.data]
        files = {name: self.make(f"{name}.h5", *probe, "--tokens", name, "--out", self.out / f"{name}.h5")
                 for name in ("natural", "random")}
        files["arms"] = self.make("arms.h5", WAIVER, "intervene", model, ROOT / self.spec["intervention"], *self.data,
                                  "--out", self.out / "arms.h5")
        return files


class Arms:
    """The effects of the arms: quantities [layer, head, key] by the arm's name."""

    def __init__(self, file: pathlib.Path, definition: dict):
        self.log = h5py.File(file)
        self.definition = definition
        self.names = [name.decode() for name in self.log["spec/arm_name"][()]]
        self.positions = dict(zip((name.decode() for name in self.log["spec/position_name"][()]),
                                  self.log["spec/position"][()].tolist()))

    def read(self, arm: str, name: str) -> np.ndarray:
        return self.log[f"natural/{name}"][()] if arm == "natural" else self.log[f"arms/{name}"][self.names.index(arm)]

    def waivers(self, arm: str) -> np.ndarray:
        """Which keys are waivers by the definition, [layer, head, key]."""
        return ((self.read(arm, "received_attention") > self.definition["attention"]) &
                (self.read(arm, "enrichment") > self.definition["enrichment"]) &
                (self.read(arm, "value_ratio") < self.definition["value_ratio"]))

    def place(self, name: str) -> int:
        return self.positions["waiver" if name == ELEMENT else "other"]

    def follow(self, arm: str) -> float:
        """The share of the attention of the untouched waiver that goes along to the other place, over the heads that have it."""
        before, after = self.read("natural", "received_attention"), self.read(arm, "received_attention")
        heads = self.waivers("natural")[:, :, self.place(ELEMENT)]
        first, other = self.place(ELEMENT), self.place(OTHER)
        moved, whole = (after - before)[:, :, other][heads].sum(), (before[:, :, first] - before[:, :, other])[heads].sum()
        return float(moved / whole) if heads.any() else float("nan")

    def share(self, arm: str, place: str | None) -> list[float]:
        """Per layer: of the heads with a waiver in the untouched model, those that have one at the place (or anywhere)."""
        natural = self.waivers("natural").any(axis=2)
        now = self.waivers(arm)
        now = now.any(axis=2) if place is None else now[:, :, self.place(place)]
        return [float(now[l][heads].mean()) if heads.any() else float("nan") for l, heads in enumerate(natural)]

    def left(self, arm: str) -> float:
        """The share of those heads that have one anywhere, over all layers."""
        natural = self.waivers("natural").any(axis=2)
        return float(self.waivers(arm).any(axis=2)[natural].mean()) if natural.any() else float("nan")


# Of each way: the arm in which it is all that is left and the place where, the arm that takes it away, and the one that moves it.
WAYS = {"position id": {"alone": ("ordinary token", ELEMENT), "without": "first id absent", "moved": "another id"},
        "token": {"alone": ("first id absent", ELEMENT), "without": "ordinary token", "moved": "another token"},
        "mask": {"alone": ("self-only row", OTHER), "without": None, "moved": "self-only row"}}


def ways_of(arms: Arms) -> dict:
    """Per way: how much follows it, where it suffices by layer, and what is left without it."""
    out = {}
    for way, how in WAYS.items():
        arm, place = how["alone"]
        out[way] = {"follow": arms.follow(how["moved"]), "suffices": arms.share(arm, place),
                    "without": arms.share(how["without"], None) if how["without"] else None}
    return out


def judge(arms: Arms, ways: dict, claims: dict) -> dict:
    heads = arms.waivers("natural").any(axis=2)
    share = float(heads.mean())
    follow = max(way["follow"] for way in ways.values())
    w17, w18 = claims["W17"], claims["W18"]
    verdict17 = ("supported" if share >= w17["heads"] and follow >= w17["follow"]
                 else "refuted" if share < w17["refuted_below"] else "undecided")
    pair = [ways[way]["suffices"] for way in ("position id", "token")]
    both = [l for l, values in enumerate(zip(*pair)) if all(value >= w18["suffices"] for value in values)]
    gone = arms.left("ordinary token, first id absent")
    verdict18 = "supported" if both and gone < w18["gone"] else "refuted"
    return {"W17": {"verdict": verdict17, "share of heads": share, "strongest follow rate": follow},
            "W18": {"verdict": verdict18, "layers where both suffice": both, "left where both are gone": gone}}


def by_role(file: pathlib.Path) -> dict:
    """α and r_V of every role, mean over heads, by layer."""
    log = h5py.File(file)
    names = [name.decode() for name in log["roles/key_role_name"][()]]
    attention, value = log["probe/role_received_attention"][-1], log["probe/role_value_ratio"][-1]
    return {name: {"attention": attention[:, :, 0, r].mean(axis=1).tolist(),
                   "value_ratio": np.median(value[:, :, r], axis=1).tolist()}
            for r, name in enumerate(names) if np.isfinite(value[:, :, r]).all()}  # a role that no token has is left out


def draw(record: dict, path: pathlib.Path) -> None:
    figure, axes = plt.subplots(1, 3, figsize=(13, 3.8), layout="constrained")
    for role, numbers in record["natural"].items():
        line, = axes[0].plot(numbers["attention"], marker="o", label=role)
        axes[1].plot(numbers["value_ratio"], marker="o", color=line.get_color(), label=role)
    axes[0].set_ylabel("received attention α, mean over heads")
    axes[1].set_ylabel("value ratio r_V, median over heads")
    axes[1].axhline(0.5, color="gray", linewidth=0.8)
    for way, numbers in record["ways"].items():
        axes[2].plot(numbers["suffices"], marker="o", label="self-only row elsewhere" if way == "mask" else f"{way} alone")
    axes[2].plot(record["gone"], marker="x", color="black", label="token and id gone")
    axes[2].axhline(0.5, color="gray", linewidth=0.8)
    axes[2].set_ylabel("share of the waiver's heads that have one")
    for axis in axes:
        axis.set_xlabel("layer")
        axis.set_xlim(-0.5, len(record["gone"]) - 0.5)
        axis.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(integer=True))
        axis.set_ylim(bottom=0)
        axis.legend(fontsize=8)
    axes[0].set_title(record["model"])
    figure.savefig(path, dpi=100)


def rounded(x):
    """Numbers to four digits, NaN as null."""
    if isinstance(x, dict):
        return {key: rounded(value) for key, value in x.items()}
    if isinstance(x, list):
        return [rounded(value) for value in x]
    if isinstance(x, float):
        return None if np.isnan(x) else float(f"{x:.4g}")
    return x


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=pathlib.Path)
    parser.add_argument("--text", type=pathlib.Path, default=ROOT / "data/tinyshakespeare.txt")
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--python", default=sys.executable)
    options = parser.parse_args()
    if not options.text.exists():
        print(f"{options.text}: there is no such text. Name one with --text FILE; scripts/fetch_data.sh downloads public corpora.",
              file=sys.stderr)
        sys.exit(2)
    study = Study(options.study, options.out, options.text, options.python)
    files = study.measure()
    arms = Arms(files["arms"], study.spec["waiver"])
    ways = ways_of(arms)
    record = {"model": study.spec["model"], "text_sha256": digest(options.text),
              "sequences": study.spec["sequences"], "length": study.spec["length"],
              "claims": judge(arms, ways, study.spec["claims"]), "ways": ways,
              "left": {arm: arms.left(arm) for arm in arms.names}, "gone": arms.share("ordinary token, first id absent", None),
              "natural": by_role(files["natural"]), "random": by_role(files["random"])}
    record = rounded(record)
    target = ROOT / "experiments/published" / f"{options.study.stem}.json"
    target.write_text(json.dumps(record, indent=1) + "\n")
    draw(record, ROOT / "experiments/figures" / f"{options.study.stem}.png")
    for claim, found in record["claims"].items():
        print(f"{claim} {found['verdict']:10} " + ", ".join(f"{key} {found[key]}" for key in found if key != "verdict"))
    print(f"{target.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
