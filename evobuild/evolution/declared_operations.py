"""Operations of evolution, each declared by its template `evolve/<name>.jinja` in the folder of prompts.

The comment that a template opens with has its traits. A line that begins with a name in lower case and a
colon is one; a semicolon separates several on a line; all other lines are prose:

    {#
      Evolve a task of code: hide a bug in it that has to be found.

      domains: [code]; keeps_input: true; needs_answer: true
    #}

A comment is no part of the prompt, so that a change of traits alone changes no key of a kept reply.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import yaml
from pydantic import Field

from evobuild.core.errors import BadParams
from evobuild.core.params import Between, Name, Section, default, validated
from evobuild.core.prompts import current_folder, prompt_file
from evobuild.core.suggestions import unknown_name
from evobuild.core.text_files import read_text
from evobuild.evolution.params import INITIAL_METHODS
from evobuild.evolution.step import MOST_CALLS

FOLDER = "evolve"
_COMMENT = re.compile(r"\s*\{#[-+]?(.*?)[-+]?#\}", re.DOTALL)
_TRAIT = re.compile(r"([A-Za-z][\w -]{0,40}?)[ \t]*:(.*)", re.DOTALL)
_PAPER = re.compile(r"arXiv:(\d{4}\.\d{5})")
_NAME = re.compile(r"[a-z][a-z0-9_]*")


class Traits(Section):
    """What an operation does beside what it asks.

    domains: of the rows that it is for; [] for all. keeps_input: the child keeps its parent's input unless
    the reply gives another one; else it starts without. new_task: the child is another task than its
    parent, so that nothing of its content has to stay. children: of a row, each of a sample of its own.
    needs_answer: the template is given the parent's answer. keeps_answer: the parent's gold answer is the
    child's, too. steps: templates in `evolve/steps/` that are asked first, in this order; each later one is
    given their replies by their names.
    """

    domains: list[str] = default([])
    keeps_input: bool = True
    new_task: bool = False
    children: Annotated[int, Between(1, MOST_CALLS)] = 1
    needs_answer: bool = False
    keeps_answer: bool = False
    steps: Annotated[list[Name], Field(max_length=MOST_CALLS - 1)] = default([])


class Operation(NamedTuple):
    """A declared operation. papers: the numbers of arXiv that its comment names."""

    name: str
    traits: Traits
    papers: tuple[str, ...]

    @property
    def template(self) -> str:
        """Its own template, which is asked last and whose reply is the child."""
        return operation_template(self.name)

    @property
    def templates(self) -> tuple[str, ...]:
        """All templates that a child is asked by, in their order."""
        return (*(f"{FOLDER}/steps/{name}.jinja" for name in self.traits.steps), self.template)

    @property
    def calls(self) -> int:
        """Calls about a row: one for each step of each child."""
        return self.traits.children * len(self.templates)


def operation_template(name: str) -> str:
    """Name the template that declares an operation."""
    return f"{FOLDER}/{name}.jinja"


def operation_names() -> list[str]:
    """Name the operations that the folder of prompts declares."""
    stems = (path.stem for path in (current_folder() / FOLDER).glob("*.jinja"))
    return sorted(name for name in stems if _NAME.fullmatch(name) and name not in INITIAL_METHODS)


def read_operation(name: str) -> Operation:
    """Read an operation of the current folder of prompts.

    Raises BadParams if no template declares it, or at a trait that is none or has a wrong value; BadInput if
    the template is no UTF-8 text.
    """
    return _read(current_folder(), name)


@cache
def _read(folder: Path, name: str) -> Operation:
    template = operation_template(name)
    shown = prompt_file(template)
    key = "params.yaml: evolve.operations"
    if name in INITIAL_METHODS:
        raise BadParams(f"{key}: '{name}' is a method; expected an operation, or evolve.method: {name}")
    if not (folder / template).is_file():
        said = unknown_name("operation", name, operation_names())
        raise BadParams(f"{key}: {said}; to declare it, add the template {shown}")
    found = _COMMENT.match(read_text(folder / template))
    comment = found[1] if found else ""
    return Operation(name, _traits(comment, shown), tuple(_PAPER.findall(comment)))


def _traits(comment: str, path: Path) -> Traits:
    """Read the traits of an opening comment. path: as messages name it. Raises BadParams."""
    return validated(path, _values(comment, path), Traits, whole=False)


def _values(comment: str, path: Path) -> Mapping[str, Any]:
    found: dict[str, Any] = {}
    for name, text in _entries(comment):
        if name not in Traits.model_fields:
            raise BadParams(f"{path}: {unknown_name('trait', name, Traits.model_fields)}")
        if name in found:
            raise BadParams(f"{path}: the trait {name} is given twice; keep one")
        try:
            found[name] = yaml.safe_load(text)
        except yaml.YAMLError:
            raise BadParams(
                f"{path}: {name} is '{text.strip()}'; expected a value such as true, 2 or [math]"
            ) from None
    return found


def _entries(comment: str) -> Iterator[tuple[str, str]]:
    """Names and values of what may be traits: prose begins otherwise."""
    for line in comment.splitlines():
        if not (entry := _TRAIT.fullmatch(line.strip())) or not _is_trait(entry[1]):
            continue
        for part in filter(str.strip, line.split(";")):
            name, _, value = part.partition(":")
            yield name.strip(), value


def _is_trait(name: str) -> bool:
    """Whether a name is meant as a trait's: in lower case and one word, or a trait's in another spelling."""
    plain = re.sub(r"[\s_-]", "", name.casefold())
    return bool(_NAME.fullmatch(name)) or plain in {each.replace("_", "") for each in Traits.model_fields}
