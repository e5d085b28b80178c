"""The runs that figures are of: one, or the finished ones of a sweep, each with the place that its story is about."""
import dataclasses
import json
import pathlib
import re

import waiver
from waiver import Refused


@dataclasses.dataclass
class Member:
    run: waiver.Run
    group: str
    seed: str
    place: waiver.Onset  # of its waiver element, or where attention is strongest

    def head(self) -> str:
        return f"{self.place.layer}.{self.place.head}"

    def key(self) -> str:
        name = self.place.key_name
        if self.place.key is not None:
            return f"position {name}" + (f" ({self.place.token})" if self.place.token else "")
        return name if self.place.added is not None else f"role {name}"


@dataclasses.dataclass
class Subjects:
    title: str
    members: list[Member]
    notes: list[str]  # what was left out, and why

    def groups(self) -> dict[str, list[Member]]:
        groups: dict[str, list[Member]] = {}
        for member in self.members:
            groups.setdefault(member.group, []).append(member)
        return groups


def open_member(path: pathlib.Path, group: str, seed: str, layer: int | None, head: int | None) -> Member:
    run = waiver.open(path)
    if not len(run.steps()):
        raise Refused(f"{run.path}: there are no probes in this log (probe.every: 0, or the run has just begun)")
    place = run.onset(layer, head)
    if place is None:
        where = "this model" if layer is head is None else "the chosen layer or head"
        raise Refused(f"{run.path}: in {where} no query attends to another token")
    return Member(run, group, seed, place)


def runs_of(sweep: pathlib.Path) -> tuple[str, list[tuple[str, str, str]]]:
    """The title of a sweep, and the folder's name, the group and the seed of each run."""
    index = sweep / "sweep.json"
    if not sweep.exists():
        raise Refused(f"{sweep}: there is nothing of that name")
    if not index.exists():
        raise Refused(f"{sweep}: neither a run (log.h5) nor a sweep (sweep.json)")
    try:
        content = json.loads(index.read_text())
        return content["title"], [(run["name"], run["group"], str(run["seed"])) for run in content["runs"]]
    except (ValueError, KeyError, TypeError) as problem:
        raise Refused(f"{index}: this is not the index of a sweep ({problem!r})") from None


def load(path: pathlib.Path, layer: int | None = None, head: int | None = None) -> Subjects:
    """A run, or the finished runs of a sweep that can be read; each at its own place, or the one in that layer and head."""
    if path.is_file() or (path / "log.h5").exists():
        return Subjects(path.resolve().name, [open_member(path, "", "", layer, head)], [])
    title, runs = runs_of(path)
    members, notes, unfinished = [], [], 0
    for name, group, seed in runs:
        status = path / name / "status"
        if not status.is_file() or not status.read_text().startswith("done"):
            unfinished += 1
            continue
        try:
            members.append(open_member(path / name, group, seed, layer, head))
        except Refused as problem:
            notes.append(f"left out: {problem}")
    if unfinished:
        notes.insert(0, f"{unfinished} of {len(runs)} runs are not finished and are left out")
    if not members:
        raise Refused(f"{path}: the sweep has no finished run that can be drawn" + "".join(f"; {note}" for note in notes))
    return Subjects(title, members, notes)


def settings(group: str) -> dict[str, str]:
    """`position.kind=rope,mask.self_only=[5,6]` by key; commas within brackets belong to a value."""
    parts = re.split(r",(?![^\[{]*[\]}])", group) if group else []
    return {key: value for key, _, value in (part.partition("=") for part in parts)}


def short_key(key: str) -> str:
    return key.removesuffix(".kind").rpartition(".")[2]


def varied(groups) -> str:
    """The key that distinguishes the groups, where it is one."""
    keys = {key for group in groups for key in settings(group)}
    return short_key(keys.pop()) if len(keys) == 1 else ""


def label(group: str) -> str:
    """`position.kind=rope,layers=2` reads as `position rope, layers 2`."""
    return ", ".join(f"{short_key(key)} {value}".rstrip() for key, value in settings(group).items())
