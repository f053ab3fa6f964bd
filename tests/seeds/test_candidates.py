"""Columns of any language and name are proposed for the roles that they may have, each with a value."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from workspace import SHIPPED_PARAMS

from evobuild.core.yaml_files import read_yaml
from evobuild.seeds.candidates import find_by_name
from evobuild.seeds.inspection import inspect_file, render_inspection
from evobuild.seeds.params import Seed

SEED = Seed.model_validate(read_yaml(SHIPPED_PARAMS)["seed"])
ANSWER = "Man gießt die Pflanze an jedem zweiten Tag."
LINES = [
    (str(n), f"Wie pflegt man Pflanze {n}?", f"{n}: {ANSWER}", ["Garten", "Küche"][n % 2]) for n in range(12)
]
PERSONAS = ("Du bist ein strenger Lehrer und sagst wenig.", "Du bist ein freundlicher Helfer in allem.")


def inspected(
    folder: Path, header: tuple[str, ...], lines: list[tuple[str, ...]], encoding: str = "utf-8-sig"
):
    path = folder / "mine.csv"
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file, delimiter=";").writerows([header, *lines])
    return inspect_file(path, SEED)


def test_german_headers_of_a_spreadsheet_are_found_by_their_words(tmp_path: Path) -> None:
    found = inspected(tmp_path, ("ID", "Frage", "Antwort (Redaktion)", "Ressort"), LINES)
    assert found.guessed == {"instruction": "Frage", "output": "Antwort (Redaktion)", "domain": "Ressort"}
    assert found.certain and found.domains == {"Garten": 6, "Küche": 6} and not found.proposed
    said = render_inspection(found)
    assert "  output         'Antwort (Redaktion)'  0: Man gießt die Pflanze an jedem zweiten Tag.\n" in said
    assert "  -              'ID'                   0\n" in said


def test_beside_known_columns_others_are_proposed(tmp_path: Path) -> None:
    found = inspected(tmp_path, ("ID", "instruction", "Antwort (Redaktion)", "Ressort"), LINES)
    assert found.proposed == {"output": "Antwort (Redaktion)", "domain": "Ressort"} and not found.guessed
    said = render_inspection(found)
    assert "  output?        'Antwort (Redaktion)'  0: Man gießt" in said
    assert """-S '+seed.columns={output: "Antwort (Redaktion)", domain: Ressort}'""" in said


def test_columns_whose_names_say_nothing_are_told_by_what_they_hold(tmp_path: Path) -> None:
    lines = [(*line, PERSONAS[n % 2]) for n, line in enumerate(LINES)]
    found = inspected(tmp_path, ("A", "B", "C", "D", "E"), lines)
    assert found.guessed == {"instruction": "B", "output": "C"} and not found.certain
    assert found.proposed == {"domain": "D", "system": "E"}


def test_a_column_whose_name_says_another_role_is_not_proposed(tmp_path: Path) -> None:
    found = inspected(tmp_path, ("ID", "instruction", "prompt", "Ressort"), LINES)
    assert found.proposed == {"domain": "Ressort"}


def test_an_answer_before_its_question_is_no_instruction(tmp_path: Path) -> None:
    found = inspected(tmp_path, ("a", "b"), [(line[2], line[1]) for line in LINES])
    assert found.guessed == {"instruction": "b", "output": "a"}


def test_chinese_headers_are_found_and_words_counted_as_everywhere(tmp_path: Path) -> None:
    lines = [(str(n), f"如何种植第{n}种植物？", "先浇水，再放在阳光下。", "园艺") for n in range(8)]
    found = inspected(tmp_path, ("编号", "问题描述", "回答内容", "分类"), lines)
    assert found.guessed == {"instruction": "问题描述", "output": "回答内容", "domain": "分类"}
    assert found.words == (5, 5, 5)  # seven characters, two a word, and the number between them


@pytest.mark.parametrize(
    ("fields", "role", "wanted"),
    [
        (["user_id", "frageText"], "instruction", "frageText"),
        (["system_prompt", "Prompt"], "instruction", "Prompt"),
        (["System-Prompt"], "system", "System-Prompt"),
        (["Réponse attendue"], "output", "Réponse attendue"),
        (["subotica"], "output", None),
        (["ответ эксперта"], "output", "ответ эксперта"),
    ],
)
def test_names_are_matched_by_whole_words(fields: list[str], role: str, wanted: str | None) -> None:
    assert find_by_name(fields, role) == wanted
