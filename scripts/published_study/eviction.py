"""What eviction from the KV cache costs a model of a study, with and without each waiver: `waiver eval --window`."""
import pathlib
import re

import numpy as np


def parsed(text: str, window: int) -> dict:
    """The mean losses of the queries that have lost keys, in nat, from the table of `waiver eval`."""
    name = {"full": "full", f"window {window}": "window", "mean of those at random": "random"}
    found = {}
    for line in text.splitlines():
        row = re.match(r"(full|window .*?|mean of .*?)\s{2,}([-+.\d].*)", line)
        if row and (row[1] in name or not row[1].endswith("at random")):
            numbers = [float(number) for number in re.findall(r"[-+]?\d+\.\d+", row[2])]
            found[name.get(row[1], "kept")] = numbers[1 if row[1] == "full" else 2]
    return found


class Eviction:
    """Evaluations of one model with a cache of `window` tokens and positions that stay, each kept as a text file in `out`."""

    def __init__(self, evaluate, out: pathlib.Path, window: int):
        self.evaluate, self.out, self.window = evaluate, out, window

    def losses(self, name: str, texts: np.ndarray, keep: list[int]) -> dict:
        kept = ",".join(map(str, keep))
        report = self.out / f"{name}.{kept}.txt"
        if not report.exists():
            tokens = self.out / f"{name}.npy"
            np.save(tokens, texts)
            part = report.with_suffix(".part")
            part.write_text(self.evaluate(f"data.validation={tokens}", "--window", self.window, "--keep", kept))
            part.rename(report)
        return parsed(report.read_text(), self.window)

    def first(self, texts: np.ndarray) -> dict:
        """With and without the first position."""
        return self.losses("few", texts, [0])

    def own(self) -> dict:
        """The same on the validation data of a model that was trained here."""
        report = self.out / "own.txt"
        if not report.exists():
            part = report.with_suffix(".part")
            part.write_text(self.evaluate("--window", self.window, "--keep", 0))
            part.rename(report)
        return parsed(report.read_text(), self.window)

    def secondary(self, texts: np.ndarray, strongest: list[tuple[int, int]]) -> dict:
        """The same for waivers of single texts beside the first position, (text, position): the loss with each kept alone, with
        both, and means over the texts."""
        rows = []
        for text, key in strongest:
            one = texts[text:text + 1]
            first, alone, both = (self.losses(f"text-{text}", one, keep) for keep in ([0], [key], [0, key]))
            rows.append({"full": alone["full"], "window": alone["window"], "first": first["kept"], "waiver": alone["kept"],
                         "both": both["kept"], "random": alone["random"]})
        means = {name: float(np.mean([row[name] for row in rows])) for name in rows[0]} if rows else {}
        each = [{"text": text, "position": key, **row} for (text, key), row in zip(strongest, rows)]
        return {"texts": len(rows), **means, "each": each}
