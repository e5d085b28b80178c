#!/usr/bin/env python3
"""Writes small models as the Hugging Face hub has them, with the numbers that transformers computes from them.

    tests/published/make_fixtures.py --out tests/published/fixtures          # those that the tests read
    tests/published/make_fixtures.py --out FOLDER --all                      # every case, for checks by hand

Of each case a folder: config.json; model.safetensors, or shards with their index; expected.safetensors with float32 tensors:
tokens [B, T]; logits [B, T, V] where the model has a language-model head, else hidden [B, T, C], its last hidden state; and
where the case has them, token_types [B, T] and attention_mask [B, T], 0 at padding. What a model gives at padding means nothing.

Weights are random, gains and biases too, so that no tensor can be left out or taken for another without a change of the result.
What is expected is computed from the written folder: in float32, by attention without fused kernels.
"""
import argparse
import json
import pathlib
import sys
import zlib
from dataclasses import dataclass, field

try:
    import torch
    import transformers
    from safetensors.torch import load_file, save_file
except ImportError as missing:
    print(f"make_fixtures.py needs the Python package {missing.name}, which is not installed here. In a virtual environment: "
          "pip install torch transformers safetensors.", file=sys.stderr)
    sys.exit(2)

# Sizes that differ wherever they may, so that transposed or exchanged tensors do not fit.
VOCABULARY, CONTEXT, WIDTH, INNER, LAYERS, HEADS = 40, 18, 16, 28, 2, 4
SEQUENCES, TOKENS, PADDED = 2, 12, 4  # the last sequence of a padded case ends with PADDED padding tokens


@dataclass
class Case:
    """A model to write. `config` overrides the sizes of its family."""
    name: str
    model: str  # the class in transformers
    config: dict = field(default_factory=dict)
    committed: bool = False
    old: bool = False  # config.json as before transformers 5: rope_theta, rope_scaling, rotary_pct, defaults left out
    hub: bool = False  # tensors as the hub's older files have them: other names, buffers, heads
    dtype: torch.dtype = torch.float32
    sharded: bool = False
    padded: bool = False
    token_types: bool = False


def rope(kind: str, **options) -> dict:
    return {"rope_parameters": {"rope_type": kind, "rope_theta": 1000.0, **options}}


GROUPED = {"num_key_value_heads": 2, "head_dim": 6}
LINEAR = rope("linear", factor=2.5)
# Frequencies on both sides of every bound, and between.
LONG = {"num_attention_heads": 2, "head_dim": 16, "max_position_embeddings": 256}
LLAMA3 = {**LONG, **rope("llama3", factor=4.0, low_freq_factor=1.0, high_freq_factor=2.0, original_max_position_embeddings=16)}
YARN = {**LONG, **rope("yarn", factor=4.0, original_max_position_embeddings=64)}
QUARTER = {"num_attention_heads": 2, **rope("default", partial_rotary_factor=0.25)}
HALF = {"num_attention_heads": 2, **rope("default", partial_rotary_factor=0.5)}

CASES = [
    Case("gpt2", "GPT2LMHeadModel"),
    Case("gpt2-hub", "GPT2LMHeadModel", {"n_inner": INNER}, committed=True, old=True, hub=True),
    Case("gpt2-untied", "GPT2LMHeadModel", {"tie_word_embeddings": False}),
    Case("gpt2-base", "GPT2Model", {"activation_function": "relu"}),
    Case("gpt2-scaled", "GPT2LMHeadModel", {"scale_attn_by_inverse_layer_idx": True, "reorder_and_upcast_attn": True}),
    Case("gpt_neox", "GPTNeoXForCausalLM", QUARTER),
    Case("gpt_neox-hub", "GPTNeoXForCausalLM", QUARTER, committed=True, old=True, hub=True),
    Case("gpt_neox-sequential", "GPTNeoXForCausalLM", {**HALF, "use_parallel_residual": False}, committed=True),
    Case("gpt_neox-fast", "GPTNeoXForCausalLM", {**QUARTER, "hidden_act": "gelu_fast", "attention_bias": False}),
    Case("llama", "LlamaForCausalLM", GROUPED),
    Case("llama-sharded", "LlamaForCausalLM", GROUPED, committed=True, sharded=True),
    Case("llama-old", "LlamaForCausalLM", old=True, hub=True),
    Case("llama-tied", "LlamaForCausalLM", {**GROUPED, "tie_word_embeddings": True}, old=True),
    Case("llama-bias", "LlamaForCausalLM", {"num_key_value_heads": 1, "attention_bias": True, "mlp_bias": True}),
    Case("llama-attention-bias", "LlamaForCausalLM", {**GROUPED, "attention_bias": True}),
    Case("llama-mlp-bias", "LlamaForCausalLM", {**GROUPED, "mlp_bias": True}, old=True),
    Case("llama-base", "LlamaModel", GROUPED),
    Case("llama-linear", "LlamaForCausalLM", LINEAR),
    Case("llama-linear-old", "LlamaForCausalLM", LINEAR, old=True),
    Case("llama-llama3", "LlamaForCausalLM", LLAMA3),
    Case("llama-llama3-old", "LlamaForCausalLM", LLAMA3, committed=True, old=True, dtype=torch.bfloat16),
    Case("llama-yarn", "LlamaForCausalLM", {**LONG, **rope("yarn", factor=4.0, original_max_position_embeddings=64, beta_fast=2.0,
                                                          beta_slow=0.5, attention_factor=1.25)}),
    Case("llama-yarn-old", "LlamaForCausalLM", YARN, old=True),
    Case("llama-bfloat16", "LlamaForCausalLM", GROUPED, dtype=torch.bfloat16),
    Case("llama-float16", "LlamaForCausalLM", GROUPED, dtype=torch.float16),
    Case("qwen2", "Qwen2ForCausalLM", {"num_key_value_heads": 2, **rope("default")}, committed=True),
    Case("qwen2-old", "Qwen2ForCausalLM", {"num_key_value_heads": 2, "tie_word_embeddings": True, **rope("default")}, old=True),
    Case("qwen2-window", "Qwen2ForCausalLM", {"num_key_value_heads": 2, "use_sliding_window": True, "sliding_window": 5,
                                              "max_window_layers": 1}),
    Case("mistral", "MistralForCausalLM", {**GROUPED, "sliding_window": 5}, committed=True, dtype=torch.float16),
    Case("mistral-old", "MistralForCausalLM", {"num_key_value_heads": 2, "sliding_window": 5, **rope("default")}, old=True),
    Case("mistral-full", "MistralForCausalLM", {**GROUPED, "sliding_window": None}),
    Case("bert", "BertModel", token_types=True),
    Case("bert-padded", "BertModel", committed=True, padded=True, token_types=True),
    Case("bert-head", "BertForMaskedLM", token_types=True),
    Case("bert-hub", "BertForMaskedLM", {"hidden_act": "gelu_new"}, committed=True, old=True, hub=True),
    Case("bert-untied", "BertForMaskedLM", {"tie_word_embeddings": False, "hidden_act": "relu"}),
    Case("roberta", "RobertaModel"),
    Case("roberta-head", "RobertaForMaskedLM"),
    Case("roberta-hub", "RobertaForMaskedLM", old=True, hub=True),
    Case("roberta-padded", "RobertaForMaskedLM", committed=True, padded=True),
]


def config_of(case: Case):
    """The sizes of every case, and what its family and itself differ in."""
    kind = getattr(transformers, case.model).config_class
    family = kind.model_type
    options = {"vocab_size": VOCABULARY, "max_position_embeddings": CONTEXT, "hidden_size": WIDTH, "num_hidden_layers": LAYERS,
               "num_attention_heads": HEADS, "intermediate_size": INNER, "bos_token_id": 2, "eos_token_id": 3}
    epsilon = {"gpt2": "layer_norm_epsilon", "gpt_neox": "layer_norm_eps"}.get(family, "rms_norm_eps")
    if family == "gpt2":
        del options["intermediate_size"]
    if family in ("bert", "roberta"):
        options["pad_token_id"] = {"bert": 0, "roberta": 1}[family]
        options["max_position_embeddings"] += {"bert": 0, "roberta": 2}[family]
        options["type_vocab_size"] = {"bert": 2, "roberta": 1}[family]
        epsilon = "layer_norm_eps"
    options[epsilon] = {"bert": 1e-12, "roberta": 1e-5}.get(family, 1e-3)
    config = kind(**{**options, **case.config})
    config._attn_implementation = "eager"
    return config


def randomize(model: torch.nn.Module, dtype: torch.dtype, generator: torch.Generator) -> None:
    """Gains around 1, all else around 0, rounded to `dtype`."""
    for name, weight in model.named_parameters():
        numbers = 0.3 * torch.randn(weight.shape, generator=generator)
        gain = weight.dim() == 1 and name.endswith("weight")
        weight.data.copy_((numbers + 1 if gain else numbers).to(dtype))


def spell_as_before(config: dict, default: dict) -> dict:
    """The same config as transformers 4 wrote it, without some of what is as by default."""
    out = {key: value for key, value in config.items() if key not in ("rope_parameters", "transformers_version", "dtype")}
    out["torch_dtype"] = config["dtype"]
    for key in ("head_dim", "num_key_value_heads", "attention_bias", "mlp_bias", "tie_word_embeddings"):
        if key in out and out[key] == default[key]:
            del out[key]
    if "layer_types" in out:  # Qwen2 states a window that it does not use
        del out["layer_types"]
        out["sliding_window"] = TOKENS // 2
    if "rope_parameters" in config:
        scaling = dict(config["rope_parameters"])
        theta, kind, part = scaling.pop("rope_theta"), scaling.pop("rope_type"), scaling.pop("partial_rotary_factor", None)
        if theta != 10000:
            out["rotary_emb_base" if part else "rope_theta"] = theta
        if part:
            out["rotary_pct"] = part
        name = "type" if kind == "linear" else "rope_type"  # Llama 3.1 brought the new name
        out["rope_scaling"] = None if kind == "default" else {name: kind, **scaling}
    return out


def hub_tensors(family: str, tensors: dict, generator: torch.Generator) -> dict:
    """The names of the hub's older files, and what they hold besides weights."""
    def random(*shape):
        return 0.3 * torch.randn(shape, generator=generator)

    causal = torch.ones(CONTEXT, CONTEXT, dtype=torch.bool).tril()[None, None]
    frequencies = {"gpt_neox": 1, "llama": WIDTH // HEADS // 2}.get(family, 0)
    out = {}
    for name, tensor in tensors.items():
        name = name.removeprefix("transformer.") if family == "gpt2" else name
        if family == "bert":
            name = name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
        out[name] = tensor
    for layer in range(LAYERS):
        if family == "gpt2":
            out[f"h.{layer}.attn.bias"] = causal.float()
            out[f"h.{layer}.attn.masked_bias"] = torch.tensor(-1e4)
        elif family == "gpt_neox":
            attention = f"gpt_neox.layers.{layer}.attention."
            out[attention + "bias"] = causal.clone()
            out[attention + "masked_bias"] = torch.tensor(-1e9)
            out[attention + "rotary_emb.inv_freq"] = random(frequencies)
        elif family == "llama":
            out[f"model.layers.{layer}.self_attn.rotary_emb.inv_freq"] = random(frequencies)
    if family in ("bert", "roberta"):
        out[f"{family}.embeddings.position_ids"] = torch.arange(CONTEXT)[None]
        out[f"{family}.pooler.dense.weight"], out[f"{family}.pooler.dense.bias"] = random(WIDTH, WIDTH), random(WIDTH)
    if family == "roberta":
        out["lm_head.decoder.weight"] = out["roberta.embeddings.word_embeddings.weight"].clone()
        out["lm_head.decoder.bias"] = out["lm_head.bias"].clone()
    if family == "bert":
        out["cls.seq_relationship.weight"], out["cls.seq_relationship.bias"] = random(2, WIDTH), random(2)
    return out


def write_model(model, case: Case, folder: pathlib.Path, generator: torch.Generator) -> None:
    model.save_pretrained(folder, max_shard_size="8KB" if case.sharded else "1GB")
    (folder / "generation_config.json").unlink(missing_ok=True)
    if case.hub:
        file = folder / "model.safetensors"
        save_file(hub_tensors(model.config.model_type, load_file(file), generator), file, metadata={"format": "pt"})
    if case.old:
        file, sizes = folder / "config.json", ("hidden_size", "num_attention_heads")
        default = type(model.config)(**{size: getattr(model.config, size) for size in sizes}).to_dict()
        config = spell_as_before(json.loads(file.read_text()), default)
        file.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def inputs_of(case: Case, config, generator: torch.Generator) -> dict:
    """Random tokens, none of them padding but in a padded case."""
    shape = (SEQUENCES, TOKENS)
    inputs = {"input_ids": torch.randint(2, VOCABULARY, shape, generator=generator)}
    if case.token_types:
        inputs["token_type_ids"] = torch.randint(config.type_vocab_size, shape, generator=generator)
    if case.padded:
        inputs["input_ids"][-1, -PADDED:] = config.pad_token_id
        inputs["attention_mask"] = (inputs["input_ids"] != config.pad_token_id).long()
    return inputs


def output_of(model, inputs: dict) -> dict:
    with torch.no_grad():
        output = model.eval()(**inputs)
    return {"logits": output.logits} if "logits" in output else {"hidden": output.last_hidden_state}


def write(case: Case, folder: pathlib.Path) -> None:
    generator = torch.Generator().manual_seed(zlib.crc32(case.name.encode()))
    kind = getattr(transformers, case.model)
    model = kind(config_of(case))
    randomize(model, case.dtype, generator)
    inputs = inputs_of(case, model.config, generator)
    written = output_of(model, inputs)
    folder.mkdir(parents=True)
    write_model(model.to(case.dtype), case, folder, generator)
    expected = output_of(kind.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager"), inputs)
    if any(not torch.equal(value, expected[name]) for name, value in written.items()):
        sys.exit(f"{folder}: what transformers reads there is not the model that was written.")
    names = {"input_ids": "tokens", "token_type_ids": "token_types"}
    expected.update({names.get(name, name): ids.float() for name, ids in inputs.items()})
    save_file(expected, folder / "expected.safetensors")
    print(f"{folder}: {sum(file.stat().st_size for file in folder.iterdir()):,} bytes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, required=True, help="where the folders go")
    parser.add_argument("--all", action="store_true", help="every case, not only those that the tests read")
    options = parser.parse_args()
    cases = [case for case in CASES if case.committed or options.all]
    present = [case.name for case in cases if (options.out / case.name).exists()]
    if present:
        print(f"{options.out} already has {', '.join(present)}. Remove them first: nothing is overwritten.", file=sys.stderr)
        sys.exit(2)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    print(f"transformers {transformers.__version__}, torch {torch.__version__}")
    for case in cases:
        write(case, options.out / case.name)


if __name__ == "__main__":
    main()
