"""A run of Waiver in Python: series, weights, tokens, when and where its waiver element emerged, and captured passes.

    import waiver  # with scripts/ on the path
    run = waiver.open("runs/bigram_backcopy")
    run.series("received_attention")                     # [step, layer, head, key], as xarray where that is installed
    run.onset().step                                     # what `waiver show` says: .layer .head .key .attention .value_ratio
    run.weights()["blocks.0.attn.qkv.weight"]            # of the newest checkpoint, or of step 100: weights(100)
    text = waiver.captured("pass.h5")                    # of `waiver probe RUN --text "..." --capture pass.h5`
    text.tokens, text["blocks.0.attn.pattern"], text["blocks.0.attn.hook_pattern"]   # the same, as TransformerLens calls it
Needs numpy, h5py and yaml (Debian: python3-h5py python3-yaml).
"""
import dataclasses
import json
import math
import pathlib
import re
import zlib

import h5py
import numpy as np
import yaml

try:
    import xarray
except ImportError:
    xarray = None

PERSISTENCE = 3  # probes in a row that count as emerged
THRESHOLDS = {"received_attention": 0.3, "enrichment": 3.0, "value_ratio": 0.5}  # of logs older than probe.waiver
SEAL = b"HDF5 follows after 512 bytes. CRC-32 of what follows: "

# Points of a pass (src/model/points.h) as TransformerLens names them. `attn.q` and `attn.k` are rotated where the model rotates:
# rot_q, rot_k. `attn.in` and `final.norm` are what a norm gives, its weights included, and `embed` what the encoding makes of it.
# attn.slot, attn.added, mlp.added and the logits have no such name.
TRANSFORMER_LENS = {"embed": "blocks.0.hook_resid_pre", "attn.in": "ln1.hook_normalized", "attn.q": "attn.hook_q",
                    "attn.k": "attn.hook_k", "attn.v": "attn.hook_v", "attn.scores": "attn.hook_attn_scores",
                    "attn.pattern": "attn.hook_pattern", "attn.mix": "attn.hook_z", "attn.out": "hook_attn_out",
                    "mlp.out": "hook_mlp_out", "resid": "hook_resid_post", "final.norm": "ln_final.hook_normalized"}
OURS = {theirs: ours for ours, theirs in TRANSFORMER_LENS.items()} | {"attn.hook_rot_q": "attn.q", "attn.hook_rot_k": "attn.k"}


class Refused(Exception):
    """What cannot be had, as a sentence."""


class Series(np.ndarray):
    """An array with the coordinates of its axes by name, where xarray is not installed."""
    axes: dict[str, np.ndarray] = {}


def open_log(path: pathlib.Path) -> h5py.File:
    """A file that the program wrote; a damaged one is refused before HDF5 reads it."""
    try:
        with path.open("rb") as file:
            seal = file.read(512)
            total = 0
            while part := file.read(1 << 24):
                total = zlib.crc32(part, total)
        if seal.startswith(SEAL) and seal[len(SEAL):len(SEAL) + 8] != b"%08x" % total:
            raise Refused(f"{path}: its checksum is wrong, so the file is truncated or damaged")
        log = h5py.File(path, "r")
    except OSError as problem:
        raise Refused(f"{path}: {problem.strerror or f'this is not an HDF5 file, or it is damaged ({problem})'}") from None
    if not str(log.attrs.get("format", "")).startswith("waiver"):
        raise Refused(f"{path}: this HDF5 file was not written by waiver")
    return log


def labelled(file: h5py.File, name: str):
    """A dataset with its axes: an xarray.DataArray where that is installed, else an array with `axes`."""
    data = file[name]
    names = [axis.label for axis in data.dims]
    values = data.asstr()[()] if h5py.check_string_dtype(data.dtype) else data[()]
    axes = {axis.label: axis[0][:] for axis in data.dims if len(axis)}
    if xarray:
        about = {key: value for key, value in data.attrs.items() if key in ("units", "long_name", "description")}
        return xarray.DataArray(values, dims=names, coords=axes, name=name.rpartition("/")[2], attrs=about)
    out = np.asarray(values).view(Series)
    out.axes = axes
    return out


@dataclasses.dataclass
class Onset:
    """When and where a waiver element emerged: the place, a head and a key, that the sentence of `waiver show` is about."""

    layer: int
    head: int
    key: int | None    # a position; none: the tokens of a role, or an added key
    role: int | None   # an entry of the axis key_role
    added: int | None  # a sink token or the slot
    key_name: str      # `0`, the role's name, or `added key 0`
    step: int | None   # the first of three probes in a row at which it was one; none: it never was
    since: int | None  # from here to the end it is one at every probe; none: it is not at the end
    last: int | None   # the last probe at which it was one
    lasting: int       # at how many probes it was one, up to the end
    thresholds: dict[str, float]
    steps: np.ndarray  # of the probes; at each, the numbers that decide:
    attention: np.ndarray
    enrichment: np.ndarray | None  # an added key has none, and is judged without
    value_ratio: np.ndarray
    token: str = ""    # what every probe sequence has at that position

    @property
    def has_waiver(self) -> bool:
        return self.step is not None or self.lasting > 0

    def rank(self) -> tuple[int, int]:
        """How little it tells about its run."""
        emerged = (0 if self.lasting else 1), self.step
        return emerged if self.step is not None else (2, self.since) if self.lasting else (3, -1)

    def tells_more(self, other) -> bool:
        if self.rank() != other.rank():
            return self.rank() < other.rank()
        return self.attention[-1] > other.attention[-1] * (1 + 1e-5)


def is_waiver(thresholds: dict, attention, enrichment, value_ratio) -> np.ndarray:
    """α and E above, r_V below its threshold, in the precision of the measurement."""
    limit = {name: np.float32(value) for name, value in thresholds.items()}
    with np.errstate(invalid="ignore"):
        out = (attention > limit["received_attention"]) & (value_ratio < limit["value_ratio"])
        return out if enrichment is None else out & (enrichment > limit["enrichment"])


class Run:
    """A run's folder, or a log alone, such as `waiver probe --out` writes."""

    def __init__(self, path: pathlib.Path):
        self.path = path / "log.h5" if path.is_dir() else path
        self.folder = self.path.parent
        self.log = open_log(self.path)
        self.config = yaml.safe_load(self.log.attrs["config"]) if "config" in self.log.attrs else {}

    def names(self, group: str = "probe") -> list[str]:
        return [name for name in self.log.get(group, {}) if name != "step"]

    def has(self, name: str) -> bool:
        return (name if "/" in name else f"probe/{name}") in self.log

    def dataset(self, name: str) -> h5py.Dataset:
        full = name if "/" in name else f"probe/{name}"
        if full not in self.log:
            raise Refused(f"{self.path}: it lacks the series {full}: the run did not measure it, or an older program wrote the log")
        return self.log[full]

    def values(self, name: str) -> np.ndarray:
        return self.dataset(name)[()]

    def series(self, name: str):
        """`received_attention` of /probe, or `train/loss`, with its axes."""
        return labelled(self.log, self.dataset(name).name)

    def strings(self, name: str) -> list[str]:
        return list(self.dataset(name).asstr()[:]) if self.has(name) else []

    def steps(self, group: str = "probe") -> np.ndarray:
        return self.log[f"{group}/step"][:] if f"{group}/step" in self.log else np.zeros(0, int)

    @property
    def tokens(self) -> list[str]:
        """The tokens of the first probe sequence."""
        return self.strings("snapshot/tokens") or self.strings("probe/tokens")

    @property
    def checkpoints(self) -> list[int]:
        return sorted(int(folder.name.removeprefix("step-")) for folder in self.folder.glob("checkpoints/step-*"))

    def weights(self, step: int | None = None) -> dict[str, np.ndarray]:
        """By name, in float32 or wider, of the newest checkpoint or of that step."""
        step = max(self.checkpoints, default=None) if step is None else step
        if step not in self.checkpoints:
            raise Refused(f"{self.folder}: there is no checkpoint of step {step}; those there are: {self.checkpoints}")
        return safetensors(self.folder / f"checkpoints/step-{step:08d}/model.safetensors")

    def shares(self, name: str) -> str:
        """The series to read: that of the proxy where weights are not shares."""
        return f"proxy_{name}" if self.has(f"proxy_{name}") else name

    def at(self, name: str, place) -> np.ndarray | None:
        """A series of /probe at a place, probe by probe; none where there is no such number."""
        if place.added is not None and self.has(f"added_{name}"):
            name = f"added_{name}"
        elif place.role is not None and self.has(f"role_{name}"):
            name = f"role_{name}"
        data = self.dataset(self.shares(name))
        known = {"layer": place.layer, "head": place.head, "query_role": 0, "key_role": place.role, "added": place.added,
                 "key": place.key, "position": place.key}
        index = [known.get(axis.label) for axis in list(data.dims)[1:]]
        return None if None in index else data[(slice(None), *index)]

    def sinks(self, layer: int | None, head: int | None):
        """What may be the sink of each head: the head, the keys as (key, role, added, name), and their α, E and r_V."""
        def columns(prefix: str, *names) -> list[np.ndarray | None]:
            return [name and self.values(self.shares(prefix + name)) for name in names]
        def take(columns: list, layer: int, head: int, entries) -> list:
            return [part if part is None else part[:, layer, head, entries] for part in columns]

        of_keys = columns("", "received_attention", "enrichment", "value_ratio")
        of_roles = of_added = None
        if roles := self.strings("roles/key_role_name") if self.has("role_received_attention") else []:
            of_roles = columns("role_", "received_attention", "enrichment", "value_ratio")
            of_roles = [data[:, :, :, 0] if data.ndim == 5 else data for data in of_roles]  # of all queries
        if self.has("added_attention"):
            of_added = columns("added_", "attention", None, "value_ratio")
        own = [i for i, name in enumerate(roles) if name not in ("first", "other")]
        seen = self.values("key_visibility")
        for at in self.chosen("layer", layer, len(seen)):
            keys = np.flatnonzero(seen[at] > seen[at].max() / 4)
            for h in self.chosen("head", head, of_keys[0].shape[2]):
                yield at, h, [(int(k), None, None, str(k)) for k in keys], take(of_keys, at, h, keys)
                if of_roles:
                    yield at, h, [(None, r, None, roles[r]) for r in own], take(of_roles, at, h, own)
                if of_added:
                    added = range(of_added[0].shape[3])
                    yield at, h, [(None, None, a, f"added key {a}") for a in added], take(of_added, at, h, list(added))

    def chosen(self, axis: str, number: int | None, count: int):
        if number is not None and not 0 <= number < count:
            raise Refused(f"{self.path}: there is no {axis} {number}: this model has {count}, counted from 0")
        return range(count) if number is None else [number]

    def onset(self, layer: int | None = None, head: int | None = None) -> Onset | None:
        """Of all heads, or of that layer or head. None where the log has no probes, or no query attends to another token."""
        steps = self.steps()
        thresholds = THRESHOLDS | self.config.get("probe", {}).get("waiver", {})
        best = None
        for at, h, keys, columns in self.sinks(layer, head) if len(steps) else ():
            waivers = is_waiver(thresholds, *columns)
            for i, place in enumerate(keys):
                if not waivers[:, i].any() and (math.isnan(columns[0][-1, i]) or best and best.has_waiver):
                    continue  # it tells nothing, or less
                found = emergence(steps, waivers[:, i])
                story = Onset(at, h, *place, *found, thresholds, steps, *(part if part is None else part[:, i] for part in columns))
                if story.has_waiver or not math.isnan(story.attention[-1]):
                    best = story if best is None or story.tells_more(best) else best
        if best and best.key is not None and self.has("position_name"):
            best.token = self.strings("position_name")[best.key]
        return best


def emergence(steps: np.ndarray, waivers: np.ndarray) -> tuple[int | None, int | None, int | None, int]:
    """The onset, since when it lasts, the last probe at which it was one, and how many probes it lasts."""
    where = np.flatnonzero(waivers)
    lasting = len(waivers) if waivers.all() else int(np.argmin(waivers[::-1]))
    in_a_row = np.convolve(waivers, np.ones(PERSISTENCE, int), "valid") if len(waivers) >= PERSISTENCE else np.zeros(0)
    first = np.flatnonzero(in_a_row == PERSISTENCE)
    return (int(steps[first[0]]) if len(first) else None, int(steps[-lasting]) if lasting else None,
            int(steps[where[-1]]) if len(where) else None, lasting)


def safetensors(path: pathlib.Path) -> dict[str, np.ndarray]:
    """The tensors of a file by name; bfloat16 as float32."""
    kinds = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "U8": "u1", "BOOL": "?"}
    try:
        data = path.read_bytes()
        start = 8 + int.from_bytes(data[:8], "little")
        out, header = {}, json.loads(data[8:start])
        header.pop("__metadata__", None)
        for name, about in header.items():
            begin, end = about["data_offsets"]
            array = np.frombuffer(data[start + begin:start + end], kinds[about["dtype"]]).reshape(about["shape"])
            out[name] = (array.astype("<u4") << 16).view("<f4") if about["dtype"] == "BF16" else array
        return out
    except OSError as problem:
        raise Refused(f"{path}: it cannot be read: {problem.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise Refused(f"{path}: this is not a safetensors file, or it is damaged ({problem!r})") from None


class Captured:
    """What `waiver probe --capture` wrote: points by our name or TransformerLens's, tokens, ids, targets."""

    def __init__(self, path: pathlib.Path):
        self.file = open_log(path)
        if "points" not in self.file:
            raise Refused(f"{path}: no points were captured in it. waiver probe RUN --capture FILE writes such a file")
        self.names = list(self.file["points"])

    def __getitem__(self, name: str):
        block, rest = re.match(r"(blocks\.\d+\.)?(.*)", name).groups(default="")
        ours = OURS.get(name) or block + OURS.get(rest, rest)
        if ours not in self.names:
            raise Refused(f"{self.file.filename}: there is no {name} in it, but: {', '.join(self.names)}")
        return labelled(self.file, f"points/{ours}")

    def __getattr__(self, name: str):
        """tokens, ids, targets, inputs, length, features, answers: of each sequence."""
        if name == "file" or name not in self.file["sequences"]:
            raise AttributeError(f"a captured pass has no {name}")
        return labelled(self.file, f"sequences/{name}")


def open(run) -> Run:
    return Run(pathlib.Path(run))


def captured(file) -> Captured:
    return Captured(pathlib.Path(file))
