#!/usr/bin/env python3
"""Turns text into token ids by a published model's tokenizer.

    scripts/make_tokens.py FOLDER TEXT... --out tokens.npy --strings strings.json
    scripts/make_tokens.py FOLDER TEXT... --out tokens.npy --length 128 --first '[CLS]' --last '[SEP]'
    scripts/make_tokens.py FOLDER TEXT... --out tokens.npy --length 128 --sequences --pad '[PAD]'

FOLDER is a model's folder with tokenizer.json, or that file. The texts, UTF-8, become one stream of ids, one text after the
other: an array of uint32 with one axis, as data.kind: tokens reads it. With --length N the array has two axes, [sequences, N]:
the stream cut into pieces, or with --sequences a sequence for each paragraph (what stands between blank lines), cut or padded.

No special token is added but --first and --last: around each text of a stream, or each sequence where there are sequences.
--strings writes what the ids stand for: a JSON list, ' the' where a byte-level tokenizer says 'Ġthe'.
"""
import argparse
import collections
import io
import itertools
import json
import pathlib
import re
import sys


def fail(sentence: str):
    print(sentence, file=sys.stderr)
    sys.exit(2)


try:
    import numpy as np
    import tokenizers
except ImportError as missing:
    fail(f"make_tokens.py needs the Python package {missing.name}, which is not installed here. In a virtual environment: "
         "pip install numpy tokenizers.")


def read_text(path: pathlib.Path) -> str:
    try:
        with open(path, encoding="utf-8", newline="") as file:
            return file.read()
    except UnicodeDecodeError as error:
        fail(f"{path} is not UTF-8 text: byte {error.start} is {error.object[error.start]:#04x}.")


class Tokenizer:
    """A tokenizer.json, without what it would add or cut unasked."""

    def __init__(self, path: pathlib.Path):
        file = path / "tokenizer.json" if path.is_dir() else path
        if path.is_dir() and not file.exists():
            fail(f"{path} has no tokenizer.json. Where there are other tokenizer files, transformers converts them: "
                 "AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER).")
        text = read_text(file)
        try:
            self.inner = tokenizers.Tokenizer.from_str(text)
        except Exception as error:  # the library has no class of its own for this
            fail(f"{file} is not a tokenizer.json that tokenizers {tokenizers.__version__} reads: {error}.")
        self.inner.no_padding()
        self.inner.no_truncation()
        self.special = {token.content: i for i, token in self.inner.get_added_tokens_decoder().items() if token.special}
        steps = json.loads(text)
        parts = json.dumps([steps.get("pre_tokenizer"), steps.get("decoder"), steps.get("normalizer")], ensure_ascii=False)
        self.by_bytes, self.by_underscore = '"ByteLevel"' in parts, "▁" in parts

    def encode(self, texts: list[str]) -> list[list[int]]:
        fast = getattr(self.inner, "encode_batch_fast", self.inner.encode_batch)  # without offsets
        return [encoding.ids for encoding in fast(texts, add_special_tokens=False)]

    def token(self, name: str | None, option: str) -> list[int]:
        """The id of a token, if one is named."""
        found = None if name is None else self.inner.token_to_id(name)
        if name is not None and found is None:
            some = list(self.special)[:12] or ["none"]
            fail(f"{option}: the tokenizer has no token {name!r}. Its special tokens are {', '.join(some)}"
                 f"{', …' if len(self.special) > len(some) else ''}.")
        return [] if found is None else [found]

    def strings(self) -> list[str]:
        """What each id stands for."""
        vocabulary = self.inner.get_vocab(with_added_tokens=True)
        added = {token.content for token in self.inner.get_added_tokens_decoder().values()}
        out = [f"[id {i}]" for i in range(max(vocabulary.values()) + 1)]
        for token, i in vocabulary.items():
            out[i] = token if token in added else self.readable(token)
        return out

    def readable(self, token: str) -> str:
        if self.by_bytes and all(char in BYTES for char in token):
            return bytes(BYTES[char] for char in token).decode("utf-8", errors="backslashreplace")
        return token.replace("▁", " ") if self.by_underscore else token


def byte_characters() -> dict[str, int]:
    """GPT-2's characters for bytes: visible ones stand for themselves, the others follow from U+0100 on."""
    visible = [*range(0x21, 0x7f), *range(0xa1, 0xad), *range(0xae, 0x100)]
    others = [byte for byte in range(256) if byte not in visible]
    return {chr(byte): byte for byte in visible} | {chr(256 + i): byte for i, byte in enumerate(others)}


BYTES = byte_characters()


def paragraphs(text: str) -> list[str]:
    return [part.strip() for part in re.split(r"\r?\n[ \t]*(?:\r?\n)+", text) if part.strip()]


def special_notes(tokenizer: Tokenizer, encoded: list[list[int]]) -> list[str]:
    """What stands for no text although nobody asked for it."""
    names = {i: name for name, i in tokenizer.special.items()}
    unknown = getattr(tokenizer.inner.model, "unk_token", None)
    if unknown is not None:
        names[tokenizer.inner.token_to_id(unknown)] = unknown
    counts = collections.Counter(names[i] for ids in encoded for i in ids if i in names)
    own, lacking = "which the texts themselves contain", "for what the vocabulary lacks"
    return [f"{count:,} × {name}, {lacking if name == unknown else own}" for name, count in counts.items()]


def make(options, tokenizer: Tokenizer) -> tuple[np.ndarray, list[str]]:
    """The ids, and what a user should know about them."""
    texts = [read_text(path) for path in options.texts]
    first, last, pad = (tokenizer.token(getattr(options, name), f"--{name}") for name in ("first", "last", "pad"))
    length = options.length
    room = length - len(first) - len(last) if length else 0
    if length and room < 1:
        fail(f"--length {length} leaves no room for text beside --first and --last.")
    units = [part for text in texts for part in paragraphs(text)] if options.sequences else texts
    encoded = tokenizer.encode(units)
    total = sum(map(len, encoded))
    notes = special_notes(tokenizer, encoded)
    if options.sequences:
        long, short = sum(len(ids) > room for ids in encoded), sum(len(ids) < room for ids in encoded)
        if short and not pad:
            fail(f"{short:,} of {len(units):,} paragraphs have fewer than {room} tokens. "
                 "Name the token that fills them up: --pad.")
        notes.append(f"{len(units):,} paragraphs: {long:,} cut, {short:,} padded")
        parts = [ids[:room] for ids in encoded]
    elif length:
        stream = list(itertools.chain.from_iterable(encoded))
        parts = [stream[at:at + room] for at in range(0, total - room + 1, room)]
        notes.append(f"{total % room:,} tokens at the end fill no sequence and are left out")
    else:
        parts = encoded
    if not parts or not any(parts):
        fail(f"The texts give only {total:,} tokens" + (f", and a sequence needs {room}." if length and total else "."))
    rows = [first + ids + last for ids in parts]
    if length:
        rows = [row + pad * (length - len(row)) for row in rows]
    around = "sequence" if length else "text"
    notes += [f"every {around} {how} with {name} (id {token[0]}), which was added"
              for how, name, token in (("begins", options.first, first), ("ends", options.last, last)) if token]
    if pad and options.sequences:
        notes.append(f"padding is {options.pad} (id {pad[0]})")
    return np.array(rows if length else list(itertools.chain.from_iterable(rows)), "<u4"), notes


def write(files: dict[pathlib.Path, bytes]) -> None:
    """All of the files or none."""
    written: dict[pathlib.Path, pathlib.Path] = {}
    try:
        for path, content in files.items():
            written[path] = path.with_name(f".{path.name}.part")
            written[path].write_bytes(content)
        for path, part in written.items():
            part.rename(path)
    except OSError as error:
        fail(f"{path} cannot be written: {error.strerror}.")
    finally:
        for part in written.values():
            part.unlink(missing_ok=True)


def npy_bytes(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tokenizer", type=pathlib.Path, metavar="FOLDER", help="a model's folder, or a tokenizer.json")
    parser.add_argument("texts", type=pathlib.Path, nargs="+", metavar="TEXT", help="a text file, UTF-8")
    parser.add_argument("--out", type=pathlib.Path, required=True, metavar="FILE.npy", help="where the ids go")
    parser.add_argument("--strings", type=pathlib.Path, metavar="FILE.json", help="where the strings of all tokens go")
    parser.add_argument("--first", metavar="TOKEN", help="the token before each text or sequence, such as '[CLS]'")
    parser.add_argument("--last", metavar="TOKEN", help="the token after each text or sequence, such as '[SEP]'")
    parser.add_argument("--length", type=int, metavar="N", help="make sequences of N tokens, --first and --last included")
    parser.add_argument("--sequences", action="store_true", help="make each paragraph a sequence of --length tokens")
    parser.add_argument("--pad", metavar="TOKEN", help="the token that fills short paragraphs up")
    options = parser.parse_args()
    if options.length is not None and options.length < 1:
        parser.error("--length must be at least 1")
    if options.sequences and not options.length:
        parser.error("--sequences needs --length N")
    if options.pad and not options.sequences:
        parser.error("--pad goes with --sequences: nothing else is padded")
    if options.out.suffix != ".npy":
        parser.error(f"--out must end in .npy: {options.out}")
    for path in filter(None, (options.out, options.strings)):
        if path.exists():
            fail(f"{path} exists already. Name another file, or remove this one first.")
    return options


def main() -> None:
    options = arguments()
    try:
        tokenizer = Tokenizer(options.tokenizer)
        ids, notes = make(options, tokenizer)
        strings = tokenizer.strings()
        files = {options.out: npy_bytes(ids)}
        if options.strings:
            files[options.strings] = (json.dumps(strings, ensure_ascii=False, indent=0) + "\n").encode()
    except OSError as error:
        fail(f"{error.filename} cannot be read: {error.strerror}.")
    write(files)
    print(f"{options.out}: {' × '.join(f'{n:,}' for n in ids.shape)} tokens, uint32")
    for note in notes:
        print(f"  {note}")
    if options.strings:
        print(f"{options.strings}: the strings of {len(strings):,} tokens")


if __name__ == "__main__":
    main()
