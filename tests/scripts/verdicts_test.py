#!/usr/bin/env python3
"""Tests of scripts/verdicts.py and scripts/study_figures.py: a sweep's records as a table of verdicts and as figures.

The environment names the program: WAIVER_PROGRAM. Skipped (exit status 77) where Python packages are missing.
"""
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

from small_runs import ROOT, skip_without_packages, sweep

sys.path.insert(0, str(ROOT / "scripts"))
try:
    import matplotlib  # noqa: F401
    import numpy as np
    import verdicts
    from figures_of import records, selection
    from published_study import figure as published
    from waiver import Refused
except ImportError as problem:
    skip_without_packages(problem)

STUDY = """grid: {model.position.kind: [none, rope]}
seeds: [0, 1, 2]
set: {train.steps: 8, probe.snapshots: []}
curves:
  - {name: attention, series: probe/received_attention, at: {layer: max, head: max, key: 0}}
  - {name: risk, series: probe/backcopy_risk}
published: {file: theirs.csv, source: someone, columns: {attention: sink}}
claims:
  - id: B8-falls
    sentence: The risk is lower with RoPE | than without.
    source: "B8: someone"
    published: 1.5 to .5 [S]
    where: {model.position.kind: rope}
    against: {model.position.kind: none}
    measure: {kind: value, series: probe/backcopy_risk}
    expect: {below: -100}
  - id: every
    sentence: There is attention.
    source: W1
    measure: {kind: value, series: probe/received_attention, at: {layer: max, head: max, key: 0}}
    expect: {above: 0}
    statistic: every
  - id: other
    sentence: It is about no published claim.
    measure: {kind: place}
    expect: {above: -1}
"""


class Verdicts(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory()
        cls.addClassCleanup(scratch.cleanup)
        cls.at = pathlib.Path(scratch.name)
        (cls.at / "theirs.csv").write_text("# By others.\nstep,sink\n0,.1\n8,.2\n100,.9\n")
        cls.swept = sweep(cls.at, "small", STUDY)
        kept = cls.at / "records/small"
        shutil.copytree(cls.swept / "records", kept)
        shutil.copy(cls.swept / "claims.json", kept)

    def script(self, name: str, *words, status=0) -> str:
        done = subprocess.run([sys.executable, ROOT / f"scripts/{name}.py", "--experiments", self.at, *map(str, words)],
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        self.assertNotIn("Traceback", done.stderr)
        return done.stdout + done.stderr

    def test_a_row_for_each_claim(self):
        head, rule, first, second, third, *rest = self.script("verdicts").splitlines()
        self.assertTrue(head.startswith("|  | claim | published | found [95 %] | seeds | verdict |"))
        cells = [cell.strip() for cell in first.replace("\\|", "/").split("|")[1:-1]]
        self.assertEqual(len(cells), rule.count("---"))
        claim = json.loads((self.swept / "claims.json").read_text())["claims"][0]
        self.assertEqual(cells[:3], ["B8", "`B8-falls` The risk is lower with RoPE / than without.", "1.5 to .5 [S]"])
        self.assertEqual(cells[3], f"Δ {verdicts.number(claim['effect'])} [{verdicts.number(claim['low'])}, "
                                   f"{verdicts.number(claim['high'])}], expected below −100")
        self.assertEqual(cells[4:7], ["3", "not reproduced", "[small](small.yaml)"])
        maker = json.loads(next((self.at / "records/small").glob("*seed=0.json")).read_text())["made_by"][0]
        self.assertEqual(cells[7], f"{maker['processor']}, {maker['instruction_set']}")
        self.assertIn("| 6 of 6 runs, expected above 0 |", second)
        self.assertTrue(third.startswith("| own | `other` It is about no published claim."))
        self.assertEqual(rest[0], "")
        self.assertTrue(rest[1].startswith("3 rows about 2 ids: 2 reproduced, 1 not reproduced, 0 undecided."), rest)

    def test_who_made_a_claim(self):
        for source, made in (("B13: someone", "B13"), ("W1", "W1"), ("2410.10781, table 2", "other"), ("Fesser et al., 2606.08105", "other"),
                             ("own, open in the literature", "own"), ("", "own")):
            self.assertEqual(verdicts.id_of({"source": source}), made)
        self.assertEqual(verdicts.id_of({"source": "", "published": ".3 [P]"}), "other")

    def test_seeds_are_those_that_have_a_number(self):
        for seeds, each, text in (([0, 1, 2], [0.5, 0, "inf"], "3"), ([0, 1, 2], [0.5, "nan", "nan"], "1 of 3"),
                                  ([0, 1, 0, 1], [1, "nan", 2, 3], "2"), ([0, 1], ["nan", "nan"], "0 of 2")):
            self.assertEqual(verdicts.seeds_of({"seeds": seeds, "each": each}), text)

    def test_the_readme_has_the_table_or_is_told_of(self):
        readme = self.at / "README.md"
        readme.write_text("Before.\n")
        self.assertIn("the marks of the table are missing", self.script("verdicts", "--write", status=2))
        readme.write_text(f"Before.\n{verdicts.BEGIN}\nold\n{verdicts.END}\nAfter.\n")
        self.assertIn("--write", self.script("verdicts", "--check", status=1))
        self.script("verdicts", "--write")
        self.script("verdicts", "--check")
        text = readme.read_text()
        self.assertTrue(text.startswith(f"Before.\n{verdicts.BEGIN}\n|  | claim") and text.endswith(f"{verdicts.END}\nAfter.\n"), text)

    def test_numbers_are_short(self):
        for x, text in ((0.25, ".25"), (-0.5, "−.5"), (12.345, "12.3"), (0, "0"), (1e-6, "1e−6"), (340.0, "340"), (12345.6, "12346"),
                        ("inf", "∞"), ("nan", "–"), (100.0, "100"), (10, "10"), (999.6, "1000"), (float("nan"), "–")):
            self.assertEqual(verdicts.number(x), text)

    def test_the_committed_table_is_that_of_the_records(self):
        done = subprocess.run([sys.executable, ROOT / "scripts/verdicts.py", "--check"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_figures_are_drawn_from_records_alone(self):
        said = self.script("study_figures", "--out", self.at / "figures")
        self.assertEqual(said, f"{self.at / 'figures/small.png'}\n")
        self.assertGreater((self.at / "figures/small.png").stat().st_size, 5000)
        said = self.script("study_figures", "small", "--groups", "rope", "--out", self.at / "figures")
        self.assertEqual(said, f"{self.at / 'figures/small_some.png'}\n")
        self.assertIn("there are: none, rope", self.script("study_figures", "small", "--groups", "alibi", status=1))
        (self.at / "figures/small_some.png").unlink()
        self.script("study_figures", "small", "--curves", "attention", "--out", self.at / "figures")
        self.assertTrue((self.at / "figures/small_some.png").exists())
        self.assertIn("curves: there is no loss here; there are: attention, risk",
                      self.script("study_figures", "small", "--curves", "attention,loss", status=1))
        self.assertIn("there are of: small", self.script("study_figures", "large", status=1))
        self.assertIn("so it is drawn alone", self.script("study_figures", "small+small", status=1))

    def test_an_unfinished_study_is_drawn_by_name_alone(self):
        shutil.copytree(self.at / "records", self.at / "half/records")
        shutil.copy(self.at / "small.yaml", self.at / "half")
        shutil.copy(self.at / "theirs.csv", self.at / "half")
        (self.at / "half/records/small/claims.json").unlink()
        half = ("study_figures", "--experiments", self.at / "half")
        self.assertIn("no study here has records", self.script(*half, status=1))
        self.assertEqual(self.script(*half, "small"), f"{self.at / 'half/figures/small.png'}\n")

    def test_two_studies_in_one_figure(self):
        for name, kind in (("first", "none"), ("second", "rope")):
            folder = self.at / "two/records" / name
            folder.mkdir(parents=True)
            for record in (self.at / "records/small").glob(f"position.kind={kind},*.json"):
                shutil.copy(record, folder)
            (self.at / f"two/{name}.yaml").write_text(STUDY)
        (self.at / "two/theirs.csv").write_text("step,sink\n0,.1\n")
        study, runs = records.read_studies(self.at / "two", ["second", "first"])
        self.assertEqual(records.in_order(study, runs), ["second", "first"])
        self.assertEqual(self.script("study_figures", "--experiments", self.at / "two", "first+second", "--out", self.at / "figures"),
                         f"{self.at / 'figures/first+second.png'}\n")

    def test_a_published_model_has_its_figure_from_its_numbers(self):
        kept = self.at / "models/published"
        kept.mkdir(parents=True)
        shutil.copy(ROOT / "experiments/published/smollm2-135m.json", kept)
        self.assertEqual(self.script("study_figures", "--experiments", self.at / "models"),
                         f"{self.at / 'models/figures/smollm2-135m.png'}\n")
        self.assertIn("has no groups of runs", self.script("study_figures", "--experiments", self.at / "models", "smollm2-135m",
                                                           "--groups", "rope", status=1))
        (kept / "torn.json").write_text("{")
        self.assertIn("torn.json: this is no JSON", self.script("study_figures", "--experiments", self.at / "models", status=1))

    def test_some_panels_of_a_published_model(self):
        record = published.read_record(ROOT / "experiments/published/minilm-l6.json")
        figure = published.draw(record, ["ways", "attention"])
        self.addCleanup(matplotlib.pyplot.close, figure)
        self.assertEqual([axis.get_title("left") for axis in figure.axes],
                         ["share of the waiver's heads that still have one", "received attention α, mean over heads"])
        with self.assertRaisesRegex(Refused, "curves: there is no onset here; there are: attention, "):
            published.draw(record, ["ways", "onset"])

    def test_named_figures_are_drawn_with_all_others(self):
        kept = self.at / "named"
        shutil.copytree(self.at / "records", kept / "records")
        for name in ("small.yaml", "theirs.csv"):
            shutil.copy(self.at / name, kept)
        (kept / "figures").mkdir()
        (kept / "figures/named.yaml").write_text("one_curve: {of: small, groups: [rope], curves: [risk]}\n")
        said = self.script("study_figures", "--experiments", kept)
        self.assertEqual(said, f"{kept / 'figures/small.png'}\n{kept / 'figures/one_curve.png'}\n")
        (kept / "figures/named.yaml").write_text("- small\n")
        self.assertIn("named.yaml: this is no mapping", self.script("study_figures", "--experiments", kept, status=1))
        (kept / "figures/named.yaml").write_text("one_curve: {of: small, only: [risk]}\n")
        self.assertIn("named.yaml: one_curve is not of the form", self.script("study_figures", "--experiments", kept, status=1))

    def test_curves_that_the_chosen_groups_lack_are_refused(self):
        (self.at / "lacks/records").mkdir(parents=True)
        shutil.copytree(self.at / "records/small", self.at / "lacks/records/small")
        shutil.copy(self.at / "small.yaml", self.at / "lacks")
        shutil.copy(self.at / "theirs.csv", self.at / "lacks")
        for path in (self.at / "lacks/records/small").glob("position.kind=none,*.json"):
            record = json.loads(path.read_text())
            del record["curves"]["risk"]
            path.write_text(json.dumps(record))
        self.assertIn("curves: there is no risk here; there are: attention",
                      self.script("study_figures", "--experiments", self.at / "lacks", "small", "--groups", "none", "--curves", "risk",
                                  status=1))

    def test_the_legend_lies_beside_the_curves(self):
        step, two = np.array([0, 10]), ["position.kind=none", "position.kind=rope"]
        runs = [records.Run(group, seed, {"sink": (step, step / 10), "risk": (step, 1 - step / 20)}) for group in two for seed in (0, 1)]
        figure = records.draw_curves({"curves": []}, runs, two, ["sink", "risk"], self.at)
        self.addCleanup(matplotlib.pyplot.close, figure)
        *panels, last = figure.axes
        self.assertEqual([axis.get_legend() for axis in panels], [None, None])
        self.assertEqual([text.get_text() for text in last.get_legend().get_texts()], ["none", "rope"])

    def test_what_selects_is_drawn_for_each_setting_and_seed(self):
        steps = np.array([0, 20, 100])
        curves = {"token_attention": (steps, np.array([0, 0.2, 0.5])), "selected_by": (steps, np.array([0, 2, 3])),
                  "status": (steps, np.array([0, 0, 2])), "loss": (steps, np.array([1, 0.5, 0.25]))}
        runs = [records.Run("both,mask.kind=causal", seed, curves) for seed in (0, 1)]
        figure = selection.draw(runs, ["both,mask.kind=causal"])
        self.addCleanup(matplotlib.pyplot.close, figure)
        above, below = figure.axes[:2]
        self.assertEqual(above.get_title(), "both: which one wins?")
        self.assertEqual(above.get_ylabel(), "causal\nα, r$_V$")
        self.assertEqual(above.get_lines()[2].get_ydata().tolist(), [0, 0.2, 0.5])  # the median, after two seeds
        self.assertEqual([(bar.get_x(), bar.get_alpha()) for bar in below.patches], [(0, 0.22), (10, 0.22), (60, 1)] * 2)
        self.assertEqual(below.patches[-1].get_facecolor(), matplotlib.colors.to_rgba(selection.TOKEN))

    def test_curves_are_those_of_the_records(self):
        study, runs = records.read_study(self.at, "small")
        self.assertEqual(records.in_order(study, runs), ["position.kind=none", "position.kind=rope"])
        self.assertEqual(records.labels(["position.kind=none", "position.kind=rope"]), ["none", "rope"])
        figure = records.draw_curves(study, runs, ["position.kind=none"], ["attention", "risk"], self.at)
        self.addCleanup(matplotlib.pyplot.close, figure)
        lines = figure.axes[0].get_lines()
        theirs = [line for line in lines if line.get_label() == "published: someone"]
        self.assertEqual(theirs[0].get_ydata().tolist(), [0.1, 0.2])  # not beyond our last step
        kept = [run.curves["attention"] for run in runs if run.group == "position.kind=none"]
        self.assertEqual(len(kept), 3)
        for steps, values in kept:
            self.assertTrue(any(np.array_equal(line.get_xdata(), steps) and np.array_equal(line.get_ydata(), values) for line in lines))

    def test_groups_of_two_keys_have_a_colour_and_a_dash(self):
        study = {"grid": {"kind": ["rope", "none"], "precision": ["float32", "bfloat16"]}}
        groups = [f"kind={kind},precision={bits}" for kind in ("rope", "none") for bits in ("float32", "bfloat16")]
        runs = [records.Run(group, 0, {}) for group in sorted(groups)]
        self.assertEqual(records.in_order(study, runs), groups)
        self.assertEqual(records.labels(groups), ["rope, float32", "rope, bfloat16", "none, float32", "none, bfloat16"])
        found = [records.styles(groups)[group] for group in groups]
        self.assertEqual([style["color"] for style in found], [records.COLOURS[0]] * 2 + [records.COLOURS[1]] * 2)
        self.assertEqual([style["ls"] == "-" for style in found], [True, False] * 2)

    def test_many_groups_are_rows(self):
        run = records.Run("a", 0, {"attention": (np.array([0, 8]), np.array([0.1, 0.4]))})
        groups = [f"g{i}" for i in range(12)]
        figure = records.draw_last([records.Run(group, 0, run.curves) for group in groups], groups, ["attention"])
        self.addCleanup(matplotlib.pyplot.close, figure)
        self.assertEqual([label.get_text() for label in figure.axes[0].get_yticklabels()], groups)


if __name__ == "__main__":
    unittest.main()
