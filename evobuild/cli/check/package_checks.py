"""Check the packages that stages will import under these params, and name the extras that install them.

Packages are looked up, not imported: importing torch alone takes seconds. Stages still import through
`errors.require`, which names the extra too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib import util
from typing import NamedTuple

from evobuild.cli.check.all_params import Params
from evobuild.core import machine
from evobuild.core.errors import BadParams, MissingExtra, install_command, missing_package
from evobuild.core.uri import ChatModel, Weights
from evobuild.evaluation.lm_eval_tasks import LM_EVAL
from evobuild.evaluation.params import build_benchmarks, resolve_models
from evobuild.models.roles import chat_models, evaluated_models, weights_models
from evobuild.scoring.params import measure_models
from evobuild.training.params import Finetune, list_tuned_models, settings_of_base


class Package(NamedTuple):
    """A package by its import name, and the extra that installs it."""

    module: str
    extra: str


class Need(NamedTuple):
    """The packages that a role (as `evobuild models` names it) or a key of params.yaml or machine.yaml
    needs.
    """

    user: str
    packages: tuple[Package, ...]


def _name_packages(extra: str, *modules: str) -> tuple[Package, ...]:
    return tuple(Package(module, extra) for module in modules)


WEIGHTS = _name_packages("train", "torch", "transformers")
ADAPTER = _name_packages("train", "peft")
TUNING = (*WEIGHTS, *_name_packages("train", "accelerate", "datasets", "peft", "trl"))
CLUSTERS = _name_packages("train", "sklearn", "threadpoolctl")
EMBEDDER = _name_packages("diversity", "torch", "sentence_transformers")
ENGINES = {
    "transformers": WEIGHTS,
    "weights": WEIGHTS,
    "vllm": _name_packages("vllm", "vllm", "transformers"),
}
QUANTIZED = _name_packages("quantized", "bitsandbytes")
DEEPSPEED = _name_packages("deepspeed", "deepspeed")
RAY = _name_packages("ray", "ray")
DATA = _name_packages("data", "datasets")
HARNESS = _name_packages("lm-eval", "lm_eval")
SCORERS = {
    "langdetect": Package("langdetect", "eval"),
    "math-verify": Package("math_verify", "eval"),
    "nltk": Package("nltk", "eval"),
}
"""Libraries of benchmarks, by their names in a registry; others come with them."""


def find_missing_packages(packages: Iterable[Package]) -> list[Package]:
    """Return the packages that are not installed."""
    return [each for each in dict.fromkeys(packages) if util.find_spec(each.module) is None]


def list_needs(params: Params, settings: machine.Machine) -> Iterator[Need]:
    """Yield each role or key of params.yaml and machine.yaml with the packages that it needs."""
    yield from (Need(f"fetch.{name}", DATA) for name in params.fetch)
    yield from _list_model_needs(params, settings)
    yield from _list_training_needs(params, settings)
    yield from _list_benchmark_needs(params)


def check_packages(params: Params) -> None:
    """Raise MissingExtra naming all packages that stages will import and that are not installed.

    Raises BadParams if weights that are distributed as a package are not installed.
    """
    needs = list(list_needs(params, machine.load_machine()))
    missing = find_missing_packages(package for need in needs for package in need.packages)
    if not missing:
        _check_weights_packages(params)
        return
    modules = ", ".join(dict.fromkeys(each.module for each in missing))
    users = ", ".join(dict.fromkeys(need.user for need in needs if {*need.packages} & {*missing}))
    extras = list(dict.fromkeys(each.extra for each in missing))
    without = ", or use the preset data-only, which needs no torch" if "train" in extras else ""
    raise MissingExtra(
        f"params.yaml: packages are not installed: {modules}; needed by: {users}; "
        f"install them with: {install_command(*extras)}{without}"
    )


def _check_weights_packages(params: Params) -> None:
    weights = {f"models.{role}": model for role, model in weights_models(params.models).items()}
    for key, model in (weights | list_tuned_models(params.bases, params.experience)).items():
        if model.package and util.find_spec(model.package) is None:
            raise BadParams(
                f"params.yaml: {key} names the package '{model.package}', which is not installed; "
                f"install it (the default: pip install 'evobuild[diversity]'), choose another model, or null"
            )


def explain_missing_packages(params: Params, settings: machine.Machine) -> dict[str, str]:
    """Return, by role or key, the message for missing packages: "the package 'vllm' is not installed; …"."""
    found: dict[str, list[Package]] = {}
    for need in list_needs(params, settings):
        found.setdefault(need.user, []).extend(find_missing_packages(need.packages))
    return {
        user: missing_package(lacking[0].module, lacking[0].extra)
        for user, lacking in found.items()
        if lacking
    }


def _list_model_needs(params: Params, settings: machine.Machine) -> Iterator[Need]:
    """Yield the needs of models of roles and of the evaluation; in workers of Ray, only Ray is needed
    here.
    """
    models: dict[str, ChatModel | Weights] = {
        **chat_models(params.models),
        **measure_models(params.measures),
        **weights_models(params.models),
        **evaluated_models(resolve_models(params.evaluate.models, params.bases)),
    }
    elsewhere: list[str] = list(settings.ray.engines) if settings.ray else []
    for role, model in models.items():
        engine = model.engine if isinstance(model, ChatModel) else "weights"
        own = EMBEDDER if role == "embedder" else ENGINES.get(engine, ())
        adapter = ADAPTER if model.adapter and own == WEIGHTS else ()
        yield Need(role, RAY if engine in elsewhere else (*own, *adapter))


def _list_training_needs(params: Params, settings: machine.Machine) -> Iterator[Need]:
    for name in params.bases:
        yield Need(f"base {name}", TUNING)
        own = settings_of_base(params.bases, name, params.finetune)
        if _is_quantized(own):
            yield Need(f"base {name}", QUANTIZED)
    if params.models.scorer and params.models.scorer.is_experienced:
        yield Need("scorer", (*TUNING, *CLUSTERS))
    given = settings.training
    if params.bases and given.strategy.startswith("zero") and not given.accelerate:
        yield Need(f"training.strategy of {machine.FILE}", DEEPSPEED)


def _is_quantized(settings: Finetune) -> bool:
    return settings.lora.quantize is not None or settings.optimizer == "adamw_8bit"


def _list_benchmark_needs(params: Params) -> Iterator[Need]:
    """Yield the needs of benchmarks; without evaluated models no benchmark runs."""
    for name, settings in params.evaluate.benchmarks.items() if params.evaluate.models else ():
        which = settings.benchmark or name
        if which.startswith(LM_EVAL):
            yield Need(f"evaluate.benchmarks.{name}", HARNESS)
        else:
            [benchmark] = build_benchmarks({name: settings}, params.random_seed)
            packages = tuple(SCORERS[each] for each in benchmark.list_libraries() if each in SCORERS)
            yield Need(f"evaluate.benchmarks.{name}", packages)
