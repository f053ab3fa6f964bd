"""Prompts are Jinja files in `prompts/`; what is put into them is data and never template.

A prompt is named by its path, such as 'evolve/breadth.jinja', in full where it is used: so a test
can tell which stages a prompt reaches.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from jinja2 import meta
from jinja2.sandbox import ImmutableSandboxedEnvironment

from evobuild.core.errors import BadInput
from evobuild.core.text_files import special_kind

FOLDER = Path("prompts")

_known: ContextVar[frozenset[str] | None] = ContextVar("known", default=None)
_taken: ContextVar[Path | None] = ContextVar("taken", default=None)


@contextmanager
def only(names: Iterable[str]) -> Iterator[None]:
    """Let nothing else be rendered inside: a stage depends on the prompts that it says it reads."""
    token = _known.set(frozenset(names))
    try:
        yield
    finally:
        _known.reset(token)


@contextmanager
def taken_from(folder: Path) -> Iterator[None]:
    """Render the prompts of another folder inside, wherever this process runs."""
    token = _taken.set(folder)
    try:
        yield
    finally:
        _taken.reset(token)


def render(name: str, **values: object) -> str:
    """Render a prompt. Values stay literal, `{{ … }}` in them too; surrounding blank space goes.

    Raises BadInput naming the prompt and the line if it is missing, is no template, or wants a
    variable that it is not given.
    """
    known = _known.get()
    if known is not None and name not in known:
        raise AssertionError(f"the prompt {name} is rendered, but the stage's `reads` does not name it")
    folder = _taken.get() or FOLDER
    try:
        return _template(folder, name).render(values).strip()
    except jinja2.UndefinedError as error:
        given = ", ".join(sorted(values)) or "nothing"
        raise BadInput(f"{folder / name}: {error.message}; given are: {given}") from error
    except jinja2.TemplateNotFound as error:
        raise BadInput(f"{folder / name}: includes '{error.name}', which does not exist") from error
    except jinja2.exceptions.SecurityError as error:
        raise BadInput(f"{folder / name}: not allowed in a prompt: {error.message}") from error


class _FileLoader(jinja2.FileSystemLoader):
    """Reads files and nothing else: a pipe or a device in their place might never end."""

    def get_source(self, environment: jinja2.Environment, template: str) -> Any:
        """Read a template. Raises BadInput if it is no file."""
        path = Path(self.searchpath[0], template)
        if found := special_kind(path):
            raise BadInput(f"{path}: {found}; expected a prompt file")
        return super().get_source(environment, template)


def included(names: Iterable[str]) -> dict[str, Path]:
    """Some prompts and all that they include, extend or import, one through the other: names and files.

    Raises BadInput naming a prompt that is missing or no template, or that includes what only a value names.
    """
    found: dict[str, Path] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found[name] = FOLDER / name
        for other in meta.find_referenced_templates(_tree(name)):
            if other is None:
                raise BadInput(
                    f"{FOLDER / name}: includes a prompt by an expression; expected its name in quotes"
                )
            waiting.append(other)
    return dict(sorted(found.items()))


def _tree(name: str) -> jinja2.nodes.Template:
    with _named(FOLDER, name):
        environment = _environment(FOLDER)
        return environment.parse(_FileLoader(FOLDER).get_source(environment, name)[0])


@cache
def _environment(folder: Path) -> ImmutableSandboxedEnvironment:
    return ImmutableSandboxedEnvironment(
        loader=_FileLoader(folder),
        undefined=jinja2.StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _template(folder: Path, name: str) -> jinja2.Template:
    with _named(folder, name):
        return _environment(folder).get_template(name)


@contextmanager
def _named(folder: Path, name: str) -> Iterator[None]:
    """Say what is wrong with a prompt."""
    try:
        yield
    except jinja2.TemplateSyntaxError as error:
        raise BadInput(f"{folder / name}:{error.lineno}: not a Jinja template: {error.message}") from error
    except (jinja2.TemplateNotFound, UnicodeDecodeError) as error:
        raise BadInput(f"{folder / name}: no such UTF-8 prompt file") from error
