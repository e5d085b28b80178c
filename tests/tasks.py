#!/usr/bin/env python3
"""The tasks nop and broadcast once more, in plain NumPy, from their definitions alone (Fesser et al.,
2606.08105) and the scheme of random numbers of src/core/random.h and src/data/draws.h.

    tasks.py CASES OUT

CASES is a JSON list; of each case, {seed, split, index, sequences, tokens, data}, `data` being the
block of a config with all its options. OUT gets for each in turn, as float64: kinds, targets, query roles and key
roles [B·T] each, features and answers [B·T, F] each.
"""
import json
import math
import sys
from statistics import NormalDist

try:
    import numpy as np
except ImportError:
    sys.exit(77)

WORD = 1 << 32
LONG = 1 << 64


def philox(key, counter):
    """Philox4x32-10 (Salmon et al., SC 2011) of two and four 32-bit words."""
    k, c = list(key), list(counter)
    for _ in range(10):
        high0, low0 = divmod(0xD2511F53 * c[0], WORD)
        high1, low1 = divmod(0xCD9E8D57 * c[2], WORD)
        c = [high1 ^ c[1] ^ k[0], low1, high0 ^ c[3] ^ k[1], low0]
        k = [(k[0] + 0x9E3779B9) % WORD, (k[1] + 0xBB67AE85) % WORD]
    return c


def fnv1a(text):
    h = 0xCBF29CE484222325
    for byte in text.encode():
        h = (h ^ byte) * 0x100000001B3 % LONG
    return h


def splitmix(x):
    x ^= x >> 30
    x = x * 0xBF58476D1CE4E5B9 % LONG
    x ^= x >> 27
    x = x * 0x94D049BB133111EB % LONG
    return x ^ (x >> 31)


def unit(high, low):
    return ((high * WORD + low) >> 11) / 2.0**53


class Random:
    def __init__(self, seed, stream, substream=0):
        self.key = (seed % WORD, seed // WORD)
        self.stream = splitmix((fnv1a(stream) + 0x9E3779B97F4A7C15 * substream) % LONG)

    def words(self, index):
        return philox(self.key, (index % WORD, index // WORD, self.stream % WORD, self.stream // WORD))

    def word(self, place):
        return self.words(place // 4)[place % 4]

    def below(self, index, n):
        return self.words(index)[0] * n // WORD

    def normal(self, index):
        w = self.words(index)
        return math.sqrt(-2 * math.log(1 - unit(w[0], w[1]))) * math.cos(2 * math.pi * unit(w[2], w[3]))

    def one_of_a_pair(self, place):
        """The number at `place` of those that are drawn in pairs."""
        first = place - place % 2
        radius = math.sqrt(-2 * math.log((self.word(first) + 0.5) / WORD))
        angle = 2 * math.pi * self.word(first + 1) / WORD
        return radius * (math.cos(angle) if place % 2 == 0 else math.sin(angle))


def of_sequence(case, purpose, b, count):
    """The random numbers of a sequence, and the place of the first."""
    stream = case["split"] + (" " + purpose if purpose else "")
    if case["split"] == "validation":  # by the number of the sequence, however batches are made
        return Random(case["seed"], stream, case["index"] + b), 0
    return Random(case["seed"], stream, case["index"]), b * count


def dedicated_places(case, b):
    option = case["data"]["dedicated"]
    if option["kind"] == "none":
        return []
    if option["kind"] == "fixed":
        return option["at"]
    random, first = of_sequence(case, "dedicated", b, option["count"])
    left = list(range(case["tokens"]))
    for i in range(option["count"]):
        j = i + random.below(first + i, len(left) - i)
        left[i], left[j] = left[j], left[i]
    return left[: option["count"]]


def gate_of(data):
    random = Random(data["gate_seed"], "gate")
    g = np.array([random.normal(f) for f in range(data["features"])])
    return g / np.linalg.norm(g)


def rotation_of(data):
    """Q of the QR decomposition, with a positive diagonal of R, of a matrix of normal numbers, as a
    product of reflections; its first row is turned round where it mirrors."""
    n, random = data["features"], Random(data["gate_seed"], "rotation")
    q, signs = np.eye(n), np.empty(n)
    for k in range(n):
        x = np.zeros(n)
        x[k:] = [random.normal(k * n + i) for i in range(k, n)]
        signs[k] = 1 if x[k] < 0 else -1
        v = x.copy()
        v[k] -= signs[k] * np.linalg.norm(x)  # its reflection maps x to signs[k] ‖x‖ e_k
        q = q @ (np.eye(n) - 2 * np.outer(v, v) / (v @ v))
    q = q * signs
    if np.linalg.det(q) < 0:
        q[0] = -q[0]
    # A rotation, whatever the reflections were:
    assert np.allclose(q @ q.T, np.eye(n), atol=1e-12) and abs(np.linalg.det(q) - 1) < 1e-9
    return q


def sequence_of(case, b, gate, rotation):
    data, T, F = case["data"], case["tokens"], case["data"]["features"]
    places = dedicated_places(case, b)
    plain = [t for t in range(T) if t not in places]
    even = F + F % 2
    random, first = of_sequence(case, "", b, T * even)
    x = np.zeros((T, F))
    for t in plain:
        for f in range(F):
            x[t, f] = np.float32(random.one_of_a_pair(first + t * even + f))
    kinds, answers = np.zeros(T), np.zeros((T, F))
    if data["kind"] == "nop":
        threshold = {0.0: math.inf, 1.0: -math.inf}.get(data["active"])
        if threshold is None:
            threshold = NormalDist().inv_cdf(1 - data["active"])
        for t in plain:
            kinds[t] = x[t] @ gate > threshold
            answers[t] = (data["damping"] if kinds[t] else 1) * x[t]
    else:
        source = max(plain, key=lambda t: x[t] @ gate)
        kinds[source] = 1
        for t in plain:
            answers[t] = x[t] + rotation @ x[source]
    for i, t in enumerate(places):
        kinds[t] = 2 + i
    return places, x, kinds, answers


def roles_of(case, places, kinds):
    """Queries: nop and active, or plain, then dedicated. Keys: one role for each dedicated token,
    the source, the first token and the others."""
    nop, D, query, key = case["data"]["kind"] == "nop", len(places), [], []
    for t in range(case["tokens"]):
        is_source = not nop and kinds[t] == 1
        if t in places:
            query.append(2 if nop else 1)
            key.append(places.index(t))
        else:
            query.append(kinds[t] if nop else 0)
            key.append(D if is_source else D + (0 if nop else 1) + (0 if t == 0 else 1))
    return query, key


def main():
    cases = json.load(open(sys.argv[1]))
    with open(sys.argv[2], "wb") as out:
        for case in cases:
            gate = gate_of(case["data"])
            rotation = rotation_of(case["data"]) if case["data"]["kind"] == "broadcast" else None
            rows = [[] for _ in range(6)]
            for b in range(case["sequences"]):
                places, x, kinds, answers = sequence_of(case, b, gate, rotation)
                targets = np.where(kinds < 2, kinds, -1)
                for row, part in zip(rows, (kinds, targets, *roles_of(case, places, kinds), x, answers)):
                    row.append(np.asarray(part, dtype=np.float64).ravel())
            for row in rows:
                out.write(np.concatenate(row).tobytes())


main()
