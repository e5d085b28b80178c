"""The verdicts of a study of published models. Every claim is a function of what was read and of its thresholds."""
import numpy as np

from published_study.effects import BOTH_GONE, ELEMENT, Arms, Elements, runs


def undecided(supported: bool, refuted: bool) -> str:
    return "supported" if supported else "refuted" if refuted else "undecided"


def w17(arms: Arms, ways: dict, claim: dict) -> dict:
    """Both ways of the paper are seen: enough heads have a waiver, and position id or token takes its attention along."""
    share = float(arms.natural_heads().mean())
    follow = max(ways[way]["follow"] for way in ("position id", "token"))
    verdict = undecided(share >= claim["heads"] and follow >= claim["follow"], share < claim["refuted_below"])
    return {"verdict": verdict, "share of heads": share, "strongest follow rate": follow}


def w18(arms: Arms, ways: dict, claim: dict) -> dict:
    """Two ways each suffice in some layer, and none is left where both are gone. A way suffices where it alone is left, so where
    waivers stand without token and id, by a further way, this cannot be told; nor where there are none to begin with."""
    gone = arms.share(BOTH_GONE, None)
    alone = {way: [layer for layer, value in enumerate(ways[way]["suffices"]) if value >= claim["suffices"] > gone[layer]]
             for way in ("position id", "token")}
    needed = {way: [layer for layer, value in enumerate(ways[way]["without"]) if value < claim["needed"]] for way in alone}
    both = [layer for layer in alone["position id"] if layer in alone["token"]]
    left = arms.left(BOTH_GONE)
    return {"verdict": undecided(bool(both) and left < claim["gone"], not both and left < claim["gone"]),
            "layers where both suffice": both, "suffices alone in": alone, "left where both are gone": left,
            "layers that need it": needed}


def recovery(losses: dict, name: str) -> float:
    """How much of what a window loses is left to it; NaN where it loses nothing."""
    lost = losses["window"] - losses["full"]
    return (losses["window"] - losses[name]) / lost if lost else float("nan")


def b14(cache: dict, claim: dict) -> dict:
    """With the first position kept, a cache that evicts loses little: how much of the loss it recovers."""
    losses = cache["first"]
    recovered = recovery(losses, "kept")
    return {"verdict": undecided(recovered >= claim["recovery"], recovered < claim["refuted_below"]), "recovered": recovered,
            "perplexity, all keys": float(np.exp(losses["full"])), "evicting": float(np.exp(losses["window"])),
            "first kept": float(np.exp(losses["kept"]))}


def w13(cache: dict, claim: dict) -> dict:
    """A cache must keep a waiver, not position 0: how much of what the window loses the first position recovers, the texts' own
    waivers of each band alone, and other positions."""
    bands = {band: recovery(losses, "waiver") for band, losses in cache["secondary"].items()}
    waivers = [recovery(cache["first"], "kept"), *bands.values()]
    other = max(recovery(losses, "random") for losses in (cache["first"], *cache["secondary"].values()))
    return {"verdict": undecided(min(waivers) >= claim["recovery"] and other < claim["random"],
                                 max(waivers) < claim["recovery"] or other >= claim["random"]),
            "first position": waivers[0], "a text's own waiver, by band": bands, "at random": other}


def b32(mechanism: dict, claim: dict) -> dict:
    """The waiver follows this way, position encoding or content, as far as there is a sink."""
    follow = mechanism["follows"].get(claim["way"], float("nan"))
    verdict = undecided(follow >= claim["follow"], follow <= claim["refuted_below"])
    return {"verdict": "undecided" if mechanism["status"] == "neither" else verdict, "status": mechanism["status"],
            "follows": mechanism["follows"], "selected by": mechanism["selected by"]}


def b34(elements: Elements, claim: dict) -> dict:
    """Massive activations beside the first position stand on tokens of weak meaning."""
    here = elements.massive > 0
    here[:, :, 0] = False
    places = here.any(axis=0)
    weak = np.isin(elements.tokens, [*claim["weak"], *(word.encode("unicode_escape").decode() for word in claim["weak"])])
    texts = float(places.any(axis=1).mean())
    share = float(weak[places].mean()) if places.any() else float("nan")
    names, counts = np.unique(elements.tokens[places], return_counts=True)
    return {"verdict": undecided(texts >= claim["texts"] and share >= claim["weak_share"], texts < claim["refuted_below"]),
            "texts with one": texts, "of these places on weak tokens": share, "weak tokens of all": float(weak.mean()),
            "layers": runs(here.any(axis=(1, 2))), "tokens": dict(zip(names.tolist(), counts.tolist()))}


def ranks(x: np.ndarray) -> np.ndarray:
    """Mean ranks, equal values sharing theirs."""
    values, inverse, counts = np.unique(x, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[inverse]


def spearman(x: np.ndarray, y: np.ndarray) -> float:
    return float(np.corrcoef(ranks(x), ranks(y))[0, 1]) if len(np.unique(x)) > 1 and len(np.unique(y)) > 1 else float("nan")


def b35(elements: Elements, claim: dict) -> dict:
    """Middle layers give some tokens the first position's direction; the norm sets for how long, and how much attention they get."""
    layers = len(elements.cosine)
    like = elements.cosine > claim["cosine"]
    like[:, :, 0] = False
    middle = slice(layers // 4, layers - layers // 4)
    places = np.argwhere(like[middle].any(axis=0))
    texts = len({text for text, _ in places}) / like.shape[1]
    life = np.array([like[:, text, key].sum() for text, key in places])
    norm = np.array([elements.residual_ratio[middle, text, key].max() for text, key in places])
    seen = np.array([np.isfinite(elements.attention[:, text, key]).any() for text, key in places], bool)
    attention = np.array([np.nanmax(elements.attention[:, text, key]) if s else np.nan for (text, key), s in zip(places, seen)])
    with_life, with_attention = spearman(norm, life), spearman(norm[seen], attention[seen])
    waivers = [bool((elements.waivers[:, text, key] > 0).any()) for (text, key), s in zip(places, seen) if s]
    names, counts = np.unique([elements.tokens[text, key] for text, key in places], return_counts=True)
    most = np.argsort(-counts, kind="stable")[:6]
    weaker = min(with_life, with_attention)
    return {"verdict": undecided(texts >= claim["texts"] and weaker >= claim["spearman"],
                                 texts == 0 or weaker < claim["refuted_below"]),
            "texts with one": texts, "places": len(places), "norm and life": with_life, "norm and attention": with_attention,
            "of these waivers": float(np.mean(waivers)) if waivers else float("nan"),
            "layers": runs(like.any(axis=(1, 2))), "tokens": {str(names[i]): int(counts[i]) for i in most}}


def b36(natural: Elements, bare: Elements, claim: dict) -> dict:
    """One token put before the text: is the token that was first still massive, and still a waiver?"""
    def stays(before: np.ndarray, after: np.ndarray) -> float:
        had = (before[:, :, 0] > 0).any(axis=0)
        return float((after[:, :, 1] > 0).any(axis=0)[had].mean()) if had.any() else float("nan")
    massive = stays(bare.massive, natural.massive)
    return {"verdict": undecided(massive >= claim["stays"], massive < claim["refuted_below"]), "stays massive": massive,
            "stays a waiver": stays(bare.waivers, natural.waivers),
            "massive before": float((bare.massive[:, :, 0] > 0).any(axis=0).mean()),
            "put before, is massive": float((natural.massive[:, :, 0] > 0).any(axis=0).mean())}


def b37(out: Arms, layers: list[int], claim: dict) -> dict:
    """The perplexity without these layers, and the waivers behind them."""
    name = out.names[0]
    factor = float(np.exp(out.cost(name) - out.cost("natural")))
    return {"verdict": undecided(factor >= claim["factor"], factor < claim["refuted_below"]), "perplexity times": factor,
            "waivers behind them left": out.left(name, slice(max(layers) + 1, None), ELEMENT),
            "of all, anywhere": out.left(name, slice(max(layers) + 1, None)),
            "waivers before them left": out.left(name, slice(0, min(layers)), ELEMENT)}


def b38(roles: dict, claim: dict) -> dict:
    """[SEP] takes over half of the attention in some layer."""
    most = {role: {"attention": max(roles[role]["attention"]), "layer": int(np.argmax(roles[role]["attention"]))}
            for role in ("[CLS]", "[SEP]")}
    sep = most["[SEP]"]["attention"]
    return {"verdict": undecided(sep > claim["attention"], sep < claim["refuted_below"]), "most": most}
