"""How α, E and r_V of each run's place cross their thresholds, when all three did for good, and what else happened then."""
import numpy as np
import matplotlib.pyplot as plt
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullLocator

from .style import GREY, caption, draw_group, plain, save, step_axis, style_of
from .subjects import Member, Subjects, label, varied

NAME = "emergence"
BANDS = 5  # of so many groups at most: more hide each other
# Series and their panels' titles.
DECIDING = [("received_attention", "received attention α"), ("enrichment", "enrichment E"), ("value_ratio", "value ratio r_V")]
OTHERS = [("loss", "probe loss"), ("residual_ratio", "residual norm ÷ mean of the others"),
          ("delta_logit", "sink logit Δlogit of position 0")]


def curve_of(member: Member, name: str) -> np.ndarray | None:
    place, run = member.place, member.run
    own = {"received_attention": place.attention, "enrichment": place.enrichment, "value_ratio": place.value_ratio}
    if name in own:
        return own[name]
    if not run.has(name):
        return None
    curve = run.at(name, place)
    return None if curve is None or np.isnan(curve).all() else curve


def onset_text(members: list[Member]) -> str:
    """`onset 230 [180, 260] in 3 of 3`, the median and the range."""
    steps = sorted(member.place.step for member in members if member.place.step is not None)
    if len(members) == 1:
        since = members[0].place.since
        brief = "" if since is None else f" (one since {since}, for too few probes)"
        return f"onset {steps[0]}" if steps else f"no onset{brief}"
    if not steps:
        return f"no onset in {len(members)}"
    spread = f" [{steps[0]}, {steps[-1]}]" if len(steps) > 1 else ""
    return f"onset {np.median(steps):g}{spread} in {len(steps)} of {len(members)}"


def place_text(members: list[Member], with_key: bool) -> str:
    heads = sorted({member.head() for member in members})
    keys = sorted({member.key() for member in members})
    text = f"head{'s' if len(heads) > 1 else ''} {' '.join(heads)}"
    return text + (f", {' and '.join(keys[:3])}{' …' if len(keys) > 3 else ''}" if with_key else "")


def mark_onsets(axis, members: list[Member], name: str, style: dict) -> None:
    for member in members:
        curve, place = curve_of(member, name), member.place
        if curve is None or place.step is None:
            continue
        at = curve[np.searchsorted(place.steps, place.step)]
        axis.plot(place.step, at, "o", ms=5.5, mec=style["color"], mew=1.3, mfc=style["color"] if place.lasting else "white",
                  zorder=5 if place.lasting else 6, clip_on=False)


def draw_panel(axis, subjects: Subjects, name: str, title: str) -> None:
    drawn = []
    for number, members in enumerate(subjects.groups().values()):
        having = [(member.run.steps(), curve) for member in members if (curve := curve_of(member, name)) is not None]
        if not having:
            continue
        drawn += [curve[np.isfinite(curve)] for _, curve in having]
        draw_group(axis, *zip(*having), style_of(number), band=len(subjects.groups()) <= BANDS)
        if name in dict(DECIDING):
            mark_onsets(axis, members, name, style_of(number))
    values = np.concatenate(drawn) if drawn else np.zeros(0)
    if not len(values):
        why = "not defined at this key" if any(member.run.has(name) for member in subjects.members) else "not in this log"
        axis.text(0.5, 0.5, why, ha="center", va="center", color=GREY, transform=axis.transAxes)
        axis.set_yticks([])
    elif name == "delta_logit":
        axis.axhline(0, color=GREY, lw=0.6)
    elif name == "value_ratio" and values.max() > 4 and values.min() > 0:
        axis.set_yscale("log")
        axis.set_ylim(bottom=max(values.min() / 1.3, 0.01))
        axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.yaxis.set_major_formatter("{x:g}")
        axis.yaxis.set_minor_locator(NullLocator())
        title += ", logarithmic"
    else:
        axis.set_ylim(bottom=0)
    units = {member.run.dataset(name).attrs.get("units", "1") for member in subjects.members if member.run.has(name)} - {"1"}
    title += f" ({' or '.join(sorted(units))})" if units else ""
    if len(values) and name in dict(DECIDING):
        draw_threshold(axis, subjects, name)
    axis.set_title(title, loc="left")


def draw_threshold(axis, subjects: Subjects, name: str) -> None:
    for limit in sorted({member.place.thresholds[name] for member in subjects.members}):
        axis.axhline(limit, color=GREY, lw=1, ls=(0, (4, 2)), zorder=1)
        axis.annotate(f"{limit:g}", (1, limit), xycoords=("axes fraction", "data"), xytext=(3, 0), textcoords="offset points",
                      va="center", color=GREY, fontsize=8)
        axis.set_ylim(top=max(axis.get_ylim()[1], limit * 1.15))


def draw_legend(axis, subjects: Subjects, columns: int) -> None:
    groups = subjects.groups()
    keys = {member.key() for member in subjects.members}
    key = varied(groups)
    handles = []
    for number, (group, members) in enumerate(groups.items()):
        name = label(group).removeprefix(f"{key} ") if key else label(group)
        text = f"{place_text(members, len(keys) > 1 or len(groups) == 1)}; {onset_text(members)}"
        handles.append(Line2D([], [], lw=1.9, label=plain(f"{name}: {text}" if name else text), **style_of(number)))
    axis.axis("off")
    axis.legend(handles=handles, loc="upper left", ncol=columns, fontsize=8, title=key or None, alignment="left", handlelength=2.6,
                borderaxespad=0, columnspacing=2)


def text_above(subjects: Subjects, chosen: bool) -> str:
    groups = subjects.groups()
    seeds = max(map(len, groups.values()))
    keys = {member.key() for member in subjects.members}
    what = "In the chosen heads, the key" if chosen else "The head and key"
    where = f"{what} that became a waiver element, else that with the most attention"
    parts = [where + (f"; key: {keys.pop()}" if len(keys) == 1 and len(groups) > 1 else "")]
    parts.append("dashed: thresholds; dots: emerged, all three beyond them for 3 probes in a row (hollow: did not last)")
    if seeds > 1:
        parts.append(f"thin: {seeds} seeds, thick: median" + (", band: range" if len(groups) <= BANDS else ""))
    return f"{subjects.title}\n" + ". ".join(part[0].upper() + part[1:] for part in parts) + "."


def draw(subjects: Subjects, options):
    groups = subjects.groups()
    columns = 2 if len(groups) > 4 else 1
    rows = -(-len(groups) // columns)
    figure = plt.figure(figsize=(10, 5.9 + 0.19 * (rows + 1)))
    grid = figure.add_gridspec(3, 3, height_ratios=[1, 1, 0.075 * (rows + 1)])
    first = min(member.run.steps()[0] for member in subjects.members)
    last = max(member.run.steps()[-1] for member in subjects.members)
    for number, (name, title) in enumerate(DECIDING + OTHERS):
        axis = figure.add_subplot(grid[number // 3, number % 3])
        draw_panel(axis, subjects, name, title)
        step_axis(axis, first, last, options.axis)
        if number < 3:
            axis.set_xlabel("")
    draw_legend(figure.add_subplot(grid[2, :]), subjects, columns)
    caption(figure, text_above(subjects, options.layer is not None or options.head is not None))
    return save(figure, options.out, NAME)
