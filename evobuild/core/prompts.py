"""Prompts are Jinja files in a folder that params name; what is put into them is data and never template.

A prompt is named by its path, such as 'evolve/breadth.jinja', in full where it is used: so a test
can tell which stages a prompt reaches.

A prompt that only lays out its values is rendered here. One that computes may not end, or make texts without
end: it is rendered in bounded time and memory by `template_process`, which takes some 0.1 ms longer.

Plain templates can be rendered unwatched: nothing in them makes a large value from small ones, and no loop is
longer than its input. They have no call, product, power, format, macro or inclusion; only filters that make
nothing longer; a nested loop only over a part of the outer item; and they do not assign what they join,
as ten assignments could double it ten times.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from jinja2 import meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from evobuild.core.errors import BadInput
from evobuild.core.template_bounds import REFUSALS, Bounds, Refused, TooMuch
from evobuild.core.template_process import render_apart
from evobuild.core.text_files import special_kind

FOLDER = Path("prompts")
"""The folder of those that are shipped, which `prompts` in params.yaml names by default."""
BOUNDS = Bounds(seconds=3.0, memory=1 << 29, characters=1 << 24)
"""Of one prompt. No model reads so long a text."""

_known: ContextVar[frozenset[str] | None] = ContextVar("known", default=None)
_taken: ContextVar[tuple[Path, Path] | None] = ContextVar("taken", default=None)
"""The folder that prompts are read from, and how it is named; None for FOLDER."""


@contextmanager
def restrict_to(names: Iterable[str]) -> Iterator[None]:
    """Let nothing else be rendered inside: a stage depends on the prompts that it says it reads."""
    token = _known.set(frozenset(names))
    try:
        yield
    finally:
        _known.reset(token)


@contextmanager
def use_folder(folder: Path, shown: Path | None = None) -> Iterator[None]:
    """Render the prompts of another folder inside. shown: what pages and files call it; else its own path."""
    token = _taken.set((folder, shown or folder))
    try:
        yield
    finally:
        _taken.reset(token)


def current_folder() -> Path:
    """Give the folder that prompts are read from."""
    return (_taken.get() or (FOLDER, FOLDER))[0]


def prompt_file(name: str) -> Path:
    """Give the path of a prompt as pages and files name it."""
    return (_taken.get() or (FOLDER, FOLDER))[1] / name


def render_prompt(name: str, **values: object) -> str:
    """Render a prompt. Values stay literal, `{{ … }}` in them too; surrounding blank space goes.

    Raises BadInput naming the prompt and the line if it is missing, is no template, wants a variable that
    it is not given, or exceeds BOUNDS.
    """
    known = _known.get()
    if known is not None and name not in known:
        raise AssertionError(f"the prompt {name} is rendered, but the stage's `templates` does not name it")
    folder = current_folder()
    try:
        if _is_plain(folder, name):
            return _render_here(folder, name, values, folder)
        # That process has been where this one began.
        return render_apart(_render_here, (folder.absolute(), name, values, folder), BOUNDS)
    except TooMuch as error:
        raise BadInput(f"{folder / name}: {error}; simplify the prompt") from None
    except Refused as error:
        raise BadInput(error.text) from None


def _render_here(folder: Path, name: str, values: dict[str, object], shown: Path) -> str:
    """Render a prompt in this process. shown: its folder, as errors name it. Raises as `render_prompt`."""
    try:
        return _template(folder, name).render(values).strip()
    except jinja2.UndefinedError as error:
        given = ", ".join(sorted(values)) or "nothing"
        raise BadInput(f"{shown / name}: {error.message}; given are: {given}") from error
    except jinja2.TemplateNotFound as error:
        raise BadInput(f"{shown / name}: includes '{error.name}', which does not exist") from error
    except jinja2.exceptions.SecurityError as error:
        raise BadInput(f"{shown / name}: not allowed in a prompt: {error.message}") from error
    except jinja2.TemplateSyntaxError as error:
        place = shown / (error.name or name)
        raise BadInput(f"{place}:{error.lineno}: not a Jinja template: {error.message}") from error
    except REFUSALS as error:
        raise BadInput(f"{shown / name}: {type(error).__name__}: {error}") from error


class _Environment(ImmutableSandboxedEnvironment):
    """An environment whose templates make no longer text than they may."""

    @staticmethod
    def concat(pieces: Iterable[str]) -> str:
        """Join what a template has made. Raises TooMuch."""
        made = list(pieces)
        if (length := sum(map(len, made))) > BOUNDS.characters:
            raise TooMuch(f"makes {length:,} characters")
        return "".join(made)


class _FileLoader(jinja2.FileSystemLoader):
    """Reads files and nothing else: a pipe or a device in their place might never end."""

    def get_source(self, environment: jinja2.Environment, template: str) -> Any:
        """Read a template. Raises BadInput if it is no file."""
        path = Path(self.searchpath[0], template)
        if found := special_kind(path):
            raise BadInput(f"{path}: {found}; expected a prompt file")
        return super().get_source(environment, template)


def included(names: Iterable[str]) -> dict[str, Path]:
    """Find some prompts and all that they include, extend or import, directly or not: names and files.

    Raises BadInput naming a prompt that is missing or no template, or that includes what only a value names.
    """
    folder = current_folder()
    found: dict[str, Path] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found[name] = folder / name
        for other in meta.find_referenced_templates(_parsed(folder, name)):
            if other is None:
                raise BadInput(
                    f"{folder / name}: includes a prompt by an expression; expected its name in quotes"
                )
            waiting.append(other)
    return dict(sorted(found.items()))


def template_variables(name: str) -> set[str]:
    """Name the variables that a prompt uses, and those of what it includes.

    Raises BadInput as `included`.
    """
    folder = current_folder()
    return {
        variable
        for each in included([name])
        for variable in meta.find_undeclared_variables(_parsed(folder, each))
    }


def _parsed(folder: Path, name: str) -> jinja2.nodes.Template:
    """Parse a prompt; nothing of it is computed, as its constants are where it is compiled."""
    with _named(folder, name):
        environment = _environment(folder)
        return environment.parse(_FileLoader(folder).get_source(environment, name)[0])


@cache
def _is_plain(folder: Path, name: str) -> bool:
    return is_plain(_parsed(folder, name))


@cache
def _environment(folder: Path) -> _Environment:
    return _Environment(
        loader=_FileLoader(folder),
        undefined=jinja2.StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _template(folder: Path, name: str) -> jinja2.Template:
    return _environment(folder).get_template(name)


@contextmanager
def _named(folder: Path, name: str) -> Iterator[None]:
    """Say what is wrong with a prompt."""
    try:
        yield
    except jinja2.TemplateSyntaxError as error:
        raise BadInput(f"{folder / name}:{error.lineno}: not a Jinja template: {error.message}") from error
    except RecursionError as error:
        raise BadInput(f"{folder / name}: nested too deeply; simplify the prompt") from error
    except (jinja2.TemplateNotFound, UnicodeDecodeError) as error:
        raise BadInput(f"{folder / name}: no such UTF-8 prompt file") from error


PLAIN = {
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.If, nodes.For),
    *(nodes.Name, nodes.Getattr, nodes.Getitem, nodes.Slice, nodes.Const),
    *(nodes.CondExpr, nodes.Compare, nodes.Operand, nodes.Not, nodes.And, nodes.Or),
    *(nodes.Sub, nodes.Neg, nodes.Filter, nodes.Test),
}
JOINING = {nodes.Add, nodes.Concat, nodes.List, nodes.Tuple}
FILTERS = {"count", "default", "first", "last", "length", "lower", "trim", "upper"}


def is_plain(template: nodes.Template) -> bool:
    """Whether a template is plain."""
    every = [template, *template.find_all(nodes.Node)]
    assigns = any(isinstance(node, nodes.Assign) for node in every)
    kinds = PLAIN | ({nodes.Assign} if assigns else JOINING)
    return all(type(node) in kinds and _is_bounded(node) for node in every) and _loops_are_bounded(template)


def _is_bounded(node: nodes.Node) -> bool:
    if isinstance(node, nodes.Filter):
        return node.name in FILTERS
    return not (isinstance(node, nodes.For) and node.recursive)


def _loops_are_bounded(node: nodes.Node, targets: frozenset[str] = frozenset()) -> bool:
    """Whether every loop in a loop goes over a part of its item. targets: names of the item, if in a loop."""
    for child in node.iter_child_nodes():
        inner = targets
        if isinstance(child, nodes.For):
            if targets and _root(child.iter) not in targets:
                return False
            # Several in: for key, value in …
            names = [child.target, *child.target.find_all(nodes.Name)]
            inner = frozenset(name.name for name in names if isinstance(name, nodes.Name))
        if not _loops_are_bounded(child, inner):
            return False
    return True


def _root(node: nodes.Node) -> str:
    """Find the name that an attribute, item or name begins with; '' for all else."""
    while isinstance(node, nodes.Getattr | nodes.Getitem):
        node = node.node
    return node.name if isinstance(node, nodes.Name) else ""
