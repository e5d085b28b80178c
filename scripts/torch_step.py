#!/usr/bin/python3
"""Makes training steps of a transformer in PyTorch, for `waiver bench --compare`.

    scripts/torch_step.py '{"layers": 4, "heads": 4, "width": 256, "precision": "bfloat16", ...}'

Prints a JSON object per line: first the version and the BLAS, then an answer to every line that it
reads. `products float32` (or bfloat16) answers with the GFLOP/s of a large matrix product, `eager`
and `compiled` each make one training step and answer with its milliseconds; the first `compiled`
compiles. A request that cannot be met is answered with the problem. Ends with its input.
"""
import contextlib
import inspect
import json
import math
import os
import re
import sys
import time

MODEL = json.loads(sys.argv[1])
for library in "OMP", "OPENBLAS", "MKL":  # read when the library loads
    os.environ[f"{library}_NUM_THREADS"] = str(MODEL["threads"])

ANSWERS = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # whatever a library prints is no answer


def answer(**facts):
    print(json.dumps(facts), file=ANSWERS, flush=True)


def reason(error):
    """What went wrong first, in one line that is not long."""
    while error.__cause__:
        error = error.__cause__
    if "InvalidCxxCompiler" in f"{type(error).__name__} {error}":
        return "no C++ compiler"
    text = str(error).split("\n", 1)[0].rstrip(".:") or type(error).__name__
    return text if len(text) <= 120 else text[:117] + "..."


try:
    import torch
except Exception as error:
    if isinstance(error, ModuleNotFoundError) and error.name == "torch":
        answer(missing="torch")
    else:
        answer(problem=reason(error))
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
    for fastest in "fused", "foreach":  # of those that this version has for CPUs
        if fastest in inspect.signature(torch.optim.AdamW).parameters:
            with contextlib.suppress(RuntimeError):
                return torch.optim.AdamW(parameters, **options, **{fastest: True})
    return torch.optim.AdamW(parameters, **options)


class Training:
    def __init__(self, c):
        torch.manual_seed(0)
        self.model = Transformer(c)
        self.parameters = list(self.model.parameters())
        self.optimizer = adamw(self.parameters)
        data = torch.randint(c["vocabulary"], (c["batch"], c["context"] + 1))
        self.inputs, self.targets = data[:, :-1].contiguous(), data[:, 1:].reshape(-1)
        self.bfloat16 = c["precision"] == "bfloat16"
        self.losses = {"eager": self.loss}

    def loss(self):
        return F.cross_entropy(self.model(self.inputs).flatten(0, 1), self.targets)

    def compile(self):
        if not hasattr(torch, "compile"):
            raise NotImplementedError("this version has no torch.compile")
        self.losses["compiled"] = torch.compile(self.loss, dynamic=False)

    def step(self, how):
        """Milliseconds of a training step."""
        start = time.perf_counter()
        self.optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bfloat16):
            loss = self.losses[how]()
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        loss.item()
        return 1000 * (time.perf_counter() - start)


def product_rate(precision):
    n, best = 1024, math.inf
    a, b = (torch.rand(n, n).to(getattr(torch, precision)) for _ in range(2))
    for _ in range(6):
        start = time.perf_counter()
        a @ b
        best = min(best, time.perf_counter() - start)
    return 2e-9 * n**3 / best


def blas():
    """The library that multiplies float32 matrices, as far as it can be told."""
    mkl = re.search(r"Math Kernel Library Version ([\d.]+)", torch.__config__.show())
    if mkl:
        return f"MKL {mkl[1]}"
    with open("/proc/self/maps") as file:
        loaded = file.read()
    openblas = re.search(r"openblas\S*?-r?(\d+(?:\.\d+)+)", loaded)
    if openblas:
        return f"OpenBLAS {openblas[1]}"
    return next((name for name in ("OpenBLAS", "BLIS", "ATLAS") if name.lower() in loaded),
                "reference BLAS" if "/libblas" in loaded else "unknown BLAS")


def main(c):
    torch.set_num_threads(c["threads"])
    answer(version=torch.__version__, blas=blas())
    training = None
    for request in map(str.strip, sys.stdin):
        try:
            if request.startswith("products "):
                answer(gflops=product_rate(request.split()[1]))
                continue
            training = training or Training(c)
            if request == "compiled" and request not in training.losses:
                training.compile()
            answer(ms=training.step(request))
        except Exception as error:
            answer(problem=reason(error))


if __name__ == "__main__":
    main(MODEL)
