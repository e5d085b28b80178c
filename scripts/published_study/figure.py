"""The figures of a study of published models."""
import json
import pathlib

from matplotlib.ticker import MaxNLocator

from figures_of.style import COLOURS, GREY, caption, chosen, panels_of
from waiver import Refused

ROLES = dict(marker="o", ms=4)
# Where lines lie on one another, the first is seen around the next.
WAYS = {"position id": ("position id alone", dict(marker="o", ms=8, lw=3, color=COLOURS[0])),
        "token": ("token alone", dict(marker="s", ms=4.5, lw=1.4, color=COLOURS[1])),
        "mask": ("self-only row elsewhere", dict(marker="D", ms=7, mfc="none", lw=2.4, color=COLOURS[2]))}
GONE = dict(marker="x", ms=5, lw=1, ls=(0, (3, 2)), color="black")


def by_layer(axis, title: str, layers: int, shares: bool = False) -> None:
    axis.set_title(title, loc="left")
    axis.set(xlabel="layer", xlim=(-0.5, layers - 0.5))
    axis.set_ylim(*((-0.06, 1.12) if shares else (0, axis.get_ylim()[1] * 1.06)))
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    longest = max(map(len, axis.get_legend_handles_labels()[1]))
    axis.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.22), ncol=2 if longest < 26 else 1)


def draw_roles(axis, record: dict, series: str) -> None:
    for number, (role, numbers) in enumerate(record["natural"].items()):
        axis.plot(numbers[series], label=role, color=COLOURS[number], **ROLES)


def draw_attention(axis, record: dict, layers: int) -> None:
    draw_roles(axis, record, "attention")
    by_layer(axis, "received attention α, mean over heads", layers)


def draw_value_ratio(axis, record: dict, layers: int) -> None:
    draw_roles(axis, record, "value_ratio")
    axis.axhline(0.5, color=GREY, lw=0.8, ls=":")
    by_layer(axis, "value ratio r_V, median over heads", layers)


def draw_ways(axis, record: dict, layers: int) -> None:
    for way, numbers in record["ways"].items():
        label, style = WAYS[way]
        axis.plot(numbers["suffices"], label=label, **style)
    axis.plot(record["gone"], label="token and id gone", **GONE)
    axis.axhline(0.5, color=GREY, lw=0.8, ls=":")
    by_layer(axis, "share of the waiver's heads that still have one", layers, shares=True)


def draw_blocks(axis, record: dict, layers: int) -> None:
    blocks = record["blocks"]
    axis.plot(blocks["left"], label="without the block", marker="o", ms=6, color=COLOURS[0])
    axis.plot(blocks["left without MLP"], label="without its MLP at the first place", marker="s", ms=4.5, color=COLOURS[4])
    axis.plot(blocks["left without MLP elsewhere"], label="… at another place", color=GREY, ls=(0, (4, 2)))
    by_layer(axis, "share of its waivers in later layers that are left", layers, shares=True)


def draw_norm(axis, record: dict, layers: int) -> None:
    blocks = record["blocks"]
    axis.plot(blocks["norm"], label="without the block's MLP at the first place", marker="s", ms=4.5, color=COLOURS[4])
    axis.axhline(blocks["natural norm"], color=GREY, lw=0.8, label="untouched")
    by_layer(axis, f"residual norm ÷ others', after layer {blocks['norm read after layer']}", layers)


def draw_secondary(axis, record: dict, layers: int) -> None:
    """Which other tokens than the first are waivers, and in which layers."""
    tokens = record["secondary"]["tokens"]
    axis.set_title("waivers at other tokens (in so many texts)", loc="left")
    if not tokens:
        axis.text(0.5, 0.5, "none in any text", ha="center", va="center", transform=axis.transAxes)
        axis.set(xticks=[], yticks=[])
        return
    for row, entry in enumerate(tokens):
        for run in entry["layers"].split(", "):
            start, _, end = run.partition("–")
            axis.barh(row, int(end or start) - int(start) + 1, left=int(start) - 0.5, color=COLOURS[0], height=0.6)
    axis.set_yticks(range(len(tokens)), [f"{entry['token'].replace(' ', '␣')}  ({entry['texts']})" for entry in tokens])
    axis.invert_yaxis()
    axis.set(xlabel="layer", xlim=(-0.5, layers - 0.5))
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))


PANELS = {"attention": draw_attention, "value_ratio": draw_value_ratio, "ways": draw_ways, "blocks": draw_blocks, "norm": draw_norm,
          "secondary": draw_secondary}


def draw(record: dict, only: list[str] | None = None):
    """All panels, or some."""
    panels = chosen("curves", PANELS, only)
    figure, axes = panels_of(len(panels), with_legend=False, height=2.8)
    for axis, panel in zip(axes, panels):
        panel(axis, record, len(record["gone"]))
    caption(figure, f"{record['model']}: where its waiver is, and what it needs\n{record['sequences']} texts of {record['length']} tokens")
    return figure


def read_record(path: pathlib.Path) -> dict:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise Refused(f"{path}: this is no JSON, so it is damaged. Take it from the repository again") from None


def with_figures(experiments: pathlib.Path) -> dict[str, dict]:
    """What the committed studies of a single published model found, by name."""
    read = {path.stem: read_record(path) for path in sorted((experiments / "published").glob("*.json"))}
    return {name: record for name, record in read.items() if "blocks" in record}
