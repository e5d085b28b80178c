"""Attention maps of each group's first run at its snapshots, with the text of the tokens."""
import numpy as np
import matplotlib.pyplot as plt

from waiver import Refused

from .style import caption, plain, save
from .subjects import Member, Subjects, label

NAME = "attention"
SHOWN = 32  # tokens of a map: more, and a waiver's column is too thin to see
MOST = 5    # maps of a row, unless steps are chosen


def chosen_steps(member: Member, wanted: list[int] | None) -> list[int]:
    have = member.run.steps("snapshot").tolist()
    if wanted is None:
        return have if len(have) <= MOST else [have[i] for i in np.linspace(0, len(have) - 1, MOST).round().astype(int)]
    lacks = [step for step in wanted if step not in have]
    if lacks:
        raise Refused(f"{member.run.path}: there is no snapshot of step {lacks[0]}; there are: {', '.join(map(str, have)) or 'none'}")
    return wanted


def window_of(member: Member, tokens: int) -> slice:
    """The first tokens, or those around the place's key."""
    key = member.place.key or 0
    start = 0 if key < SHOWN else min(key - SHOWN // 2, tokens - SHOWN)
    return slice(start, min(start + SHOWN, tokens))


def token_text(text: str) -> str:
    text = text if len(text) <= 8 else text[:7] + "…"
    return plain(text.replace(" ", "␣"))


def draw_map(axis, weights: np.ndarray, hides_later: bool, top: float):
    hidden = np.triu(np.ones(weights.shape, bool), 1) & hides_later
    axis.set_facecolor("#f2f2f2")
    axis.spines[["left", "bottom"]].set_visible(False)
    axis.tick_params(length=1.5, pad=1.5)
    return axis.imshow(np.ma.masked_array(weights, hidden | np.isnan(weights)), vmin=0, vmax=top, cmap="viridis",
                       interpolation="nearest")


def label_ticks(axis, member: Member, shown: slice, with_tokens: bool, left: bool) -> None:
    places = np.arange(shown.stop - shown.start)
    tokens = member.run.tokens if with_tokens else []
    if len(tokens) < shown.stop:
        ticks = sorted({0, places[-1] // 2, places[-1]})
        axis.set_xticks(ticks, [shown.start + tick for tick in ticks])
        axis.set_yticks(ticks, [shown.start + tick for tick in ticks] if left else [])
        return
    text = [token_text(token) for token in tokens[shown]]
    size = 6.5 if len(text) <= 24 else 5.4
    axis.set_yticks(places, text if left else [""] * len(text), fontsize=size)
    axis.set_xticks(places, text, fontsize=size)
    for tick in axis.get_xticklabels():
        tick.set_rotation(90 if len(tick.get_text()) > 1 else 0)


def maps_of(member: Member, steps: list[int], mean: bool) -> tuple[np.ndarray, slice]:
    """The maps at these steps, [step, query, key], and the tokens that they show."""
    snapshot = member.run.dataset("snapshot/pattern_mean" if mean else "snapshot/pattern")
    shown = window_of(member, snapshot.shape[3])
    rows = np.searchsorted(member.run.steps("snapshot"), steps)
    return np.stack([snapshot[row, member.place.layer, member.place.head, shown, shown] for row in rows]), shown


def draw_row(axes, member: Member, steps: list[int], top: float, options):
    maps, shown = maps_of(member, steps, options.mean)
    hides_later = not np.nan_to_num(np.triu(maps, 1)).any()
    image = None
    for number, (axis, step, weights) in enumerate(zip(axes, steps, maps)):
        image = draw_map(axis, weights, hides_later, top)
        label_ticks(axis, member, shown, not options.mean, number == 0)
        axis.set_title(f"step {step}")
    for axis in axes[len(steps):]:
        axis.axis("off")
    seed = f", seed {member.seed}" if member.seed else ""
    name = label(member.group)
    axes[0].set_ylabel(plain((f"{name}\n" if name else "") + f"layer {member.place.layer}, head {member.place.head}{seed}\nquery"))
    return image


def text_above(rows: list[tuple[Member, list[int]]], options) -> str:
    members = [member for member, _ in rows]
    what = ("mean over the probe sequences" if options.mean
            else "in the first probe sequence, with its tokens" if members[0].run.tokens else "in the first probe sequence")
    tokens = max(member.run.dataset("snapshot/pattern").shape[3] for member in members)
    chosen = options.layer is not None or options.head is not None
    head = "the chosen head" if chosen else "the head with the waiver element, else with the most attention to one key"
    text = f"Attention weights of {head}, {what}"
    if tokens > SHOWN:
        text += f"; {SHOWN} of {tokens} tokens"
    if options.steps is None and any(len(steps) < len(member.run.steps("snapshot")) for member, steps in rows):
        text += f"; {MOST} of the snapshots"
    if any(member.place.added is not None for member in members):
        text += "; what added keys receive is not shown"
    return text


def draw(subjects: Subjects, options):
    members = [of_group[0] for of_group in subjects.groups().values()]
    rows = [(member, chosen_steps(member, options.steps)) for member in members if "snapshot/pattern" in member.run.log]
    rows = [(member, steps) for member, steps in rows if steps]
    if not rows:
        raise Refused("there are no snapshots in these logs (probe.snapshots)")
    top = max(np.nanmax(maps_of(member, steps, options.mean)[0]) for member, steps in rows)
    columns = max(len(steps) for _, steps in rows)
    figure, axes = plt.subplots(len(rows), columns, squeeze=False, figsize=(max(5.2, 1.6 + 2.75 * columns), 0.8 + 3.1 * len(rows)))
    for line, (member, steps) in zip(axes, rows):
        image = draw_row(line, member, steps, top, options)
    for axis in axes[-1]:
        axis.set_xlabel("key")
    figure.colorbar(image, ax=axes, shrink=min(1, 0.75 if len(rows) == 1 else 1.5 / len(rows)), aspect=18, label="attention weight")
    caption(figure, text_above(rows, options))
    return save(figure, options.out, NAME)
