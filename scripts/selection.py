#!/usr/bin/python3
"""Draws when and how the waiver of a sweep is selected, from its runs' logs.

    scripts/selection.py SWEEP [--out DIR]

Needs runs with `probe.mechanism: [steps]`. Writes selection.png and .pdf into SWEEP/figures (or DIR): a panel for each setting.
Above: attention received (solid) and value ratio (dotted) of the dedicated token and of the position with the most attention at the
end; thin lines are seeds, thick ones their median. Below: what selects the strongest key, a row for each seed; pale where that key
is no sink yet.
"""
import argparse
import json
import pathlib
import sys

try:
    import h5py
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import numpy as np
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch
except ImportError as missing:
    sys.exit(f"selection.py needs the Python package {missing.name}, which is not installed here. "
             "apt-get install python3-h5py python3-matplotlib, or pip install h5py matplotlib.")

TOKEN, POSITION = "#D55E00", "#0072B2"
WAYS = {2: ("position encoding", POSITION), 3: ("features", TOKEN), 1: ("mask", "#009E73"),
        4: ("mixed", "#CC79A7"), 0: ("nothing", "#999999")}
plt.rcParams.update({
    "font.size": 9, "axes.titlesize": 9, "axes.spines.top": False, "axes.spines.right": False,
    "legend.frameon": False, "figure.constrained_layout.use": True, "savefig.dpi": 160})


class Run:
    """α and r_V of the dedicated token and of one position, and what selects the strongest key."""

    def __init__(self, folder: pathlib.Path):
        log = h5py.File(folder / "log.h5", "r")
        if "mechanism/selected_by" not in log:
            sys.exit(f"{folder}/log.h5: this run did not ask what selects its waiver; "
                     "set probe.mechanism: [0, 100, …].")
        probe = log["probe"]
        self.step = probe["step"][:]
        names = [name.decode() for name in log["roles/key_role_name"][:]]
        self.token = None
        if "dedicated" in names:
            role = names.index("dedicated")
            self.token = (probe["role_received_attention"][:, 0, 0, 0, role],
                          probe["role_value_ratio"][:, 0, 0, role])
        alpha = probe["received_attention"][:, 0, 0, :]
        seen = log["probe/key_visibility"][0]
        last = np.where(seen > seen.max() / 4, alpha[-1], np.nan)
        self.place = int(np.nanargmax(last))
        self.position = (alpha[:, self.place], probe["value_ratio"][:, 0, 0, self.place])
        asked = log["mechanism"]
        self.asked = asked["step"][:]
        self.way = asked["selected_by"][:].astype(int)
        self.sink = asked["status"][:] > 0
        self.loss = float(probe["loss"][-1])


def load(sweep: pathlib.Path) -> dict[str, list[Run]]:
    index = sweep / "sweep.json"
    if not index.exists():
        sys.exit(f"{sweep}: this is not a sweep's folder (sweep.json is missing).")
    groups: dict[str, list[Run]] = {}
    for run in json.loads(index.read_text())["runs"]:
        status = sweep / run["name"] / "status"
        if status.exists() and status.read_text().startswith("done"):
            groups.setdefault(run["group"], []).append(Run(sweep / run["name"]))
    return groups


def curves(axis, runs: list[Run], which: str, colour: str) -> None:
    pairs = [getattr(run, which) for run in runs if getattr(run, which) is not None]
    if not pairs:
        return
    for number, style in ((0, "-"), (1, ":")):
        each = np.array([pair[number] for pair in pairs])
        for one in each:
            axis.plot(runs[0].step, one, style, color=colour, linewidth=.5, alpha=.35)
        axis.plot(runs[0].step, np.median(each, axis=0), style, color=colour, linewidth=1.8)


def strip(axis, runs: list[Run], edges: np.ndarray) -> None:
    for row, run in enumerate(runs):
        for i in range(len(run.asked)):
            colour = WAYS[run.way[i]][1]
            axis.barh(row, edges[i + 1] - edges[i], left=edges[i], height=.9, color=colour,
                      alpha=1 if run.sink[i] else .22, linewidth=0)
    axis.set_ylim(len(runs) - .5, -.5)
    axis.set_yticks([])
    axis.spines["left"].set_visible(False)


def title_of(group: str) -> str:
    point, _, rest = group.partition(",")
    words = {"features": "dedicated token, no encoding", "encoding": "strong positions, no token",
             "both": "both: which one wins?", "neither": "neither"}
    return words.get(point, group) + (f"\n{rest.split('=')[-1]}" if rest else "")


def draw(groups: dict[str, list[Run]], folder: pathlib.Path) -> None:
    rests = list(dict.fromkeys(group.partition(",")[2] for group in groups))
    points = list(dict.fromkeys(group.partition(",")[0] for group in groups))
    figure = plt.figure(figsize=(2.7 * len(points) + .6, 2.9 * len(rests) + .7))
    grid = figure.add_gridspec(2 * len(rests) + 1, len(points),
                               height_ratios=[3, 1] * len(rests) + [.75])
    for row, rest in enumerate(rests):
        for column, point in enumerate(points):
            runs = groups.get(f"{point},{rest}" if rest else point)
            if not runs:
                continue
            above = figure.add_subplot(grid[2 * row, column])
            below = figure.add_subplot(grid[2 * row + 1, column], sharex=above)
            asked = runs[0].asked.astype(float)
            edges = np.concatenate([[0], (asked[1:] + asked[:-1]) / 2, [asked[-1]]])
            curves(above, runs, "position", POSITION)
            curves(above, runs, "token", TOKEN)
            strip(below, runs, edges)
            above.set_title(title_of(f"{point},{rest}" if rest else point))
            above.set_xscale("symlog", linthresh=20, linscale=.5)
            above.set_xlim(0, runs[0].step[-1])
            above.set_ylim(0, 1.45)
            above.axhline(.3, color="#bbbbbb", linewidth=.6, zorder=0)
            above.axhline(.5, color="#bbbbbb", linewidth=.6, linestyle=":", zorder=0)
            above.tick_params(labelbottom=False)
            above.text(.98, .97, f"loss {np.median([run.loss for run in runs]):.3f}", ha="right",
                       va="top", transform=above.transAxes, fontsize=8, color="#444444")
            below.set_xticks([0, 20, 100, 1000], ["0", "20", "100", "1,000"])
            if column == 0:
                above.set_ylabel("α, r$_V$")
                below.set_ylabel(f"{len(runs)} seeds", fontsize=8)
            if row == len(rests) - 1:
                below.set_xlabel("step")
    handles = [Line2D([], [], color=TOKEN, label="dedicated token"),
               Line2D([], [], color=POSITION, label="strongest position"),
               Line2D([], [], color="#444444", label="α: attention received (all queries)"),
               Line2D([], [], color="#444444", linestyle=":", label="r$_V$: value ratio"),
               *(Patch(color=colour, label=name if name in ("mixed", "nothing") else
                       f"selected by {name}") for name, colour in WAYS.values()),
               Patch(color="#777777", alpha=.3, label="pale: no sink yet")]
    legend = figure.add_subplot(grid[-1, :])
    legend.axis("off")
    legend.legend(handles=handles, loc="center", ncol=4, fontsize=8)
    folder.mkdir(parents=True, exist_ok=True)
    for kind in ("png", "pdf"):
        figure.savefig(folder / f"selection.{kind}", metadata={"CreationDate": None} if kind == "pdf"
                       else None)
    print(f"{folder}/selection.png, .pdf")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sweep", type=pathlib.Path, help="a sweep's folder")
    parser.add_argument("--out", type=pathlib.Path, help="where the figure goes")
    options = parser.parse_args()
    groups = load(options.sweep)
    if not groups:
        sys.exit(f"{options.sweep}: no run of this sweep is finished.")
    draw(groups, options.out or options.sweep / "figures")


if __name__ == "__main__":
    main()
