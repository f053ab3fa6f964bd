"""Presets: DVC takes each as it is printed, and params.yaml then says what the preset says."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from dvc.utils.hydra import apply_overrides
from workspace import SHIPPED_PARAMS

from evobuild import __main__ as command
from evobuild.cli import preset
from evobuild.cli.check.all_params import load_all_params
from evobuild.cli.check.consistency import check_params
from evobuild.core.errors import BadInput, UserError
from evobuild.core.yaml_files import read_yaml


@pytest.fixture(autouse=True)
def _shipped(monkeypatch):
    """The command reads the shipped params, for what a preset asks by them."""
    monkeypatch.setattr("evobuild.cli.check.all_params.PARAMS", SHIPPED_PARAMS)


NAMES = sorted(path.stem for path in preset.FOLDER.glob("*.yaml"))


def applied(tmp_path: Path, words: list[str]) -> Path:
    """params.yaml after `dvc exp run` has set what the words say."""
    assert words[::2] == ["-S"] * (len(words) // 2)
    shutil.copy(SHIPPED_PARAMS, tmp_path / "params.yaml")
    apply_overrides(str(tmp_path / "params.yaml"), words[1::2])
    return tmp_path / "params.yaml"


def at(content: dict[str, Any], key: str) -> Any:
    for part in key.split("."):
        content = content[part]
    return content


def leaves(content: dict[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """All values that are no mapping, by dotted key."""
    for key, value in content.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_sets_just_what_its_file_says(tmp_path: Path, name: str) -> None:
    wanted = preset.read_preset(name)
    path = applied(tmp_path, preset.format_options(name))
    found, shipped = (read_yaml(each) for each in (path, SHIPPED_PARAMS))
    assert {key: at(found, key) for key in wanted} == wanted
    for key in wanted:
        *sections, last = key.split(".")
        there, section = (at(each, ".".join(sections)) if sections else each for each in (shipped, found))
        section |= {last: there[last]} if last in there else {}
        if last not in there:
            del section[last]
    assert found == shipped


def test_a_preset_has_what_the_one_it_extends_sets_but_where_it_says_otherwise(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(preset, "FOLDER", tmp_path)
    (tmp_path / "one.yaml").write_text("about: one\nset: {a: 1, b: 2, rounds: {r1: {}}}\n")
    (tmp_path / "two.yaml").write_text("about: two\nextends: one\nset: {b: 3}\n")
    assert preset.read_overrides("two") == {"a": "1", "b": "3", "~rounds": "", "+rounds": "{r1:{}}"}


def test_of_several_that_a_preset_extends_the_later_counts(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(preset, "FOLDER", tmp_path)
    (tmp_path / "one.yaml").write_text("about: one\nset: {a: 1, b: 1, c: 1}\n")
    (tmp_path / "two.yaml").write_text("about: two\nextends: one\nset: {b: 2, c: 2}\n")
    (tmp_path / "three.yaml").write_text("about: three\nextends: [one, two]\nset: {c: 3}\n")
    assert preset.read_preset("three") == {"a": 1, "b": 2, "c": 3}


@pytest.mark.parametrize("name", NAMES)
def test_params_with_a_preset_are_right(tmp_path: Path, name: str) -> None:
    needed = {"deita": ["-S", "models.reward=some/reward"]}.get(name, [])
    for benchmark in preset.read_preset(name).get("evaluate.benchmarks", {}):
        items = f"+evaluate.benchmarks.{benchmark}.items=data/raw/benchmarks/{benchmark}.jsonl"
        needed += ["-S", items]
    check_params(load_all_params(applied(tmp_path, [*preset.format_options(name), *needed])))


def test_dvc_takes_all_rounds_away(tmp_path: Path) -> None:
    changes = [f"~{key}.r{number}" for key in ("rounds", "pools") for number in (1, 2, 3)]
    found = load_all_params(applied(tmp_path, [word for each in changes for word in ("-S", each)]))
    check_params(found)
    assert not found.rounds


@pytest.mark.parametrize("rounds", [(), ("-S", "~rounds.r3", "-S", "~pools.r3")])
def test_the_branch_is_added_to_the_pools_that_are_there(tmp_path: Path, rounds: tuple[str, ...]) -> None:
    branch = ["-S", "+branches.autoif={}", "-S", "+pools.autoif={}"]
    found = load_all_params(applied(tmp_path, [*rounds, *branch]))
    check_params(found)
    assert list(found.branches) == ["autoif"] and list(found.pools) == ["r0", *found.rounds, "autoif"]
    by_preset = load_all_params(applied(tmp_path, [*rounds, *preset.format_options("autoif")]))
    assert (by_preset.branches, by_preset.pools) == (found.branches, found.pools)


@pytest.mark.parametrize("names", [NAMES, NAMES[::-1]], ids=["by name", "backwards"])
def test_a_preset_is_set_in_one_experiment_after_another(tmp_path: Path, names: list[str]) -> None:
    """In both orders, so that each comes after each other one."""
    path = applied(tmp_path, [])
    for name in names:
        apply_overrides(str(path), preset.format_options(name)[1::2])
        found, wanted = read_yaml(path), preset.read_preset(name)
        assert {key: at(found, key) for key in wanted} == wanted, name


@pytest.mark.parametrize("value", ["[]", "[a]"])
def test_every_list_of_params_can_be_set_twice(tmp_path: Path, value: str) -> None:
    path = applied(tmp_path, [])
    lists = [key for key, found in leaves(read_yaml(path)) if isinstance(found, list)]
    for key in lists:
        # As DVC does, in one experiment after another.
        apply_overrides(str(path), ["random_seed=1"])
        apply_overrides(str(path), [f"{key}={value}"])
    assert len(lists) > 8
    assert all(at(read_yaml(path), key) == yaml.safe_load(value) for key in lists)


def test_a_preset_leaves_nothing_of_the_one_before(tmp_path: Path) -> None:
    after = applied(tmp_path, preset.format_options("deita") + preset.format_options("cherry"))
    assert read_yaml(after) == read_yaml(applied(tmp_path, preset.format_options("cherry")))


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_is_printed_as_words_that_a_shell_leaves_alone(name: str, capsys) -> None:
    assert command.main(["preset", name]) == 0
    said = capsys.readouterr().out
    assert said.split() == preset.format_options(name)
    # A shell expands no tilde of what a command printed.
    assert not set(said) & set("'\"\\$`*?;&|<>()#!")


def test_all_presets_are_listed_with_what_they_are_about(capsys) -> None:
    assert command.main(["preset"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == NAMES
    assert len({line.index(line.split(maxsplit=1)[1]) for line in lines}) == 1
    assert [line.split()[0] for line in lines if "arXiv:" not in line] == ["data-only"], "of no paper"


def test_an_unknown_preset_names_the_known(capsys) -> None:
    assert command.main(["preset", "../params"]) == 1
    assert "unknown preset '../params'; choose from: auto-evol, auto-evol-chat, " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("null", "null"), ("true", "true"), ("0.05", "0.05"), ("6000", "6000"), ("1.0e-05", "1e-05"),
        ("ifd", "ifd"),
        ("[r1, r2]", "[r1,r2]"), ("[]", "[]"), ("[20, null]", "[20,null]"),
    ],
)  # fmt: skip
def test_values_are_one_word_each(tmp_path: Path, monkeypatch, value: str, written: str) -> None:
    monkeypatch.setattr(preset, "FOLDER", tmp_path)
    (tmp_path / "own.yaml").write_text(f"about: mine\nset:\n  select.by: {value}\n")
    assert preset.format_options("own") == ["-S", f"select.by={written}"]


@pytest.mark.parametrize(
    ("value", "written"), [("{}", "{}"), ("{ic_ifd: 1, difficulty: 0.5}", "{ic_ifd:1,difficulty:0.5}")]
)
def test_a_mapping_takes_the_place_of_the_one_before(tmp_path: Path, monkeypatch, value, written) -> None:
    monkeypatch.setattr(preset, "FOLDER", tmp_path)
    (tmp_path / "own.yaml").write_text(f"about: mine\nset:\n  select.by: {value}\n")
    assert preset.format_options("own") == ["-S", "~select.by", "-S", f"+select.by={written}"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("about: mine\nset: {a: two words}", "a is 'two words'; expected a plain word"),
        ("about: mine\nset: {a: $(true)}", "expected a plain word"),
        ("set: {a: 1}", "expected 'about'"),
        ("about: mine\nset: [a]", "expected 'about', a line, and 'set'"),
        ('about: "two\\nlines"\nset: {a: 1}', "expected 'about', a line"),
        *(
            (f'about: mine\nset: {{"{key}": 1}}', "expected a dotted key")
            for key in (
                "--force",
                "-S",
                "a;touch x",
                "a b",
                "~a",
                "+a",
                "a=b",
                "$(x)",
                "a\\nb",
                "../x",
                "",
                "a.",
            )
        ),
        ("about: mine\nset: {a: {'b;c': 1}}", "expected a plain word"),
        ("about: mine\nset: {a: .inf}", "expected a plain word"),
        ("about: mine\nset: {a: 1}\nstet: {}", "the key 'stet'"),
    ],
)
def test_a_preset_that_cannot_be_printed_is_named(
    tmp_path: Path, monkeypatch, text: str, message: str
) -> None:
    monkeypatch.setattr(preset, "FOLDER", tmp_path)
    (tmp_path / "own.yaml").write_text(text)
    with pytest.raises(BadInput, match=r"own\.yaml: ") as caught:
        preset.format_options("own")
    assert message in str(caught.value)


def test_presets_that_extend_one_another_in_a_circle_are_named(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(preset, "FOLDER", tmp_path)
    (tmp_path / "one.yaml").write_text("about: one\nextends: two\nset: {a: 1}\n")
    (tmp_path / "two.yaml").write_text("about: two\nextends: one\nset: {a: 1}\n")
    with pytest.raises(BadInput, match="in a circle: one <- two <- one"):
        preset.format_options("one")


def test_without_presets_none_is_listed(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(preset, "FOLDER", tmp_path)
    assert preset.format_presets() == ""
    with pytest.raises(UserError, match="none is defined"):
        preset.format_options("cherry")


def test_the_options_alone_go_to_standard_output(capfd):
    assert command.main(["preset", "autoif"]) == 0
    out, err = capfd.readouterr()
    assert not err and out.startswith("-S ++branches.autoif={} -S ++pools.autoif={} ")
