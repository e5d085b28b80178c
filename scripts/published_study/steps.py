"""The steps of a study of published models, and what a study file may say."""
import os
import pathlib
import subprocess
import sys

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
INTERVENTIONS = ROOT / "experiments/interventions"

# The keys of a study file, each with its type; and of each claim its thresholds and what of the file it rests on.
KEYS = {"model": str, "trained": str, "from": dict, "first": str, "last": str, "length": int, "sequences": int, "other": int, "secondary": int,
        "cache": dict, "steps": list, "taken_out": list, "blocks": bool, "set": list, "seeds": list, "seed_keys": list, "waiver": dict, "claims": dict}
WAIVER = {"attention", "enrichment", "value_ratio"}
CLAIMS = {"B14": ({"recovery", "refuted_below"}, {"cache"}), "W13": ({"recovery", "random"}, {"cache", "secondary"}), "W17": ({"heads", "refuted_below", "follow"}, set()),
          "W18": ({"suffices", "needed", "gone"}, set()), "B34": ({"texts", "refuted_below", "weak_share", "weak"}, set()),
          "B35": ({"cosine", "texts", "spearman", "refuted_below"}, set()), "B36": ({"stays", "refuted_below"}, {"first"}),
          "B37": ({"factor", "refuted_below"}, {"taken_out"}), "B38": ({"attention", "refuted_below"}, {"first", "last"}), "B32": ({"way", "follow", "refuted_below"}, set())}


def refuse(sentence: str):
    print(sentence, file=sys.stderr)
    sys.exit(2)


def run(*command) -> str:
    """Runs a step and says which; a failure ends the study with the step's own words. Tables that are read are not folded."""
    print("  " + " ".join(str(part) for part in command), flush=True)
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, text=True,
                          env={**os.environ, "COLUMNS": "1000"})
    if done.returncode != 0:
        sys.exit(3 if done.returncode == 3 else 2)
    return done.stdout


def differences(found, wanted: set, where: str) -> list[str]:
    if not isinstance(found, dict):
        return [f"{where}: expected {', '.join(sorted(wanted))}"]
    return ([f"{where}.{key}: missing" for key in sorted(wanted - set(found))] +
            [f"{where}.{key}: unknown key" for key in sorted(set(found) - wanted)])


def complaints(spec) -> list[str]:
    """What is wrong with a study file."""
    if not isinstance(spec, dict):
        return ["expected keys: " + ", ".join(KEYS)]
    wrong = [f"{key}: unknown key" for key in spec if key not in KEYS]
    wrong += [f"{key}: expected {KEYS[key].__name__}, found {value!r}" for key, value in spec.items()
              if key in KEYS and type(value) is not KEYS[key]]
    needed = ["sequences", "waiver", "claims", *(["set", "seeds"] if "trained" in spec else ["model", "length"])]
    wrong += [f"{key}: missing" for key in needed if key not in spec]
    if wrong:
        return wrong
    wrong += only_with(spec)
    wrong += differences(spec["waiver"], WAIVER, "waiver")
    wrong += differences(spec["cache"], {"window"}, "cache") if "cache" in spec else []
    wrong += differences(spec["from"], {"trained", "set"}, "from") if "from" in spec else []
    for where, block, key, kind in (("cache", "cache", "window", int), ("from", "from", "trained", str), ("from", "from", "set", list)):
        value = spec.get(block, {}).get(key)
        wrong += [f"{where}.{key}: expected {kind.__name__}, found {value!r}"] if value is not None and type(value) is not kind else []
    for name, thresholds in spec["claims"].items():
        if name not in CLAIMS:
            wrong.append(f"claims.{name}: unknown claim; known are {', '.join(CLAIMS)}")
            continue
        wanted, rests_on = CLAIMS[name]
        wrong += differences(thresholds, wanted, f"claims.{name}")
        wrong += [f"claims.{name}: rests on {key}, which the study lacks" for key in sorted(rests_on - set(spec))]
        if name == "B32" and isinstance(thresholds, dict) and thresholds.get("way") not in ("encoding", "content"):
            wrong.append(f"claims.B32.way: expected encoding or content, found {thresholds.get('way')!r}")
    return wrong


def only_with(spec: dict) -> list[str]:
    """What does not go together, and empty lists."""
    wrong = [f"{key}: only models that are trained here have it" for key in ("from", "steps", "set", "seeds", "seed_keys")
             if key in spec and "trained" not in spec]
    wrong += [f"{key}: the list is empty" for key in ("seeds", "steps") if spec.get(key) == []]
    wrong += [f"steps: expected whole numbers, found {step!r}" for step in spec.get("steps", []) if type(step) is not int or step < 0]
    return wrong


def read_study(path: pathlib.Path) -> dict:
    """A study file; ends the program with a sentence for each thing wrong."""
    try:
        spec = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        refuse(f"{path}: this is no YAML: {' '.join(str(error).split())}.")
    if wrong := complaints(spec):
        refuse("\n".join(f"{path}: {sentence}." for sentence in wrong))
    return spec
