#!/usr/bin/python3
"""Draws the figures of a run or a sweep from its logs, and prints its table.

    scripts/figures.py RUN_OR_SWEEP [--reference CSV] [--out DIR]

Writes PNG and PDF into RUN_OR_SWEEP/figures (or DIR):
  emergence   first-token attention, sink logit, value norm and residual ratio of the strongest
              head, the one that at the end gives most attention to the first token
  attention   its attention map at the snapshot steps
  heads       first-token attention of every head over the steps
  reference   with --reference: one run over a published trajectory (columns step, backcopy_risk,
              attn_bos_nontrigger, delta_logit_bos_mean_nontrigger_tokens, norm_V_bos)
"""
import argparse
import csv
import json
import pathlib
import sys

try:
    import h5py
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import numpy as np
except ImportError as missing:
    sys.exit(f"figures.py needs the Python package {missing.name}, which is not installed here. "
             "apt-get install python3-h5py python3-matplotlib, or pip install h5py matplotlib.")

COLOURS = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#000000", "#999999"]
REFERENCE = ["step", "backcopy_risk", "attn_bos_nontrigger", "norm_V_bos",
             "delta_logit_bos_mean_nontrigger_tokens"]
SHOWN = 32  # tokens of an attention map: more, and a waiver's column is too thin to see
plt.rcParams.update({
    "font.size": 9, "axes.titlesize": 9, "axes.spines.top": False, "axes.spines.right": False,
    "legend.frameon": False, "figure.constrained_layout.use": True, "savefig.dpi": 160})


class Refused(Exception):
    """What cannot be drawn, as a sentence."""


class Run:
    """One log, opened: its series, and the head with the most attention to the first token."""

    def __init__(self, directory: pathlib.Path, group: str, seed: str):
        self.directory, self.group, self.seed = directory, group, seed
        log = directory / "log.h5"
        try:
            self.file = h5py.File(log, "r")
        except OSError as problem:
            raise Refused(f"{log}: this is not a log, or it is truncated ({problem})") from None
        if not str(self.file.attrs.get("format", "")).startswith("waiver"):
            raise Refused(f"{log}: this HDF5 file is not a log of this program")
        if "probe/bos_attention" not in self.file or not len(self.file["probe/step"]):
            raise Refused(f"{log}: there are no probes in this log (probe.every: 0, or the run has "
                          "just begun)")
        self.step = self.file["probe/step"][:]
        final = self.file["probe/bos_attention"][-1]
        if np.isnan(final).all():
            raise Refused(f"{log}: no block of this model has attention")
        self.layer, self.head = np.unravel_index(np.nanargmax(final), final.shape)

    def series(self, name: str, *index) -> np.ndarray:
        return self.file[f"probe/{name}"][(slice(None), *index)]

    def first_token(self, name: str) -> np.ndarray:
        """A series of the strongest head, at key or position 0 where it has that axis."""
        data = self.file[f"probe/{name}"]
        index = {2: (self.layer, 0) if name.startswith("residual") else (self.layer, self.head),
                 3: (self.layer, self.head, 0), 0: ()}[data.ndim - 1]
        return self.series(name, *index)

    def sink_rate(self) -> float:
        """Sink_0 at the last step: the share of heads and sequences with a sink at the first token."""
        return float(np.nanmean(self.file["probe/sink_rate"][-1, :, :, 0]))

    def summary(self, name: str) -> float:
        if f"summary/{name}" not in self.file:
            raise Refused(f"{self.directory}/log.h5: there is no summary in it: the run is not "
                          "finished")
        data = self.file[f"summary/{name}"]
        return data[self.layer, self.head] if data.ndim == 2 else data[()]


def load(path: pathlib.Path) -> tuple[str, list[Run]]:
    """The title and the finished runs of a sweep, or one run."""
    if (path / "log.h5").exists():
        return path.name, [Run(path, path.name, "")]
    if not path.exists():
        raise Refused(f"{path}: there is nothing of that name")
    if not (path / "sweep.json").exists():
        raise Refused(f"{path}: neither a run (log.h5) nor a sweep (sweep.json)")
    try:
        sweep = json.loads((path / "sweep.json").read_text())
        runs = [(path / r["name"], r["group"], str(r["seed"])) for r in sweep["runs"]]
        title = sweep["title"]
    except (ValueError, KeyError, TypeError) as problem:
        raise Refused(f"{path}/sweep.json: this is not the index of a sweep ({problem!r})") from None
    done = [run for run in runs if (run[0] / "status").is_file()
            and (run[0] / "status").read_text().startswith("done")]
    if not done:
        raise Refused(f"{path}: the sweep has no finished run yet")
    return title, [Run(*run) for run in done]


def groups_of(runs: list[Run]) -> dict[str, list[Run]]:
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(run.group, []).append(run)
    return groups


def label(group: str) -> str:
    """`position.kind=rope` reads as `rope`."""
    return ", ".join(part.split("=", 1)[-1] for part in group.split(","))


def step_axis(axis, last: int) -> None:
    axis.set_xscale("symlog", linthresh=1)
    axis.set_xlim(0, last)
    axis.set_xlabel("training step")


def save(figure, folder: pathlib.Path, name: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for ending in ("png", "pdf"):
        figure.savefig(folder / f"{name}.{ending}", metadata={"CreationDate": None}
                       if ending == "pdf" else None)
    plt.close(figure)


def emergence(title: str, runs: list[Run], folder: pathlib.Path) -> None:
    panels = [("bos_attention", "attention to the first token", (0, 1)),
              ("delta_logit", "sink logit Δlogit", None),
              ("value_norm", "value norm ‖v₀‖ of the first token", None),
              ("residual_ratio", "residual norm, first token ÷ others", None)]
    figure, axes = plt.subplots(2, 2, figsize=(8.4, 5.6), sharex=True)
    for axis, (name, text, limits) in zip(axes.flat, panels):
        for colour, (group, members) in zip(COLOURS, groups_of(runs).items()):
            curves = [run.first_token(name) for run in members]
            for run, curve in zip(members, curves):
                axis.plot(run.step, curve, color=colour, lw=0.6, alpha=0.55)
            length = min(map(len, curves))
            stack = np.stack([c[:length] for c in curves])
            axis.plot(members[0].step[:length], stack.mean(0), color=colour, lw=1.8,
                      label=label(group))
            if len(curves) > 1:
                axis.fill_between(members[0].step[:length], stack.min(0), stack.max(0),
                                  color=colour, alpha=0.13, lw=0)
        axis.set_title(text, loc="left")
        step_axis(axis, max(run.step[-1] for run in runs))
        if limits:
            axis.set_ylim(*limits)
        if name == "delta_logit":
            axis.axhline(0, color="#888888", lw=0.6)
        else:
            axis.set_ylim(bottom=0)
    for axis in axes[0]:
        axis.set_xlabel("")
    if len(groups_of(runs)) > 1:
        axes[0, 0].legend(loc="upper left")
    seeds = max(len(m) for m in groups_of(runs).values())
    figure.suptitle(f"{title}\nhead of each run with the most attention to the first token" +
                    (f"; thin: {seeds} seeds, thick: their mean, band: their range"
                     if seeds > 1 else ""), fontsize=10)
    save(figure, folder, "emergence")


def attention(runs: list[Run], folder: pathlib.Path) -> None:
    rows = [m[0] for m in groups_of(runs).values() if "snapshot/pattern_mean" in m[0].file]
    if not rows:
        return
    steps = rows[0].file["snapshot/step"][:]
    figure, axes = plt.subplots(len(rows), len(steps), squeeze=False,
                                figsize=(1.2 + 2.5 * len(steps), 0.7 + 2.5 * len(rows)))
    for line, run in zip(axes, rows):
        maps = run.file["snapshot/pattern_mean"][:, run.layer, run.head, :SHOWN, :SHOWN]
        causal = not np.any(np.triu(maps[-1], 1))
        hidden = np.triu(np.ones(maps.shape[1:], bool), 1) & causal
        for axis, step, weights in zip(line, steps, maps):
            image = axis.imshow(np.ma.masked_array(weights, hidden), vmin=0, vmax=1,
                                cmap="viridis", interpolation="nearest")
            axis.spines[["left", "bottom"]].set_visible(False)
            axis.set_xticks([0, weights.shape[1] - 1])
            axis.set_yticks([0, weights.shape[0] - 1])
            if run is rows[0]:
                axis.set_title(f"step {step}")
        line[0].set_ylabel(f"{label(run.group)}\nlayer {run.layer}, head {run.head}\nquery")
    for axis in axes[-1]:
        axis.set_xlabel("key")
    figure.colorbar(image, ax=axes, shrink=0.6, label="attention weight")
    tokens = len(rows[0].file["key"])
    figure.suptitle("Attention weights of the strongest head, mean over the probe sequences"
                    + (f"; the first {SHOWN} of {tokens} tokens" if tokens > SHOWN else ""),
                    fontsize=10)
    save(figure, folder, "attention")


def heads(runs: list[Run], folder: pathlib.Path) -> None:
    groups = groups_of(runs)
    layers, count = runs[0].series("bos_attention").shape[1:]
    figure, axes = plt.subplots(len(groups), 1, squeeze=False, sharex=True,
                                figsize=(7, 0.9 + len(groups) * (0.5 + 0.16 * layers * count)))
    for axis, (group, members) in zip(axes[:, 0], groups.items()):
        run = members[0]
        weights = np.mean([m.series("bos_attention")[:len(run.step)] for m in members
                           if len(m.step) == len(run.step)], axis=0)
        edges = np.append(run.step, 2 * run.step[-1] - run.step[-2]) if len(run.step) > 1 \
            else np.array([0, 1])
        image = axis.pcolormesh(edges, np.arange(layers * count + 1),
                                weights.reshape(len(run.step), -1).T, vmin=0, vmax=1,
                                cmap="viridis")
        axis.set_xscale("symlog", linthresh=1)
        axis.set_yticks(np.arange(layers * count) + 0.5,
                        [f"{i // count}.{i % count}" for i in range(layers * count)])
        axis.invert_yaxis()
        axis.set_ylabel("layer.head")
        axis.set_title(label(group), loc="left")
    axes[-1, 0].set_xlabel("training step")
    figure.colorbar(image, ax=axes, label="attention to the first token")
    figure.suptitle("Attention to the first token, every head"
                    + (", mean over seeds" if len(runs) > len(groups) else ""), fontsize=10)
    save(figure, folder, "heads")


def reference(run: Run, published: pathlib.Path, folder: pathlib.Path) -> None:
    try:
        with open(published, newline="") as file:
            rows = list(csv.DictReader(file))
        theirs = {name: np.array([float(row[name]) for row in rows]) for name in rows[0]}
    except (ValueError, TypeError, IndexError):
        raise Refused(f"{published}: this is not a table of numbers with names above them") from None
    lacks = [name for name in REFERENCE if name not in theirs]
    if lacks:
        raise Refused(f"{published}: the column {lacks[0]} is missing")
    near = theirs["step"] <= run.step[-1]
    panels = [("backcopy_risk", "backcopy_risk", "backcopy risk (nat)"),
              ("bos_attention", "attn_bos_nontrigger", "attention to the first token"),
              ("value_norm", "norm_V_bos", "value norm ‖v₀‖"),
              ("delta_logit", "delta_logit_bos_mean_nontrigger_tokens", "sink logit Δlogit")]
    figure, axes = plt.subplots(2, 2, figsize=(8.4, 5.2), sharex=True)
    for axis, (ours, column, text) in zip(axes.flat, panels):
        axis.plot(theirs["step"][near], theirs[column][near], color="#888888", lw=1.6,
                  label="published, batch 512")
        axis.plot(run.step, run.first_token(ours), color=COLOURS[0], lw=1.6, label=label(run.group))
        axis.set_title(text, loc="left")
        step_axis(axis, run.step[-1])
        if ours == "backcopy_risk":
            axis.set_yscale("log")
    for axis in axes[0]:
        axis.set_xlabel("")
    axes[0, 0].legend(loc="lower left")
    figure.suptitle("One-block Bigram-Backcopy: this program over the published trajectory",
                    fontsize=10)
    save(figure, folder, "reference")


def spread(values: list[float], form: str) -> str:
    """The median and, for several seeds, the range; undefined values are left out."""
    values = [value for value in values if not np.isnan(value)]
    if not values:
        return "–"
    if len(values) == 1:
        return form.format(values[0])
    return f"{form.format(np.median(values))} [{form.format(min(values))}, {form.format(max(values))}]"


def onset(members: list[Run]) -> str:
    steps = [int(run.summary("bos_onset_step")) for run in members]
    found = [step for step in steps if step >= 0]
    if not found:
        return "never"
    text = spread(found, "{:.0f}")
    return text if len(found) == len(steps) else f"{text} in {len(found)} of {len(steps)}"


def table(runs: list[Run]) -> None:
    columns = [("BOS attention", "bos_attention", "{:.2f}"), ("r_V", "value_ratio", "{:.2f}"),
               ("residual ratio", "residual_ratio", "{:.2f}"),
               ("backcopy risk", "backcopy_risk", "{:.3f}"),
               ("bigram risk", "bigram_risk", "{:.3f}"), ("loss", "loss", "{:.3f}")]
    columns = [c for c in columns if f"probe/{c[1]}" in runs[0].file]
    varied = runs[0].group.partition("=")[0].removesuffix(".kind").rpartition(".")[2]
    rows = [[varied or "run", "BOS onset", "layer.head", "Sink_0", *(c[0] for c in columns)]]
    for group, members in groups_of(runs).items():
        places = sorted({f"{run.layer}.{run.head}" for run in members})
        rows.append([label(group), onset(members), " ".join(places),
                     spread([run.sink_rate() for run in members], "{:.2f}"),
                     *(spread([run.first_token(name)[-1] for run in members], form)
                       for _, name, form in columns)])
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for number, row in enumerate(rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
        if number == 0:
            print("  ".join("─" * width for width in widths))
    threshold = runs[0].file["summary/threshold"][()]
    print(f"\nThe head of each run with the most BOS attention, at the last step: median [range] over "
          f"the seeds.\nBOS onset: first step with BOS attention above {threshold:g} for three probes "
          f"in a row; as it counts the first\ntoken's own query, it can come before the event sink, "
          f"which asks for α. r_V and residual ratio: of the first\ntoken. Sink_0: over all heads.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=pathlib.Path, help="a run directory or a sweep directory")
    parser.add_argument("--reference", type=pathlib.Path, help="a published trajectory (CSV)")
    parser.add_argument("--out", type=pathlib.Path, help="where the figures go")
    given = parser.parse_args()
    try:
        title, runs = load(given.path)
        folder = given.out or given.path / "figures"
        emergence(title, runs, folder)
        attention(runs, folder)
        heads(runs, folder)
        if given.reference:
            reference(runs[0], given.reference, folder)
        table(runs)
    except Refused as problem:
        sys.exit(f"{problem}.")
    except OSError as problem:
        sys.exit(f"{problem.filename or given.path}: {problem.strerror or problem}.")
    except KeyError as problem:
        sys.exit(f"{given.path}: a log lacks what is drawn here: {problem.args[0]}.")


if __name__ == "__main__":
    main()
