"""Presets: params of published work, in presets/<name>.yaml.

A preset is `presets/<name>.yaml`: what it is `about`, and the params that it `set`s, by dotted key; it may
`extends` another, or a list of them, whose params it then sets as well where it has none of its own. It is
printed as options of `dvc exp run`, so that the experiment's params.yaml shows every value. A mapping takes
the place of the one before it: `-S` alone would only add its keys, so the key is removed first (`~rounds`,
`+rounds={…}`). An entry of branches or pools is added to what is there (`++pools.autoif={}`).
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

from evobuild.core.errors import BadInput, UserError
from evobuild.core.suggestions import unknown_name
from evobuild.core.yaml_files import read_yaml

FOLDER = Path("presets")
_BARE = re.compile(r"[\w./:@+-]+", re.ASCII)
"""Text that neither a shell nor DVC takes for more than it is."""
_KEY = re.compile(r"[a-z]\w*(?:\.[a-z]\w*)*", re.ASCII)
"""A param by dotted key: no option, no operator of DVC's, nothing that a shell reads."""
_ENTRY = re.compile(r"(branches|pools)\.\w+", re.ASCII)
_BARE_NAME = re.compile(r"\w[\w-]*", re.ASCII)
_LINE = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029]{1,300}")


def format_presets() -> str:
    """Format all presets, one line each: name and description."""
    found = {name: _read_file(FOLDER / f"{name}.yaml")["about"] for name in _list_names()}
    width = max(map(len, found), default=0)
    return "".join(f"{name:<{width}}  {about}\n" for name, about in found.items())


def format_options(name: str) -> list[str]:
    """Return a preset as words of a command line: ["-S", "select.by=ifd", …]. Raises as `read_overrides`."""
    return [
        word for key, value in read_overrides(name).items() for word in ("-S", f"{key}={value}".rstrip("="))
    ]


def read_overrides(name: str) -> dict[str, str]:
    """Return a preset as DVC overrides: {"select.by": "ifd", "~rounds": "", "+rounds": "{r1:{parent:r0}}"}.

    Raises UserError if the name is unknown; BadInput if its file is malformed.
    """
    found: dict[str, str] = {}
    for key, value in read_preset(name).items():
        written = _format_value(FOLDER / f"{name}.yaml", key, value)
        if _ENTRY.fullmatch(key):
            found[f"++{key}"] = written
        else:
            found |= {f"~{key}": "", f"+{key}": written} if isinstance(value, dict) else {key: written}
    return found


def read_preset(name: str, above: tuple[str, ...] = ()) -> dict[str, Any]:
    """Give the params that a preset sets, by dotted key, with those of what it extends: the later counts.

    above: presets that extend it. Raises as `overrides`.
    """
    known = _list_names()
    if name not in known:
        raise UserError(unknown_name("preset", name, known))
    if name in above:
        raise BadInput(f"{FOLDER}: presets extend one another in a circle: {' <- '.join((*above, name))}")
    content, settings = _read_file(FOLDER / f"{name}.yaml"), dict[str, Any]()
    extended = content.get("extends", [])
    for other in extended if isinstance(extended, list) else [extended]:
        settings |= read_preset(str(other), (*above, name))
    own: dict[str, Any] = content["set"]
    return settings | own


def _list_names() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def _read_file(path: Path) -> dict[str, Any]:
    content = read_yaml(path)
    about, settings = content.get("about"), content.get("set")
    if not isinstance(about, str) or not _LINE.fullmatch(about) or not isinstance(settings, dict):
        raise BadInput(f"{path}: expected 'about', a line, and 'set', params by dotted key")
    if unknown := content.keys() - {"about", "set", "extends"}:
        raise BadInput(f"{path}: the key {min(unknown)!r}; expected 'about', 'set' and perhaps 'extends'")
    if wrong := [key for key in settings if not _KEY.fullmatch(key)]:
        raise BadInput(f"{path}: set has the key {wrong[0]!r}; expected a dotted key, such as select.by")
    return content


def _format_value(path: Path, key: str, value: object) -> str:
    """Format a value for `-S`, as one word of a shell: {ic_ifd:1,difficulty:0.5}."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return str(value)
    if isinstance(value, list):
        return f"[{','.join(_format_value(path, key, each) for each in value)}]"
    if isinstance(value, dict) and all(_BARE_NAME.fullmatch(name) for name in value):
        return f"{{{','.join(f'{name}:{_format_value(path, key, each)}' for name, each in value.items())}}}"
    if not isinstance(value, str) or not _BARE.fullmatch(value):
        raise BadInput(f"{path}: {key} is {value!r}; expected a plain word, a number, a list or a mapping")
    return value
