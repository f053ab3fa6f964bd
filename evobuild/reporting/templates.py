"""Pages out of Jinja templates: every value is escaped, and only Markup of our own enters as it is."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from functools import cache
from pathlib import Path

import jinja2
from markupsafe import Markup

from evobuild.core import escaping

FOLDER = Path(__file__).parent / "pages"


def render_page(name: str, **values: object) -> str:
    """Render a template of `pages/`; values stay text, and control characters in them become visible."""
    return _environment().get_template(name).render(**values)


def source(name: str) -> str:
    """Read a file of `pages/` that is no template."""
    return (FOLDER / name).read_text(encoding="utf-8")


def script(*names: str) -> dict[str, str]:
    """Scripts of `pages/` to stand within a page: their text, and the hash by which a policy lets it run."""
    text = "\n".join(map(source, names))
    digest = b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return {"script": Markup(text), "script_hash": f"sha256-{digest}"}


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_visible,
    )
    environment.filters["figure"] = _figure
    environment.filters["signed"] = _format_signed
    environment.filters["clip"] = _clip
    return environment


def _visible(value: object) -> object:
    is_text = isinstance(value, str) and not isinstance(value, Markup)
    return escaping.on_page(value) if is_text else value  # type: ignore[arg-type]


def _figure(value: float | None, digits: int = 0) -> str:
    return "–" if value is None or value != value else f"{value:,.{digits}f}"


def _format_signed(value: float, digits: int) -> str:
    return f"{value:+,.{digits}f}".replace("-", "−")


def _clip(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[:length]} … ({len(text) - length:,} more characters)"
