"""What the studies of published models found, side by side, as Markdown."""
from published_study.effects import runs


def cases(record: dict) -> list[dict]:
    """What was measured on each seed, or on the one published model."""
    return list(record["seeds"].values()) if "seeds" in record else [record]


def spread(values: list) -> str:
    """One number, or the least and the most of several seeds."""
    values = [value for value in values if value is not None]
    if not values:
        return "–"
    low, high = (f"{round(value, 2) + 0.0:.2f}" for value in (min(values), max(values)))  # no -0.00
    return low if low == high else f"{low} to {high}"


def alike(texts: list[str]) -> str:
    """One text, or each with its number of seeds."""
    if len(set(texts)) == 1:
        return texts[0]
    return "; ".join(f"{text} ({texts.count(text)} of {len(texts)})" for text in dict.fromkeys(texts))


def layers_where(values: list, holds) -> str:
    return runs([value is not None and holds(value) for value in values]) or "none"


def alone(case: dict, way: str) -> str:
    """Where a way suffices by itself; where nothing tells it from a further way, the layers that hide it."""
    if "W18" not in case["claims"]:
        return "–"
    layers = [layer in case["claims"]["W18"]["suffices alone in"][way] for layer in range(len(case["gone"]))]
    hidden = layers_where(case["gone"], lambda left: left >= 0.5)
    return runs(layers) or (f"cannot be told ({hidden})" if hidden != "none" else "none")


def writers(case: dict) -> str:
    """The blocks without whose MLP at the first place fewer than half of its waivers behind them are left."""
    if "blocks" not in case:
        return "–"
    return layers_where(case["blocks"]["left without MLP"], lambda left: left < 0.5)


def secondary(case: dict) -> str:
    shown = [f"`{entry['token'].replace(' ', '␣')}` {entry['layers']} ({entry['texts']} texts)" for entry in case["secondary"]["tokens"][:4]]
    return ", ".join(shown) or "none"


def hypotheses(all_cases: list[dict]) -> str:
    """`supported: W1, W2 (2 of 3); refuted: W2 (1 of 3)`."""
    found = [case["mechanism"]["hypotheses"] for case in all_cases]
    parts = []
    for outcome in ("supported", "refuted", "undecided", "position-selected", "mask-selected", "mixed"):
        counts = {name: sum(of[name] == outcome for of in found) for name in found[0]}
        names = [name if count == len(found) else f"{name} ({count} of {len(found)})" for name, count in counts.items() if count]
        if names:
            parts.append(f"{outcome}: {', '.join(names)}")
    return "; ".join(parts)


def rows_of(record: dict) -> list[str]:
    all_cases = cases(record)

    def way(name: str, what: str) -> list:
        return [case["ways"][name][what] for case in all_cases]

    claims = [case["claims"] for case in all_cases]
    return [
        alike([layers_where(case["waivers"], lambda share: share > 0) for case in all_cases]),
        spread([claim.get("W17", {}).get("share of heads") for claim in claims]),
        " / ".join(spread(way(name, "follow")) for name in ("position id", "token", "mask")),
        alike([alone(case, "position id") for case in all_cases]),
        alike([alone(case, "token") for case in all_cases]),
        alike([layers_where(values, lambda share: share >= 0.5) for values in way("mask", "suffices")]),
        " / ".join(alike([layers_where(values, lambda share: share < 0.2) for values in way(name, "without")])
                   for name in ("position id", "token")),
        spread([claim.get("W18", {}).get("left where both are gone") for claim in claims]),
        alike([case["mechanism"]["selected by"] for case in all_cases]),
        hypotheses(all_cases),
        alike([writers(case) for case in all_cases]),
        alike([secondary(case) for case in all_cases]),
        alike([claim.get("W17", {}).get("verdict", "–") for claim in claims]),
        alike([claim.get("W18", {}).get("verdict", "–") for claim in claims])]


HEADINGS = ["layers with a waiver", "share of all heads that have one", "α that follows the position id / the token / a self-only row",
            "the position id alone suffices in layers", "the token alone suffices in layers",
            "a self-only row elsewhere makes one there, beside the first place, in layers", "needed in layers: position id / token",
            "share of the waiver's heads left where token and id are gone", "`--mechanism`: selected by", "of W1 to W10",
            "without the MLP of this block at the first place, most of its waivers behind are gone",
            "waivers beside the first position, by token and layers", "W17", "W18"]


def table(records: dict[str, dict]) -> str:
    columns = [rows_of(record) for record in records.values()]
    lines = ["| | " + " | ".join(records) + " |", "|---" * (len(records) + 1) + "|"]
    lines += ["| " + " | ".join([heading, *cells]) + " |" for heading, cells in zip(HEADINGS, zip(*columns))]
    return "\n".join(lines)
