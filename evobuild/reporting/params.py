"""The section `report` of params.yaml, and the other sections that report and explorer read."""

from __future__ import annotations

from evobuild.contamination.params import Decontaminate
from evobuild.core.params import Branches, Few, Name, RandomSeed, Rounds, Section, StageParams, default
from evobuild.evolution.params import Evolve, Keywords, Optimize
from evobuild.export.params import Export
from evobuild.models.params import Evaluated, Models
from evobuild.scoring.params import DeclaredMeasure, Diversity, Rate
from evobuild.seeds.params import Seed
from evobuild.selection.params import ChoiceParams
from evobuild.training.params import Bases, Finetune


class Report(Section):
    examples: Few = 6


class Sections(Section):
    report: Report


class Evaluate(StageParams):
    """The evaluated models. Their results are read from tables."""

    models: Evaluated


class ReportParams(ChoiceParams):
    """What report, explorer and `explain` read."""

    random_seed: RandomSeed
    seed: Seed
    rounds: Rounds
    branches: Branches
    models: Models
    optimize: Optimize
    evolve: Evolve
    keywords: Keywords
    measures: dict[Name, DeclaredMeasure] = default({})
    rate: Rate
    diversity: Diversity
    decontaminate: Decontaminate
    bases: Bases
    finetune: Finetune
    export: Export
    evaluate: Evaluate
    report: Report
