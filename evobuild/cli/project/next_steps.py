"""List the next commands in a new project, depending on the models that its params name."""

from __future__ import annotations

import os
from collections.abc import Iterator

from evobuild.cli.check.all_params import Params
from evobuild.core.machine import OpenAI
from evobuild.models.openai_transport import api_key, base_urls, describe_source
from evobuild.models.roles import chat_models, evaluated_models
from evobuild.scoring.params import measure_models

WIDTH = 15


def list_next_steps(params: Params) -> Iterator[str]:
    """Yield a line per command with its effect; first the settings of a server."""
    roles = chat_models(params.models) | measure_models(params.measures)
    models = {**roles, **evaluated_models(params.evaluate.models)}.values()
    real = list(dict.fromkeys(str(model) for model in models if not model.simulated))
    if any(model.engine == "openai" for model in models):
        yield from _list_server_steps()
    if real:
        yield _format_step("evobuild models", f"check {', '.join(real[:2])}{' …' if real[2:] else ''}")
    yield _format_step("evobuild plan", "what a run would do, call and cost")
    does = "with these models" if real else "offline, with simulated models: a dry run"
    yield _format_step("evobuild repro", f"build the dataset {does}")
    if not real:
        yield _format_step("", "for a real one, name models in params.yaml, then: evobuild models")


def _list_server_steps() -> Iterator[str]:
    """Yield lines about the base URL and key of a server: what to set, or where calls go."""
    url = base_urls(OpenAI())[0]
    if os.environ.get("OPENAI_BASE_URL"):
        yield _format_step("", f"calls go to {url}: {describe_source(OpenAI())}")
    else:
        yield "export OPENAI_BASE_URL=http://127.0.0.1:8000/v1"
        yield _format_step("", f"or openai.base_url in machine.yaml; without either, calls go to {url}")
    if not api_key():
        yield "export OPENAI_API_KEY=…  # if the server wants one"


def _format_step(command: str, does: str) -> str:
    return f"{command:{WIDTH}}  # {does}"
