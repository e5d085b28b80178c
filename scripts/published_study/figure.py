"""The figures of a study of published models."""
import pathlib

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import matplotlib.ticker


def by_layer(axis, label: str, layers: int, legend: bool = True) -> None:
    axis.set(xlabel="layer", ylabel=label, xlim=(-0.5, layers - 0.5))
    axis.set_ylim(bottom=0)
    axis.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(integer=True))
    if legend:
        axis.legend(fontsize=8)


def draw_roles(axes, record: dict, layers: int) -> None:
    for role, numbers in record["natural"].items():
        line, = axes[0].plot(numbers["attention"], marker="o", markersize=4, label=role)
        axes[1].plot(numbers["value_ratio"], marker="o", markersize=4, color=line.get_color(), label=role)
    axes[1].axhline(0.5, color="gray", linewidth=0.8)
    by_layer(axes[0], "received attention α, mean over heads", layers)
    by_layer(axes[1], "value ratio r_V, median over heads", layers)
    axes[0].set_title(record["model"])


def draw_ways(axis, record: dict, layers: int) -> None:
    for way, numbers in record["ways"].items():
        axis.plot(numbers["suffices"], marker="o", markersize=4, label="self-only row elsewhere" if way == "mask" else f"{way} alone")
    axis.plot(record["gone"], marker="x", color="black", label="token and id gone")
    axis.axhline(0.5, color="gray", linewidth=0.8)
    by_layer(axis, "share of the waiver's heads that have one", layers)


def draw_blocks(axes, record: dict, layers: int) -> None:
    blocks = record["blocks"]
    axes[0].plot(blocks["left"], marker="o", markersize=4, label="without the block")
    axes[0].plot(blocks["left without MLP"], marker="s", markersize=4, label="without its MLP at the first place")
    axes[0].plot(blocks["left without MLP elsewhere"], color="gray", linestyle="--", label="… at another place")
    by_layer(axes[0], "share of its waivers behind that are left", layers)
    axes[1].plot(blocks["norm"], marker="s", markersize=4, color="C1", label="without the block's MLP at the first place")
    axes[1].axhline(blocks["natural norm"], color="gray", linewidth=0.8, label="untouched")
    by_layer(axes[1], f"residual ratio of the first place after layer {blocks['norm read after layer']}", layers)


def draw_secondary(axis, record: dict, layers: int) -> None:
    """Which tokens beside the first position are waivers, and in which layers."""
    tokens = record["secondary"]["tokens"]
    if not tokens:
        axis.text(0.5, 0.5, "no waiver beside the first position\nin any text", ha="center", va="center", transform=axis.transAxes)
        axis.set(xticks=[], yticks=[])
        return
    for row, entry in enumerate(tokens):
        for run in entry["layers"].split(", "):
            start, _, end = run.partition("–")
            axis.barh(row, int(end or start) - int(start) + 1, left=int(start) - 0.5, color="C0", height=0.6)
    axis.set_yticks(range(len(tokens)), [f"{entry['token'].replace(' ', '␣')}  ({entry['texts']})" for entry in tokens])
    axis.invert_yaxis()
    axis.set(xlabel="layer", xlim=(-0.5, layers - 0.5), title="waivers beside the first position (texts)")
    axis.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(integer=True))


def draw(record: dict, path: pathlib.Path) -> None:
    layers = len(record["gone"])
    figure, axes = plt.subplots(2, 3, figsize=(13, 7.4), layout="constrained")
    draw_roles(axes[0], record, layers)
    draw_ways(axes[0][2], record, layers)
    draw_blocks(axes[1], record, layers)
    draw_secondary(axes[1][2], record, layers)
    figure.savefig(path, dpi=100)
    plt.close(figure)

