#!/usr/bin/env python3
"""Writes what transformers computes from a published model beside it, as expected.safetensors: for the test `published`, which
reads the folders that WAIVER_PUBLISHED names.

    tests/published/expect.py FOLDER TEXT [--sequences 2] [--length 64]

TEXT becomes tokens by the folder's tokenizer.json, without special tokens but [CLS] and [SEP] for BERT.
"""
import argparse
import json
import pathlib
import sys

try:
    import torch
    import transformers
    from safetensors.torch import save_file
    from tokenizers import Tokenizer
except ImportError as missing:
    print(f"expect.py needs the Python package {missing.name}, which is not installed here. In a virtual environment: "
          "pip install torch transformers safetensors tokenizers.", file=sys.stderr)
    sys.exit(2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("text", type=pathlib.Path)
    parser.add_argument("--sequences", type=int, default=2)
    parser.add_argument("--length", type=int, default=64)
    options = parser.parse_args()
    config = json.loads((options.folder / "config.json").read_text())
    tokenizer = Tokenizer.from_file(str(options.folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    frame = [tokenizer.token_to_id(token) for token in ("[CLS]", "[SEP]")] if config["model_type"] == "bert" else []
    step = options.length - len(frame)
    ids = tokenizer.encode(options.text.read_text()[: 20 * options.sequences * options.length], add_special_tokens=False).ids
    rows = [frame[:1] + ids[n * step:(n + 1) * step] + frame[1:] for n in range(options.sequences)]
    tokens = torch.tensor(rows)
    kind = getattr(transformers, config["architectures"][0])
    model = kind.from_pretrained(options.folder, dtype=torch.float32, attn_implementation="eager").eval()
    with torch.no_grad():
        output = model(tokens)
    expected = {"logits": output.logits} if "logits" in output else {"hidden": output.last_hidden_state}
    save_file({**expected, "tokens": tokens.float()}, options.folder / "expected.safetensors")


if __name__ == "__main__":
    main()
