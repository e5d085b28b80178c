#!/usr/bin/env python3
"""Tests of scripts/figures.py on runs and sweeps trained here: what is drawn, what is printed, and what is said of the rest.

Skipped (exit status 77) where Python packages are missing.
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import types
import unicodedata
import unittest
import unittest.mock

from small_runs import MODEL, ROOT, seal, skip_without_packages, sweep, train

sys.path.insert(0, str(ROOT / "scripts"))
try:
    import h5py
    import numpy as np
    import yaml
    from figures_of import attention, emergence, heads, reference, style
    from figures_of.subjects import label, load, varied
except ImportError as problem:
    skip_without_packages(problem)

GRID = "grid: {model.layers: [1, 2, 3], model.heads: [1, 2, 4]}\nseeds: [0, 1]\nset: {train.steps: 8, probe.snapshots: [0, 8]}\n"


def width(line: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else not unicodedata.combining(c) for c in line)


class Figures(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory()
        cls.addClassCleanup(scratch.cleanup)
        cls.at = pathlib.Path(scratch.name)
        cls.grid = sweep(cls.at, "grid", GRID)
        cls.run_ = train(cls.at, "a_run")

    def script(self, *words, status=0) -> str:
        done = subprocess.run([sys.executable, ROOT / "scripts/figures.py", *map(str, words)], capture_output=True, text=True)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        self.assertNotIn("Traceback", done.stderr)
        self.assertNotIn("Warning", done.stderr)
        return done.stdout + done.stderr

    def figure_of(self, module, path, **options):
        """The Matplotlib figure, of which nothing is cut off."""
        given = types.SimpleNamespace(**{"layer": None, "head": None, "steps": None, "axis": "linear", "mean": False, "out": self.at,
                                         "reference": None, "columns": None} | options)
        drawn = []
        with unittest.mock.patch.object(module, "save", lambda figure, *_: drawn.append(figure)):
            module.draw(load(path, given.layer, given.head), given)
        self.addCleanup(style.plt.close, drawn[0])
        self.check_nothing_is_cut_off(drawn[0])
        return drawn[0]

    def check_nothing_is_cut_off(self, figure) -> None:
        figure.canvas.draw()
        inside = figure.bbox.padded(1)
        for text in figure.findobj(style.matplotlib.text.Text):
            if text.get_visible() and text.get_text().strip() and (text.axes is None or text.axes.axison or text.axes.get_legend()):
                box = text.get_window_extent()
                whole = inside.x0 <= box.x0 and inside.y0 <= box.y0 and box.x1 <= inside.x1 and box.y1 <= inside.y1
                self.assertTrue(whole, f"{text.get_text()!r} at {box} of {figure.bbox}")

    def test_every_file_is_written_where_it_is_said(self):
        said = self.script(self.run_)
        for name in ("emergence", "attention", "heads"):
            path = self.run_ / f"figures/{name}.png"
            self.assertIn(f"{path} and .pdf\n", said)
            self.assertGreater(path.stat().st_size, 5000)
            self.assertTrue(path.with_suffix(".pdf").read_bytes().startswith(b"%PDF"))

    def test_nine_groups_of_any_shape_are_drawn_and_told_apart(self):
        figure = self.figure_of(emergence, self.grid)
        handles = [legend.legend_handles if hasattr(legend, "legend_handles") else legend.legendHandles
                   for legend in figure.findobj(style.matplotlib.legend.Legend)][0]
        self.assertEqual(len({(handle.get_color(), str(handle.get_linestyle()), handle.is_dashed()) for handle in handles}), 9)
        texts = [text.get_text() for legend in figure.findobj(style.matplotlib.legend.Legend) for text in legend.get_texts()]
        self.assertEqual([text.partition(":")[0] for text in texts],
                         [f"layers {layers}, heads {count}" for layers in (1, 2, 3) for count in (1, 2, 4)])
        self.assertEqual(len([axis for axis in self.figure_of(heads, self.grid).axes if axis.axison]), 9 + 1)  # with the colours
        self.assertEqual(len(self.figure_of(attention, self.grid).axes), 9 * 2 + 1)

    def test_curves_marks_and_thresholds_are_those_of_the_logs(self):
        with h5py.File(self.run_ / "log.h5") as log:
            step, alpha, seen = log["probe/step"][:], log["probe/received_attention"][:], log["probe/key_visibility"][:]
        figure = self.figure_of(emergence, self.run_)
        lines = figure.axes[0].lines
        place = load(self.run_).members[0].place
        self.assertEqual(lines[0].get_xdata().tolist(), step.tolist())
        np.testing.assert_array_equal(lines[0].get_ydata(), alpha[:, place.layer, place.head, place.key])
        self.assertIn(0.3, [line.get_ydata()[0] for line in lines])
        self.assertEqual([axis.get_title("left").partition(",")[0] for axis in figure.axes[:4]],
                         ["received attention α", "enrichment E", "value ratio r_V", "probe loss (nat)"])
        self.assertEqual(figure.axes[0].get_xscale(), "linear")

    def test_an_onset_is_marked_where_it_is_and_hollow_where_it_did_not_last(self):
        for lasts in (True, False):
            copy = self.at / f"onset-{lasts}"
            shutil.copytree(self.run_, copy)
            with h5py.File(copy / "log.h5", "r+") as log:
                probe = log["probe"]
                for name, low, high in (("received_attention", 0.1, 0.6), ("enrichment", 1, 5), ("value_ratio", 1, 0.2)):
                    probe[name][:] = low
                    probe[name][4:9 if not lasts else None, 1, 0, 0] = high
            seal(copy / "log.h5")
            figure = self.figure_of(emergence, copy)
            dots = [line for line in figure.axes[0].lines if line.get_marker() == "o"]
            self.assertEqual([(dot.get_xdata().tolist(), dot.get_ydata().tolist()) for dot in dots], [([8], [np.float32(0.6)])])
            self.assertEqual(dots[0].get_markerfacecolor() == "white", not lasts)
            self.assertIn("head 1.0, position 0 (<s>); onset 8", [text.get_text() for text in figure.axes[-1].get_legend().get_texts()])
            self.assertIn("  8  ", self.script(copy))

    def test_maps_have_their_tokens_and_show_the_chosen_head_and_steps(self):
        with h5py.File(self.run_ / "log.h5") as log:
            maps, tokens = log["snapshot/pattern"][:], log["snapshot/tokens"].asstr()[:]
        figure = self.figure_of(attention, self.run_, layer=1, head=0, steps=[8])
        shown = figure.axes[0].images[0].get_array()
        np.testing.assert_array_equal(np.ma.getdata(shown), maps[1, 1, 0])
        self.assertTrue(np.array_equal(np.ma.getmaskarray(shown), np.triu(np.ones((12, 12), bool), 1)))
        self.assertEqual([tick.get_text() for tick in figure.axes[0].get_xticklabels()], [token.replace(" ", "␣") for token in tokens])
        self.assertEqual(figure.axes[0].get_title(), "step 8")
        self.assertIn("there is no snapshot of step 3; there are: 0, 8, 24.", self.script(self.run_, "--steps", "3", status=1))
        self.assertIn("there is no layer 2: this model has 2, counted from 0.", self.script(self.run_, "--layer", "2", status=1))

    def test_both_triangles_of_a_bidirectional_model(self):
        run = train(self.at, "both", "train.objective=masked_token", model=MODEL.replace("12,", "12, attention: {mask: bidirectional},"))
        shown = self.figure_of(attention, run).axes[0].images[0].get_array()
        self.assertFalse(np.ma.getmaskarray(shown).any())
        for kind in ("late", "log"):
            self.figure_of(emergence, run, axis=kind)
        self.figure_of(attention, run, mean=True)

    def test_few_snapshots_and_probes(self):
        for name, changes, words in (("none", ["probe.snapshots=[]"], "attention: not drawn: there are no snapshots in these logs"),
                                     ("one", ["probe.snapshots=[24]"], ""),
                                     ("two", ["probe.snapshots=[0,24]"], ""),
                                     ("brief", ["train.steps=1", "probe.snapshots=[0]"], ""),
                                     ("slot", ["model.attention.slot=key_value"], "added key"),
                                     ("features", [], "")):
            model = MODEL if name != "features" else ("model: {layers: 1, heads: 1, width: 64, context: 8, input: features, dedicated: "
                "{count: 1}, position: {kind: learned, into: attention}, mlp: {kind: none}}\ndata: {kind: nop}\n")
            changes = changes + (["train.objective=regression"] if name == "features" else [])
            run = train(self.at, name, *changes, model=model)
            if name in ("none", "slot"):
                self.assertIn(words, self.script(run))
            for module in (emergence, heads, *([attention] if name != "none" else [])):
                self.figure_of(module, run)
        for name, changes, words in (("no_probes", ["probe.every=0", "probe.snapshots=[]"], "there are no probes in this log"),
                                     ("no_attention", ["model.layers=1", "model.attention.absent=[0]"], "no query attends")):
            self.assertIn(words, self.script(train(self.at, name, *changes), status=1))

    def test_a_half_written_sweep_is_drawn_as_far_as_it_goes(self):
        half = self.at / "half"
        shutil.copytree(self.grid, half)
        runs = sorted(path for path in half.iterdir() if (path / "log.h5").exists())
        shutil.rmtree(runs[0])
        (runs[1] / "status").write_text("running")
        log = runs[2] / "log.h5"
        log.write_bytes(log.read_bytes()[:-100])
        said = self.script(half)
        self.assertIn("2 of 18 runs are not finished and are left out.", said)
        self.assertIn(f"left out: {log}: its checksum is wrong", said)
        for run in runs[3:]:
            shutil.rmtree(run)
        self.assertIn("the sweep has no finished run that can be drawn; 17 of 18 runs", self.script(half, status=1))

    def test_old_logs_say_what_they_lack(self):
        old = self.at / "old"
        shutil.copytree(self.run_, old)
        with h5py.File(old / "log.h5", "r+") as log:
            del log["probe/residual_ratio"], log["snapshot"], log["probe/position_name"]
        seal(old / "log.h5")
        figure = self.figure_of(emergence, old)
        self.assertEqual([text.get_text() for text in figure.axes[4].texts], ["not in this log"])
        self.assertIn("attention: not drawn", self.script(old))
        with h5py.File(old / "log.h5", "r+") as log:
            del log["probe/enrichment"]
        seal(old / "log.h5")
        self.assertIn("it lacks the series probe/enrichment", self.script(old, status=1))

    def test_what_cannot_be_drawn_is_said(self):
        (self.at / "odd").mkdir()
        (self.at / "odd/sweep.json").write_text("[]")
        (self.at / "empty").mkdir()
        (self.at / "torn").mkdir()
        (self.at / "torn/log.h5").write_bytes((self.run_ / "log.h5").read_bytes()[:3000])
        for name, words in (("nowhere", "there is nothing of that name"), ("empty", "neither a run (log.h5) nor a sweep (sweep.json)"),
                            ("odd", "this is not the index of a sweep"), ("torn", "its checksum is wrong"),
                            ("grid.yaml", "not an HDF5 file")):
            self.assertIn(words, self.script(self.at / name, status=1))
        (self.at / "file").write_text("")
        self.assertIn("file", self.script(self.run_, "--out", self.at / "file", status=1))

    def test_a_published_curve_with_any_columns(self):
        curve = self.at / "curve.csv"
        curve.write_text("# a comment\niteration,sink_mean,sink_sd,other\n0,.1,.01,1\n10,.2,.02,2\n400,.3,,3\n")
        figure = self.figure_of(reference, self.run_, reference=curve)
        theirs = figure.axes[0].lines[0]
        self.assertEqual((theirs.get_xdata().tolist(), theirs.get_ydata().tolist()), ([0, 10], [0.1, 0.2]))
        self.assertEqual(figure.axes[0].get_title("left"), "bos_attention\npublished: sink_mean")
        self.assertEqual(len(figure.axes[0].collections), 1)  # the band
        self.assertIn("curve.csv: not drawn, as no series has that name: other.", self.script(self.run_, "--reference", curve))
        figure = self.figure_of(reference, self.grid, reference=curve, columns="loss=other,received_attention=sink_mean", axis="log")
        self.assertEqual([axis.get_title("left") for axis in figure.axes],
                         ["loss\npublished: other", "received_attention\npublished: sink_mean"])
        for columns, words in (("none=other", "there is no series none"), ("loss=x", "there is no column x"), ("loss", "loss is no pair")):
            self.assertIn(words, self.script(self.run_, "--reference", curve, "--columns", columns, status=1))
        for text, words in (("a,b\n1,x\n", "not a table of numbers"), ("", "not a table of numbers"), ("a,b\n1,2\n", "no column is named step"),
                            ("step,b\n1,2\n", "no column has the name of a series"), ("step,loss\n1\n", "not a table of numbers")):
            curve.write_text(text)
            self.assertIn(words, self.script(self.run_, "--reference", curve, status=1))

    def test_replaces_only_what_it_drew(self):
        out = self.run_ / "elsewhere"
        self.script(self.run_, "--out", out)
        self.script(self.run_, "--out", out)
        (out / "emergence.png").write_text("somebody's")
        self.assertIn("not drawn by this script", self.script(self.run_, "--out", out))
        self.assertEqual((out / "emergence.png").read_text(), "somebody's")

    def test_reference_takes_texts_beside_numbers(self):
        curve = self.run_ / "texts.csv"
        curve.write_text("\ufeffiteration,who,sink_mean\n0,me,0.1\n10,you,0.2\n", encoding="utf-8")
        table = reference.read_table(curve)
        self.assertEqual({name: list(column) for name, column in table.items()}, {"iteration": [0, 10], "sink_mean": [0.1, 0.2]})

    def test_the_table_fits_80_columns_and_has_every_group(self):
        said = self.script(self.grid)
        lines = said.partition("\n\n")[2].splitlines()
        self.assertLessEqual(max(map(width, lines)), 80)
        for name in ("layers 1, heads 1", "layers 3, heads 4"):
            self.assertGreater(sum(line.startswith(name) for line in lines), 1)
        members = load(self.grid).groups()["layers=3,heads=4"]
        losses = sorted(float(member.run.values("loss")[-1]) for member in members)
        self.assertIn(f"{np.median(losses):.3f} [{losses[0]:.3f}, {losses[1]:.3f}]", said)

    def test_names_of_groups(self):
        self.assertEqual(label("position.kind=rope,layers=2"), "position rope, layers 2")
        self.assertEqual(label("attention.mask.self_only=[5,6],heads=2"), "self_only [5,6], heads 2")
        self.assertEqual(label("attention.normalizer={kind: sigmoid,normalized: true}"), "normalizer {kind: sigmoid,normalized: true}")
        self.assertEqual(varied(["position.kind=rope", "position.kind=none"]), "position")
        self.assertEqual(varied(["heads=1,layers=1"]), "")


if __name__ == "__main__":
    unittest.main()
