#!/usr/bin/python3
"""Redraws the flagship figure, how waiver elements emerge under four positional encodings, from the logs alone.

    scripts/demo.sh && scripts/example.py [SWEEP] [FILE]       # runs/emergence, emergence_example.png
"""
import json
import pathlib
import sys

import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt

import waiver

plt.style.use("tableau-colorblind10")
sweep = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "runs/emergence")
figure, axes = plt.subplots(1, 3, figsize=(10, 3.4), layout="constrained")
colours = {}
for run in json.loads((sweep / "sweep.json").read_text())["runs"]:
    story = waiver.open(sweep / run["name"]).onset()
    new = run["group"] not in colours
    colour = colours.setdefault(run["group"], f"C{len(colours)}")
    for axis, name in zip(axes, ("attention", "enrichment", "value_ratio")):
        curve = getattr(story, name)
        axis.plot(story.steps, curve, color=colour, label=run["group"] if new else None)
        axis.set(title=name.replace("_", " "), xlabel="training step")
        if story.step is not None:
            axis.plot(story.step, curve[story.steps == story.step], "o", color=colour)
for axis, threshold in zip(axes, story.thresholds.values()):
    axis.axhline(threshold, color="gray", linestyle="--")
axes[2].set_yscale("log")
axes[2].legend(loc="lower left", fontsize=7)
figure.savefig(sys.argv[2] if len(sys.argv) > 2 else "emergence_example.png", dpi=160)
