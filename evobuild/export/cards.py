"""What stands beside an exported data set, in Markdown: what it is, what made it, how it is opened.

Values are params and counts only; no text of a row enters a card.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from evobuild.core.markdown import code
from evobuild.core.metrics import TOY
from evobuild.core.tables import INSTRUCTIONS
from evobuild.export.formats import DATASETS, FORMATS
from evobuild.export.params import ExportParams
from evobuild.models.roles import CHAT_ROLES, chat_models

_CONFIGS = """---
configs:
- config_name: default
  data_files:
  - split: train
    path: data/train.parquet
---
"""


def render_exports_card(rows: int, lost: int, params: ExportParams, label: str) -> str:
    """Make the card of the folder of exports. lost: rows that LLaMA-Factory's formats cannot hold."""
    names = params.export.formats
    lines = ["# Exports", "", *_label_lines(label, params), f"{rows:,} rows, in the order of their ids.", ""]
    lines += [f"- `{FORMATS[name].file}`: {FORMATS[name].about}" for name in names if name in FORMATS]
    lines += ["- `datasets/`: all columns, for `datasets.load_dataset`"] if DATASETS in names else []
    if lost:
        lines += [
            "",
            f"Of these {lost:,} have turns that do not go in pairs and are not in LLaMA-Factory's files.",
        ]
    if any(FORMATS[name].llama_factory for name in names if name in FORMATS):
        lines += [
            "",
            "LLaMA-Factory: `dataset_dir: <this folder>` and `dataset: evobuild_alpaca` or the other.",
        ]
    return "\n".join(lines) + "\n"


def render_dataset_card(rows: pl.DataFrame, params: ExportParams, label: str) -> str:
    """Make the card of the `datasets` folder, with the `configs` by which load_dataset finds its rows."""
    rounds = rows.group_by("round").len().sort("round").rows()
    measures = [name for name in rows.columns if name not in INSTRUCTIONS]
    lines = ["# Evolved instruction data", "", *_label_lines(label, params)]
    lines += [f"{rows.height:,} answered instructions, selected and made by evobuild.", ""]
    lines += ["| round | rows |", "|---|---|", *(f"| {name} | {count:,} |" for name, count in rounds), ""]
    lines += ["| role | model |", "|---|---|"]
    lines += [f"| {role} | {code(str(getattr(params.models, role)))} |" for role in CHAT_ROLES]
    lines += [
        "",
        "`id`, `parent_id` and `seed_id` name a row, what it was evolved from and the seed of both;",
        "`strategy` and `operation` say how it was made, `evolver` and `responder` which models wrote the",
        "instruction and the output. They are empty where the seed has these. `extra` has other columns of",
        "the source as JSON; what they say, they say of the seed row.",
    ]
    lines += [f"Measures, null where not taken: {', '.join(map(code, measures)) or 'none'}.", ""]
    lines += ["The licences of the seed data and of the models' output apply."]
    return _CONFIGS + "\n".join(lines) + "\n"


def dry_run_lines(simulated: Sequence[str]) -> list[str]:
    """Say that roles are simulated, so that nothing is a result."""
    roles = ", ".join(simulated)
    return [f"**DRY RUN**: simulated, with no language model behind: {roles}. Nothing here is a result.", ""]


def _label_lines(label: str, params: ExportParams) -> list[str]:
    """Say what the label says, of simulated roles by name."""
    simulated = [role for role, model in chat_models(params.models).items() if model.simulated]
    toy = ["**TOY**: a toy model scored these rows, or was tuned. Nothing here is a result.", ""]
    return [*(dry_run_lines(simulated) if simulated else []), *(toy if TOY in label else [])]
