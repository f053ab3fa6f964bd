"""Presets of whole papers set every key that the paper fixes, so that nothing is taken from our defaults."""

from __future__ import annotations

import pytest
import yaml

from evobuild.cli import preset

NOTHING_LOST = """
seed.rows: null
seed.deduplicate: false
seed.held_out: 0
evolve.failures.markers: false
evolve.failures.unchanged: false
evolve.failures.answered: false
evolve.failures.max_growth: null
evolve.failures.language: false
evolve.failures.lost_content: false
evolve.failures.equal: false
evolve.on_failure: drop
respond.seed_answers: keep
respond.rules: []
respond.temperature: 0.0
respond.top_p: 1.0
respond.max_tokens: 2048
select.by: random
select.share: 1.0
select.count: null
select.weights: {}
select.keep_seeds: false
select.per_domain: false
select.diversity_filter: null
"""
ALL_TAKEN = """
select.contamination: []
select.filters.max_ifd: null
select.filters.ranges: {}
select.filters.min_words: null
select.filters.max_words: null
select.filters.languages: []
select.deduplicate.exact: false
select.deduplicate.near: null
select.deduplicate.embedding: null
"""
SMALL_EVOLVERS = f"""{NOTHING_LOST}{ALL_TAKEN}
evolve.temperature: 0.7
evolve.top_p: 0.95
evolve.max_tokens: 2048
respond.prompt: paper
keywords.temperature: 0.7
keywords.top_p: 0.95
diversity.text: whole
diversity.distance: squared
finetune.data: dataset
finetune.epochs: 3
finetune.batch: 64
finetune.learning_rate: 0.00002
finetune.warmup: 0.03
finetune.max_length: 2048
finetune.lora.rank: 0
"""
FIXED = {
    "auto-evol": f"""{NOTHING_LOST}{ALL_TAKEN}
optimize.initial: e0
optimize.pool: 2000
optimize.development: 50
optimize.holdout: 0
optimize.batch: 10
optimize.candidates: 5
optimize.steps: 10
optimize.patience: 1
optimize.halving: null
optimize.difficulty_weight: 0.0
optimize.truncated_fails: false
optimize.evolver_temperature: 0.0
optimize.temperature: 0.6
optimize.top_p: 0.95
rounds: {{r1: {{parent: r0}}}}
branches: {{}}
pools: {{r0: {{}}, r1: {{}}}}
evolve.strategy: auto
evolve.method: optimized
evolve.temperature: 0.0
respond.prompt: plain
tag.rows: 100
decontaminate.ngrams: [13, 8]
select.pools: [r1]
finetune.data: dataset
finetune.epochs: 4
finetune.batch: 128
finetune.learning_rate: 0.000005
finetune.max_length: 2048
""",
    "evol-instruct": f"""{SMALL_EVOLVERS}
rounds: {{r1: {{parent: r0}}, r2: {{parent: r1}}, r3: {{parent: r2}}}}
branches: {{}}
evolve.strategy: evol
evolve.schedule: fixed
evolve.operations:
  default: [constraints, deepening, concretizing, reasoning]
  chat: [constraints, deepening, concretizing, reasoning, breadth]
select.pools: [r3]
""",
    "auto-evol-e0": f"""{SMALL_EVOLVERS}
rounds: {{r1: {{parent: r0}}}}
branches: {{}}
evolve.strategy: auto
evolve.method: e0
select.pools: [r1]
""",
    "autoif-short": f"""{SMALL_EVOLVERS}
rounds: {{}}
branches: {{autoif: {{}}}}
autoif.augment.rounds: 100
autoif.augment.count: 50
autoif.augment.examples: seeds
autoif.augment.near_duplicate: null
autoif.augment.temperature: 0.7
autoif.augment.top_p: 0.95
autoif.verifiers.count: 8
autoif.crosscheck.case: above:0
autoif.crosscheck.function: from:0.8
autoif.crosscheck.constraints: null
autoif.backtranslate.functions: 0
models.entailment: null
autoif.compose.queries: file
autoif.compose.count: 16
autoif.compose.rows: 6720
autoif.compose.min_characters: 21
autoif.compose.max_characters: 299
autoif.compose.domains: []
evolve.method: e0
autoif.crosscheck.contradicted: keep
autoif.sample.count: 0
autoif.quality.score: null
select.pools: [autoif]
""",
    "ic-ifd": f"""{SMALL_EVOLVERS.replace("select.by: random", "").replace("select.share: 1.0", "")}
rounds: {{r1: {{parent: r0}}, r2: {{parent: r1}}, r3: {{parent: r2}}}}
branches: {{}}
evolve.strategy: evol
evolve.schedule: fixed
score.template: plain
score.max_length: 2048
select.pools: [r3]
select.by: ic_ifd
select.share: 0.25
""",
}
"""By preset: what arXiv:2406.00770 and arXiv:2412.11231 state, checked by hand, and no model."""


@pytest.mark.parametrize("name", FIXED)
def test_a_preset_sets_all_that_its_paper_fixes(name: str) -> None:
    wanted, found = yaml.safe_load(FIXED[name]), preset.read_preset(name)
    assert {key: found.get(key, "not set") for key in wanted} == wanted
