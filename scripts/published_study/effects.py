"""What a study of published models reads from the program's files: effects of interventions, and elements of each text."""
import pathlib

import h5py
import numpy as np

ELEMENT, OTHER = "first place", "other place"


class Arms:
    """The effects of the arms: quantities by the arm's name, such as [layer, head, key]."""

    def __init__(self, file: pathlib.Path, definition: dict):
        self.log = h5py.File(file)
        self.definition = definition
        self.names = [name.decode() for name in self.log["spec/arm_name"][()]]
        self.positions = dict(zip((name.decode() for name in self.log["spec/position_name"][()]),
                                  self.log["spec/position"][()].tolist()))

    def read(self, arm: str, name: str) -> np.ndarray:
        return self.log[f"natural/{name}"][()] if arm == "natural" else self.log[f"arms/{name}"][self.names.index(arm)]

    def cost(self, arm: str) -> float:
        """Loss in nat, or the distance of the output where there is no loss."""
        return float(np.ravel(self.read(arm, "loss" if "natural/loss" in self.log else "output_distance"))[0])

    def waivers(self, arm: str) -> np.ndarray:
        """Which keys are waivers by the definition, [layer, head, key]."""
        return ((self.read(arm, "received_attention") > self.definition["attention"]) &
                (self.read(arm, "enrichment") > self.definition["enrichment"]) &
                (self.read(arm, "value_ratio") < self.definition["value_ratio"]))

    def place(self, name: str) -> int:
        return self.positions["waiver" if name == ELEMENT else "other"]

    def follow(self, arm: str) -> float:
        """The share of the attention of the untouched waiver that goes along to the other place, over the heads that have it."""
        before, after = self.read("natural", "received_attention"), self.read(arm, "received_attention")
        heads = self.waivers("natural")[:, :, self.place(ELEMENT)]
        first, other = self.place(ELEMENT), self.place(OTHER)
        moved, whole = (after - before)[:, :, other][heads].sum(), (before[:, :, first] - before[:, :, other])[heads].sum()
        return float(moved / whole) if heads.any() else float("nan")

    def natural_heads(self) -> np.ndarray:
        """The heads with a waiver in the untouched model, [layer, head]."""
        return self.waivers("natural").any(axis=2)

    def with_one(self, arm: str, place: str | None) -> np.ndarray:
        """How far each head has a waiver, [layer, head]: at a place, whether it has one in the means over texts; anywhere, the
        same or the share of texts that have one by themselves, whichever is more."""
        now = self.waivers(arm)
        if place is not None:
            return now[:, :, self.place(place)].astype(float)
        return np.maximum(now.any(axis=2), self.read(arm, "waiver_anywhere"))

    def share(self, arm: str, place: str | None) -> list[float]:
        """Per layer: of the heads with a waiver in the untouched model, those that have one at the place (or anywhere)."""
        now = self.with_one(arm, place)
        return [float(now[layer][heads].mean()) if heads.any() else float("nan")
                for layer, heads in enumerate(self.natural_heads())]

    def left(self, arm: str, layers: slice = slice(None), place: str | None = None) -> float:
        """The same over all of these layers together."""
        heads = self.natural_heads()[layers]
        return float(self.with_one(arm, place)[layers][heads].mean()) if heads.any() else float("nan")

    def bands(self) -> list[slice]:
        """The runs of layers that have a waiver in the untouched model."""
        here = [False, *self.natural_heads().any(axis=1), False]
        edges = [layer for layer in range(len(here) - 1) if here[layer] != here[layer + 1]]
        return [slice(start, end) for start, end in zip(edges[::2], edges[1::2])]


# Of each way: the arm in which it is all that is left and the place where, the arm that takes it away, and the one that moves it.
WAYS = {"position id": {"alone": ("ordinary token", ELEMENT), "without": "first id absent", "moved": "another id"},
        "token": {"alone": ("first id absent", ELEMENT), "without": "ordinary token", "moved": "another token"},
        "mask": {"alone": ("self-only row", OTHER), "without": None, "moved": "self-only row"}}
BOTH_GONE = "ordinary token, first id absent"


def ways_of(arms: Arms) -> dict:
    """Per way: how much follows it, where it suffices by layer, and what is left without it."""
    out = {}
    for way, how in WAYS.items():
        arm, place = how["alone"]
        out[way] = {"follow": arms.follow(how["moved"]), "suffices": arms.share(arm, place),
                    "without": arms.share(how["without"], None) if how["without"] else None}
    return out


def blocks_of(arms: Arms) -> dict:
    """What taking out each block does: its cost, and how many of the waivers behind it are left; the same for its MLP at the first
    place alone, where the waivers of that place and those of any are counted apart, with the residual ratio there after the layer
    in which it is largest."""
    norm = arms.read("natural", "residual_ratio")[:, arms.place(ELEMENT)]
    layers, read_at = len(norm), int(np.argmax(norm))
    out = {key: [] for key in ("cost", "left", "left without MLP", "left anywhere without MLP", "left without MLP elsewhere", "norm")}
    for block in range(layers):
        behind = slice(block + 1, None)
        whole, mlp, control = (f"{name} {block}" for name in ("no block", "no MLP at the waiver, block",
                                                              "no MLP at the other, block"))
        out["cost"].append(arms.cost(whole) - arms.cost("natural"))
        out["left"].append(arms.left(whole, behind, ELEMENT))
        out["left without MLP"].append(arms.left(mlp, behind, ELEMENT))
        out["left anywhere without MLP"].append(arms.left(mlp, behind))
        out["left without MLP elsewhere"].append(arms.left(control, behind, ELEMENT))
        out["norm"].append(float(arms.read(mlp, "residual_ratio")[read_at, arms.place(ELEMENT)]))
    out["left by band without MLP"] = [[arms.left(f"no MLP at the waiver, block {block}", band, ELEMENT) for block in range(layers)]
                                       for band in arms.bands()]
    return out | {"norm read after layer": read_at, "natural norm": float(norm[read_at])}


def runs(layers: np.ndarray) -> str:
    """`3–9, 12–29` of the layers that are true."""
    parts, start = [], None
    for layer, here in enumerate([*layers, False]):
        if here and start is None:
            start = layer
        if not here and start is not None:
            parts.append(str(start) if start == layer - 1 else f"{start}–{layer - 1}")
            start = None
    return ", ".join(parts)


class Elements:
    """The elements of each text by itself: [layer, text, position]."""

    def __init__(self, file: pathlib.Path):
        log = h5py.File(file)
        probe = log["probe"]
        self.tokens = np.array([[token.decode() for token in row] for row in log["sequences/tokens"][()]])
        self.waivers, self.attention, self.value_ratio, self.residual_ratio, self.cosine, self.massive = (
            probe[f"element_{name}"][-1]
            for name in ("waivers", "attention", "value_ratio", "residual_ratio", "cosine", "massive"))

    def by_token(self, most: int = 8) -> list[dict]:
        """The waivers beside the first position, by token, those in most texts first; `of first ones` and `of later ones`: how many
        of the tokens that are the first of their kind in a text, and of the others, are waivers, where many queries see them."""
        here = self.waivers > 0
        here[:, :, 0] = False
        judged = np.isfinite(self.waivers).any(axis=0)
        judged[:, 0] = False
        found = []
        for token in np.unique(self.tokens[here.any(axis=0)]):
            same = self.tokens == token
            of_token, first = here & same, same & judged & (np.cumsum(same, axis=1) == 1)
            later = same & judged & ~first
            texts = int(of_token.any(axis=(0, 2)).sum())
            medians = {name: float(np.median(getattr(self, name)[of_token]))
                       for name in ("attention", "value_ratio", "residual_ratio", "cosine")}
            shares = {name: float(here.any(axis=0)[places].mean()) if places.any() else float("nan")
                      for name, places in (("of first ones", first), ("of later ones", later))}
            found.append({"token": str(token), "texts": texts, "layers": runs(of_token.any(axis=(1, 2))),
                          "heads": int(self.waivers[of_token].max()), **medians, **shares})
        return sorted(found, key=lambda entry: (-entry["texts"], entry["token"]))[:most]

    def strongest(self, most: int, end: int, layers: slice = slice(None)) -> list[tuple[int, int]]:
        """The strongest waiver of each text in these layers, between its first position and `end`, of at most so many texts:
        (text, position)."""
        strength = np.nansum(self.waivers[layers], axis=0)
        strength[:, 0] = 0
        strength[:, end:] = 0
        texts = np.argsort(-strength.max(axis=1), kind="stable")[:most]
        return [(int(text), int(strength[text].argmax())) for text in texts if strength[text].max() > 0]

    def texts_with_secondary(self) -> list[float]:
        """Per layer, the share of texts with a waiver beside the first position."""
        return (self.waivers[:, :, 1:] > 0).any(axis=2).mean(axis=1).tolist()


def by_role(file: pathlib.Path) -> dict:
    """α and r_V of every role, mean over heads, by layer."""
    log = h5py.File(file)
    if "role_received_attention" not in log["probe"]:
        return {}
    names = [name.decode() for name in log["roles/key_role_name"][()]]
    attention, value = log["probe/role_received_attention"][-1], log["probe/role_value_ratio"][-1]
    return {name: {"attention": attention[:, :, 0, r].mean(axis=1).tolist(),
                   "value_ratio": np.median(value[:, :, r], axis=1).tolist()}
            for r, name in enumerate(names) if np.isfinite(value[:, :, r]).all()}  # a role that no token has is left out


def mechanism_of(file: pathlib.Path) -> dict:
    """The verdicts of the mechanism tests, what the waiver follows, and what edits of its value cost."""
    group = h5py.File(file)["mechanism"]

    def numbers(prefix: str, names: list[str]) -> dict:
        return {name: float(np.ravel(group[prefix + name][()])[-1]) for name in names if prefix + name in group}

    def words(name: str) -> str:
        text = str(group[name].attrs["description"]) if "description" in group[name].attrs else ""
        codes = dict(part.strip().split(" ", 1) for part in text.rsplit(": ", 1)[-1].split(", "))
        return codes[str(int(np.ravel(group[name][()])[-1]))]

    return {"status": words("status"), "selected by": words("selected_by"),
            "follows": numbers("follows_", ["encoding", "content", "both", "effective"]),
            "cost": numbers("loss_", ["zero", "hide", "mean", "noise", "donor", "foreign"]),
            "numbers": numbers("", ["rho", "dose", "dose_effective", "W4_replaced", "W7_rise", "W8_layer", "W8_onset_layer",
                                    "W10_share", "W10_r_V"]),
            "hypotheses": {f"W{i}": words(f"W{i}") for i in range(1, 11)}}
