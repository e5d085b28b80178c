"""What all figures share: colours, axes, captions, and a group's curves."""
import pathlib
import textwrap
import warnings

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import MaxNLocator

from waiver import Refused

# Okabe and Ito's, which the colour-blind can tell apart.
COLOURS = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#000000", "#999999"]
DASHES = ["-", (0, (5, 1.5)), (0, (1.2, 1)), (0, (6, 1.5, 1.2, 1.5))]
GREY = "#777777"
plt.rcParams.update({
    "font.size": 9, "axes.titlesize": 9, "axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False,
    "figure.constrained_layout.use": True, "figure.constrained_layout.w_pad": 0.08,
    "savefig.dpi": 160, "pdf.fonttype": 42})
warnings.filterwarnings("ignore", message="Glyph .* missing")
warnings.filterwarnings("ignore", message="(Mean of empty slice|All-NaN)")


def plain(text: str) -> str:
    """As it is: Matplotlib would set what is between two $ as a formula."""
    return text.replace("$", r"\$")


def style_of(number: int) -> dict:
    """A colour and, from the ninth group on, another dash."""
    return {"color": COLOURS[number % len(COLOURS)], "ls": DASHES[number // len(COLOURS) % len(DASHES)]}


def caption(figure, text: str, size: float = 10) -> None:
    """Above all panels, in as many lines as its width needs."""
    columns = int(figure.get_figwidth() * 72 / (0.54 * size))
    lines = [line for part in text.splitlines() for line in textwrap.wrap(part, columns)]
    figure.suptitle(plain("\n".join(lines)), fontsize=size)


def step_axis(axis, first: int, last: int, kind: str) -> None:
    """linear; late, where the last half of the steps gets three quarters of the width; log, but linear below a
    fiftieth of the last step, so that the first steps do not take half of it."""
    last = max(last, first + 1)
    if kind == "log":
        axis.set_xscale("symlog", linthresh=max(1, last / 50), linscale=0.3)
        ticks = [0] + [digit * 10**power for power in range(12) for digit in (1, 2, 5) if last / 50 <= digit * 10**power <= last]
        if axis.get_position().width * axis.figure.get_figwidth() < 2.5:  # inches: too few for all labels
            ticks = ticks[:2] + [tick for tick in ticks[2:] if f"{tick}".startswith("1")]
    elif kind == "late":
        axis.set_xscale("function", functions=(lambda x: np.square(np.maximum(x, 0)), lambda x: np.sqrt(np.maximum(x, 0))))
        ticks = [tick for tick in MaxNLocator(8, integer=True).tick_values(0, last) if tick == 0 or last / 3 <= tick <= last]
    else:
        ticks = [tick for tick in MaxNLocator(6, integer=True).tick_values(first, last) if first <= tick <= last]
    axis.set_xticks(ticks, [f"{tick:g}" if tick < 1e5 else f"{tick / 1000:g}k" for tick in ticks])
    axis.minorticks_off()
    axis.set_xlim(first, last)
    axis.set_xlabel("training step")


def together(steps: list[np.ndarray], curves: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The steps that all runs have, and the runs' numbers there."""
    common = steps[0]
    for other in steps[1:]:
        common = np.intersect1d(common, other)
    return common, np.stack([curve[np.isin(step, common)] for step, curve in zip(steps, curves)])


def draw_group(axis, steps: list[np.ndarray], curves: list[np.ndarray], style: dict, label: str | None = None,
               band: bool = True) -> None:
    """Seeds thin, their median thick, their range a band."""
    if len(curves) == 1:
        axis.plot(steps[0], curves[0], lw=1.8, label=label, **style)
        return
    for step, curve in zip(steps, curves):
        axis.plot(step, curve, color=style["color"], lw=0.6, alpha=0.55 if band else 0.35)
    common, stack = together(steps, curves)
    axis.plot(common, np.nanmedian(stack, 0), lw=1.9, label=label, **style)
    if band:
        axis.fill_between(common, np.nanmin(stack, 0), np.nanmax(stack, 0), color=style["color"], alpha=0.12, lw=0)


def panels_of(number: int, with_legend: bool, height: float = 2.4):
    """A figure with so many panels and, below them, a row for the legend."""
    columns = number if number <= 4 else 3
    rows = -(-number // columns)
    width = (2.75 if columns == 4 else 3.5) * columns + 0.6
    figure = plt.figure(figsize=(width, height * rows + 0.6 + 0.3 * with_legend))
    grid = figure.add_gridspec(rows + with_legend, columns, height_ratios=[1] * rows + [0.1] * with_legend)
    axes = [figure.add_subplot(grid[place // columns, place % columns]) for place in range(number)]
    if with_legend:
        axes.append(figure.add_subplot(grid[rows, :]))
        axes[-1].axis("off")
    return figure, axes


def chosen(what: str, known: dict, wanted: list[str] | None) -> list:
    """Those of these names, or all."""
    for name in wanted or []:
        if name not in known:
            raise Refused(f"{what}: there is no {name} here; there are: {', '.join(known)}")
    return [known[name] for name in wanted or known]


MAKER = "Waiver, scripts/figures.py"


def check_own(path: pathlib.Path) -> None:
    """Outside a folder called figures only what this script drew is replaced."""
    if path.exists() and path.parent.name != "figures" and MAKER.encode() not in path.read_bytes():
        raise Refused(f"{path}: this file was not drawn by this script, so it is not replaced. Choose another place with --out")


def save(figure, folder: pathlib.Path, name: str, endings: tuple[str, ...] = ("png", "pdf"), dpi: int | None = None) -> list[pathlib.Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}.{ending}" for ending in endings]
    for path in paths:
        check_own(path)
    for path in paths:
        figure.savefig(path, dpi=dpi,
                       metadata={"CreationDate": None, "Creator": MAKER} if path.suffix == ".pdf" else {"Software": MAKER})
    plt.close(figure)
    return paths


def save_png(figure, folder: pathlib.Path, name: str) -> pathlib.Path:
    """For the repository: one file, as small as can be read."""
    return save(figure, folder, name, ("png",), dpi=110)[0]
