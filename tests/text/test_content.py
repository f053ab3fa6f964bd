"""What a text holds besides prose, and what of it another text lacks."""

from __future__ import annotations

import pytest

from evobuild.text import content

LOOP = "for i in range(3):\n    print(i)"


@pytest.mark.parametrize(
    "code",
    [
        "def f(x):\n    return x",
        LOOP,
        "int main() {\n  return 0;\n}",
        "SELECT name\nFROM users",
        "<ul>\n  <li>one</li>\n</ul>",
        "const x = [1, 2, 3];",
        "print(len(words))",
        "total += price * 2",
        '{"name": "Ann", "age": 30}',
        "import os\nimport sys",
        "x = 1\n# twice\ny = 2",
        "```\nanything at all\n```",
        "~~~text\nin here\n~~~",
    ],
)
def test_code_is_known_by_its_fence_or_its_look(code):
    assert content.is_code(code)
    prose = content.extract_prose(f"Explain this.\n\n{code}\n\nThank you.")
    assert " ".join(prose.split()) == "Explain this. Thank you."


@pytest.mark.parametrize(
    "text",
    [
        "Write a poem.",
        "If it rains, stay; if not, go.",
        "- apples\n- pears\n- plums",
        "From here to there (and back).",
        '"It rained all day."',
        "Roses are red,\nviolets are blue,\nsugar is sweet,",
        "What is 3 + 4?",
        "$240 was shared by two.",
        "Let x be 4. Return to it later.",
        "",
    ],
)
def test_prose_is_no_code_and_no_table(text):
    assert not content.is_code(text)
    assert content.extract_prose(text) == text


@pytest.mark.parametrize(
    "table",
    [
        "| Name | Age |\n|---|---|\n| Ann | 30 |",
        "name | age | city\nAnn | 30 | Rome",
        "name,age\nAnn,30\nBob,41",
        "name, city, age\nAnn, Rome, 30\nBob, Bern, 41",
        "id\tname\tage\n1\tAnn\t30",
    ],
)
def test_a_table_is_lines_of_cells(table):
    found = content.split_content(f"Sort this.\n{table}\nUse a table.")
    assert [part.kind for part in found] == ["prose", "table", "prose"]
    assert found[1].lines == tuple(table.splitlines())


@pytest.mark.parametrize(
    ("text", "child"),
    [
        ("Add 1,000 and 2.50.", "Add 1000 to 2.5, slowly."),
        ("Add 1000.", "Add 1,000 at once."),
        ("Name three rivers.", "Name 3 long rivers."),
        ("Name 3 rivers.", "Name three long rivers."),
        ("Take 25 of them.", "Take twenty-five of them now."),
        ("Use 1 cup.", "Use one small cup."),
        ("Give 100.", "Give a hundred, not more."),
        ("Add 12.", "Add １２ to it."),
        ("In 5km he ran.", "He ran 5 km."),
        ("Use H2O and Python3.", "Use water and Python."),
        ("Do this:\n1. Dig.\n2. Plant.", "Dig, then plant."),
        ("Name one river.", "Name a river."),
        ('Fix "He go home".', "Fix the sentence “he go home” for me."),
        ("See https://example.org/a.", "Read https://example.org/a first."),
        (f"Explain:\n{LOOP}", f"Explain why:\n```python\n{LOOP.upper()}\n```"),
        ("Sort:\n| a | 1 |\n| b | 2 |\n| c | 3 |", "Sort by hand: a,1\nb,2\nc,3"),
        ("def f(x):\n  y = x\n  return y", "Mend this:\ndef f(x):\n  return y\nQuickly."),
    ],
)
def test_content_that_is_there_in_another_form_is_not_missing(text, child):
    assert content.find_missing_content(text, child) == []


@pytest.mark.parametrize(
    ("text", "child", "lost"),
    [
        ("Add 12 and 30.", "Add 12.", ["number 30"]),
        ("Add 12.5.", "Add 12.", ["number 12.5"]),
        ("Name three rivers.", "Name some rivers.", ["number 3"]),
        ("Take twenty-five.", "Take twenty or five.", ["number 25"]),
        ('Fix "He go home".', "Fix the sentence.", ['quoted "He go home"']),
        ("Fix “He go home”.", "Fix the sentence.", ['quoted "He go home"']),
        ("Call `sum` on it.", "Call it.", ['quoted "sum"']),
        ("See https://example.org/a.", "See the page.", ["address https://example.org/a"]),
        ("Write to ann@example.org.", "Write to Ann.", ["address ann@example.org"]),
        (f"Explain:\n{LOOP}", "Explain the loop.", ["code of 2 lines: for i in range(3):"]),
        ("Sort:\nname,age\nAnn,30\nBob,41", "Sort them.", ["table of 3 lines: name,age"]),
    ],
)
def test_content_that_is_not_there_is_missing(text, child, lost):
    assert content.find_missing_content(text, child) == lost


def test_a_block_is_missing_if_less_than_half_of_it_is_there():
    code = "a = 1\nb = 2\nc = 3\nd = 4"
    assert content.find_missing_content(code, "Explain a = 1 and b = 2.") == []
    assert content.find_missing_content(code, "Explain a = 1.") == ["code of 4 lines: a = 1"]
