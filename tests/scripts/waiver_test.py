#!/usr/bin/env python3
"""Tests of scripts/waiver.py: the numbers of the program's own files, and the place and the step that `waiver show` names.

Skipped (exit status 77) where Python packages are missing.
"""
import json
import os
import pathlib
import re
import shutil
import struct
import sys
import tempfile
import unittest

from small_runs import MODEL, ROOT, program, seal, skip_without_packages, train

sys.path.insert(0, str(ROOT / "scripts"))
try:
    import h5py
    import numpy as np
    import waiver
except ImportError as problem:
    skip_without_packages(problem)

KINDS = {
    "causal": MODEL,
    "bidirectional": MODEL.replace("12,", "12, attention: {mask: bidirectional},"),
    "sinks": MODEL.replace("12,", "12, sink_tokens: 2,"),
    "slot": MODEL.replace("12,", "12, attention: {slot: key_value},"),
    "absent": MODEL.replace("12,", "12, attention: {absent: [0]},"),
    "proxy": MODEL.replace("12,", "12, attention: {normalizer: sigmoid},"),
}


def told(run: pathlib.Path) -> dict:
    """What `waiver show` says: the step, whether it lasts, and the place."""
    text = program("show", run)
    sentence = " ".join(text.partition("\n\n")[0].split())
    place = re.search(r"^layer (\d+), head (\d+), (.*)$", text, re.MULTILINE)
    step = re.search(r"emerged at step (\d+)|there at the first probe, step (\d+)", sentence)
    brief = re.search(r"since step (\d+), the last", sentence)
    last = re.search(r"did not last: the last probe at which it was one is that of step (\d+)", sentence)
    return {"step": int(step[1] or step[2]) if step else None, "since": int(brief[1]) if brief else None,
            "gone": int(last[1]) if last else None, "none": sentence.startswith("No waiver element"),
            "layer": int(place[1]), "head": int(place[2]), "key": place[3].partition(" (")[0]}


def found(run: pathlib.Path) -> dict:
    at = waiver.open(run).onset()
    key = f"position {at.key}" if at.key is not None else at.key_name if at.added is not None else f"tokens of the role `{at.key_name}`"
    return {"step": at.step, "since": at.since if at.step is None else None,
            "gone": at.last if at.step is not None and not at.lasting else None, "none": not at.has_waiver, "layer": at.layer,
            "head": at.head, "key": key}


def plant(run: pathlib.Path, seed: int) -> None:
    """Slow random walks around the thresholds in the place of every α, E and r_V; some tokens' are undefined."""
    random = np.random.default_rng(seed)
    about = {"attention": 0.28, "enrichment": 2.9, "value_ratio": 0.6}
    with h5py.File(run / "log.h5", "r+") as log:
        for name, data in log["probe"].items():
            middle = next((about[ending] for ending in about if name.endswith(ending)), None)
            if middle is None or name.startswith("bos"):
                continue
            walks = np.cumsum(random.normal(0, 0.12, data.shape), axis=0) + random.normal(0, 0.3, data.shape[1:])
            values = (middle * np.exp(walks)).astype("f4")
            values[np.isnan(data[:])] = np.nan
            data[:] = np.round(values, 2)  # so that some are equal
    seal(run / "log.h5")


class Onsets(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory()
        cls.addClassCleanup(scratch.cleanup)
        cls.at = pathlib.Path(scratch.name)
        cls.runs = {}
        for kind, model in KINDS.items():
            objective = ["train.objective=masked_token"] if kind == "bidirectional" else []
            cls.runs[kind] = train(cls.at, kind, *objective, model=model)

    def test_the_place_and_the_step_are_those_that_show_tells(self):
        seen = []
        for kind, run in self.runs.items():
            self.assertEqual(found(run), told(run), kind)
            for seed in range(12):
                planted = self.at / f"{kind}-{seed}"
                shutil.copytree(run, planted)
                plant(planted, seed)
                with self.subTest(kind=kind, seed=seed):
                    self.assertEqual(found(planted), told(planted))
                    seen.append(found(planted))
        for what, enough in (("emerged", sum(one["step"] is not None for one in seen)),
                             ("gone", sum(one["gone"] is not None for one in seen)),
                             ("added keys", sum("added" in one["key"] for one in seen)),
                             ("roles", sum("role" in one["key"] for one in seen))):
            self.assertGreater(enough, 2, what)

    def test_of_one_head(self):
        run = waiver.open(self.runs["causal"])
        places = [run.onset(layer, head) for layer in (0, 1) for head in (0, 1)]
        self.assertEqual([(place.layer, place.head) for place in places], [(0, 0), (0, 1), (1, 0), (1, 1)])
        best = run.onset()
        self.assertIn((best.layer, best.head, best.key, best.step), [(p.layer, p.head, p.key, p.step) for p in places])
        self.assertIsNone(waiver.open(self.runs["absent"]).onset(layer=0))
        for chosen in ({"layer": 2}, {"head": -1}):
            with self.assertRaisesRegex(waiver.Refused, "counted from 0"):
                run.onset(**chosen)

    def test_series_have_their_axes_with_and_without_xarray(self):
        run = waiver.open(self.runs["causal"])
        before = waiver.xarray
        self.addCleanup(setattr, waiver, "xarray", before)
        for with_xarray in (True, False) if before else (False,):
            waiver.xarray = before if with_xarray else None
            alpha = run.series("received_attention")
            axes = list(alpha.dims) if with_xarray else list(alpha.axes)
            self.assertEqual(axes, ["step", "layer", "head", "key"])
            steps = alpha.coords["step"].values if with_xarray else alpha.axes["step"]
            self.assertEqual(list(steps), list(range(0, 25, 2)))
            self.assertTrue(np.array_equal(np.asarray(alpha), run.values("received_attention"), equal_nan=True))
        self.assertEqual(len(run.series("train/loss")), len(run.steps("train")))
        self.assertEqual((run.tokens[0], len(run.tokens)), ("<s>", 12))
        with self.assertRaisesRegex(waiver.Refused, "it lacks the series probe/none"):
            run.series("none")

    def test_weights_and_a_captured_pass_fit_together(self):
        for kind in ("causal", "sinks"):
            run = waiver.open(self.runs[kind])
            weights = run.weights()
            program("probe", run.folder, "--text", "the cat", "--capture", self.at / f"{kind}.h5")
            text = waiver.captured(self.at / f"{kind}.h5")
            self.assertEqual("".join(np.asarray(text.tokens)[0]), "<s>the cat")
            for layer in (0, 1):
                q, k, v, scores, pattern, mix, out = (np.asarray(text[f"blocks.{layer}.attn.{name}"]) for name in
                                                      ("q", "k", "v", "scores", "pattern", "mix", "out"))
                seen = np.isfinite(scores)
                self.assertTrue((pattern[~seen] == 0).all())
                products = np.einsum("bqhd,bkhd->bhqk", q, k) / np.sqrt(q.shape[-1])
                np.testing.assert_allclose(scores[seen], products[seen], atol=2e-6)
                np.testing.assert_allclose(pattern.sum(-1), 1, atol=2e-6)
                np.testing.assert_allclose(np.einsum("bhqk,bkhd->bqhd", pattern, v), mix, atol=2e-6)
                joined = mix.reshape(*mix.shape[:2], -1)
                np.testing.assert_allclose(joined @ weights[f"blocks.{layer}.attn.out.weight"], out, atol=2e-6)
            for theirs, ours in (("blocks.1.attn.hook_rot_q", "blocks.1.attn.q"), ("blocks.0.hook_resid_pre", "embed"),
                                 ("blocks.1.hook_resid_post", "blocks.1.resid"), ("ln_final.hook_normalized", "final.norm")):
                self.assertTrue(np.array_equal(text[theirs], text[ours]), theirs)
            self.assertEqual(set(waiver.TRANSFORMER_LENS), {name.removeprefix("blocks.1.") for name in text.names if "blocks.0" not in name}
                             - {"attn.added", "mlp.added", "logits"})
            with self.assertRaisesRegex(waiver.Refused, "there is no blocks.9.resid in it"):
                text["blocks.9.resid"]

    def test_logits_give_the_loss_that_probe_prints(self):
        run = self.runs["causal"]
        printed = program("probe", run, "--capture", self.at / "own.h5")
        own = waiver.captured(self.at / "own.h5")
        logits, targets = np.asarray(own["logits"], float), np.asarray(own.targets)
        lost = np.log(np.exp(logits).sum(-1)) - np.take_along_axis(logits, np.maximum(targets, 0)[..., None], -1)[..., 0]
        self.assertAlmostEqual(lost[targets >= 0].mean(), float(re.search(r"^loss +([\d.]+)", printed, re.MULTILINE)[1]), delta=1e-6)  # as printed

    def test_safetensors_of_every_type(self):
        values = {"F32": np.array([1.5, -2], "<f4"), "F16": np.array([0.25], "<f2"), "BF16": np.array([0x3fc0, 0xc000], "<u2"),
                  "I64": np.array([-3], "<i8")}
        header, data = {"__metadata__": {"a": "b"}}, b""
        for kind, array in values.items():
            header[kind] = {"dtype": kind, "shape": [len(array), 1], "data_offsets": [len(data), len(data) + array.nbytes]}
            data += array.tobytes()
        text = json.dumps(header).encode()
        path = self.at / "x.safetensors"
        whole = struct.pack("<Q", len(text)) + text + data
        path.write_bytes(whole)
        read = waiver.safetensors(path)
        self.assertEqual(read["BF16"].ravel().tolist(), [1.5, -2.0])
        self.assertEqual({kind: read[kind].ravel().tolist() for kind in ("F32", "F16", "I64")},
                         {"F32": [1.5, -2.0], "F16": [0.25], "I64": [-3]})
        for damaged in (whole[:-3], whole[:20], b"", b"\xff" * 40, whole.replace(b'"F16"', b'"F8"')):
            path.write_bytes(damaged)
            with self.assertRaisesRegex(waiver.Refused, "safetensors"):
                waiver.safetensors(path)

    def test_what_is_wrong_is_said(self):
        run, log = self.at / "damaged", (self.runs["causal"] / "log.h5").read_bytes()
        run.mkdir()
        for damaged, words in ((b"", "not an HDF5 file"), (b"text", "not an HDF5 file"), (log[:len(log) // 2], "its checksum is wrong"),
                               (log[:-9] + b"x" + log[-8:], "its checksum is wrong"), (log[512:4096], "not an HDF5 file")):
            (run / "log.h5").write_bytes(damaged)
            with self.assertRaisesRegex(waiver.Refused, words):
                waiver.open(run)
        with h5py.File(run / "log.h5", "w"):
            pass
        for path, words in ((run, "was not written by waiver"), (self.at / "nowhere", "No such file"), (self.at, "No such file")):
            with self.assertRaisesRegex(waiver.Refused, words):
                waiver.open(path)
        with self.assertRaisesRegex(waiver.Refused, r"no checkpoint of step 7; those there are: \[24\]"):
            waiver.open(self.runs["causal"]).weights(7)
        with self.assertRaisesRegex(waiver.Refused, "no points were captured"):
            waiver.captured(self.runs["causal"] / "log.h5")


if __name__ == "__main__":
    unittest.main()
