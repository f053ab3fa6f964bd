"""Collect the files to publish: all that a dataset's readers need, or the folder of a tuned model."""

from __future__ import annotations

from pathlib import Path

from evobuild.cli.publish import configs
from evobuild.cli.publish.build_origin import Origin
from evobuild.cli.publish.evaluation_text import find_missing_sets
from evobuild.cli.publish.hub_cards import build_dataset_card, build_model_card
from evobuild.cli.publish.hub_files import CARD, Config, Contents, HubFile, list_files
from evobuild.core.errors import UserError
from evobuild.core.json_files import read_json_file
from evobuild.core.yaml_files import read_yaml

EXPORTS = Path("data/export")
VALIDATION = (Path("data/validation/tables.json"), Path("data/validation/outputs.json"))
PAGES = (Path("data/report.html"), Path("data/validation.html"))
MODELS = Path("models/tuned")
NESTED_CARD = "datasets/README.md"
"""The card of the export `datasets`, which the repository's card replaces."""


def collect_dataset(folder: Path, origin: Origin) -> Contents:
    """Collect the dataset. folder: for files written for the upload; the others are uploaded from their
    paths.

    Raises BadInput naming a file that cannot be read.
    """
    files = [each for each in list_files(EXPORTS) if each.path != NESTED_CARD]
    made: list[tuple[Config, HubFile]] = [configs.build_sft_config(EXPORTS, folder)]
    made += configs.build_branch_configs(list_branch_exports(), folder)
    missing = find_missing_sets()
    if not missing and (rejects := configs.build_rejects_config(folder)):
        made.append(rejects)
    taken = {each.path for each in files}
    files += [file for _, file in made if file.path not in taken]
    files += [HubFile(page.name, page) for page in PAGES if page.exists()]
    files += [HubFile(f"{path.parent.name}/{path.name}", path) for path in VALIDATION if path.exists()]
    given = [config for config, _ in made]
    card = folder / CARD
    card.write_text(build_dataset_card(EXPORTS / CARD, made, origin), encoding="utf-8")
    names = {config.name for config in given}
    left_out = [f"{name}: no row" for name in (*configs.BRANCH_EXPORTS, "rejects") if name not in names]
    if missing:
        left_out[-1] = f"rejects: {missing[0]} is not here, so replies cannot be compared with it"
    return Contents([HubFile(CARD, card), *sorted(files)], given, left_out)


def collect_model(base: str, folder: Path, origin: Origin, dataset: str | None) -> Contents:
    """Collect a tuned model. dataset: hub id of the dataset that it is tuned on."""
    model = MODELS / base
    if not (model / CARD).is_file():
        raise UserError(f"{model / CARD}: no such file; evobuild repro")
    card = folder / CARD
    card.write_text(build_model_card(model / CARD, origin, dataset), encoding="utf-8")
    return Contents([HubFile(CARD, card), *list_files(model)], [], [])


def trains_on_dataset() -> bool:
    """Whether models are tuned on the dataset, not on a pool or on pairs."""
    about = read_json_file(MODELS / "data.json")
    return bool((about["data"], about["method"]) == ("dataset", "sft"))


def list_branch_exports() -> list[Path]:
    """List the export folders of current branches; folders of former branches are ignored."""
    branches = read_yaml(Path("params.yaml"))["branches"]
    return [EXPORTS.with_name(f"{EXPORTS.name}_{name}") for name in branches]


def list_sources(base: str | None) -> list[str]:
    """List the paths that must exist to publish: files, and folders with all their content."""
    if base is not None:
        return [str(MODELS / base), str(MODELS / "data.json"), "data/label.txt"]
    folders = (EXPORTS, configs.REJECTS_FOLDER, *list_branch_exports(), *PAGES, configs.DATASET)
    return ["data/label.txt", *map(str, folders)]
