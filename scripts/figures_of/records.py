"""Figures of a study from the records of its runs, which keep curves."""
import json
import math
import pathlib
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
import yaml
from matplotlib.ticker import LogLocator

from waiver import Refused

from . import selection
from .reference import read_table
from .style import COLOURS, GREY, caption, chosen, draw_group, panels_of, plain, step_axis, style_of

MOST_LINES = 8  # groups whose curves one panel shows
MOST_IN_ROW = 4  # that the legend below the panels names; it takes a panel where there are more
NAMES = {"attention": "attention to position 0, largest head", "mean_attention": "attention to position 0, mean over heads",
         "bos_attention": "attention to the first token", "value_ratio": "value ratio r_V", "enrichment": "enrichment E",
         "value_norm": "norm of its value", "delta_logit": "sink logit", "risk": "backcopy risk, nat",
         "norm": "residual norm relative to others", "residual_norm": "residual norm", "kurtosis": "kurtosis of the residual stream",
         "added": "attention to the added key"}
THRESHOLDS = {"attention": 0.3, "bos_attention": 0.3, "value_ratio": 0.5, "enrichment": 3}
LOGARITHMIC = {"risk", "kurtosis", "value_ratio"}
NORMS = {"norm", "residual_norm", "value_norm"}  # logarithmic where they differ by more than a factor of ten


@dataclass
class Run:
    group: str
    seed: int
    curves: dict[str, tuple[np.ndarray, np.ndarray]]  # steps, values


def read_run(path: pathlib.Path) -> Run:
    try:
        record = json.loads(path.read_text())
        return run_of(record)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Refused(f"{path}: this is no record of a run, so it is damaged") from None


def run_of(record: dict) -> Run:
    curves = {name: (np.array(curve["steps"]), np.array([math.nan if x is None else x for x in curve["values"]], float))
              for name, curve in record.get("curves", {}).items() if curve["steps"]}
    return Run(record["group"], record["seed"], curves)


def records_in(folder: pathlib.Path) -> list[pathlib.Path]:
    return [path for path in sorted(folder.glob("*.json")) if path.name != "claims.json"]


def with_curves(experiments: pathlib.Path) -> list[str]:
    """The finished studies whose records keep curves: of an unfinished one the claims are not committed."""
    return [folder.name for folder in sorted((experiments / "records").glob("*/"))
            if (folder / "claims.json").exists() and (paths := records_in(folder)) and json.loads(paths[0].read_text()).get("curves")]


def read_study(experiments: pathlib.Path, name: str) -> tuple[dict, list[Run]]:
    runs = [read_run(path) for path in records_in(experiments / "records" / name)]
    if not any(run.curves for run in runs):
        raise Refused(f"{experiments / 'records' / name}: there are no records that keep curves; there are of: "
                      f"{', '.join(with_curves(experiments)) or 'none'}")
    return yaml.safe_load((experiments / f"{name}.yaml").read_text(encoding="utf-8")), runs


def read_studies(experiments: pathlib.Path, names: list[str]) -> tuple[dict, list[Run]]:
    """Several in one figure: each is a group, and the first one's curves and published ones count."""
    read = [read_study(experiments, name) for name in names]
    if len(read) == 1:
        return read[0]
    for name, (_, runs) in zip(names, read):
        if len({run.group for run in runs}) > 1:
            raise Refused(f"{experiments / name}.yaml: this study has several groups of runs, so it is drawn alone")
        for run in runs:
            run.group = name
    return ({**read[0][0], "title": " and ".join(names), "pairs": [{"name": name} for name in names], "grid": {}},
            [run for _, runs in read for run in runs])


def in_order(study: dict, runs: list[Run]) -> list[str]:
    """The groups as the study lists its points, by name otherwise."""
    words = [str(point.get("name", "")) for point in study.get("pairs", [])]
    words += [str(value) for values in study.get("grid", {}).values() for value in values]

    def place(group: str) -> tuple:
        values = [part.split("=")[-1] for part in group.split(",")]
        return tuple(words.index(value) if value in words else len(words) for value in values), group
    return sorted({run.group for run in runs}, key=place)


def keys_of(groups: list[str]) -> tuple[str, ...]:
    """The keys that differ, as position.kind, where all groups are named by the same ones; none where they have names."""
    keys = {tuple(part.split("=")[0] for part in group.split(",")) for group in groups}
    named = all(part.count("=") == 1 for group in groups for part in group.split(","))
    return keys.pop() if len(keys) == 1 and named and len(groups) > 1 else ()


def labels(groups: list[str]) -> list[str]:
    """Without the keys, where all have the same: `rope` for position.kind=rope."""
    if len(groups) == 1:
        return ["ours"]
    named = keys_of(groups)
    return [plain(", ".join(part.split("=")[-1] for part in group.split(",")) if named else group) for group in groups]


def styles(groups: list[str]) -> dict[str, dict]:
    """A colour for each; of two keys the second one's values have a dash each."""
    if len(keys_of(groups)) != 2:
        return {group: style_of(number) for number, group in enumerate(groups)}
    first, second = (list(dict.fromkeys(group.split(",")[i] for group in groups)) for i in (0, 1))
    return {group: style_of(first.index(group.split(",")[0]) + len(COLOURS) * second.index(group.split(",")[1])) for group in groups}


def of_group(runs: list[Run], group: str, curve: str) -> list[tuple[np.ndarray, np.ndarray]]:
    return [run.curves[curve] for run in runs if run.group == group and curve in run.curves]


def finish(axis, curve: str, along: str) -> None:
    axis.set_title(NAMES.get(curve, curve), loc="left")
    along_axis = axis.yaxis if along == "y" else axis.xaxis
    low, high = getattr(axis.dataLim, f"interval{along}")
    if curve in LOGARITHMIC or curve in NORMS and high > 10 * low:
        getattr(axis, f"set_{along}scale")("log")
        low, high = along_axis.get_view_interval()
        if high < 100 * low:
            along_axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            along_axis.set_major_formatter("{x:g}")
            along_axis.set_minor_formatter("")
    if curve in THRESHOLDS:
        (axis.axhline if along == "y" else axis.axvline)(THRESHOLDS[curve], color=GREY, lw=0.8, ls=":")


def draw_published(axis, study: dict, experiments: pathlib.Path, curve: str, last: int) -> None:
    """What others published of this curve, up to the last step of ours."""
    block = study.get("published", {})
    if curve not in block.get("columns", {}):
        return
    table = read_table(experiments / block["file"])
    steps = table[block["columns"].get("step", "step")]
    near = steps <= last
    axis.plot(steps[near], table[block["columns"][curve]][near], color="black", lw=1.6, ls=(0, (4, 2)),
              label=": ".join(filter(None, ("published", block.get("source", "").split(",")[0]))))


def draw_curves(study: dict, runs: list[Run], groups: list[str], curves: list[str], experiments: pathlib.Path):
    every = in_order(study, runs)  # a group has its name and colour in any choice of them
    names, style = dict(zip(every, labels(every))), styles(every)
    few = len(groups) <= MOST_IN_ROW
    known = set(study.get("published", {}).get("columns", {})) & set(curves)
    with_row = few and (len(groups) > 1 or bool(known))
    figure, axes = panels_of(len(curves) + (not few), with_row)
    for axis, curve in zip(axes, curves):
        last = 1
        for group in groups:
            found = of_group(runs, group, curve)
            if found:
                draw_group(axis, [steps for steps, _ in found], [values for _, values in found], style[group], names[group], few)
                last = max(last, *(int(steps[-1]) for steps, _ in found))
        step_axis(axis, 0, last, "log" if last > 4000 else "linear")
        draw_published(axis, study, experiments, curve, last)
        finish(axis, curve, "y")
    handles = {label: line for axis in axes for line, label in zip(*axis.get_legend_handles_labels())}
    title = ", ".join(keys_of(every)) or None
    if not few:
        axes[-1].axis("off")
        axes[-1].legend(handles.values(), handles.keys(), loc="center left", title=title)
    elif with_row:
        axes[-1].legend(handles.values(), handles.keys(), loc="center", ncol=len(handles))
    return figure


def draw_last(runs: list[Run], groups: list[str], curves: list[str]):
    """A row for each group: its seeds as dots, their median as a bar, at the last step."""
    figure, axes = plt.subplots(1, len(curves), figsize=(3.1 * len(curves) + 1.4, 0.24 * len(groups) + 1.3), sharey=True, squeeze=False)
    for axis, curve in zip(axes.flat, curves):
        for row, group in enumerate(groups):
            last = np.array([values[-1] for _, values in of_group(runs, group, curve)])
            axis.plot(last, np.full(len(last), row), "o", ms=3.5, mew=0, alpha=0.6, color=COLOURS[0])
            if np.isfinite(last).any():
                axis.plot([np.nanmedian(last)] * 2, [row - 0.35, row + 0.35], color=COLOURS[4], lw=2)
        finish(axis, curve, "x")
        axis.set_xlabel("at the last step")
    axes[0, 0].set_yticks(range(len(groups)), labels(groups))
    axes[0, 0].set_ylim(len(groups) - 0.5, -0.5)
    return figure


def of_seeds(runs: list[Run], rest: str) -> str:
    seeds = len({run.seed for run in runs})
    return f"{seeds} seeds; {rest}" if seeds > 1 else ""


def draw(experiments: pathlib.Path, name: str, only_groups: list[str] | None = None, only_curves: list[str] | None = None):
    """A study's figure, or of some groups or curves alone. A name may be of several studies, A+B."""
    study, runs = read_studies(experiments, name.split("+"))
    every = in_order(study, runs)
    groups = chosen("groups", dict(zip(labels(every), every)), only_groups)
    kept = [curve["name"] for curve in study["curves"] if any(curve["name"] in run.curves for run in runs if run.group in groups)]
    curves = chosen("curves", {curve: curve for curve in kept}, only_curves)
    if selection.NEEDS <= set(curves):
        figure, shown = selection.draw(runs, groups), "thin lines are seeds, thick ones their medians"
    elif len(groups) > MOST_LINES:
        figure, shown = draw_last(runs, groups, curves), "dots are seeds, bars medians"
    else:
        figure, shown = draw_curves(study, runs, groups, curves, experiments), "thin lines are seeds, thick ones their medians"
    left_out = f"{len(groups)} of {len(every)} groups of runs" if len(groups) < len(every) else ""
    notes = ", ".join(filter(None, (left_out, of_seeds(runs, shown))))
    caption(figure, "\n".join(filter(None, (study.get("title", name), notes))))
    return figure
