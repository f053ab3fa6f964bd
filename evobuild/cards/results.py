"""The sections of a card about the result: files, selection, rejects, contracts, columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from evobuild.cards.facts import Facts
from evobuild.cards.origin import table
from evobuild.cards.provenance import Provenance
from evobuild.contamination import hits
from evobuild.contracts.result import Outcome, Validation
from evobuild.core.escaping import code
from evobuild.core.measures import all_columns
from evobuild.core.stages import STAGES
from evobuild.export.formats import DATASETS, FORMATS, IDS
from evobuild.selection.params import Select
from evobuild.text.language import NAMES

SFT = "sft"
"""What the table with all columns is called among the card's configs."""
TRAIN = "datasets/data/train.parquet"
Counts = Mapping[str, Mapping[str, Any]]
_MEANINGS = {
    "id": "hash of round, parent and content",
    "content_id": "hash of history, instruction and input",
    "seed_id": "id of the seed row that it descends from",
    "parent_id": "id of the row that it was evolved from",
    "round": "r0, the seed, r1, …, or a branch",
    "domain": "as the seed says",
    "history": "earlier turns, of role and content",
    "instruction": "what is asked",
    "input": "its context, often empty",
    "output": "the answer",
    "strategy": "evol, by a fixed operation; auto, by an evolving method; autoif; empty of a seed row",
    "operation": "what made it, within the strategy",
    "evolver": "the model that wrote the instruction; empty if the seed has it",
    "responder": "the model that wrote the output; empty if the seed has it",
    "seed_place": "place of the seed row in its source, from 0",
    "reasoning": "what the responder thought before the output",
    "metric": "what the row was chosen by, `select.by`",
    "extra": "other columns of the seed row, a JSON object as text",
}
_OF = {stage.name: stage.counts for stage in STAGES}


def format_files(formats: list[str], lost: int, has_extra: bool) -> list[str]:
    """Format the files and how to open each. lost: rows whose turns LLaMA-Factory's formats cannot
    represent.
    """
    has_table = DATASETS in formats
    rows = [(code(TRAIN), "all columns", f'`load_dataset(<this folder>, "{SFT}")`')] if has_table else []
    for name, layout in FORMATS.items():
        if name in formats:
            read = f'"json", data_files="{layout.file}"' if has_table else f'<this folder>, "{name}"'
            rows.append((code(layout.file), layout.about, f"`load_dataset({read})`"))
    lines = ["## Files", "", *table(("file", "what it holds", "opened by"), rows)]
    if "messages" in formats:
        lines += [f"OpenAI takes no field but `messages`, so {code(IDS)} has the id of each line's row.", ""]
    if any(FORMATS[name].llama_factory for name in formats if name in FORMATS):
        lines += ["LLaMA-Factory: `dataset_dir: <this folder>` and `dataset: evobuild_alpaca` or the other."]
        if lost:
            lines += [f"{lost:,} rows have turns that do not go in pairs and are not in its files."]
        lines += [""]
    if has_extra:
        lines += ["`extra` has other columns of the source; what they say, they say of the seed row.", ""]
    return lines


def format_selection(made: Provenance, rounds: Mapping[str, int]) -> list[str]:
    """Format how rows were selected, and how many of each pool."""
    lines = ["## How rows were chosen", "", *(f"- {each}" for each in _choice(made)), ""]
    return [*lines, *table(("pool", "rows"), [(code(name), f"{rows:,}") for name, rows in rounds.items()])]


def _choice(made: Provenance) -> Iterator[str]:
    given = Select.model_validate(made.params["select"])
    pools = given.list_pools(made.params["pools"])
    names = [name if len(given.by) == 1 else f"{weight:g} · {name}" for name, weight in given.by.items()]
    by = ", ".join(names)
    best = "drawn at random" if by == "random" else f"the best by {by}"
    many = f"{given.count:,} rows" if given.count is not None else f"the share {given.share or 0:g}"
    each = " of each pool" if given.per_pool else ", whatever their pool"
    yield f"{many}{each}{' and domain' if given.per_domain else ''}: {best}"
    yield f"from the pools {', '.join(map(code, pools))}" + (
        f", with the weights {code(str(given.weights))}" if given.weights else "")  # fmt: skip
    if given.keep_seeds:
        yield "and every seed row that passes the filters"
    for name, value in given.filters.model_dump().items():
        if value not in (None, [], {}):
            yield f"filter {code(name)}: {code(str(value))}"
    near, cosine = given.deduplicate.near, given.deduplicate.embedding
    alike = ["equal rows"] if given.deduplicate.exact else []
    alike += [f"rows from the Jaccard similarity {near:g} of word pairs"] if near is not None else []
    alike += [f"rows from the cosine {cosine:g} of embeddings"] if cosine is not None else []
    if alike:
        yield f"of {', of '.join(alike)} the better one alone"
    if given.contamination and made.params.get("decontaminate", {}).get("sets"):
        yield f"without rows that share text with an evaluation set ({', '.join(given.contamination)})"
    if given.diversity_filter is not None:
        yield f"none nearer to a better one than the cosine distance {given.diversity_filter:g}"
    if given.exclude:
        yield "without the rows that a list names"


def format_rejects(counts: Counts) -> list[str]:
    """Format each stage's rows in, rows out, and rejects by reason."""
    rows = []
    for stem, content in counts.items():
        ledgers = [content] if "in" in content else [
            own for own in content.values() if isinstance(own, Mapping) and "in" in own]  # fmt: skip
        taken = sum(own["in"] for own in ledgers)
        if not taken or all(own.get("off") for own in ledgers):
            continue
        lost = Counter[str]()
        for own in ledgers:
            lost.update(own["rejects"])
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in lost.most_common())
        held = sum(own.get("held_out", 0) for own in ledgers)
        reasons += f"{'; ' if reasons else ''}{held:,} held out for evaluation" if held else ""
        out = sum(own["out"] for own in ledgers) - held
        unit = _OF.get(stem.partition("-")[0], "rows")
        rows.append((code(stem), unit, f"{taken:,}", f"{out:,}", f"{lost.total():,}", reasons or "none"))
    head = ("stage", "of", "in", "out", "lost", "why")
    return ["## Counts and losses", "", *table(head, rows)]


def format_contracts(found: Validation) -> list[str]:
    """Format the expectations of every table, and their results."""
    held = [(each.table, own) for each in found.tables for own in each.expectations]
    failed = [(name, own) for name, own in held if not own.success]
    verdict = "All are met." if not failed else f"Not met: {len(failed):,}, listed first."
    lines = ["## Contracts", "", f"{len(held):,} expectations of {len(found.tables):,} tables. {verdict}", ""]
    if failed:
        rows = [(code(name), _expectation(own), own.severity, _share(own)) for name, own in failed]
        lines += table(("table", "expectation", "severity", "not met by"), rows)
    met = [
        (code(each.table), f"{each.rows:,}", f"{sum(own.success for own in each.expectations):,}",
         f"switched off by {code(each.off)}" if each.off else f"{len(each.expectations):,}")
        for each in found.tables
    ]  # fmt: skip
    lines += table(("table", "rows", "met", "expectations"), met)
    every = [
        (code(name), _expectation(own), own.severity, "met" if own.success else "not met")
        for name, own in held
    ]
    lines += ["<details><summary>All expectations</summary>", ""]
    return [*lines, *table(("table", "expectation", "severity", ""), every), "</details>", ""]


def _expectation(found: Outcome) -> str:
    kwargs = ", ".join(f"{key} {value}" for key, value in found.kwargs.items() if key != "column")
    return f"{code(found.type)}" + (f" of {code(found.column)}" if found.column else "") + (
        f": {code(kwargs[:200])}" if kwargs else "")  # fmt: skip


def _share(found: Outcome) -> str:
    if found.unexpected is None:
        return code(str(found.observed)[:200]) if found.observed is not None else "the table"
    return f"{found.unexpected:,} of {found.rows:,} rows ({found.share or 0:.2%})"


def format_contamination(counts: Counts) -> list[str]:
    """Format the text that answered rows share with evaluation sets, before selection."""
    rows = []
    for stem, content in counts.items():
        if not stem.startswith("decontaminate-") or not content.get("pools"):
            continue
        for line in hits.format_hits(stem.partition("-")[2], content, list(content["pools"])):
            pools = line["pools"].values()
            of, hit = sum(each["of"] for each in pools), sum(each["rows"] for each in pools)
            rows.append((code(line["set"]), line["measure"], f"{line['questions']:,}", f"{hit:,} of {of:,}"))
    lines = ["## Contamination", ""]
    if not rows:
        return [*lines, "Held against no evaluation set.", ""]
    head = ("evaluation set", "measure", "its rows", "answered rows that share text with it")
    return [*lines, *table(head, rows)]


def format_rows(facts: Facts, images: Mapping[str, str]) -> list[str]:
    """Format lengths, languages, domains, and histograms."""
    lines = ["## Rows", ""]
    lengths = [(name, f"{half:,}", f"{most:,}") for name, (half, most) in facts.lengths.items()]
    lines += table(("text", "median characters", "95th percentile"), lengths)
    told = [f"{NAMES.get(name, name)} {rows / facts.told:.1%}" for name, rows in facts.languages.items()]
    untold = facts.told - sum(facts.languages.values())
    told += [f"not told {untold / facts.told:.1%}"] if untold else []
    drawn = "" if facts.told == facts.rows else f", of {facts.told:,} rows drawn"
    lines += [f"Languages of the instructions{drawn}: {', '.join(told) or 'none'}.", ""]
    domains = [(code(name or "none"), f"{rows:,}") for name, rows in list(facts.domains.items())[:20]]
    lines += table(("domain", "rows"), domains)
    return [*lines, *(f"![{text}](images/{name})" for name, text in images.items()), ""]


def format_columns(facts: Facts) -> list[str]:
    """Format columns with types and meanings."""
    rows = [
        (code(name), code(str(kind)), find_meaning(name).replace("|", "\\|"))
        for name, kind in facts.columns.items()
    ]
    return ["## Columns", "", *table(("column", "type", "meaning"), rows)]


def find_meaning(name: str) -> str:
    """Return what a column contains; '' if it is undocumented."""
    known = all_columns().get(name)
    return _MEANINGS.get(name) or (known.meaning if known else "")
