#!/usr/bin/python3
"""Draws the figures of a run or a sweep from its logs, and prints its table.

    scripts/figures.py RUN_OR_SWEEP [--layer L] [--head H] [--steps 0,100] [--axis linear|late|log] [--mean]
                       [--reference CSV [--columns SERIES=COLUMN,...]] [--out DIR]

Writes PNG and PDF into RUN_OR_SWEEP/figures (or DIR), and says where:
  emergence   received attention α, enrichment E and value ratio r_V with their thresholds, loss, residual ratio and sink logit,
              at the head and key that became a waiver element (`waiver show`), and when
  attention   maps of that head at the snapshots, with the tokens of the first probe sequence
  heads       what every head gives to that key over the steps
  reference   with --reference: runs over a published trajectory, any CSV with a column of steps
"""
import argparse
import pathlib
import sys

try:
    from figures_of import attention, emergence, heads, reference
    from figures_of.subjects import load
    from figures_of.table import print_table
    from waiver import Refused
except ImportError as missing:
    sys.exit(f"figures.py needs the Python package {missing.name}, which is not installed here. apt-get install python3-h5py "
             "python3-matplotlib python3-yaml, or pip install h5py matplotlib pyyaml.")


def steps_list(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is no list of steps, such as 0,100") from None


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=pathlib.Path, help="a run directory or a sweep directory")
    parser.add_argument("--layer", type=int, help="of this layer, whose strongest head and key are then shown")
    parser.add_argument("--head", type=int, help="of this head of its layer")
    parser.add_argument("--steps", type=steps_list, help="the snapshots to show as maps: 0,100")
    parser.add_argument("--axis", choices=["linear", "late", "log"], default="linear",
                        help="how steps are spaced; late gives more room to late steps (default: linear)")
    parser.add_argument("--mean", action="store_true", help="maps as the mean over the probe sequences, without tokens")
    parser.add_argument("--reference", type=pathlib.Path, help="a published trajectory (CSV)")
    parser.add_argument("--columns", help="which of its columns are which series: bos_attention=sink_mean,step=iteration; else by name")
    parser.add_argument("--out", type=pathlib.Path, help="where the figures go")
    options = parser.parse_args()
    if options.columns and not options.reference:
        parser.error("--columns names columns of --reference, which is missing")
    options.out = options.out or (options.path if options.path.is_dir() else options.path.parent) / "figures"
    return options


def draw_all(options) -> None:
    subjects = load(options.path, options.layer, options.head)
    said = []
    for figure in (*([reference] if options.reference else []), attention, emergence, heads):  # first what options may get wrong
        try:
            png, pdf = figure.draw(subjects, options)
            said.append(f"{png} and {pdf.suffix}")
        except Refused as problem:
            if figure is reference or (figure is attention and options.steps):
                raise
            said.append(f"{figure.NAME}: not drawn: {problem}.")
    print("\n".join(said + [f"{note}." for note in subjects.notes]))
    print()
    print_table(subjects)


def main() -> None:
    options = arguments()
    try:
        draw_all(options)
    except Refused as problem:
        sys.exit(f"{problem}.")
    except BrokenPipeError:  # of whoever read the table
        sys.stderr.close()
        sys.exit(1)
    except OSError as problem:
        sys.exit(f"{problem.filename or options.path}: {problem.strerror or problem}.")


if __name__ == "__main__":
    main()
