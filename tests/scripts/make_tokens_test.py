#!/usr/bin/env python3
"""Tests of scripts/make_tokens.py with tokenizers made here: one of bytes, as GPT-2's, and one of words, as BERT's.

Skipped (exit status 77) where the Python packages numpy and tokenizers are missing; WAIVER_TEST_PYTHON names an interpreter
that has them.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

PYTHON = os.environ.get("WAIVER_TEST_PYTHON")
if PYTHON and pathlib.Path(PYTHON).absolute() != pathlib.Path(sys.executable).absolute():
    os.execv(PYTHON, [PYTHON, *sys.argv])
try:
    import numpy as np
    import tokenizers
    from tokenizers import decoders, models, pre_tokenizers, processors
except ImportError as missing:
    print(f"skipped: no Python package {missing.name} for {sys.executable}; WAIVER_TEST_PYTHON names another interpreter")
    sys.exit(77)

SCRIPT = pathlib.Path(__file__).parents[2] / "scripts" / "make_tokens.py"
BYTE_LEVEL = sorted(pre_tokenizers.ByteLevel.alphabet())


def byte_tokenizer() -> tokenizers.Tokenizer:
    """Every byte, ' t', ' the', and a special token."""
    words = [*BYTE_LEVEL, "he", "Ġt", "Ġthe"]
    made = tokenizers.Tokenizer(models.BPE({word: i for i, word in enumerate(words)}, [("h", "e"), ("Ġ", "t"), ("Ġt", "he")]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens(["<|énd|>"])
    return made


def word_tokenizer() -> tokenizers.Tokenizer:
    """One that would cut, pad and add [CLS] and [SEP] if it were let."""
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "b", "c", "##s"]
    made = tokenizers.Tokenizer(models.WordPiece({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.add_special_tokens(words[:4])
    made.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    made.enable_padding(length=9)
    made.enable_truncation(3)
    return made


class MakeTokens(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = pathlib.Path(scratch.name)
        for name, made in (("bytes", byte_tokenizer()), ("words", word_tokenizer())):
            (self.folder / name).mkdir()
            made.save(str(self.folder / name / "tokenizer.json"))

    def text(self, content: str | bytes, name: str = "text.txt") -> str:
        (self.folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return name

    def run_script(self, *words, **environment) -> subprocess.CompletedProcess:
        return subprocess.run([sys.executable, SCRIPT, *words], cwd=self.folder, capture_output=True, text=True,
                              env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **environment})

    def made(self, *words) -> tuple[np.ndarray, str]:
        done = self.run_script(*words, "--out", "ids.npy")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return np.load(self.folder / "ids.npy"), done.stdout

    def refused(self, sentence: str, *words, out: str = "ids.npy", **environment) -> None:
        before = sorted(self.folder.rglob("*"))
        done = self.run_script(*words, "--out", out, **environment)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn(sentence, done.stderr)
        self.assertNotIn("Traceback", done.stderr)
        self.assertEqual(sorted(self.folder.rglob("*")), before)

    def test_a_stream_is_the_text_and_nothing_else(self):
        content = "the the\r\n\n é € the"
        ids, said = self.made("bytes", self.text(content), "--strings", "strings.json")
        self.assertEqual((ids.dtype.str, ids.ndim), ("<u4", 1))
        strings = json.loads((self.folder / "strings.json").read_text())
        self.assertEqual(strings[len(BYTE_LEVEL):], ["he", " t", " the", "<|énd|>"])
        for text in "a \n\0é€\u00ad\u0100\U0001f600":
            self.assertEqual([strings[i] for i in byte_tokenizer().encode(text).ids],
                             [bytes([byte]).decode(errors="backslashreplace") for byte in text.encode()])
        self.assertEqual(byte_tokenizer().decode(ids.tolist()), content)
        self.assertEqual(said.count("\n"), 2)

    def test_texts_follow_each_other_framed_by_what_is_asked_for(self):
        ids, said = self.made("words", self.text("a b as", "1"), self.text("c", "2"), "--first", "[CLS]", "--last", "[SEP]")
        self.assertEqual(ids.tolist(), [2, 4, 5, 4, 7, 3, 2, 4 + 2, 3])
        self.assertIn("every text begins with [CLS] (id 2), which was added", said)
        self.assertIn("every text ends with [SEP] (id 3), which was added", said)

    def test_a_stream_in_pieces(self):
        ids, said = self.made("words", self.text("a b c a b c a"), "--length", "4", "--first", "[CLS]", "--last", "[SEP]")
        self.assertEqual(ids.tolist(), [[2, 4, 5, 3], [2, 6, 4, 3], [2, 5, 6, 3]])
        self.assertIn("1 tokens at the end fill no sequence and are left out", said)

    def test_paragraphs_cut_and_padded(self):
        text = self.text("a b\nc\n\n\n \nb\r\n\r\nc as\n")
        ids, said = self.made("words/tokenizer.json", text, "--length", "4", "--sequences", "--last", "[SEP]", "--pad", "[PAD]")
        self.assertEqual(ids.tolist(), [[4, 5, 6, 3], [5, 3, 0, 0], [6, 4, 7, 3]])
        self.assertIn("3 paragraphs: 0 cut, 1 padded", said)
        self.assertIn("padding is [PAD] (id 0)", said)

    def test_long_paragraphs_keep_their_beginning(self):
        ids, said = self.made("words", self.text("a b c\n\nc b a b"), "--length", "2", "--sequences")
        self.assertEqual(ids.tolist(), [[4, 5], [6, 5]])
        self.assertIn("2 paragraphs: 2 cut, 0 padded", said)

    def test_special_tokens_in_the_text_are_reported(self):
        _, said = self.made("words", self.text("a [SEP] d e"))
        self.assertIn("1 × [SEP], which the texts themselves contain", said)
        self.assertIn("2 × [UNK], for what the vocabulary lacks", said)

    def test_what_is_wrong_is_said_and_leaves_no_file(self):
        text = self.text("a b\n\nc")
        self.refused("no token '[CLS]'. Its special tokens are <|énd|>.", "bytes", text, "--first", "[CLS]")
        self.refused("no token 'x'. Its special tokens are [PAD], [UNK], [CLS], [SEP].", "words", text, "--length", "3",
                     "--sequences", "--pad", "x")
        self.refused("1 of 2 paragraphs have fewer than 2 tokens", "words", text, "--length", "2", "--sequences")
        self.refused("leaves no room for text", "words", text, "--length", "2", "--first", "[CLS]", "--last", "[SEP]")
        self.refused("only 3 tokens, and a sequence needs 4", "words", text, "--length", "4")
        self.refused("only 0 tokens", "words", self.text("", "empty"))
        self.refused("has no tokenizer.json", ".", text)
        self.refused("nowhere cannot be read: No such file", "nowhere", text)
        self.refused("nowhere cannot be read: No such file", "words", "nowhere")
        self.refused("text.txt is not a tokenizer.json", text, text)
        self.refused("latin1 is not UTF-8 text: byte 1 is 0xe9", "words", self.text(b"a\xe9", "latin1"))
        self.refused("none/ids.npy cannot be written: No such file", "words", text, out="none/ids.npy")
        self.refused("none/strings cannot be written", "words", text, "--strings", "none/strings")
        self.refused("must end in .npy", "words", text, out="ids.bin")
        self.refused("--sequences needs --length", "words", text, "--sequences")
        self.refused("--pad goes with --sequences", "words", text, "--pad", "[PAD]")
        self.refused("text.txt exists already", "words", text, "--strings", text)

    def test_a_missing_package_is_named(self):
        (self.folder / "tokenizers.py").write_text("raise ModuleNotFoundError('gone', name='tokenizers')")
        self.refused("pip install numpy tokenizers", "words", self.text("a"), PYTHONPATH=str(self.folder))


if __name__ == "__main__":
    unittest.main()
