"""The state of every group at the last step, for people, in at most 80 columns."""
import textwrap

import numpy as np

from .emergence import onset_text
from .subjects import Member, Subjects, label, varied

WIDTH = 80
LONGEST = 24  # of a group's name on one line
# Heading, series, digits; at the place of each run.
COLUMNS = [("α", "received_attention", 2), ("E", "enrichment", 1), ("r_V", "value_ratio", 2), ("BOS attention", "bos_attention", 2),
           ("residual ratio", "residual_ratio", 2), ("loss", "loss", 3), ("backcopy risk", "backcopy_risk", 3),
           ("bigram risk", "bigram_risk", 3)]


def spread(values: list[float], digits: int) -> str:
    """The median and, for several seeds, the range; undefined values are left out."""
    values = [value for value in values if not np.isnan(value)]
    if not values:
        return "–"
    text = f"{np.median(values):.{digits}f}"
    return text if len(values) == 1 else f"{text} [{min(values):.{digits}f}, {max(values):.{digits}f}]"


def last_of(member: Member, series: str) -> float:
    own = {"received_attention": member.place.attention, "enrichment": member.place.enrichment, "value_ratio": member.place.value_ratio}
    curve = own[series] if series in own else member.run.at(series, member.place) if member.run.has(series) else None
    return float("nan") if curve is None else float(curve[-1])


def sink_rate(member: Member) -> float:
    """Sink_0: the share of heads and sequences with a sink at the first token."""
    name = member.run.shares("sink_rate")
    return float(np.nanmean(member.run.dataset(name)[-1, :, :, 0])) if member.run.has(name) else float("nan")


def columns_of(groups: dict[str, list[Member]]) -> list[list[str]]:
    """Heading and cells of each."""
    sets = list(groups.values())
    out = [["emerged", *(onset_text(members).removeprefix("onset ") for members in sets)],
           ["head", *(" ".join(sorted({member.head() for member in members})) for members in sets)],
           ["key", *(", ".join(sorted({member.place.key_name for member in members})) for members in sets)]]
    for heading, series, digits in COLUMNS:
        cells = [spread([last_of(member, series) for member in members], digits) for members in sets]
        if any(cell != "–" for cell in cells):
            out.append([heading, *cells])
    return out + [["Sink_0", *(spread([sink_rate(member) for member in members], 2) for members in sets)]]


def packed(first: list[list[str]], columns: list[list[str]]) -> list[list[list[str]]]:
    """As many columns side by side as fit, and further tables below."""
    left = max(len(line) for cell in first for line in cell)
    tables, used = [], WIDTH
    for column in columns:
        width = max(map(len, column)) + 2
        if used + width > WIDTH:
            tables.append([])
            used = left
        tables[-1].append(column)
        used += width
    return tables


def print_one(first: list[list[str]], columns: list[list[str]]) -> None:
    widths = [max(len(line) for cell in first for line in cell), *(max(map(len, column)) for column in columns)]
    for row, name in enumerate(first):
        for number, line in enumerate(name):
            cells = [line, *(column[row] if number == 0 else "" for column in columns)]
            print("  ".join(cell.ljust(width) for cell, width in zip(cells, widths)).rstrip())
        if row == 0:
            print("  ".join("─" * width for width in widths))


def print_table(subjects: Subjects) -> None:
    groups = subjects.groups()
    key = varied(groups)
    names = [label(group).removeprefix(f"{key} ") if key else label(group) or subjects.title for group in groups]
    first = [[key or ("setting" if len(groups) > 1 else "run")], *(textwrap.wrap(name, LONGEST) or [""] for name in names)]
    for table in packed(first, columns_of(groups)):
        print_one(first, table)
        print()
    print(textwrap.fill(
        "Of the head and key of each run that became a waiver element, else with the most attention, at the last step: median "
        "[range] over the seeds. Emerged: the first of three probes in a row with α, E and r_V beyond their thresholds, as `waiver "
        "show` tells. BOS attention counts the first token's own query; Sink_0: over all heads.", WIDTH))
