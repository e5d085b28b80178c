#!/usr/bin/env python3
"""Tests of scripts/published.py: its claims on planted numbers, and a whole study of a model trained here.

The environment names the program: WAIVER_PROGRAM. Skipped (exit status 77) where Python packages are missing.
"""
import contextlib
import io
import itertools
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import types
import unittest

ROOT = pathlib.Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
from small_runs import skip_without_packages  # noqa: E402

try:
    import numpy as np
    import h5py
    import yaml
    import published
    from figures_of.style import save_png
    from published_study import claims
    from published_study.effects import ELEMENT, Arms, Elements, blocks_of, runs, ways_of
    from published_study.eviction import Eviction
    from published_study.figure import draw
    from published_study.table import table
except ImportError as missing:
    skip_without_packages(missing)

LAYERS, TEXTS, LENGTH = 8, 10, 12


def elements(**planted) -> Elements:
    """No element but those planted: arrays [layer, text, position]."""
    found = Elements.__new__(Elements)
    found.tokens = np.full((TEXTS, LENGTH), "word", dtype=object)
    zeros = {name: np.zeros((LAYERS, TEXTS, LENGTH)) for name in ("waivers", "attention", "value_ratio", "residual_ratio", "cosine",
                                                                   "massive")}
    zeros["cosine"][:, :, 0] = 1
    vars(found).update(zeros | planted)
    return found


class Claims(unittest.TestCase):
    B34 = {"texts": 0.5, "refuted_below": 0.1, "weak_share": 0.8, "weak": [".", "\n"]}

    def test_massive_activations_on_weak_tokens(self):
        planted = elements()
        planted.massive[:, :, 0] = 1  # the first position is no secondary element
        self.assertEqual(claims.b34(planted, self.B34)["verdict"], "refuted")
        planted.massive[2:5, :6, 3] = 1
        self.assertEqual(claims.b34(planted, self.B34)["verdict"], "undecided")  # on words
        planted.tokens[:5, 3] = "\\n"  # as the log writes a newline
        found = claims.b34(planted, self.B34)
        self.assertEqual((found["verdict"], found["texts with one"], found["layers"]), ("supported", 0.6, "2–4"))
        self.assertAlmostEqual(found["of these places on weak tokens"], 5 / 6)
        self.assertEqual(found["tokens"], {"\\n": 5, "word": 1})

    def test_the_norm_sets_how_long_a_token_lasts(self):
        claim = {"cosine": 0.9, "texts": 0.1, "spearman": 0.5, "refuted_below": 0.2}
        self.assertEqual(claims.b35(elements(), claim)["verdict"], "refuted")  # no token at all
        for sign, verdict in ((1, "supported"), (-1, "refuted")):
            planted = elements()
            for text in range(TEXTS):
                life = 1 + text % 5
                planted.cosine[2:2 + life, text, 4] = 0.95
                planted.residual_ratio[:, text, 4] = 10 + sign * life
                planted.attention[:, text, 4] = life
            found = claims.b35(planted, claim)
            self.assertEqual((found["verdict"], found["places"]), (verdict, TEXTS))
            self.assertAlmostEqual(found["norm and life"], sign)

    def test_place_or_token(self):
        claim = {"stays": 0.9, "refuted_below": 0.1}
        natural, bare = elements(), elements()
        bare.massive[3, :, 0] = 1
        natural.massive[3, :, 0] = 1
        self.assertEqual(claims.b36(natural, bare, claim)["verdict"], "refuted")  # it follows the place
        natural.massive[3, :5, 1] = 1
        self.assertEqual(claims.b36(natural, bare, claim)["verdict"], "undecided")
        natural.massive[3, :, 1] = 1
        self.assertEqual(claims.b36(natural, bare, claim)["verdict"], "supported")

    def test_what_a_cache_must_keep(self):
        claim = {"recovery": 0.8, "random": 0.2}
        for kept, own, other, verdict in ((1.1, 1.1, 1.9, "supported"), (1.1, 1.5, 1.9, "undecided"), (1.5, 1.0, 1.9, "undecided"),
                                          (1.1, 1.1, 1.5, "refuted")):
            losses = {"full": 1.0, "window": 2.0, "random": other}
            cache = {"first": losses | {"kept": kept}, "secondary": {"3–9": losses | {"waiver": 1.0}, "12": losses | {"waiver": own}}}
            self.assertEqual(claims.w13(cache, claim)["verdict"], verdict)

    def test_which_way_a_model_selects(self):
        claim = {"way": "encoding", "follow": 0.8, "refuted_below": 0.2}
        for status, follow, verdict in (("waiver element", 0.9, "supported"), ("sink only", 0.5, "undecided"),
                                        ("sink only", 0.1, "refuted"), ("neither", 0.9, "undecided")):
            mechanism = {"status": status, "follows": {"encoding": follow, "content": 0.0}, "selected by": "mixed"}
            self.assertEqual(claims.b32(mechanism, claim)["verdict"], verdict)

    def test_what_the_first_position_recovers(self):
        claim = {"recovery": 0.8, "refuted_below": 0.2}
        for kept, verdict in ((1.1, "supported"), (1.5, "undecided"), (1.9, "refuted")):
            found = claims.b14({"first": {"full": 1.0, "window": 2.0, "kept": kept, "random": 1.9}}, claim)
            self.assertEqual(found["verdict"], verdict)
            self.assertAlmostEqual(found["recovered"], 2.0 - kept)
            self.assertAlmostEqual(found["evicting"], np.exp(2.0))

    def test_separators(self):
        claim = {"attention": 0.5, "refuted_below": 0.1}
        for most, verdict in ((0.6, "supported"), (0.3, "undecided"), (0.05, "refuted")):
            roles = {"[CLS]": {"attention": [0.2, 0.1]}, "[SEP]": {"attention": [0.01, most]}}
            self.assertEqual(claims.b38(roles, claim)["verdict"], verdict)

    def test_ranks(self):
        self.assertEqual(claims.ranks(np.array([3.0, 1, 3, 7])).tolist(), [2.5, 1, 2.5, 4])
        self.assertAlmostEqual(claims.spearman(np.array([1.0, 2, 3, 4]), np.array([1.0, 8, 27, 64])), 1)
        self.assertTrue(np.isnan(claims.spearman(np.array([1.0, 1]), np.array([1.0, 2]))))
        self.assertEqual(runs([False, True, True, False, True]), "1–2, 4")

    def test_secondary_waivers_by_token(self):
        planted = elements()
        planted.waivers[:, :, 0] = 2
        planted.tokens[:, 5] = " the"
        planted.waivers[3:5, :4, 5] = 3
        planted.waivers[7, 0, 5] = 1
        found = planted.by_token()
        self.assertEqual([(e["token"], e["texts"], e["layers"], e["heads"]) for e in found], [(" the", 4, "3–4, 7", 3)])
        self.assertEqual(planted.texts_with_secondary(), [0, 0, 0, 0.4, 0.4, 0, 0, 0.1])


DEFINITION = {"attention": 0.3, "enrichment": 3, "value_ratio": 0.5}
NAMES = ["another id", "another token", "ordinary token", "first id absent", "ordinary token, first id absent", "self-only row"]


class WaysOfSelection(unittest.TestCase):
    """Effects of arms with planted waivers: 3 layers of 2 heads, 6 keys, the first place 0, the other 4."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.paths = (pathlib.Path(folder.name) / f"arms-{i}.h5" for i in itertools.count())

    def arms(self, waivers: dict[str, list], names: list[str] = NAMES, **series) -> Arms:
        """`waivers`: of each arm, and of the natural pass, the (layer, key) that is a waiver in both heads."""
        def numbers(places):
            alpha = np.full((3, 2, 6), 0.1)
            for layer, key in places:
                alpha[layer, :, key] = 0.6
            return {"received_attention": alpha, "enrichment": alpha * 10, "value_ratio": 1 - alpha,
                    "waiver_anywhere": (alpha > 0.3).any(axis=2).astype(float), "loss": 1.0, "residual_ratio": np.ones((3, 6))}
        path = next(self.paths)
        with h5py.File(path, "w") as file:
            file["spec/arm_name"] = np.array([name.encode() for name in names])
            file["spec/position_name"] = np.array([b"waiver", b"other"])
            file["spec/position"] = np.array([0, 4])
            natural = numbers(waivers["natural"])
            for name, value in natural.items():
                file[f"natural/{name}"] = value
                file[f"arms/{name}"] = np.stack([series.get(name, {}).get(arm, numbers(waivers.get(arm, []))[name]) for arm in names])
        return Arms(path, DEFINITION)

    W17 = {"heads": 0.25, "refuted_below": 0.05, "follow": 0.8}
    W18 = {"suffices": 0.5, "needed": 0.2, "gone": 0.05}

    def verdict(self, arms: Arms) -> dict:
        return claims.w18(arms, ways_of(arms), self.W18)

    def test_what_follows(self):
        arms = self.arms({"natural": [(1, 0), (2, 0)], "another id": [(1, 4), (2, 4)], "another token": [(1, 0), (2, 4)]})
        self.assertAlmostEqual(arms.follow("another id"), 1)
        self.assertAlmostEqual(arms.follow("another token"), 0.5)
        found = claims.w17(arms, ways_of(arms), self.W17)
        self.assertEqual((found["verdict"], found["share of heads"]), ("supported", 2 / 3))

    def test_a_self_only_row_is_none_of_the_ways_of_the_paper(self):
        arms = self.arms({"natural": [(1, 0)], "self-only row": [(1, 4)], "another id": [(1, 0)], "another token": [(1, 0)]})
        self.assertEqual(claims.w17(arms, ways_of(arms), self.W17)["verdict"], "undecided")

    def test_two_ways_that_each_suffice(self):
        natural = [(1, 0), (2, 0)]
        arms = self.arms({"natural": natural, "ordinary token": natural, "first id absent": [(2, 0)]})
        found = self.verdict(arms)
        self.assertEqual((found["verdict"], found["layers where both suffice"]), ("supported", [2]))
        self.assertEqual(found["suffices alone in"], {"position id": [1, 2], "token": [2]})
        self.assertEqual(found["layers that need it"], {"position id": [1], "token": []})

    def test_neither_way_suffices(self):
        self.assertEqual(self.verdict(self.arms({"natural": [(1, 0)]}))["verdict"], "refuted")

    def test_a_further_way_hides_both(self):
        everywhere = {name: [(1, 0)] for name in ["natural", *NAMES]}
        found = self.verdict(self.arms(everywhere))
        self.assertEqual((found["verdict"], found["layers where both suffice"], found["left where both are gone"]),
                         ("undecided", [], 1))

    def test_what_texts_have_by_themselves_counts_as_left(self):
        gone = "ordinary token, first id absent"
        arms = self.arms({"natural": [(1, 0)], "ordinary token": [(1, 0)], "first id absent": [(1, 0)]},
                         waiver_anywhere={gone: np.full((3, 2), 0.25)})
        self.assertEqual((self.verdict(arms)["verdict"], arms.left(gone), arms.left(gone, place=ELEMENT)), ("undecided", 0.25, 0))

    def test_without_a_waiver_nothing_can_be_told(self):
        self.assertEqual(self.verdict(self.arms({"natural": []}))["verdict"], "undecided")

    def test_the_block_that_writes_it(self):
        names = [f"{name} {block}" for block in range(3)
                 for name in ("no block", "no MLP at the waiver, block", "no MLP at the other, block")]
        natural = [(1, 0), (2, 0)]
        waivers = {name: natural for name in ["natural", *names]} | {"no MLP at the waiver, block 0": [(2, 3)], "no block 1": [(1, 0)]}
        norm = np.ones((3, 6))
        norm[2, 0] = 9
        arms = self.arms(waivers, names, loss={"no block 1": 3.0}, residual_ratio={name: norm for name in names[2:]})
        found = blocks_of(arms)
        self.assertEqual(found["cost"], [0, 2, 0])
        self.assertEqual(found["left"][:2], [1, 0])
        self.assertEqual(found["left without MLP"][:2], [0, 1])
        self.assertEqual(found["left anywhere without MLP"][0], 0.5)  # layer 2 has one at another key
        self.assertEqual(found["left by band without MLP"], [[0, 1, 1]])
        self.assertEqual([(band.start, band.stop) for band in arms.bands()], [(1, 3)])

    def test_layers_taken_out(self):
        claim = {"factor": 100, "refuted_below": 10}
        for loss, verdict in ((1 + np.log(200), "supported"), (1 + np.log(50), "undecided"), (1.5, "refuted")):
            arms = self.arms({"natural": [(0, 0), (1, 0), (2, 0)], "taken out": [(0, 0), (1, 0)]}, ["taken out"], loss={"taken out": loss})
            found = claims.b37(arms, [1], claim)
            self.assertEqual((found["verdict"], found["waivers behind them left"], found["waivers before them left"]), (verdict, 0, 1))


class EvictionOfWaivers(unittest.TestCase):
    REPORT = """validation loss   1.728310 nat  (640 sequences of 64)

                                    all targets           queries 4 … 11         recovery
full                                2.000000              3.000000
window 4                            2.500000   +0.500000  {window}   +1.500000
window 4 and {kept}                     2.100000   +0.100000  {loss}   +0.100000      92.3 %
window 4 and 9, at random           2.400000   +0.400000  4.300000   +1.300000       1.7 %
mean of those at random             2.400000   +0.400000  4.250000   +1.250000       3.4 %
"""

    def test_each_waiver_is_kept_alone_and_with_the_first(self):
        planted, asked = elements(), []
        planted.waivers[:, :, 0] = 2
        planted.waivers[2, 1, 3] = 5
        planted.waivers[2, 4, 6] = 1
        planted.waivers[2, 5, 11] = 1  # within the window of the last queries

        def evaluate(*options):
            keep = options[options.index("--keep") + 1]
            asked.append(keep)
            loss = {"0": "3.100000", "3": "4.000000", "6": "4.200000"}.get(keep, "3.050000")
            return self.REPORT.format(kept=keep.replace(",", " … "), loss=loss, window="4.500000")

        with tempfile.TemporaryDirectory() as folder:
            eviction = Eviction(evaluate, pathlib.Path(folder), 4)
            texts = np.zeros((TEXTS, LENGTH), "<u4")
            self.assertEqual(eviction.first(texts), {"full": 3.0, "window": 4.5, "kept": 3.1, "random": 4.25})
            strongest = planted.strongest(8, LENGTH - 4)
            self.assertEqual(strongest, [(1, 3), (4, 6)])
            self.assertEqual(planted.strongest(8, LENGTH, slice(3, 5)), [])
            found = eviction.secondary(texts, strongest)
            each = found.pop("each")
            self.assertEqual(found, {"texts": 2, "full": 3.0, "window": 4.5, "first": 3.1, "waiver": 4.1, "both": 3.05, "random": 4.25})
            self.assertEqual([(row["text"], row["position"], row["waiver"]) for row in each], [(1, 3, 4.0), (4, 6, 4.2)])
            self.assertEqual(asked, ["0", "0", "3", "0,3", "0", "6", "0,6"])
            eviction.secondary(texts, strongest)
            self.assertEqual(len(asked), 7)  # what is there is not done again


STUDY = """
trained: tests/scripts/tiny.yaml
set: [train.steps=4]
seeds: [0, 1]
sequences: 4
other: 5
waiver: {attention: 0.01, enrichment: 0.1, value_ratio: 5}
claims:
  W17: {heads: 0.25, refuted_below: 0.05, follow: 0.8}
  W18: {suffices: 0.5, needed: 0.2, gone: 0.05}
"""
CONFIG = """
model: {layers: 2, heads: 2, width: 16, context: 16, mlp: {width: 24}, position: learned}
train: {steps: 4, batch: 4, eval: {every: 0}}
probe: {every: 0}
"""


class WholeStudy(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.at = pathlib.Path(self.folder.name)
        (self.at / "config.yaml").write_text(CONFIG)
        for name in ("published", "figures"):
            (self.at / name).mkdir()

    def study(self, text: str = STUDY) -> subprocess.CompletedProcess:
        (self.at / "tiny.yaml").write_text(text.replace("tests/scripts/tiny.yaml", str(self.at / "config.yaml")))
        return subprocess.run([sys.executable, str(ROOT / "scripts/published.py"), str(self.at / "tiny.yaml"), "--waiver",
                               os.environ["WAIVER_PROGRAM"], "--out", str(self.at / "run"), "--results", str(self.at)],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def test_a_study_goes_from_training_to_verdicts_and_is_not_done_twice(self):
        first = self.study()
        self.assertEqual(first.returncode, 0, first.stdout)
        path = self.at / "published/tiny.json"
        record = json.loads(path.read_text())
        self.assertEqual(list(record["seeds"]), ["0", "1"])
        for case in record["seeds"].values():
            self.assertEqual(list(case["claims"]), ["W17", "W18"])
            self.assertEqual(len(case["blocks"]["cost"]), 2)
            self.assertEqual(len(case["mechanism"]["hypotheses"]), 10)
            self.assertGreater(sum(case["waivers"]), 0)
        lines = table({"tiny": record}).splitlines()
        self.assertEqual(lines[0], "| | tiny |")
        self.assertTrue(all(line.count(" | ") == 1 for line in lines[2:]), lines)

        made = {file: file.stat().st_mtime_ns for file in (self.at / "run").glob("*.h5")}
        self.assertEqual(len(made), 2 * 4)
        path.unlink()
        self.assertEqual(self.study().returncode, 0)
        self.assertEqual(json.loads(path.read_text()), record)
        self.assertEqual({file: file.stat().st_mtime_ns for file in made}, made)

    def test_a_model_is_asked_at_its_checkpoints_and_with_a_cache(self):
        text = STUDY.replace("set: [train.steps=4]", "set: [train.steps=4, train.optimizer.lr=0.1, 'train.checkpoint={every: 4, at: [2]}']\nsteps: [2, 4]\n"
                             "cache: {window: 2}\nblocks: false").replace("seeds: [0, 1]", "seeds: [3]").replace(
                             "claims:", "claims:\n  B14: {recovery: 0.8, refuted_below: 0.2}")
        done = self.study(text)
        self.assertEqual(done.returncode, 0, done.stdout)
        case = json.loads((self.at / "published/tiny.json").read_text())["seeds"]["3"]
        self.assertEqual(list(case["by step"]), ["2", "4"])
        self.assertEqual(case["by step"]["4"]["ways"], case["ways"])  # the last checkpoint is the run's end
        self.assertNotEqual(case["by step"]["2"]["ways"], case["ways"])
        self.assertEqual(list(case["claims"]), ["B14", "W17", "W18"])
        losses = case["cache"]["first"]
        self.assertEqual(set(losses), {"full", "window", "kept", "random"})
        self.assertNotEqual(losses["window"], losses["full"])

    def test_a_model_may_go_on_from_another(self):
        text = STUDY.replace("seeds: [0, 1]", "from: {trained: tests/scripts/tiny.yaml, set: [train.steps=3]}\nseeds: [2]").replace(
            "set: [train.steps=4]", "set: [train.steps=4, train.optimizer.lr=1.0e-4]").replace(
            "claims:", "claims:\n  B32: {way: encoding, follow: 0.8, refuted_below: 0.2}")
        done = self.study(text)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("/from-2/checkpoints/step-00000003", done.stdout)
        case = json.loads((self.at / "published/tiny.json").read_text())["seeds"]["2"]
        self.assertEqual(set(case["claims"]["B32"]), {"verdict", "status", "follows", "selected by"})

    def test_a_study_file_is_checked_before_anything_is_done(self):
        for text, words in (("", "expected keys"), (STUDY.replace("sequences: 4", ""), "sequences: missing"),
                            (STUDY.replace("seeds: [0, 1]", "seeds: 3"), "seeds: expected list, found 3"),
                            (STUDY + "typo: 1\n", "typo: unknown key"), (STUDY + "  W99: {}\n", "claims.W99: unknown claim"),
                            (STUDY.replace("follow: 0.8", "folow: 0.8"), "claims.W17.follow: missing"),
                            (STUDY + "  B37: {factor: 2, refuted_below: 1}\n", "rests on taken_out"), ("a: [", "this is no YAML")):
            found = self.study(text)
            self.assertEqual(found.returncode, 2, text)
            self.assertIn(words, found.stdout)
            self.assertNotIn("Traceback", found.stdout)
            self.assertFalse((self.at / "run").exists())

    def test_another_study_does_not_take_its_folder(self):
        self.assertEqual(self.study().returncode, 0)
        other = self.study(STUDY.replace("sequences: 4", "sequences: 3"))
        self.assertEqual(other.returncode, 2)
        self.assertIn("what is here was made for another text or study", other.stdout)

    def test_a_step_that_fails_ends_it_in_its_own_words(self):
        failed = self.study(STUDY.replace("other: 5", "other: 99"))
        self.assertEqual(failed.returncode, 2)
        self.assertIn("positions.other", failed.stdout)
        self.assertFalse((self.at / "published/tiny.json").exists())

    def test_the_figure_is_drawn_with_and_without_secondary_waivers(self):
        self.assertEqual(self.study().returncode, 0)
        case = next(iter(json.loads((self.at / "published/tiny.json").read_text())["seeds"].values()))
        for tokens in (case["secondary"]["tokens"], []):
            case["secondary"]["tokens"] = tokens
            written = save_png(draw({"model": "tiny", "sequences": 4, "length": 32, **case}), self.at / "figures", "tiny")
            self.assertGreater(written.stat().st_size, 10000)

    def test_a_study_of_one_published_model_writes_its_numbers_and_figure(self):
        self.assertEqual(self.study().returncode, 0)
        case = next(iter(json.loads((self.at / "published/tiny.json").read_text())["seeds"].values()))
        text = self.at / "text.txt"
        text.write_text("words")
        study = types.SimpleNamespace(name="one", trained=False, text=text, spec={"sequences": 4, "length": 32}, minutes=lambda: 1,
                                      machine=lambda: "a processor", timed=contextlib.nullcontext, claim_folder=lambda: None,
                                      subjects=lambda: [types.SimpleNamespace(measure=lambda: case)])
        with contextlib.redirect_stdout(io.StringIO()):
            published.do(study, self.at / "one")
        self.assertGreater((self.at / "one/figures/one.png").stat().st_size, 10000)
        self.assertEqual(json.loads((self.at / "one/published/one.json").read_text())["processor"], "a processor")


if __name__ == "__main__":
    unittest.main()
