"""What `evobuild publish` lays out: all that a reader needs and nothing else, shown by `--dry-run` alone."""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
import sys
from pathlib import Path

import patience
import polars as pl
import publishing
import pytest
import workspace
from hub_server import HubServer

from evobuild.cli.publish import contents, hub_files
from evobuild.cli.publish.build_origin import Origin
from evobuild.core import tables
from evobuild.core.errors import BadInput
from evobuild.core.instructions import INSTRUCTIONS
from evobuild.core.rejects import REJECTS

ORIGIN = Origin("data/dataset.parquet", "0" * 32, "c" * 40)


def laid_out(folder: Path) -> hub_files.Contents:
    folder.mkdir()
    return contents.collect_dataset(folder, ORIGIN)


def test_the_card_has_the_configs_and_the_commit(project: Path, tmp_path: Path) -> None:
    import huggingface_hub

    given = laid_out(tmp_path / "made")
    card = huggingface_hub.DatasetCard((tmp_path / "made/README.md").read_text())
    assert card.data.license == "cc-by-nc-4.0" and card.data.tags == ["synthetic"]
    names = [config.name for config in given.configs]
    assert [each["config_name"] for each in card.data.configs] == names
    paths = {each.path for each in given.files}
    assert {each["data_files"][0]["path"] for each in card.data.configs} <= paths
    assert card.data.configs[0]["default"] is True and "default" not in card.data.configs[1]
    assert card.text.lstrip().startswith("# Evolved\n\nWritten by a stage.\n\n## Configs")
    assert ORIGIN.commit in card.text and ORIGIN.md5 in card.text
    assert "`rejects`: 2 rows" in card.text


def as_repository(folder: Path) -> Path:
    """What the hub would hold, as a folder: of the project that commands run in."""
    folder.mkdir(parents=True)
    for file in laid_out(folder.with_name("made")).files:
        (folder / file.path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file.source, folder / file.path)
    return folder


def test_one_cache_tells_builds_apart_in_every_config(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datasets

    datasets.disable_progress_bars()
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(tmp_path / "cache"))
    first = as_repository(tmp_path / "first/evolved")
    train = project / "data/export/datasets/data/train.parquet"
    tables.write(train, pl.read_parquet(train).with_columns(output=pl.lit("Gone a1.")))
    for name in ("verifiers", "preferences"):
        path = project / f"data/export_autoif/{name}.jsonl"
        path.write_text(path.read_text().replace("Why?", "Who?"))
    lost = project / "data/rejects/evolve-r1.parquet"
    tables.write(lost, pl.read_parquet(lost).with_columns(reply=pl.lit("The rePly.")))
    second = as_repository(tmp_path / "second/evolved")
    for name in ("sft", "preferences", "verifiers", "rejects"):
        one, two = (datasets.load_dataset(str(each), name, split="train") for each in (first, second))
        for folder, found in ((first, one), (second, two)):
            path = next((folder / name).glob("*.parquet"), folder / "datasets/data/train.parquet")
            assert found.to_list() == pl.read_parquet(path).to_dicts()
            assert found.info.description == f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
        assert one.to_list() != two.to_list(), name


def test_a_card_whose_metadata_cannot_be_read_is_named(project: Path, tmp_path: Path) -> None:
    (project / "data/export/README.md").write_text("---\na: [\n---\n# x\n")
    with pytest.raises(BadInput, match=r"data/export/README\.md: no metadata in YAML"):
        laid_out(tmp_path / "made")


def test_the_exports_go_as_they_are_with_one_card(project: Path, tmp_path: Path) -> None:
    given = {file.path: file.source for file in laid_out(tmp_path / "made").files}
    exports = project / "data/export"
    for path in exports.rglob("*"):
        name = path.relative_to(exports).as_posix()
        if path.is_file() and path.name != "README.md":
            assert given[name].read_bytes() == path.read_bytes()
    assert [name for name in given if name.endswith("README.md")] == ["README.md"]


def test_without_the_export_of_datasets_the_data_set_is_laid_out(project: Path, tmp_path: Path) -> None:
    (project / "data/export/datasets/data/train.parquet").unlink()
    given = laid_out(tmp_path / "made")
    assert given.configs[0] == hub_files.Config("sft", "sft/train.parquet", 3)
    made = pl.read_parquet(tmp_path / "made/sft/train.parquet")
    assert made.equals(tables.read(Path("data/dataset.parquet"), INSTRUCTIONS).sort("id"))


def test_rows_that_share_text_with_an_evaluation_set_are_in_no_config(project: Path, tmp_path: Path) -> None:
    given = laid_out(tmp_path / "made")
    for config in given.configs:
        if config.name in ("preferences", "verifiers"):
            assert pl.read_parquet(tmp_path / "made" / config.path)["id"].to_list() == ["a1"]


def test_what_has_no_row_is_left_out(project: Path, tmp_path: Path) -> None:
    for name in ("verifiers", "preferences"):
        (project / f"data/export_autoif/{name}.jsonl").write_text("")
    for path in (project / "data/rejects").glob("*.parquet"):
        tables.write(path, REJECTS.to_frame())
    given = laid_out(tmp_path / "made")
    assert [config.name for config in given.configs] == ["sft"]
    assert given.left_out == ["preferences: no row", "verifiers: no row", "rejects: no row"]
    assert not [file.path for file in given.files if file.path.endswith("train.parquet")][1:]


def test_what_a_branch_exported_that_is_off_since_is_left_out(project: Path, tmp_path: Path) -> None:
    assert [config.name for config in laid_out(tmp_path / "on").configs][1:3] == ["preferences", "verifiers"]
    workspace.change_params(project, {"branches": {}})
    assert [config.name for config in laid_out(tmp_path / "off").configs] == ["sft", "rejects"]
    assert not [each for each in contents.list_sources(None) if "autoif" in each]


def test_the_same_data_gives_the_same_bytes(project: Path, tmp_path: Path) -> None:
    one, two = ({f.path: f.source.read_bytes() for f in laid_out(tmp_path / n).files} for n in "ab")
    assert one == two


def test_several_branches_stand_one_after_the_other(project: Path, tmp_path: Path) -> None:
    workspace.change_params(project, {"branches": {"autoif": {}, "other": {}}})
    other = project / "data/export_other"
    other.mkdir()
    publishing.write_branch(other)
    for path in other.iterdir():
        path.write_text(path.read_text().replace('"a1"', '"z9"'))
    laid_out(tmp_path / "made")
    for name in ("verifiers", "preferences"):
        made = pl.read_parquet(tmp_path / "made" / name / "train.parquet")
        assert made["id"].to_list() == ["a1", "z9"]


def test_a_dry_run_lists_files_and_asks_nothing(
    hub: HubServer, project: Path, publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_TOKEN")

    def refuse(*arguments: object, **named: object) -> None:
        raise AssertionError("it asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    code, said, _ = publish("me/evolved", "--dry-run", "--private")
    assert code == 0 and not hub.calls and not (project / "published.json").exists()
    lines = {tuple(line.rsplit(maxsplit=2)) for line in said.splitlines() if line.endswith("B")}
    sizes = {name: (project / "data/export" / name).stat().st_size for name in ("alpaca.json",)}
    assert ("alpaca.json", str(sizes["alpaca.json"]), "B") in lines
    assert any(line[0] == "10 files" for line in lines)
    assert "configs: sft (3 rows), preferences (1 rows), verifiers (1 rows), rejects (2 rows)" in said
    assert "made private" in said and hub.url in said


def test_a_dry_run_in_a_process_needs_no_network(project: Path) -> None:
    done = patience.run(
        [sys.executable, "-m", "evobuild", "publish", "me/evolved", "--dry-run"],
        workspace.SECONDS,
        cwd=project,
        env=workspace.environment()
        | {"PYTHONPATH": str(workspace.ROOT), "HF_ENDPOINT": "http://127.0.0.1:9", "HTTPS_PROXY": "http://x"},
    )
    assert done.returncode == 0 and done.stderr == "" and "at http://127.0.0.1:9" in done.stdout


def test_a_model_needs_its_card(project: Path, publish) -> None:
    (project / "models/tuned/toy/README.md").unlink()
    code, _, said = publish("me/toy", "--model", "--dry-run")
    assert code == 1 and "models/tuned/toy/README.md: no such file" in said


def test_a_place_that_is_no_project_is_said(tmp_path: Path, publish, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert publish("me/evolved") == (
        1, "", "evobuild: params.yaml: no such file; run in its folder, or begin one: evobuild init\n"
    )  # fmt: skip


def test_another_published_json_is_not_written_over(hub: HubServer, project: Path, publish) -> None:
    (project / "published.json").write_text(json.dumps(["mine"]))
    code, _, said = publish("me/evolved")
    assert code == 1 and "published.json: expected what publish writes" in said
    assert json.loads((project / "published.json").read_text()) == ["mine"]


@pytest.mark.parametrize(
    "size, shown",
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (2_345_678, "2.3 MB"), (5 * 10**12, "5.0 TB")],
)
def test_sizes_are_read_at_a_glance(size: int, shown: str) -> None:
    assert hub_files.format_size(size) == shown


def test_rejects_that_cannot_be_compared_with_a_set_are_left_out(project: Path, tmp_path: Path) -> None:
    (project / "data/held_out.parquet").unlink()
    given = laid_out(tmp_path / "made")
    assert "rejects" not in [config.name for config in given.configs]
    assert given.left_out == [
        "rejects: data/held_out.parquet is not here, so replies cannot be compared with it"
    ]
