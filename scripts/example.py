#!/usr/bin/python3
"""Redraws the flagship figure, how waiver elements emerge under four positional encodings, from the logs alone.

    scripts/demo.sh && scripts/example.py [SWEEP] [FILE]       # runs/emergence, emergence_example.png
"""
import json, pathlib, sys
import matplotlib.pyplot as plt
import waiver

plt.style.use("tableau-colorblind10")
sweep, file = pathlib.Path((sys.argv + ["runs/emergence"])[1]), (sys.argv + ["emergence_example.png"] * 2)[2]
figure, axes = plt.subplots(1, 3, figsize=(10, 3.4), layout="constrained")
colours = {}
for run in json.loads((sweep / "sweep.json").read_text())["runs"]:
    story = waiver.open(sweep / run["name"]).onset()
    label = None if run["group"] in colours else run["group"]
    colour = colours.setdefault(run["group"], f"C{len(colours)}")
    for axis, name in zip(axes, ("attention", "enrichment", "value_ratio")):
        curve, onset = getattr(story, name), story.steps == story.step  # nowhere, if no waiver element emerged
        axis.plot(story.steps, curve, color=colour, label=label)
        axis.plot(story.steps[onset], curve[onset], "o", color=colour)
        axis.set(title=name.replace("_", " "), xlabel="training step")
for axis, threshold in zip(axes, story.thresholds.values()):
    axis.axhline(threshold, color="gray", linestyle="--")
axes[2].set(yscale="log", ylim=(0.2, 60))
axes[2].legend(loc="upper left", fontsize=7)
figure.savefig(file, dpi=160)
