"""Settings that switch something on or off, one at a time, and what stages read under each."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import yaml
from workspace import SHIPPED_PARAMS

from evobuild.core.declaration import Stage
from evobuild.core.stages import stage_instances
from evobuild.evaluation.benchmarks import BENCHMARKS
from evobuild.training.params import SHARED

DEFAULT: dict[str, Any] = yaml.safe_load(SHIPPED_PARAMS.read_text())

BRANCH: dict[str, Any] = {"branches.autoif": {}, "pools.autoif": {}}
"""The branch, which is off by default."""

VARIANTS: dict[str, dict[str, Any]] = {
    "the default": {},
    "operations": {"evolve.strategy": "evol"},
    "e0": {"evolve.method": "e0"},
    "weak": {"evolve.method": "weak"},
    "a method of one's own": {"evolve.method": "file"},
    "one's own to begin with": {"optimize.initial": "file"},
    "a method for a domain": {"evolve.methods": {"code": "LICENSE", "math": "weak"}},
    "a file to begin with": {"optimize.initial": "LICENSE"},
    "weak to begin with": {"optimize.initial": "weak"},
    "retry": {"evolve.on_failure": "retry"},
    "equality": {"evolve.failures.equal": True},
    "any language": {"evolve.failures.language": False},
    "gains": {"optimize.difficulty_weight": 1.0},
    "no keywords": {"keywords.rows": 0},
    "the branch": BRANCH,
    "seeds alone": BRANCH | {"autoif.augment.rounds": 0},
    "all constraints": BRANCH | {"autoif.crosscheck.constraints": None},
    "no back-translation": BRANCH | {"autoif.backtranslate.functions": 0},
    "queries of a file": BRANCH | {"autoif.compose.queries": "file"},
    "no samples": BRANCH | {"autoif.sample.count": 0},
    "no quality": BRANCH | {"autoif.quality.score": None},
    "the paper's prompt": {"respond.prompt": "paper"},
    "new answers": {"respond.seed_answers": "replace"},
    "no ratings": {"rate.measures": []},
    "levels": {"rate.measures": ["level"]},
    "scores alone": {"rate.score_prompt": "alone"},
    "criteria": {"compare.prompt": "criteria"},
    "no scorer": {"models.scorer": None},
    "other weights": {"models.scorer": "a/b", "bases": {"toy": {"model": "a/b"}}},
    "experience": {"models.scorer": "models/experienced"},
    "adapters": {"finetune.lora.rank": 8, "experience.lora.rank": 8},
    "preferences": BRANCH | {"finetune.method": "dpo", "finetune.data": "autoif"},
    "a base that goes its own way": {
        "bases": {
            "toy": {
                "model": "models/scratch",
                "finetune": {key: own for key, own in DEFAULT["finetune"].items() if key not in SHARED},
            }
        }
    },
    "no embedder": {"models.embedder": None},
    "reward": {"models.reward": "a/b"},
    "tagger": {"models.tagger": "simulated:large"},
    "embeddings of sets": {"decontaminate.embedding": 0.9},
    "columns": {"decontaminate.columns": {"held_out": ["q"], "other": ["q", "a"]}},
    "no near-duplicates": {"select.deduplicate.near": None},
    "languages": {"select.filters.languages": ["en"]},
    "no benchmarks": {"evaluate.benchmarks": {}, "compare.benchmarks": []},
    "all benchmarks": {
        "evaluate.benchmarks": {name: {} for name in BENCHMARKS}
        | {"whole": {"benchmark": "math", "prompt": "completion"}}
        | {"task": {"benchmark": "lm_eval:any"}},
        "compare.benchmarks": list(BENCHMARKS),
    },
    "no pairs": {"compare.pairs": []},
    "data alone": {"bases": {}, "evaluate.models": {}, "compare.pairs": [], "models.scorer": None},
}


def changed(values: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A copy of params with other values, by key."""
    content: dict[str, Any] = yaml.safe_load(yaml.safe_dump(values))
    for key, value in changes.items():
        *sections, last = key.split(".")
        at = content
        for name in sections:
            at = at[name]
        at[last] = value
    return content


def declared(changes: dict[str, Any]) -> Iterator[Stage]:
    """What the stages declare that there are under some settings."""
    for name in {instance.stage.name for instance in stage_instances(changed(DEFAULT, changes))}:
        yield importlib.import_module(f"stages.{name}").STAGE
