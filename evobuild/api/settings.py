"""What a call is made with: settings by the schema of params.yaml, models by their names, caches, prompts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from evobuild.core import cache_files, prompts
from evobuild.core.errors import BadParams
from evobuild.core.library import template_folder
from evobuild.core.params import Section, default_values, validated
from evobuild.core.uri import ChatModel, Weights
from evobuild.models.client import Model
from evobuild.models.params import ChatRole
from evobuild.models.sharing import Engines
from evobuild.weights.params import AdaptedRole

ModelName = str | Mapping[str, object]
"""A model as params.yaml names it: its URI, or a mapping with the URI and options."""
Folder = str | Path | None
"""Where replies and measurements are kept; None: nowhere."""

Schema = TypeVar("Schema", bound=Section)


@contextmanager
def surroundings(cache: Folder) -> Iterator[Engines]:
    """Use the shipped prompts inside, and the caches of a folder, or such as are gone afterwards.

    Gives what models of one call share their engines by.
    """
    with ExitStack() as stack:
        folder = Path(cache).expanduser() if cache else Path(stack.enter_context(TemporaryDirectory()))
        stack.enter_context(cache_files.kept_in(folder.absolute()))
        stack.enter_context(prompts.taken_from(template_folder() / "prompts", prompts.FOLDER))
        yield Engines()


def section(name: str, schema: type[Schema], given: Mapping[str, object]) -> Schema:
    """A section of params.yaml with its defaults, but for what is given. name: such as "autoif.verifiers".

    Of a section within it, such as `failures`, what is not given has its default, too.

    Raises BadParams at an unknown key or a wrong value.
    """
    return validated(Path(name), _merged(default_values(schema), given, schema), schema)


def _merged(
    defaults: Mapping[str, Any], given: Mapping[str, object], schema: type[BaseModel]
) -> dict[str, Any]:
    found = dict(defaults)
    for key, value in given.items():
        kind = schema.model_fields[key].annotation if key in schema.model_fields else None
        if isinstance(value, Mapping) and isinstance(kind, type) and issubclass(kind, BaseModel):
            found[key] = _merged(defaults[key], value, kind)
        else:
            found[key] = list(value) if isinstance(value, tuple) else value
    return found


def chat_model(name: str, model: ModelName) -> ChatModel:
    """Read a chat model. name: of the argument, for messages. Raises BadParams if it is none."""
    found: ChatModel = _checked(name, model, TypeAdapter(ChatRole))
    return found


def weights(name: str, model: ModelName) -> Weights:
    """Read a hub id, a folder or a package, maybe with a LoRA folder. Raises BadParams if it is none."""
    found: Weights = _checked(name, model, TypeAdapter(AdaptedRole))
    return found


def _checked(name: str, value: object, kind: TypeAdapter[Any]) -> Any:
    try:
        return kind.validate_python(dict(value) if isinstance(value, Mapping) else value)
    except ValidationError as error:
        wanted = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise BadParams(f"{name} is {value!r:.80}; {wanted}") from error


def opened_model(role: str, model: ModelName, engines: Engines) -> Model:
    """The chat client of a model; a row that gets no reply is a reject, and stops no other."""
    return Model(chat_model(role, model), role, engines=engines, unanswered="reject")
