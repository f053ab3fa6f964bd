"""Render the card of a dataset, `data/export/README.md`, from the outputs of stages.

The Hugging Face hub reads its front matter. Names and values from outside are put in code spans. No text of a
row is included.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from evobuild.cards import origin, results
from evobuild.cards.dataset_info import json_info, parquet_info
from evobuild.cards.facts import Facts, read_facts
from evobuild.cards.histograms import draw_histograms
from evobuild.cards.licences import HUB_LICENCES, Stated, derive_data_licence, find_licences
from evobuild.cards.provenance import Provenance
from evobuild.contracts.result import Validation
from evobuild.core.dvc_hash import dvc_md5
from evobuild.core.escaping import code, plain
from evobuild.core.metrics import explain_label
from evobuild.export.formats import DATASETS, FORMATS, Format
from evobuild.export.params import Export


class Sources(NamedTuple):
    """What a card is rendered from. counts: of stages up to `select`, by the name of their file.

    label: as `core/metrics.py` has it. lost: rows that LLaMA-Factory's formats cannot hold.
    """

    dataset: Path
    made: Provenance
    counts: Mapping[str, Mapping[str, Any]]
    validation: Validation
    params: Export
    label: str
    lost: int


class Described(NamedTuple):
    """The facts that a dataset's card and its Croissant description share. md5: of its table."""

    name: str
    summary: str
    licence: str
    stated: list[Stated]
    facts: Facts
    md5: str
    sources: Sources

    @property
    def tags(self) -> list[str]:
        """As the hub filters by."""
        params = self.sources.made.params
        evolved = [f"evol-{params['evolve']['strategy']}"] if params.get("rounds") else []
        methods = [*evolved, *(["autoif"] if "autoif" in params["pools"] else [])]
        labels = [each.lower().replace(" ", "-") for each in self.sources.label.split(", ") if each]
        return ["synthetic", "evobuild", "instruction-tuning", *methods, *labels]


def describe(sources: Sources) -> Described:
    """Collect the facts about a dataset. Raises BadInput if its table is malformed."""
    facts, made = read_facts(sources.dataset), sources.made
    stated = find_licences(made, sources.params.licences)
    seed = origin.shorten_path(made.seed_source)
    # The hub shows it in many places, some of them HTML.
    file = Path(seed).name.translate({ord("<"): "‹", ord(">"): "›"})
    title = f"Evolved instructions from {file}"
    wrote = [origin.shorten_model(model) for names in facts.writers.values() for model in names if model]
    by = f", written by {', '.join(dict.fromkeys(wrote))}" if wrote else ""
    return Described(
        name=f"{sources.label}: {title}" if sources.label else title,
        summary=f"{facts.rows:,} answered instructions that descend from {seed}{by}",
        licence=derive_data_licence(stated, sources.params.licence),
        stated=stated,
        facts=facts,
        md5=dvc_md5(sources.dataset),
        sources=sources,
    )


def write_card(folder: Path, found: Described) -> None:
    """Write the card and its histograms into the folder of exports."""
    images = draw_histograms(found.facts, folder / "images")
    text = _front_matter(front_matter(folder, found)) + "\n".join(_lines(found, images))
    (folder / "README.md").write_text(text, encoding="utf-8")


def front_matter(folder: Path, found: Described) -> dict[str, Any]:
    """What the hub and `datasets` read of a card, as huggingface_hub's DatasetCardData has it.

    folder: of the exports, which are written.
    """
    content: dict[str, Any] = {
        "language": list(found.facts.languages),
        "license": found.licence if found.licence in HUB_LICENCES else "other",
        "license_name": "" if found.licence in HUB_LICENCES else found.licence,
        "annotations_creators": ["machine-generated"],
        "language_creators": ["machine-generated"],
        "size_categories": [found.facts.size_category],
        "source_datasets": ["original"],
        "task_categories": ["text-generation"],
        "pretty_name": found.name,
        "tags": found.tags,
        **_configs(folder, found),
    }
    return {key: value for key, value in content.items() if value}


def _configs(folder: Path, found: Described) -> dict[str, list[dict[str, Any]]]:
    """What `load_dataset` opens, by name, and what each is."""
    names = found.sources.params.formats
    # `datasets` reads all configs of a folder by one reader, that of the first.
    if DATASETS in names:
        files = {results.SFT: results.TRAIN}
        infos = [parquet_info(results.SFT, folder / results.TRAIN)]
    else:
        layouts = {name: FORMATS[name] for name in names}
        files = {name: layout.file for name, layout in layouts.items()}
        infos = [
            json_info(name, folder / layout.file, layout, _rows(layout, found), found.facts.has_extra)
            for name, layout in layouts.items()
        ]
    configs = [
        {"config_name": name, "data_files": [{"split": "train", "path": path}]}
        | ({"default": True} if name == next(iter(files)) else {})
        for name, path in files.items()
    ]
    return {"configs": configs, "dataset_info": infos}


def _rows(layout: Format, found: Described) -> int:
    """How many rows a file of the format has."""
    return found.facts.rows - (found.sources.lost if layout.llama_factory else 0)


def _front_matter(content: Mapping[str, Any]) -> str:
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=10**6)
    return f"---\n{text}---\n"


def _lines(found: Described, images: Mapping[str, str]) -> list[str]:
    sources, facts = found.sources, found.facts
    made, label = sources.made, sources.label
    lines = [f"# {plain(found.name)}", ""]
    if label:
        lines += [f"**{label}**{explain_label(label).removeprefix(label)}.", ""]
    lines += [*origin.format_warnings(found.stated)]
    seed, wrote = code(origin.shorten_path(made.seed_source)), ", ".join(origin.writers(made))
    lines += [f"{facts.rows:,} answered instructions that descend from {seed}, made by evobuild.", ""]
    lines += [f"Written by {wrote}.", ""] if wrote else []
    return [
        *lines,
        *results.format_files(sources.params.formats, sources.lost, facts.has_extra),
        *origin.format_licences(found.stated, found.licence),
        *origin.format_models(made, sources.counts),
        *results.format_selection(made, facts.rounds),
        *results.format_rejects(sources.counts),
        *results.format_contracts(sources.validation),
        *results.format_contamination(sources.counts),
        *results.format_rows(facts, images),
        *results.format_columns(facts),
        *origin.format_params(made),
        *origin.format_prompts(made),
        *origin.format_rebuild(found.md5),
        *origin.format_citations(made),
    ]
