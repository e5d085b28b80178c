"""One model of a study of published models, and what is measured on it."""
import pathlib

import numpy as np
import yaml

from published_study import claims
from published_study.effects import BOTH_GONE, WAYS, Arms, Elements, blocks_of, by_role, mechanism_of, runs, ways_of
from published_study.eviction import Eviction
from published_study.steps import INTERVENTIONS, refuse, run

FEW = 16  # sequences, where every layer is taken out in turn


class Subject:
    """One model of a study, and what is measured on it; `data` are the overrides that say on which sequences."""

    def __init__(self, study, model: pathlib.Path, data: list[str], suffix: str):
        self.study, self.spec, self.model, self.data, self.suffix = study, study.spec, model, data, suffix
        self.batch = [f"probe.batch={self.spec['sequences']}"]

    def file(self, name: str, verb: str, *rest) -> pathlib.Path:
        out = self.study.out / f"{name}{self.suffix}.h5"
        return self.study.make(out, self.study.waiver, verb, self.model, *rest, "--out", out)

    def probe(self, name: str, *options) -> pathlib.Path:
        return self.file(name, "probe", *self.data, *self.batch, *options)

    def arms(self, name: str, spec: pathlib.Path, batch: list[str] | None = None) -> Arms:
        other = [f"positions.other={self.spec['other']}"] if "other" in self.spec else []
        return Arms(self.file(name, "intervene", spec, *other, *self.data, *(batch or self.batch)), self.spec["waiver"])

    def bare(self) -> Elements:
        """The same texts without the token that is put before them."""
        text = self.study.tokens("bare.npy", False)
        data = [f"model.context={self.spec['length'] - 1}", f"data.validation={text}", *self.batch]
        return Elements(self.file("bare", "probe", *data))

    def taken_out(self) -> Arms:
        """The pass without some layers."""
        points = [f"blocks.{layer}.{part}.out" for layer in self.spec["taken_out"] for part in ("attn", "mlp")]
        spec = self.study.out / "taken_out.yaml"
        spec.write_text(yaml.safe_dump({"title": "Layers taken out", "positions": {"waiver": 0},
                                        "arms": [{"name": "taken out", "edits": [{"at": points, "edit": "zero"}]}]}))
        return self.arms("taken_out", spec)

    def strongest(self, elements: Elements, arms: Arms, end: int) -> dict[str, list[tuple[int, int]]]:
        """The strongest waivers of single texts beside the first position, by band of layers: (text, position)."""
        return {runs(np.isin(range(len(elements.waivers)), range(band.start, band.stop))):
                elements.strongest(self.spec["secondary"], end, band) for band in arms.bands()}

    def secondary(self, elements: Elements, natural: Arms) -> dict:
        """What these waivers follow, to a place 8 tokens on or back, and what is left at their places."""
        texts, found = np.load(self.study.out / "text.npy"), {}
        out = self.study.out / "secondary"
        out.mkdir(exist_ok=True)
        end = texts.shape[1] * 3 // 4
        for band, chosen in self.strongest(elements, natural, end).items():
            found[band] = [self.moved(out, texts, text, key, end) | {"token": str(elements.tokens[text, key])} for text, key in chosen]
        return found

    def moved(self, out: pathlib.Path, texts: np.ndarray, text: int, key: int, end: int) -> dict:
        one, effects = out / f"text-{text}.npy", out / f"text-{text}.{key}.h5"
        np.save(one, texts[text:text + 1])
        places = [f"positions.waiver={key}", f"positions.other={key + 8 if key + 8 < end else key - 8}"]
        self.study.make(effects, self.study.waiver, "intervene", self.model, INTERVENTIONS / "crossed.yaml", *places, self.data[0],
                        f"data.validation={one}", *self.data[2:], "probe.batch=1", "--out", effects)
        arms = Arms(effects, self.spec["waiver"])
        natural = arms.waivers("natural")[:, :, key]
        return {"text": text, "position": key, "layers": runs(natural.any(axis=1)),
                "follow": {way: arms.follow(how["moved"]) for way, how in WAYS.items()},
                "left without": {way: float(arms.waivers(how["without"])[:, :, key][natural].mean())
                                 for way, how in WAYS.items() if how["without"]}}

    def cache(self, elements: Elements, natural: Arms) -> dict:
        """Losses with a cache that evicts, with and without the first position, and with and without each text's own waivers."""
        window = self.spec["cache"]["window"]
        out = self.study.out / f"cache{self.suffix}"
        out.mkdir(exist_ok=True)
        eviction = Eviction(lambda *rest: run(self.study.waiver, "eval", self.model, *self.data[:1], *rest), out, window)
        if self.study.trained:
            return {"first": eviction.own()}
        texts = np.load(self.study.out / "text.npy")
        bands = self.strongest(elements, natural, texts.shape[1] - window)  # later ones are never evicted
        return {"first": eviction.first(texts[:FEW]),
                "secondary": {band: eviction.secondary(texts, chosen) for band, chosen in bands.items() if chosen}}

    def by_step(self) -> dict:
        """Which way suffices and which is needed at checkpoints of the training."""
        found = {}
        for step in self.spec["steps"]:
            checkpoint = self.model / f"checkpoints/step-{step:08}"
            if not checkpoint.exists():
                refuse(f"{checkpoint}: there is no such checkpoint. Name the step in train.checkpoint.at of `set`.")
            then = Subject(self.study, checkpoint, self.data, f"{self.suffix}-step-{step}")
            arms = then.arms("arms", INTERVENTIONS / "crossed.yaml")
            ways = ways_of(arms)
            found[str(step)] = {"share of heads": float(arms.natural_heads().mean()), "ways": ways,
                                "left": {arm: arms.left(arm) for arm in arms.names}} | (
                {"W18": claims.w18(arms, ways, self.spec["claims"]["W18"])} if "W18" in self.spec["claims"] else {})
        return found

    def measure(self) -> dict:
        """Everything that the study asks of this model, with verdicts."""
        wanted, spec = self.spec["claims"], self.spec
        natural = self.probe("natural")
        arms = self.arms("arms", INTERVENTIONS / "crossed.yaml")
        ways, elements, roles = ways_of(arms), Elements(natural), by_role(natural)
        record = {"claims": {}, "ways": ways, "left": {arm: arms.left(arm) for arm in arms.names},
                  "gone": arms.share(BOTH_GONE, None), "waivers": arms.natural_heads().mean(axis=1).tolist(),
                  "secondary": {"tokens": elements.by_token(), "texts by layer": elements.texts_with_secondary()},
                  "mechanism": mechanism_of(self.probe("mechanism", "--mechanism")), "natural": roles}
        if not self.study.trained:
            record["random"] = by_role(self.probe("random", "--tokens", "random"))
        if spec.get("blocks", True):
            record["blocks"] = blocks_of(self.arms("blocks", INTERVENTIONS / "blocks.yaml", [f"probe.batch={FEW}"]))
        if "secondary" in spec:
            record["secondary"]["moved"] = self.secondary(elements, arms)
        if "cache" in spec:
            record["cache"] = self.cache(elements, arms)
        if "steps" in spec:
            record["by step"] = self.by_step()
        asked = {"B14": lambda claim: claims.b14(record["cache"], claim),
                 "B32": lambda claim: claims.b32(record["mechanism"], claim),
                 "W13": lambda claim: claims.w13(record["cache"], claim), "W17": lambda claim: claims.w17(arms, ways, claim),
                 "W18": lambda claim: claims.w18(arms, ways, claim), "B34": lambda claim: claims.b34(elements, claim),
                 "B35": lambda claim: claims.b35(elements, claim),
                 "B36": lambda claim: claims.b36(elements, self.bare(), claim),
                 "B37": lambda claim: claims.b37(self.taken_out(), spec["taken_out"], claim),
                 "B38": lambda claim: claims.b38(roles, claim)}
        record["claims"] = {name: asked[name](claim) for name, claim in wanted.items()}
        return record
