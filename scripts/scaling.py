#!/usr/bin/python3
"""Draws what threads and ranks would give, from what `waiver plan --json` says.

    scripts/scaling.py PLAN.json... --out FIGURE.png

A panel for each plan, named by its file: the speed-up over one rank of one thread, over the threads of each rank, a line for each
number of ranks. The plans need --ranks and --simulate-threads with 1 among both. Trains nothing.
"""
import argparse
import json
import math
import pathlib
import sys

try:
    from figures_of.style import GREY, plt, style_of
except ImportError as missing:
    sys.exit(f"scaling.py needs the Python package {missing.name}, which is not installed here. apt-get install python3-matplotlib "
             "python3-h5py, or pip install matplotlib h5py.")


def panel(axis, path: pathlib.Path) -> None:
    try:
        simulated = json.loads(path.read_text())["simulated"]
        alone = next(s["seconds"] for s in simulated if s["ranks"] == s["threads"] == 1)
    except (OSError, ValueError, KeyError, StopIteration):
        sys.exit(f"{path}: this is no plan of one rank and one thread among others. waiver plan CONFIG --json --ranks 1,2,4 "
                 "--simulate-threads 1,8,64 makes one.")
    for number, ranks in enumerate(sorted({s["ranks"] for s in simulated})):
        own = sorted((s for s in simulated if s["ranks"] == ranks), key=lambda s: s["threads"])
        threads, gains = [s["threads"] for s in own], [alone / s["seconds"] for s in own]
        axis.plot(threads, gains, marker="o", ms=3, label=str(ranks), **style_of(number))
    axis.plot(threads, threads, color=GREY, lw=.6, ls=":")
    axis.set(xscale="log", yscale="log", title=path.stem, xlabel="threads of each rank", ylabel="speed-up over one thread")
    highest = max(alone / s["seconds"] for s in simulated)
    doubled = [2**k for k in range(max(1, math.floor(math.log2(highest))) + 1)]
    axis.set_xticks(threads, [str(t) for t in threads])
    axis.set_yticks(doubled, [str(d) for d in doubled])
    axis.minorticks_off()
    axis.legend(title="ranks")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("plans", nargs="+", type=pathlib.Path, metavar="PLAN.json")
    parser.add_argument("--out", type=pathlib.Path, required=True, metavar="FIGURE.png")
    options = parser.parse_args()
    figure, axes = plt.subplots(1, len(options.plans), figsize=(4.2 * len(options.plans), 3.6), squeeze=False)
    for axis, path in zip(axes[0], options.plans):
        panel(axis, path)
    figure.suptitle("By simulation; dotted: as many times as fast as one rank has threads", fontsize=9)
    try:
        figure.savefig(options.out)
    except OSError as problem:
        sys.exit(f"{options.out}: {problem.strerror}.")
    print(options.out)


if __name__ == "__main__":
    main()
