"""Runs over a published trajectory: any CSV with a column of steps."""
import csv
import pathlib

import numpy as np
import matplotlib.pyplot as plt

from waiver import Refused

from .style import GREY, caption, draw_group, plain, save, step_axis, style_of
from .subjects import Subjects, label

NAME = "reference"
# What published tables call our series, where they call it otherwise.
KNOWN = {"attn_bos_nontrigger": "bos_attention", "norm_V_bos": "value_norm", "sink_mean": "bos_attention",
         "delta_logit_bos_mean_nontrigger_tokens": "delta_logit", "val_loss": "loss", "iter": "step", "iteration": "step"}
LOGARITHMIC = {"backcopy_risk"}


def numbers(column: tuple[str, ...]) -> np.ndarray | None:
    """None where a cell is a text."""
    try:
        return np.array([float(cell.strip() or "nan") for cell in column])
    except ValueError:
        return None


def read_table(path: pathlib.Path) -> dict[str, np.ndarray]:
    """Columns by name; lines that begin with # are comments, empty cells are undefined, columns of texts left out."""
    try:
        lines = [line for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip() and not line.startswith("#")]
        names, *rows = csv.reader(lines, strict=True)
        columns = list(zip(*rows, strict=True))
        if len(set(names)) < 2 or len(columns) != len(names):
            raise ValueError("not a table")
        table = {name.strip(): numbers(column) for name, column in zip(names, columns)}
        table = {name: column for name, column in table.items() if column is not None}
        if len(table) < 2:
            raise ValueError("fewer than two columns of numbers")
        return table
    except (ValueError, csv.Error):
        raise Refused(f"{path}: this is not a table of numbers with names above them") from None


def parse_columns(text: str | None, table: dict, path: pathlib.Path) -> dict[str, str]:
    """`ours=theirs,…`, or guessed by name."""
    if not text:
        return {KNOWN.get(name, name): name for name in table}
    pairs = dict(part.partition("=")[::2] for part in text.split(","))
    for ours, theirs in pairs.items():
        if not theirs:
            raise Refused(f"--columns: {ours} is no pair. Write SERIES=COLUMN, separated by commas")
        if theirs not in table:
            raise Refused(f"{path}: there is no column {theirs}; there are: {', '.join(table)}")
    guessed = [name for name in table if KNOWN.get(name, name) == "step"]
    return ({"step": guessed[0]} if guessed and "step" not in pairs else {}) | pairs


def spread_of(column: str, table: dict) -> np.ndarray | None:
    """The standard deviation beside a mean: `sink_sd` of `sink_mean`."""
    return table.get(f"{column.removesuffix('_mean')}_sd")


def draw_theirs(axis, table: dict, step: np.ndarray, column: str, near: np.ndarray) -> None:
    axis.plot(step[near], table[column][near], color=GREY, lw=1.8, marker="." if near.sum() < 30 else "", label="published")
    spread = spread_of(column, table)
    if spread is not None:
        axis.fill_between(step[near], (table[column] - spread)[near], (table[column] + spread)[near], color=GREY, alpha=0.25, lw=0)


def draw_ours(axis, subjects: Subjects, series: str) -> None:
    for number, (group, members) in enumerate(subjects.groups().items()):
        curves = [(member.run.steps(), member.run.at(series, member.place)) for member in members if member.run.has(series)]
        curves = [(steps, curve) for steps, curve in curves if curve is not None]
        if curves:
            draw_group(axis, *zip(*curves), style_of(number), plain(label(group) or "this run"))


def draw(subjects: Subjects, options):
    table = read_table(options.reference)
    pairs = parse_columns(options.columns, table, options.reference)
    if "step" not in pairs:
        raise Refused(f"{options.reference}: no column is named step. Name it: --columns step=COLUMN,…")
    step = table[pairs.pop("step")]
    run = subjects.members[0].run
    known = {ours: theirs for ours, theirs in pairs.items() if run.has(ours)}
    unknown = [ours for ours in pairs if ours not in known]
    if options.columns and unknown:
        raise Refused(f"{run.path}: there is no series {unknown[0]} to compare; there are: {', '.join(run.names())}")
    if not known:
        raise Refused(f"{options.reference}: no column has the name of a series. Name them: --columns SERIES=COLUMN,…; columns: "
                      + ", ".join(table))
    last = max(member.run.steps()[-1] for member in subjects.members)
    near = step <= last
    if near.sum() < 2:
        near, last = np.isfinite(step), step.max()
    columns = min(2, len(known))
    rows = -(-len(known) // columns)
    figure, axes = plt.subplots(rows, columns, squeeze=False, figsize=(4.4 * columns + 1, 0.8 + 2.6 * rows))
    for axis, (ours, theirs) in zip(axes.flat, known.items()):
        draw_theirs(axis, table, step, theirs, near)
        draw_ours(axis, subjects, ours)
        axis.set_title(ours if ours == theirs else f"{ours}\npublished: {theirs}", loc="left")
        step_axis(axis, 0, last, options.axis)
        if ours in LOGARITHMIC:
            axis.set_yscale("log")
    for axis in axes.flat[len(known):]:
        axis.axis("off")
    axes[0, 0].legend()
    left = [theirs for ours, theirs in pairs.items() if ours not in known and not theirs.endswith("_sd")]
    if left:
        subjects.notes.append(f"{options.reference.name}: not drawn, as no series has that name: {', '.join(left)}")
    caption(figure, f"{subjects.title}, over {options.reference.name}")
    return save(figure, options.out, NAME)
