"""The schema of the whole params.yaml: the sections of all domains. Only `check` and the commands use it."""

from __future__ import annotations

from pathlib import Path

from evobuild.answering import params as answering
from evobuild.autoif import params as autoif
from evobuild.contamination import params as contamination
from evobuild.contracts import params as contracts
from evobuild.core.params import (
    Branches,
    Pools,
    PromptFolder,
    RandomSeed,
    Rounds,
    Section,
    Tables,
    default,
    load_params,
)
from evobuild.evaluation import params as evaluation
from evobuild.evolution import params as evolution
from evobuild.export import params as export
from evobuild.models import params as models
from evobuild.reporting import params as reporting
from evobuild.sandbox import params as sandbox
from evobuild.scoring import params as scoring
from evobuild.seeds import params as seeds
from evobuild.selection import params as selection
from evobuild.training import params as training

PARAMS = Path("params.yaml")


class Own(Section):
    random_seed: RandomSeed = 42
    tables: Tables = Tables()
    prompts: PromptFolder = "prompts"
    allow_toy: bool = False
    rounds: Rounds = default({"r1": {"parent": "r0"}, "r2": {"parent": "r1"}, "r3": {"parent": "r2"}})
    branches: Branches = default({})
    pools: Pools = default({"r0": {}, "r1": {}, "r2": {}, "r3": {}})


class Params(
    Own,
    seeds.Sections,
    models.Sections,
    training.Sections,
    evolution.Sections,
    autoif.Sections,
    sandbox.Sections,
    answering.Sections,
    scoring.Sections,
    contamination.Sections,
    selection.Sections,
    contracts.Sections,
    export.Sections,
    evaluation.Sections,
    reporting.Sections,
):
    """The whole of params.yaml. Each domain adds its sections in its `Sections`.

    Its defaults are the shipped params.yaml, projects' data such as `rounds` and `seed.source` included.
    """


def load_all_params(path: Path = PARAMS) -> Params:
    """Read and validate a whole params file. Raises BadParams naming the first invalid keys."""
    return load_params(path, Params)
