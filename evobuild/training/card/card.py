"""The model card of a tuned model: what it is made of, under which licences, and how it is used.

It is README.md of the model's folder, with the front matter of the hub's model cards. The same base, data and
params give the same bytes: it contains no time, no machine and no path outside the repository.

Source: https://huggingface.co/docs/hub/model-cards and huggingface/hub-docs, modelcard.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from evobuild.core.dvc_hash import dvc_md5
from evobuild.core.escaping import code, fenced, one_line, plain
from evobuild.core.metrics import explain_label, read_label
from evobuild.core.uri import Weights
from evobuild.training.card import licences
from evobuild.training.card.generating import STOPS, Tuned, generating_section
from evobuild.training.card.licences import Licence
from evobuild.training.params import TRAINING, Finetune
from evobuild.weights.identities import read_installed_version
from evobuild.weights.params import LIBRARIES

MERGED = "adapter"
"""The folder, in that of a tuned model, of an adapter that has been merged into it."""


@dataclass(frozen=True, kw_only=True)
class CardFacts:
    """Facts of a card besides the content of the model's folder.

    name: the key in `bases`. identity: of the base, as `weights_identity` gives it. data: the table that is
    trained on. rows, tokens: of what is learnt from. rejects: rows that are not, by reason. curve: as
    `training_curve` gives it. label: the file that says whether this is a dry run.
    """

    name: str
    base: Weights
    identity: str
    params: Finetune
    random_seed: int
    data: Path
    rows: int
    rejects: Mapping[str, int]
    tokens: int
    curve: Sequence[Mapping[str, float | None]]
    label: Path

    @property
    def folder(self) -> str:
        """Return the folder of the model."""
        return f"models/tuned/{self.name}"

    @property
    def shown_base(self) -> str:
        """Return the base's name; of a folder outside the repository only the last part."""
        name = self.base.name
        return one_line(Path(name).name if Path(name).is_absolute() else name)


def write_card(folder: Path, facts: CardFacts) -> None:
    """Write the card of the model that a folder holds, whole or as an adapter, in place of any other.

    Raises BadInput if there is no label.
    """
    is_adapter = (folder / "adapter_config.json").exists()
    licence = licences.base_licence(facts.base)
    parts = [
        _front_matter(facts, licence, is_adapter),
        _summary(facts, folder, is_adapter),
        _data(facts),
        _training(facts),
        _licences(facts, licence),
        generating_section(_describe_tuning(facts, folder, is_adapter)),
    ]
    (folder / "README.md").write_text("\n".join(parts), encoding="utf-8")


def _describe_tuning(facts: CardFacts, folder: Path, is_adapter: bool) -> Tuned:
    return Tuned(
        name=facts.name,
        folder=facts.folder,
        base=facts.shown_base,
        revision=facts.base.revision,
        rank=facts.params.lora.rank if is_adapter else 0,
        has_stops=(folder / STOPS).exists(),
    )


def _front_matter(facts: CardFacts, licence: Licence | None, is_adapter: bool) -> str:
    import huggingface_hub

    label = read_label(facts.label)
    tags = ["evobuild", facts.params.method]
    tags += ["lora"] if facts.params.lora.rank else []
    tags += [each.lower().replace(" ", "-") for each in label.split(", ") if each]
    stated = licence or Licence("unknown", "", "", "")
    # What the hub reads as a model of its own; a folder here may have no more than the form of one.
    on_hub = not facts.base.is_local
    data = huggingface_hub.ModelCardData(
        base_model=facts.shown_base if on_hub else None,
        base_model_relation=("adapter" if is_adapter else "finetune") if on_hub else None,
        library_name="peft" if is_adapter else "transformers",
        license=stated.identifier,
        license_name=stated.name or None,
        license_link=stated.link or None,
        pipeline_tag="text-generation",
        tags=tags,
    )
    return f"---\n{data.to_yaml()}\n---\n"


def _summary(facts: CardFacts, folder: Path, is_adapter: bool) -> str:
    label = read_label(facts.label)
    what = "A LoRA adapter of" if is_adapter else "The model"
    how = {"sft": "by supervised fine-tuning", "dpo": "by direct preference optimization"}[
        facts.params.method
    ]
    lines = [f"# {label}: {plain(facts.name)}" if label else f"# {plain(facts.name)}", ""]
    if label:
        lines += [f"**{label}**{explain_label(label).removeprefix(label)}.", ""]
    lines += [f"{what} {code(facts.shown_base)}, tuned with evobuild {how}."]
    if (folder / MERGED).is_dir():
        lines += ["", f"The adapter that was merged into it lies in {code(MERGED)}."]
    return "\n".join([*lines, "", *_table(_base_rows(facts))])


def _base_rows(facts: CardFacts) -> list[tuple[str, str]]:
    # Of a folder the digest of its content, of the hub's the commit.
    version = facts.base.revision or facts.identity.rpartition("#" if facts.base.is_local else "@")[2]
    made = f"the stage {code(facts.base.made_by)} of the same repository"
    return [
        ("base", code(facts.shown_base)),
        ("version of the base", code(version)),
        *([("made by", made)] if facts.base.made_by else []),
    ]


def _data(facts: CardFacts) -> str:
    digest = dvc_md5(facts.data)
    rows = [
        ("trained on", code(str(facts.params.data))),
        (f"version of {code(_format_path(facts.data))}", f"md5 {code(digest)}, as in `dvc.lock`"),
        ("rows learnt from", f"{facts.rows:,}"),
        ("tokens of these rows", f"{facts.tokens:,}"),
        ("rows lost", f"{sum(facts.rejects.values()):,}"),
        *((f"of these: {code(reason)}", f"{count:,}") for reason, count in sorted(facts.rejects.items())),
    ]
    return "\n".join(["## Data", "", *_table(rows)])


def _training(facts: CardFacts) -> str:
    settings = _yaml({"random_seed": facts.random_seed, "finetune": _settings(facts.params)})
    libraries = sorted({*LIBRARIES, *TRAINING})
    rows = [("steps", f"{len(facts.curve):,}"), ("training loss of the last step", _last(facts, "loss"))]
    rows += [("loss on held-out rows, the last", _last(facts, "held_out_loss"))]
    versions = ", ".join(f"{name} {read_installed_version(name)}" for name in libraries)
    lines = ["## Training", "", *_table(rows), "Losses are in nats per labelled token.", ""]
    return "\n".join([*lines, fenced("yaml", settings), f"Libraries: {versions}.", ""])


def _settings(params: Finetune) -> dict[str, object]:
    """List the settings that apply."""
    found = params.model_dump()
    for key in params.idle():
        section, _, name = key.rpartition(".")
        del (found[section] if section else found)[name]
    return found


def _licences(facts: CardFacts, licence: Licence | None) -> str:
    if licence:
        link = f", <{licence.link}>" if licence.link else ""
        base = f"{code(str(licence))}, says {licence.source}{link}. It holds for this model, too."
    elif facts.base.made_by:
        base = "made from the data alone, in the same repository; it has no licence of its own."
    else:
        base = "not stated, in its folder or on the hub; look for it before this model is given away."
    data = (
        "not stated. Check the licence of the seed data, and the terms of the models that wrote instructions "
        "and answers: some forbid training other models on what they write, or ask for a name."
    )
    return "\n".join(["## Licences", "", f"- Base: {base}", f"- Data: {data}", ""])


def _table(rows: Sequence[tuple[str, str]]) -> list[str]:
    return ["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows), ""]


def _last(facts: CardFacts, column: str) -> str:
    found = next((row[column] for row in reversed(facts.curve) if row.get(column) is not None), None)
    return "not measured" if found is None else f"{found:.4f}"


def _format_path(path: Path) -> str:
    return path.name if path.is_absolute() else str(path)


def _yaml(content: Mapping[str, object]) -> str:
    text: str = yaml.safe_dump(dict(content), sort_keys=False, allow_unicode=True, width=10**6)
    return text
