#!/usr/bin/python3
"""Makes training steps of a transformer in eager PyTorch, for `waiver bench --compare`.

    scripts/torch_step.py '{"layers": 4, "heads": 4, "width": 256, ...}'

Prints `ready VERSION RATE` (the GFLOP/s of its own large matrix product), then reads lines: for each
`step` it makes one step and prints its milliseconds. Ends with its input. Where PyTorch is missing
it says so instead.
"""
import inspect
import json
import math
import os
import sys
import time

MODEL = json.loads(sys.argv[1])
for library in "OMP", "OPENBLAS", "MKL":  # read when the library loads
    os.environ[f"{library}_NUM_THREADS"] = str(MODEL["threads"])

try:
    import torch
except ImportError:
    print(f"PyTorch is not installed for {sys.executable}")
    sys.exit(2)

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402


class Attention(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.heads = c["heads"]
        self.qkv = nn.Linear(c["width"], 3 * c["width"], bias=c["attention_bias"])
        self.out = nn.Linear(c["width"], c["width"], bias=c["attention_bias"])
        hidden = torch.ones(c["context"], c["context"], dtype=torch.bool).triu(1)
        self.register_buffer("hidden", hidden, persistent=False)

    def forward(self, x):
        B, T, C = x.shape
        q, k, v = (t.view(B, T, self.heads, -1).transpose(1, 2) for t in self.qkv(x).split(C, 2))
        if hasattr(F, "scaled_dot_product_attention"):
            mix = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:
            scores = (q @ k.transpose(-2, -1)) / math.sqrt(q.shape[-1])
            mix = scores.masked_fill(self.hidden[:T, :T], -math.inf).softmax(-1) @ v
        return self.out(mix.transpose(1, 2).reshape(B, T, C))


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(c["width"]), nn.LayerNorm(c["width"])
        self.attention = Attention(c)
        activation = {"gelu": nn.GELU, "relu": nn.ReLU}[c["activation"]]
        self.mlp = nn.Sequential(nn.Linear(c["width"], c["mlp"], bias=c["mlp_bias"]), activation(),
                                 nn.Linear(c["mlp"], c["width"], bias=c["mlp_bias"]))

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Transformer(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.tokens = nn.Embedding(c["vocabulary"], c["width"])
        self.positions = nn.Embedding(c["context"], c["width"])
        self.blocks = nn.ModuleList(Block(c) for _ in range(c["layers"]))
        self.norm = nn.LayerNorm(c["width"])
        self.output = nn.Linear(c["width"], c["vocabulary"], bias=False)
        if c["tied"]:
            self.output.weight = self.tokens.weight

    def forward(self, tokens):
        x = self.tokens(tokens) + self.positions.weight[:tokens.shape[1]]
        for block in self.blocks:
            x = block(x)
        return self.output(self.norm(x))


def adamw(parameters):
    options = {"lr": 3e-4, "betas": (0.9, 0.99), "weight_decay": 1e-4}
    if "foreach" in inspect.signature(torch.optim.AdamW).parameters:
        options["foreach"] = True
    return torch.optim.AdamW(parameters, **options)


def product_rate():
    n, best = 1024, math.inf
    a, b = torch.rand(n, n), torch.rand(n, n)
    for _ in range(4):
        start = time.perf_counter()
        a @ b
        best = min(best, time.perf_counter() - start)
    return 2e-9 * n**3 / best


def main(c):
    torch.set_num_threads(c["threads"])
    torch.manual_seed(0)
    model = Transformer(c)
    optimizer = adamw(model.parameters())
    data = torch.randint(c["vocabulary"], (c["batch"], c["context"] + 1))
    inputs, targets = data[:, :-1].contiguous(), data[:, 1:].reshape(-1)
    print("ready", torch.__version__, product_rate(), flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(model(inputs).flatten(0, 1), targets)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        loss.item()
        print(1000 * (time.perf_counter() - start), flush=True)


if __name__ == "__main__":
    main(MODEL)
