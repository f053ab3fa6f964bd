"""Check the params of selection against the rows and measurements that the pipeline produces."""

from __future__ import annotations

from evobuild.cli.check.all_params import Params
from evobuild.cli.check.path_checks import check_file
from evobuild.core.errors import BadParams
from evobuild.core.instructions import SEED_ROUND
from evobuild.core.measures import RANDOM, all_metrics
from evobuild.core.param_errors import shown_value
from evobuild.core.suggestions import unknown_name
from evobuild.selection.params import Select
from evobuild.text import language


def check_selection(params: Params) -> None:
    """Raise BadParams at the first contradiction."""
    _check_pools(params)
    _check_weights(params)
    given = params.select
    if (given.share is None) == (given.count is None):
        raise BadParams(
            f"params.yaml: select.share is {shown_value(given.share)} and select.count is "
            f"{shown_value(given.count)}; expected one of them, and null for the other"
        )
    if given.exclude is not None:
        check_file("select.exclude", given.exclude, "a text file with the id of a row a line, or null")
    _check_measurements(params)
    _check_filters(params)


def _check_pools(params: Params) -> None:
    given, known = params.select, ", ".join(params.pools)
    if given.pools == []:
        raise BadParams(f"params.yaml: select.pools is empty; expected 'all' or some of {known}")
    for name in [] if given.pools == "all" else given.pools:
        if name not in params.pools:
            raise BadParams(f"params.yaml: select.pools: {unknown_name('pool', name, params.pools)}")
    if given.keep_seeds and SEED_ROUND not in params.pools:
        raise BadParams(
            f"params.yaml: select.keep_seeds needs the pool {SEED_ROUND}; expected pools.{SEED_ROUND}: {{}}"
        )


def _check_weights(params: Params) -> None:
    given = params.select
    weighted = [
        name for name in given.list_pools(params.pools) if not (given.keep_seeds and name == SEED_ROUND)
    ]
    if given.weights and sorted(given.weights) != sorted(weighted):
        raise BadParams(
            f"params.yaml: select.weights names {', '.join(given.weights)}; "
            f"expected a weight for each of {', '.join(weighted)}, or {{}}"
        )


def _check_measurements(params: Params) -> None:
    """Check that every metric that selection reads is measured."""
    asked = _list_metrics(params.select)
    for key, metric in asked:
        if metric not in (known := (*all_metrics(), RANDOM)):
            raise BadParams(f"params.yaml: select.{key}: {unknown_name('metric', metric, known)}")
    off = _find_disabled_params(params)
    for what, switch in _list_needed_params(params.select, asked):
        if switch in off:
            raise BadParams(
                f"params.yaml: select.{what}, but {switch} disables that; "
                f"expected another choice, or {switch} set"
            )
    if any(metric == "tags" for _, metric in asked) and params.tag.rows is not None:
        raise BadParams(
            f"params.yaml: select asks for tags, but tag.rows is {params.tag.rows}; expected null: all rows"
        )


def _list_metrics(given: Select) -> list[tuple[str, str]]:
    """List the metrics that `select` reads, each with the key that names it."""
    asked = [("by", metric) for metric in given.by]
    asked += [("filters.ranges", name) for name in given.filters.ranges]
    return asked + ([("filters.max_ifd", "ifd")] if given.filters.max_ifd is not None else [])


def _list_needed_params(given: Select, asked: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """List what `select` needs measured, in words, each with the param that disables it."""
    needed = [
        (f"{key} asks for {metric}", all_metrics()[metric].switch)
        for key, metric in asked
        if metric in all_metrics()
    ]
    if given.diversity_filter is not None:
        needed.append(("diversity_filter compares embeddings", "models.embedder"))
    if given.deduplicate.embedding is not None:
        needed.append(("deduplicate.embedding compares embeddings", "models.embedder"))
    return needed


def _find_disabled_params(params: Params) -> set[str]:
    """Return the params that currently disable a measurement."""
    off = {f"models.{role}" for role, model in params.models if model is None}
    return off if "score" in params.rate.measures else off | {"rate.measures"}


def _check_filters(params: Params) -> None:
    given = params.select.filters
    if "random" in given.ranges:
        raise BadParams(
            "params.yaml: select.filters.ranges names 'random'; expected a metric that is measured"
        )
    bounds = {f"ranges.{name}": bound for name, bound in given.ranges.items()}
    for key, (least, most) in {
        **bounds,
        "min_words and max_words": (given.min_words, given.max_words),
    }.items():
        if least is not None and most is not None and least > most:
            raise BadParams(
                f"params.yaml: select.filters.{key}: {least:g} to {most:g} holds nothing; "
                "expected the least first, then the most"
            )
    for code in given.languages:
        if code not in language.NAMES:
            said = unknown_name("language code", code, language.NAMES)
            raise BadParams(f"params.yaml: select.filters.languages: {said}")
