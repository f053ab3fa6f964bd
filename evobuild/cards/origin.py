"""The sections of a card about a dataset's origin: licences, models, params, prompts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from evobuild.cards.citations import list_used_papers
from evobuild.cards.licences import UNKNOWN, Stated
from evobuild.cards.provenance import Provenance
from evobuild.core.escaping import code, fenced
from evobuild.core.uri import MADE

_NOT_USED = "nothing was asked of it"
LONGEST = 300
"""Characters of a param's value that are shown."""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lay out a table; its cells are Markdown already."""
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    return [*lines, *(f"| {' | '.join(row)} |" for row in rows), ""]


def format_warnings(stated: Sequence[Stated]) -> list[str]:
    """Format the warnings on top: parts that forbid commercial use, and parts of unknown licence."""
    bound = [each for each in stated if each.is_non_commercial]
    unknown = [each for each in stated if each.licence == UNKNOWN]
    lines = []
    if bound:
        lines += [f"**For no commercial use**: {_parts(bound)}.", ""]
    if unknown:
        lines += [f"**Licence unknown** of {_parts(unknown, with_licence=False)}: look for it first.", ""]
    seed = stated[0]
    if seed not in (*bound, *unknown):
        lines += [f"Seed data: {code(shorten_path(seed.name))}, {code(seed.licence)}: {seed.follows}.", ""]
    return lines


def _parts(found: Sequence[Stated], with_licence: bool = True) -> str:
    return ", ".join(
        f"the {'' if each.part == 'seed data' else 'model of the '}{each.part}, "
        f"{code(shorten_path(each.name))}" + (f", is under {code(each.licence)}" if with_licence else "")
        for each in found
    )


def format_licences(stated: Sequence[Stated], licence: str) -> list[str]:
    """Format the licence of each part and what follows for use."""
    rows = [(each.part, code(shorten_path(each.name)), code(each.licence), each.follows) for each in stated]
    return [
        "## Licences", "",
        f"Of the data set: {code(licence)}. Of what it was made with:", "",
        *table(("part", "name", "licence", "what follows"), rows),
    ]  # fmt: skip


def format_models(made: Provenance, counts: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Format every role's model: its URI, and its version at the time of the run."""
    found: dict[str, dict[str, None]] = {}
    for content in counts.values():
        for entry in (*content.get("asked", ()), *content.get("loaded", ())):
            found.setdefault(entry["role"], {})[str(entry.get("identity", ""))] = None
    versions = {role: ", ".join(map(_version, names)) for role, names in found.items()}
    shown = {role: code(shorten_model(model)) + _describe_maker(model) for role, model in made.models.items()}
    rows = [(role, model, versions.get(role, _NOT_USED)) for role, model in shown.items()]
    return ["## Models", "", *table(("role", "model", "version"), rows)]


def _describe_maker(model: str) -> str:
    name = model.removeprefix("transformers:")
    return f", made by the stage {code(MADE[name])}" if name in MADE else ""


def _version(identity: str) -> str:
    """What an identity says: "openai:gpt-4o" -> "not stated by its server"."""
    name, _, rest = identity.partition("[")
    options = f", with {code(rest.removesuffix(']'))}" if rest.strip(",]") else ""
    if name.startswith("simulated:"):
        return "simulated, by this project's own code"
    if name.startswith("openai:"):
        return f"not stated by its server{options}"
    if "#" in name:
        return f"content {code(name.rpartition('#')[2])}{options}"
    if "@" in name:
        return f"commit {code(name.rpartition('@')[2])}{options}"
    return "not recorded"


def format_params(made: Provenance) -> list[str]:
    """Format the source of rows, other input files, and params that differ from the shipped ones."""
    own = made.params["seed"]["source"]
    rows = [(code(shorten_path(made.seed_source)), made.seed_revision)]
    rows += [(code(shorten_path(name)), f"md5 {md5}") for name, md5 in made.files.items() if name != own]
    lines = ["## Source", "", *table(("data", "version"), rows), "## Params", ""]
    if not made.changed:
        return [*lines, "All are as they are shipped.", ""]
    lines += ["These differ from the ones that are shipped.", ""]
    both = {key: (_value(each["value"]), _value(each["default"])) for key, each in made.changed.items()}
    changed = [(code(key), value, default) for key, (value, default) in both.items()]
    return [*lines, *table(("param", "value", "shipped"), changed)]


def format_prompts(made: Provenance) -> list[str]:
    """Format prompts by digest, and libraries that affect results by version."""
    folder = Path(shorten_path(made.prompt_folder))
    rows = [(code(str(folder / name)), code(md5)) for name, md5 in made.templates.items()]
    told = f"From the folder {code(str(folder))}; digest of these templates: {code(made.prompt_digest)}."
    asked = [told, "", *table(("prompt", "md5"), rows)] if rows else ["None was asked.", ""]
    lines = ["## Prompts", "", *asked]
    versions = ", ".join(f"{name} {version}" for name, version in sorted(made.libraries.items()))
    return [*lines, f"Libraries: {versions or 'none that changes a result'}.", ""]


def format_rebuild(md5: str) -> list[str]:
    """Format the commands that rebuild the dataset, identified by its content."""
    script = (
        "git clone <address of the repository> repository && cd repository\n"
        "# The commit that first held these very rows.\n"
        f'git checkout "$(git log --format=%H -S{md5} -- dvc.lock | tail -n 1)"\n'
        "pip install -r requirements.lock      # in a project of one's own: the evobuild of evobuild.lock\n"
        "dvc pull --allow-missing              # what is on its remote; what is not is built\n"
        "dvc repro export\n"
    )
    return [
        "## Rebuild", "",
        f"These rows are `data/dataset.parquet` with the md5 {code(md5)}, by which `dvc.lock` names them,",
        "with every table, prompt and param that they hang on.", "",
        *fenced("sh", script).splitlines(), "",
    ]  # fmt: skip


def format_citations(made: Provenance) -> list[str]:
    """Format the papers used, and what for."""
    used = list_used_papers(made)
    if not used:
        return []
    rows = [f"- {what}: [arXiv:{paper.number}](https://arxiv.org/abs/{paper.number}), {paper.title}"
            for paper, what in used]  # fmt: skip
    bibtex = "\n".join(paper.bibtex for paper, _ in used)
    return ["## Citations", "", *rows, "", *fenced("bibtex", bibtex).splitlines(), ""]


def writers(made: Provenance) -> Iterator[str]:
    """The roles that wrote, with their models: "evolver `simulated:small`"."""
    for role in ("evolver", "responder"):
        if role in made.models:
            yield f"{role} {code(shorten_model(made.models[role]))}"


def shorten_path(name: str) -> str:
    """Shorten a path outside the repository to its last part: its folder is private."""
    return Path(name).name if Path(name).is_absolute() else name


def shorten_model(model: str) -> str:
    """A model, its folder outside the repository by its own name alone."""
    engine, colon, rest = model.partition(":")
    name = rest if colon and engine in ("transformers", "vllm") else model
    return model.replace(name, Path(name).name) if name.startswith("/") else model


def _value(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return code(text if len(text) <= LONGEST else f"{text[:LONGEST]}…")
