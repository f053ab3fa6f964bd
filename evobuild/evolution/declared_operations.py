"""Declare operations of evolution by their templates `evolve/<name>.jinja` in the folder of prompts.

The comment that opens a template has its traits. A trait is a line that begins with a lower-case name and a
colon; several share a line, separated by semicolons. All other lines are prose:

    {#
      Evolve a task of code: hide a bug in it that has to be found.

      domains: [code]; keeps_input: true; needs_answer: true
    #}

A comment is not part of the prompt, so a change of traits alone changes no reply-cache key.
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
    """Behaviour of an operation besides its prompt.

    domains: rows that it is for; [] for all. keeps_input: the child keeps its parent's input unless the reply
    has another one; without it the child starts without input. new_task: the child is another task than its
    parent, so it need not keep the parent's content. children: per row, each with a seed of its own.
    needs_answer: the template gets the parent's answer. keeps_answer: the child also has the parent's gold
    answer. steps: templates in `evolve/steps/` to call first, in this order; later ones get the replies by
    name.
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
        """Return its own template, called last; the reply is the child."""
        return operation_template(self.name)

    @property
    def templates(self) -> tuple[str, ...]:
        """Return all templates that a child needs, in order."""
        return (*(f"{FOLDER}/steps/{name}.jinja" for name in self.traits.steps), self.template)

    @property
    def calls(self) -> int:
        """Return the calls per row: one for each step of each child."""
        return self.traits.children * len(self.templates)


def operation_template(name: str) -> str:
    """Return the template that declares an operation."""
    return f"{FOLDER}/{name}.jinja"


def list_operations() -> list[str]:
    """List the operations that the folder of prompts declares."""
    stems = (path.stem for path in (current_folder() / FOLDER).glob("*.jinja"))
    return sorted(name for name in stems if _NAME.fullmatch(name) and name not in INITIAL_METHODS)


def read_operation(name: str) -> Operation:
    """Read an operation from the current folder of prompts.

    Raises BadParams if no template declares it, or a trait is unknown or invalid; BadInput if the template is
    not UTF-8 text.
    """
    return _read_operation(current_folder(), name)


@cache
def _read_operation(folder: Path, name: str) -> Operation:
    template = operation_template(name)
    shown = prompt_file(template)
    key = "params.yaml: evolve.operations"
    if name in INITIAL_METHODS:
        raise BadParams(f"{key}: '{name}' is a method; expected an operation, or evolve.method: {name}")
    if not (folder / template).is_file():
        said = unknown_name("operation", name, list_operations())
        raise BadParams(f"{key}: {said}; to declare it, add the template {shown}")
    found = _COMMENT.match(read_text(folder / template))
    comment = found[1] if found else ""
    return Operation(name, _traits(comment, shown), tuple(_PAPER.findall(comment)))


def _traits(comment: str, path: Path) -> Traits:
    """Parse the traits of an opening comment. path: for messages. Raises BadParams."""
    return validated(path, _values(comment, path), Traits, whole=False)


def _values(comment: str, path: Path) -> Mapping[str, Any]:
    found: dict[str, Any] = {}
    for name, text in _entries(comment):
        if name not in Traits.model_fields:
            raise BadParams(f"{path}: {unknown_name('trait', name, Traits.model_fields)}")
        if name in found:
            raise BadParams(f"{path}: duplicate trait {name}; keep one")
        try:
            found[name] = yaml.safe_load(text)
        except yaml.YAMLError:
            raise BadParams(
                f"{path}: {name} is '{text.strip()}'; expected a value such as true, 2 or [math]"
            ) from None
    return found


def _entries(comment: str) -> Iterator[tuple[str, str]]:
    """Yield names and values of lines that may be traits."""
    for line in comment.splitlines():
        if not (entry := _TRAIT.fullmatch(line.strip())) or not _is_trait(entry[1]):
            continue
        for part in filter(str.strip, line.split(";")):
            name, _, value = part.partition(":")
            yield name.strip(), value


def _is_trait(name: str) -> bool:
    """Return whether a name is meant as a trait: one lower-case word, or a trait's name spelled
    differently.
    """
    plain = re.sub(r"[\s_-]", "", name.casefold())
    return bool(_NAME.fullmatch(name)) or plain in {each.replace("_", "") for each in Traits.model_fields}
