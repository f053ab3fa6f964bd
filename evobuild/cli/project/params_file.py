"""Change values of params.yaml; comments, order and `null` are kept."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.representer import RoundTripRepresenter
from ruamel.yaml.scalarstring import SingleQuotedScalarString

from evobuild.core.errors import BadParams


class _Representer(RoundTripRepresenter):
    """Writes null as `null`, where ruamel would write nothing."""

    def represent_none(self, data: None) -> Any:
        return self.represent_scalar("tag:yaml.org,2002:null", "null")


_Representer.add_representer(type(None), _Representer.represent_none)


def set_params(path: Path, values: Mapping[str, Any]) -> None:
    """Set values of a params file, by dotted key, such as {"seed.columns": {"output": "reply"}}.

    A mapping replaces the previous one. Raises BadParams at an unknown key, unless its value is {}, as for a
    new entry such as pools.autoif.
    """
    yaml = YAML()
    yaml.width, yaml.preserve_quotes, yaml.Representer = 4096, True, _Representer
    content = yaml.load(path.read_text(encoding="utf-8"))
    for key, value in values.items():
        *above, last = key.split(".")
        section = content
        for name in above:
            section = section.get(name) if isinstance(section, dict) else None
        if not isinstance(section, dict) or (last not in section and value != {}):
            raise BadParams(f"{path.name}: unknown key {key}")
        old, section[last] = section.get(last), _lay_out(value)
        _keep_comment_behind(section, last, old)
    with path.open("w", encoding="utf-8") as file:
        yaml.dump(content, file)


def _keep_comment_behind(section: Any, key: str, old: Any) -> None:
    """Keep the comment after a replaced mapping: ruamel attaches it to the mapping's last key."""
    new = section[key]
    if isinstance(old, CommentedMap) and old and (tail := old.ca.items.get(list(old)[-1])):
        if isinstance(new, CommentedMap) and new and not new.fa.flow_style():
            new.ca.items[list(new)[-1]] = tail
        else:
            section.ca.items[key] = tail


def find_changed_values(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Find the differences by dotted key, for `set_params`; a mapping with other keys counts as one value."""
    found: dict[str, Any] = {}
    for key, value in after.items():
        old = before.get(key)
        if isinstance(value, dict) and isinstance(old, dict) and value.keys() == old.keys():
            found |= {f"{key}.{name}": own for name, own in find_changed_values(old, value).items()}
        elif value != old:
            found[key] = value
    return found


def _lay_out(value: Any) -> Any:
    """Put a mapping on one line, unless a text in it has a ':', which DVC cannot read there.

    Words such as `off` are quoted, since some YAML readers take them for booleans.
    """
    if isinstance(value, str) and value.lower() in ("on", "off", "yes", "no", "y", "n"):
        return SingleQuotedScalarString(value)
    if not isinstance(value, dict):
        return value
    laid_out = CommentedMap({key: _lay_out(each) for key, each in value.items()})
    if ":" not in "".join(_list_texts(value)):
        laid_out.fa.set_flow_style()
    return laid_out


def _list_texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for each in (*value, *value.values()) for text in _list_texts(each)]
    if isinstance(value, list):
        return [text for each in value for text in _list_texts(each)]
    return [value] if isinstance(value, str) else []
