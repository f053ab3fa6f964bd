"""Check the params of evaluation: models, items and libraries exist, and comparisons make sense."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evobuild.cli.check.all_params import Params
from evobuild.cli.check.path_checks import check_file
from evobuild.core.errors import BadParams, UserError
from evobuild.core.suggestions import unknown_name
from evobuild.core.uri import EXPERIENCED, SCRATCH, ChatModel
from evobuild.evaluation.benchmark import Benchmark
from evobuild.evaluation.params import build_benchmarks, resolve_models
from evobuild.models import adapted, roles

HELD_OUT = "data/held_out.parquet"
"""The evaluation set that the stage `seed` writes."""
TUNED = ("models", "tuned")
"""The folder of tuned models, one subfolder per base."""
IN_PROCESS = ("transformers", "vllm")
"""Engines that load folders and return likelihoods."""


def check_evaluation(params: Params) -> None:
    """Raise BadParams at the first contradiction or missing model or file."""
    for name, model in resolve_models(params.evaluate.models, params.bases).items():
        if model.engine in IN_PROCESS:
            _check_model(f"evaluate.models.{name}", model, params)
    for benchmark in _build_benchmarks(params):
        _check_benchmark(benchmark, params)
    _check_pairs(params)
    _check_compared_benchmarks(params)


def list_evaluation_warnings(params: Params) -> Iterator[str]:
    """Yield warnings about allowed but likely unintended params: duplicate models, unscorable items."""
    named: dict[str, str] = {}
    for name, model in resolve_models(params.evaluate.models, params.bases).items():
        if (first := named.setdefault(str(model), name)) != name:
            yield f"evaluate.models: {first} and {name} are the same model, '{model}'"
    wanting = [each.name for each in _build_benchmarks(params) if "likelihoods" in each.needs]
    for name, model in params.evaluate.models.items():
        if wanting and model.engine == "openai":
            yield (
                f"evaluate.models.{name} is '{model}': if its server returns no likelihoods of a given "
                f"text, every item of {', '.join(wanting)} is rejected"
            )


def _build_benchmarks(params: Params) -> list[Benchmark[Any]]:
    return build_benchmarks(params.evaluate.benchmarks, params.random_seed)


def _check_model(key: str, model: ChatModel, params: Params) -> None:
    """Check a model that this process loads: an existing folder, one that a stage will make, or a hub id."""
    _check_trained_folder(key, model, os.path.normpath(model.name), params)
    if model.adapter:
        _check_trained_folder(key, model, os.path.normpath(model.adapter), params)
        if not _is_tuned(model.adapter) and not Path(model.adapter, adapted.CONFIG).is_file():
            raise BadParams(
                f"params.yaml: {key}.adapter is '{model.adapter}', which holds no {adapted.CONFIG}; "
                "expected a LoRA folder"
            )
    if _is_tuned(model.name):
        if model.revision:
            raise BadParams(
                f"params.yaml: {key} is '{model}'; a folder has no revision, it counts by content"
            )
        return
    roles.check_folders({key: model})
    try:
        adapted.with_base(model)
    except UserError as error:
        raise BadParams(f"params.yaml: {key}: {error}") from error


def _is_tuned(folder: str) -> bool:
    return Path(os.path.normpath(folder)).parts[:2] == TUNED


def _check_trained_folder(key: str, model: ChatModel, folder: str, params: Params) -> None:
    """Check that a stage will make this folder: stages make only models that params use."""
    parts = Path(folder).parts
    if parts[:2] == TUNED and (len(parts) < 3 or parts[2] not in params.bases):
        said = unknown_name("base", "/".join(parts[2:3]), params.bases)
        raise BadParams(f"params.yaml: {key} is '{model}': {said}")
    trained = [base.model for base in params.bases.values()]
    scorer = params.models.scorer
    trained += [scorer] if scorer else []
    if scorer and scorer.is_experienced:
        trained.append(params.experience.base)
    if folder == SCRATCH and not any(weights.is_scratch for weights in trained):
        raise BadParams(
            f"params.yaml: {key} is '{model}', the toy that is trained only if a base or models.scorer is "
            f"{SCRATCH}; expected another model, or such a base"
        )
    if folder == EXPERIENCED:
        raise BadParams(
            f"params.yaml: {key} is '{model}', which the stage experience makes to score rows with; "
            "expected another model, such as models/tuned/<base>"
        )


def _check_benchmark(benchmark: Benchmark[Any], params: Params) -> None:
    """Check that each of its files exists, or will be fetched or held out before."""
    made = {HELD_OUT} | {f"data/raw/{name}.parquet" for name in params.fetch}
    which = benchmark.settings.benchmark or benchmark.name
    for file in benchmark.files:
        if os.path.normpath(file) not in made:
            wanted = f"its items, or fetch.{which}, which gives data/raw/{which}.parquet"
            check_file(f"evaluate.benchmarks.{benchmark.name}.items", file, wanted)


def _check_pairs(params: Params) -> None:
    models = params.evaluate.models
    for pair in params.compare.pairs:
        for name in pair:
            if name not in models:
                said = unknown_name("model of evaluate.models", name, models)
                raise BadParams(f"params.yaml: compare.pairs: {said}")
    pairs = Counter(frozenset(pair) for pair in params.compare.pairs)
    for pair in params.compare.pairs:
        if pairs[frozenset(pair)] > 1:
            raise BadParams(
                f"params.yaml: compare.pairs has {' and '.join(pair)} more than once; expected each pair "
                "once, as the judge sees both orders"
            )


def _check_compared_benchmarks(params: Params) -> None:
    """Check that a judge has replies to compare: the benchmarks are run, and scored by replies."""
    given, known = params.compare.benchmarks, params.evaluate.benchmarks
    for name in given:
        if name not in known:
            said = unknown_name("benchmark of evaluate.benchmarks", name, known)
            raise BadParams(f"params.yaml: compare.benchmarks: {said}")
        if given.count(name) > 1:
            raise BadParams(f"params.yaml: compare.benchmarks names {name} more than once; expected it once")
    for benchmark in _build_benchmarks(params):
        if benchmark.name in given and "likelihoods" in benchmark.needs:
            raise BadParams(
                f"params.yaml: compare.benchmarks names {benchmark.name}, which is scored by likelihoods, "
                "so that there are no replies to compare; expected another benchmark"
            )
