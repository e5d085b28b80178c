"""When and how the waivers of a study are selected: a panel for each of its settings."""
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from .style import plain, together

TOKEN, POSITION = "#D55E00", "#0072B2"
WAYS = {2: ("selected by position encoding", POSITION), 3: ("selected by features", TOKEN), 1: ("selected by mask", "#009E73"),
        4: ("mixed", "#CC79A7"), 0: ("nothing", "#999999")}
WORDS = {"features": "dedicated token, no encoding", "encoding": "strong positions, no token", "both": "both: which one wins?"}
HIGHEST = 1.45  # of what is shown: a value ratio may begin far above
NEEDS = {"selected_by", "status"}  # the curves by which such a study is known


def draw_place(axis, runs: list, place: str, colour: str) -> None:
    """α and r_V of the token or the position: seeds thin, their median thick."""
    for curve, dash in ((f"{place}_attention", "-"), (f"{place}_value_ratio", ":")):
        found = [run.curves[curve] for run in runs if curve in run.curves]
        if not found:
            continue
        steps, stack = together([step for step, _ in found], [values for _, values in found])
        axis.plot(steps, stack.T, dash, color=colour, lw=0.5, alpha=0.35)
        axis.plot(steps, np.nanmedian(stack, 0), dash, color=colour, lw=1.8)


def draw_strip(axis, runs: list) -> None:
    """What selects the strongest key, a row for each seed."""
    for row, run in enumerate(runs):
        asked, way = run.curves["selected_by"]
        edges = np.concatenate([[0], (asked[1:] + asked[:-1]) / 2, [asked[-1]]])
        for i, sink in enumerate(run.curves["status"][1] > 0):
            axis.barh(row, edges[i + 1] - edges[i], left=edges[i], height=0.9, color=WAYS[int(way[i])][1], alpha=1 if sink else 0.22, lw=0)
    axis.set_ylim(len(runs) - 0.5, -0.5)
    axis.set_yticks([])
    axis.spines["left"].set_visible(False)


def draw_setting(above, below, runs: list, title: str) -> None:
    draw_place(above, runs, "position", POSITION)
    draw_place(above, runs, "token", TOKEN)
    draw_strip(below, runs)
    above.set_title(plain(title))
    above.set_xscale("symlog", linthresh=20, linscale=0.5)
    above.set_xlim(0, runs[0].curves["selected_by"][0][-1])
    above.set_ylim(0, HIGHEST)
    above.axhline(0.3, color="#bbbbbb", lw=0.6, zorder=0)
    above.axhline(0.5, color="#bbbbbb", lw=0.6, ls=":", zorder=0)
    above.tick_params(labelbottom=False)
    above.text(0.98, 0.97, f"loss {np.median([run.curves['loss'][1][-1] for run in runs]):.3f}", ha="right", va="top",
               transform=above.transAxes, fontsize=8, color="#444444")
    below.set_xticks([0, 20, 100, 1000], ["0", "20", "100", "1,000"])
    below.minorticks_off()


def draw_legend(axis) -> None:
    handles = [Line2D([], [], color=TOKEN, label="dedicated token"), Line2D([], [], color=POSITION, label="strongest position"),
               Line2D([], [], color="#444444", label="α: attention received, of all queries"),
               Line2D([], [], color="#444444", ls=":", label=f"r$_V$: value ratio (up to {HIGHEST})"),
               *(Patch(color=colour, label=name) for name, colour in WAYS.values()),
               Patch(color="#777777", alpha=0.3, label="pale: that key is no sink yet")]
    axis.axis("off")
    axis.legend(handles=handles, loc="center", ncol=5, fontsize=8)


def draw(runs: list, groups: list[str]):
    """A row of panels for each mask, named at its left, a column for each of the study's pairs, named above."""
    rests = list(dict.fromkeys(group.partition(",")[2] for group in groups))
    points = list(dict.fromkeys(group.partition(",")[0] for group in groups))
    figure = plt.figure(figsize=(2.7 * len(points) + 0.6, 2.2 * len(rests) + 0.9))
    grid = figure.add_gridspec(2 * len(rests) + 1, len(points), height_ratios=[3, 1] * len(rests) + [0.6])
    for row, rest in enumerate(rests):
        for column, point in enumerate(points):
            of_setting = [run for run in runs if run.group == (f"{point},{rest}" if rest else point)]
            if not of_setting:
                continue
            above = figure.add_subplot(grid[2 * row, column])
            below = figure.add_subplot(grid[2 * row + 1, column], sharex=above)
            draw_setting(above, below, of_setting, WORDS.get(point, point) if row == 0 else "")
            if column == 0:
                above.set_ylabel((f"{rest.split('=')[-1]}\n" if rest else "") + "α, r$_V$")
                below.set_ylabel(f"{len(of_setting)} seeds", fontsize=8)
            if row == len(rests) - 1:
                below.set_xlabel("training step")
    draw_legend(figure.add_subplot(grid[-1, :]))
    return figure
