"""Prompts are Jinja files in `prompts/`; what is put into them is data and never template.

A prompt is named by its path, such as 'evolve/breadth.jinja', in full where it is used: so a test
can tell which stages a prompt reaches.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from evobuild.core.errors import BadInput
from evobuild.core.text_files import special_kind

FOLDER = Path("prompts")


def render(name: str, **values: object) -> str:
    """Render a prompt. Values stay literal, `{{ … }}` in them too; surrounding blank space goes.

    Raises BadInput naming the prompt and the line if it is missing, is no template, or wants a
    variable that it is not given.
    """
    try:
        return _template(FOLDER, name).render(values).strip()
    except jinja2.UndefinedError as error:
        given = ", ".join(sorted(values)) or "nothing"
        raise BadInput(f"{FOLDER / name}: {error.message}; given are: {given}") from error
    except jinja2.TemplateNotFound as error:
        raise BadInput(f"{FOLDER / name}: includes '{error.name}', which does not exist") from error
    except jinja2.exceptions.SecurityError as error:
        raise BadInput(f"{FOLDER / name}: not allowed in a prompt: {error.message}") from error


class _FileLoader(jinja2.FileSystemLoader):
    """Reads files and nothing else: a pipe or a device in their place might never end."""

    def get_source(self, environment: jinja2.Environment, template: str) -> Any:
        """Read a template. Raises BadInput if it is no file."""
        path = Path(self.searchpath[0], template)
        if found := special_kind(path):
            raise BadInput(f"{path}: {found}; expected a prompt file")
        return super().get_source(environment, template)


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
    try:
        return _environment(folder).get_template(name)
    except jinja2.TemplateSyntaxError as error:
        raise BadInput(f"{folder / name}:{error.lineno}: not a Jinja template: {error.message}") from error
    except (jinja2.TemplateNotFound, UnicodeDecodeError) as error:
        raise BadInput(f"{folder / name}: no such UTF-8 prompt file") from error
