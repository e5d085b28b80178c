#!/usr/bin/python3
"""Draws the figures of studies from their committed records, without training anything.

    scripts/study_figures.py [NAME...] [--groups GROUP,...] [--curves CURVE,...] [--experiments DIR] [--out DIR]

NAME: a study such as encodings, A+B for two in one figure, a published model (DIR/published/NAME.json), or a figure of DIR/figures/named.yaml, which
names choices of these; without one, every finished study (with DIR/records/STUDY/claims.json) whose records keep curves, every published
model, and every figure of that file. Writes OUT/NAME.png, by default in DIR/figures: a panel for each of the study's `curves`, over the steps
or, where there are more than eight groups of runs, at the last step; with the curves that others published, where the study names some; of a
study that keeps what selects its waivers (selection), a panel for each setting. --groups: these groups of runs alone, by the names that the
figure has for them; --curves: these curves alone, by their names in the study, or these panels of a published model. Either is written
to OUT/NAME_some.png.
"""
import argparse
import pathlib
import sys

try:
    import yaml
    from figures_of import records
    from figures_of.style import save_png
    from published_study import figure as published
    from waiver import Refused
except ImportError as missing:
    sys.exit(f"study_figures.py needs the Python package {missing.name}, which is not installed here. apt-get install python3-h5py "
             "python3-matplotlib python3-yaml, or pip install h5py matplotlib pyyaml.")

ROOT = pathlib.Path(__file__).resolve().parents[1]


def named_figures(experiments: pathlib.Path) -> dict[str, dict]:
    """`NAME: {of: STUDY, groups: [...], curves: [...]}` of figures/named.yaml."""
    path = experiments / "figures/named.yaml"
    figures = (yaml.safe_load(path.read_text(encoding="utf-8")) or {}) if path.exists() else {}
    if not isinstance(figures, dict):
        raise Refused(f"{path}: this is no mapping of names to figures, as NAME: {{of: STUDY}}")
    for name, choice in figures.items():
        if not isinstance(choice, dict) or "of" not in choice or not choice.keys() <= {"of", "groups", "curves"}:
            raise Refused(f"{path}: {name} is not of the form {{of: STUDY, groups: [...], curves: [...]}}, the last two optional")
    return figures


def draw(experiments: pathlib.Path, models: dict[str, dict], of: str, groups: list[str] | None = None, curves: list[str] | None = None):
    if of not in models:
        return records.draw(experiments, of, groups, curves)
    if groups:
        raise Refused(f"--groups: {of} is a published model, which has no groups of runs")
    return published.draw(models[of], curves)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--groups", type=lambda text: text.split(","))
    parser.add_argument("--curves", type=lambda text: text.split(","))
    parser.add_argument("--experiments", type=pathlib.Path, default=ROOT / "experiments")
    parser.add_argument("--out", type=pathlib.Path)
    options = parser.parse_args()
    some = {"groups": options.groups, "curves": options.curves} if options.groups or options.curves else {}
    try:
        models, figures = published.with_figures(options.experiments), named_figures(options.experiments)
        names = options.names or [*records.with_curves(options.experiments), *models, *figures]
        if not names:
            raise Refused(f"{options.experiments}: no study here has records that keep curves")
        for name in names:
            drawn = draw(options.experiments, models, **({"of": name} | figures.get(name, {}) | some))
            print(save_png(drawn, options.out or options.experiments / "figures", name + ("_some" if some else "")))
    except Refused as problem:
        sys.exit(f"{problem}.")
    except OSError as problem:
        sys.exit(f"{problem.filename}: {problem.strerror or problem}.")


if __name__ == "__main__":
    main()
