#!/usr/bin/python3
"""Draws the figures of studies from their committed records, without training anything.

    scripts/study_figures.py [STUDY...] [--groups GROUP,...] [--curves CURVE,...]
                             [--experiments DIR] [--out DIR]

STUDY: names such as encodings, or A+B for two in one figure; without one, every finished study (with DIR/records/STUDY/claims.json)
whose records keep curves. Writes OUT/STUDY.png, by default in DIR/figures: a panel for each of the study's `curves`, over the steps or, where there are
more than eight groups of runs, at the last step; with the curves that others published, where the study names some; of a study that
keeps what selects its waivers (selection), a panel for each setting. Names of published models (DIR/published/NAME.json) give their
figures. --groups: these groups of runs alone, by the names that the figure has for them; --curves: these curves alone, by their names in
the study, or these panels of a published model. Either is written to OUT/STUDY_some.png.
"""
import argparse
import pathlib
import sys

try:
    from figures_of import records
    from published_study import figure as published
    from waiver import Refused
except ImportError as missing:
    sys.exit(f"study_figures.py needs the Python package {missing.name}, which is not installed here. apt-get install python3-h5py "
             "python3-matplotlib python3-yaml, or pip install h5py matplotlib pyyaml.")

ROOT = pathlib.Path(__file__).resolve().parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("studies", nargs="*", metavar="STUDY")
    parser.add_argument("--groups", type=lambda text: text.split(","))
    parser.add_argument("--curves", type=lambda text: text.split(","))
    parser.add_argument("--experiments", type=pathlib.Path, default=ROOT / "experiments")
    parser.add_argument("--out", type=pathlib.Path)
    options = parser.parse_args()
    out = options.out or options.experiments / "figures"
    try:
        models = published.with_figures(options.experiments)
        names = options.studies or records.with_curves(options.experiments) + list(models)
        if not names:
            raise Refused(f"{options.experiments}: no study here has records that keep curves")
        for name in names:
            if name not in models:
                print(records.draw(options.experiments, name, out, options.groups, options.curves))
            elif options.groups:
                raise Refused(f"--groups: {name} is a published model, which has no groups of runs")
            else:
                print(published.draw(models[name], name, out, options.curves))
    except Refused as problem:
        sys.exit(f"{problem}.")
    except OSError as problem:
        sys.exit(f"{problem.filename}: {problem.strerror or problem}.")


if __name__ == "__main__":
    main()
