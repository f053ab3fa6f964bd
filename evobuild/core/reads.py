"""What a stage reads under some settings: which of its params, which prompts, files and libraries.

A stage's `Part` says it in `reads`; the stage `resolve` writes it down, so that what settings switch off
makes nothing stale. The stage is not given what it does not read: that would be an AttributeError.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, TypeVar

from pydantic import BaseModel

Model = TypeVar("Model", bound=BaseModel)


class Given(NamedTuple):
    """What is known beside the params.

    name: of the stage's round, pool, branch or set; '' if it runs once. unanswered: rows of r0 that came
    without an answer; None where that is not known.
    """

    name: str = ""
    unanswered: int | None = None


class Reads(NamedTuple):
    """What a stage reads.

    only: the declared keys that it reads, such as "models.judge" or a section; None: all of them. unused:
    keys that it does not read. prompts: templates that it may render, without those that these include.
    files: paths that params give and no dep names. ignored: inputs, by the name of their argument, that it
    does not open, so that they may be missing. versions: git revisions whose data set it reads.
    libraries: packages that change what it makes, beside those of its models; None: not even those, for it
    runs no model.
    """

    only: tuple[str, ...] | None = None
    unused: tuple[str, ...] = ()
    prompts: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    libraries: tuple[str, ...] | None = ()

    def extent(self, key: str) -> Literal["all", "some", "none"]:
        """How much is read of what stands under a key."""
        kept = _extent(key, self.only) if self.only is not None else "all"
        left = _extent(key, self.unused)
        if kept == "none" or left == "all":
            return "none"
        return "some" if kept == "some" or left == "some" else "all"


def _extent(key: str, keys: tuple[str, ...]) -> Literal["all", "some", "none"]:
    """How much of what stands under a key some keys hold."""
    if any(key == each or key.startswith(f"{each}.") for each in keys):
        return "all"
    return "some" if any(each.startswith(f"{key}.") for each in keys) else "none"


def values_read(values: Mapping[str, Any], reads: Reads, prefix: str = "") -> dict[str, Any]:
    """What is read of params as they stand in the file."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        key = f"{prefix}{name}"
        extent = reads.extent(key)
        if extent == "some" and isinstance(value, Mapping):
            found[name] = values_read(value, reads, f"{key}.")
        elif extent != "none":
            found[name] = value
    return found


def params_read(params: Model, reads: Reads, prefix: str = "") -> Model:
    """A copy of params that lacks what is not read."""
    found = params.model_copy()
    for name in type(params).model_fields:
        key = f"{prefix}{name}"
        extent, value = reads.extent(key), params.__dict__[name]
        if extent == "none":
            del found.__dict__[name]
        elif extent == "some" and isinstance(value, BaseModel):
            found.__dict__[name] = params_read(value, reads, f"{key}.")
        elif extent == "some" and isinstance(value, dict):
            kept = {entry: own for entry, own in value.items() if reads.extent(f"{key}.{entry}") != "none"}
            found.__dict__[name] = kept
    return found
