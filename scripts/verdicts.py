#!/usr/bin/python3
"""Prints what became of every claim of the studies, from the committed records.

    scripts/verdicts.py [--write | --check] [--experiments DIR]

One row for each claim of a study in DIR/*.yaml with committed verdicts (DIR/records/STUDY/claims.json), and for each claim about a
published model (DIR/published/NAME.json). --write puts the table between its marks in DIR/README.md, --check tells whether it is
there as it would be written. Trains nothing.
"""
import argparse
import json
import pathlib
import re
import statistics
import sys

BEGIN, END = "<!-- verdicts: begin, written by scripts/verdicts.py --write -->", "<!-- verdicts: end -->"
HEAD = ["", "claim", "published", "found [95 %]", "seeds", "verdict", "study", "processor", "minutes", "figure"]
ROOT = pathlib.Path(__file__).resolve().parents[1]


def refuse(sentence: str):
    print(sentence, file=sys.stderr)
    sys.exit(2)


def read_json(path: pathlib.Path) -> dict:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        refuse(f"{path}: this is no JSON, so it is damaged. Take it from the repository again.")


def id_of(claim: dict) -> str:
    """`B8` of a claim whose source begins with B8, `other` where it begins with another paper, else `own`."""
    found = re.match(r"[BW]\d+", claim["source"])
    if found:
        return found[0]
    return "other" if claim.get("published") or re.match(r"\d{4}\.\d{5}|[A-Z]\w+ et al", claim["source"]) else "own"


def cell(text: str) -> str:
    """Within a row of Markdown."""
    return " ".join(text.split()).replace("|", "\\|")


def number(x) -> str:
    if not isinstance(x, (int, float)) or x != x:
        return {"inf": "∞", "-inf": "−∞"}.get(x, "–")
    if x == 0:
        return "0"
    text = f"{x:.3g}" if abs(x) < 999.5 else f"{x:.0f}"
    if "e" in text:
        return text.replace("e-0", "e-").replace("-", "−")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return re.sub(r"^(-?)0\.", r"\1.", text).replace("-", "−")


def effect_of(claim: dict) -> str:
    """`.21 [.15, .3]`, of pairs with what compares them."""
    if claim["statistic"] == "every":
        return f"{claim['met']} of {len(claim['each'])} runs"
    word = {"difference": "Δ ", "ratio": "× "}.get(claim.get("compare"), "")
    if claim["low"] == "nan":
        return "–"
    return f"{word}{number(claim['effect'])} [{number(claim['low'])}, {number(claim['high'])}]"


def expectation(claim: dict) -> str:
    if re.search(r"mechanism/W\d+}$", claim["measure"]) and claim["expect"] == "within 0 to 0":
        return "supported"
    return claim["expect"].replace("-", "−")


def seeds_of(claim: dict) -> str:
    """How many have a number; of how many, where some have none."""
    every = set(claim["seeds"])
    found = {seed for seed, value in zip(claim["seeds"], claim["each"]) if value != "nan"}
    return str(len(every)) if found == every else f"{len(found)} of {len(every)}"


def machine_of(records: list[dict]) -> str:
    """The processors that made these runs, with their instruction set."""
    names = {f"{maker.get('processor', 'unknown')}, {maker.get('instruction_set', 'unknown')}" for record in records
             for maker in record["made_by"]}
    return "; ".join(sorted(names)) or "unknown"


def figure_link(experiments: pathlib.Path, name: str) -> str:
    return f"[figure](figures/{name}.png)" if (experiments / "figures" / f"{name}.png").exists() else ""


def rows_of_study(experiments: pathlib.Path, claims_file: pathlib.Path) -> list[list[str]]:
    name = claims_file.parent.name
    records = [read_json(path) for path in sorted(claims_file.parent.glob("*.json")) if path != claims_file]
    minutes = sum(record["timing"]["seconds"] for record in records) / 60
    rows = []
    for claim in read_json(claims_file)["claims"]:
        rows.append([id_of(claim), f"`{claim['id']}` {cell(claim['sentence'])}", cell(claim.get("published", "")),
                     f"{effect_of(claim)}, expected {expectation(claim)}", seeds_of(claim), claim["verdict"],
                     f"[{name}]({name}.yaml)", machine_of(records), f"{minutes:.0f}", figure_link(experiments, name)])
    return rows


def said(value) -> str:
    """A number, list or block of a published model's record."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {said(inner)}" for key, inner in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(map(said, value)) or "none"
    return number(value) if isinstance(value, (int, float)) else str(value)


def over_seeds(values: list) -> str:
    """The median and range of numbers, what else is the same, or each."""
    if len(values) > 1 and all(isinstance(value, (int, float)) for value in values):
        return f"{number(statistics.median(values))} [{number(min(values))}, {number(max(values))}]"
    texts = [said(value) for value in values]
    return texts[0] if len(set(texts)) == 1 else " / ".join(texts)


def rows_of_model(experiments: pathlib.Path, path: pathlib.Path) -> list[list[str]]:
    record = read_json(path)
    cases = list(record["seeds"].values()) if "seeds" in record else [record]
    rows = []
    for claim in cases[0]["claims"]:
        found = [case["claims"][claim] for case in cases]
        verdicts = [one["verdict"] for one in found]
        verdict = "; ".join(f"{text} ({verdicts.count(text)} of {len(cases)})" if len(set(verdicts)) > 1 else text
                            for text in dict.fromkeys(verdicts))
        shown = [key for key in found[0] if key != "verdict"][:2]
        rows.append([claim, f"asked of {path.stem}", "", "; ".join(f"{key}: {over_seeds([one[key] for one in found])}" for key in shown),
                     str(len(cases)), verdict, f"[{path.stem}](published/{path.stem}.yaml)", record.get("processor", ""),
                     str(record.get("minutes", "")), figure_link(experiments, path.stem)])
    return rows


def order(row: list[str]) -> tuple:
    return (row[0], 0) if row[0] in ("other", "own") else (row[0][0], int(row[0][1:]))


def table(experiments: pathlib.Path) -> str:
    rows = [row for path in sorted((experiments / "records").glob("*/claims.json")) for row in rows_of_study(experiments, path)]
    rows += [row for path in sorted((experiments / "published").glob("*.json")) for row in rows_of_model(experiments, path)]
    if not rows:
        refuse(f"{experiments}: no study has committed verdicts here.")
    rows.sort(key=order)
    lines = ["| " + " | ".join(HEAD) + " |", "|" + "---|" * len(HEAD)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines) + "\n\n" + summary(rows) + "\n"


def summary(rows: list[list[str]]) -> str:
    """`61 rows about 34 ids: 40 reproduced, …`."""
    kinds = {"reproduced": ("reproduced", "supported"), "not reproduced": ("not reproduced", "refuted")}
    counts = {kind: sum(row[5] in words for row in rows) for kind, words in kinds.items()}
    counts["undecided"] = len(rows) - sum(counts.values())
    ids = len({row[0] for row in rows} - {"other", "own"})
    return f"{len(rows)} rows about {ids} ids: " + ", ".join(f"{count} {kind}" for kind, count in counts.items()) + (
        ". *Supported* counts as reproduced, *refuted* as not, and seeds that differ as undecided.")


def parts_of(readme: pathlib.Path) -> tuple[str, str, str]:
    """What comes before the table, the table, and what comes after it."""
    text = readme.read_text(encoding="utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        refuse(f"{readme}: the marks of the table are missing: {BEGIN} and {END}.")
    before, rest = text.split(BEGIN)
    middle, after = rest.split(END)
    return before + BEGIN + "\n", middle.lstrip("\n"), END + after


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--write", action="store_true", help="put the table into the README")
    what.add_argument("--check", action="store_true", help="exit with 1 where the README has another table")
    parser.add_argument("--experiments", type=pathlib.Path, default=ROOT / "experiments")
    options = parser.parse_args()
    text = table(options.experiments)
    readme = options.experiments / "README.md"
    if not (options.write or options.check):
        print(text, end="")
        return
    before, now, after = parts_of(readme)
    if options.write:
        readme.write_text(before + text + after, encoding="utf-8")
    elif now != text:
        print(f"{readme}: its table of verdicts is not that of the records. Run scripts/verdicts.py --write.", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
