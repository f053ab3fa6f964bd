"""Instructions answered by a model, and their difficulty as a judge rates it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from evobuild.answering.params import Respond
from evobuild.answering.respond import Asking, answer_rows, has_answer
from evobuild.answering.response_prompt import response_template
from evobuild.api.result import Result, Rows, given_rows, reject_table
from evobuild.api.settings import Folder, ModelName, opened_model, section, surroundings
from evobuild.core import tables
from evobuild.core.measures import measure_of
from evobuild.core.tables import Instruction, Reject
from evobuild.scoring.params import Rate
from evobuild.scoring.rate import rate_rows


def respond(
    rows: Rows,
    responder: ModelName,
    *,
    prompt: Literal["plain", "paper"] = "plain",
    seed_answers: Literal["keep", "replace"] = "keep",
    rules: Sequence[Literal["auto_evol", "wizardlm"]] = ("auto_evol", "wizardlm"),
    temperature: float = 0.0,
    max_tokens: int = 2048,
    seed: int = 42,
    cache: Folder = None,
    **settings: Any,
) -> Result:
    """Answer each row once, as the stage `respond` does: `output` is the answer, `responder` who gave it.

    responder: the chat model. prompt: "plain", no words of ours; "paper", as arXiv:2412.11231 asks.
    seed_answers: rows that bring an output keep it, unless it is to be replaced; that of an earlier `respond`
    stays. rules: whose failures of a response count. max_tokens: of an answer; one that is cut is a reject.
    settings: other keys of the section `respond` of params.yaml.

    Raises UserError where the model or a setting cannot be used.

    >>> answered = respond([{"instruction": "Name a river."}], "simulated:large")
    >>> answered.rows.select("instruction", "responder").row(0)
    ('Name a river.', 'simulated:large')
    """
    drawn = {"temperature": temperature, "max_tokens": max_tokens}
    fixed = {"prompt": prompt, "seed_answers": seed_answers, "rules": rules, **drawn}
    params, given = section("respond", Respond, fixed | settings), given_rows(rows)
    table = tables.frame(tables.INSTRUCTIONS, given.rows)
    kept = set(table.filter(has_answer(params.seed_answers))["id"])
    found: list[Instruction | Reject] = [row for row in given.rows if row.id in kept]
    with surroundings(cache) as engines, opened_model("responder", responder, engines) as model:
        asking = Asking(response_template(params.prompt), params.sampling(seed), params.rules)
        found += answer_rows((row for row in given.rows if row.id not in kept), model, asking)
    return given.result(found)


def rate_difficulty(
    rows: Rows,
    judge: ModelName,
    *,
    measures: Sequence[Literal["level", "score"]] = ("level", "score"),
    temperature: float = 0.0,
    max_tokens: int = 512,
    seed: int = 42,
    cache: Folder = None,
    **settings: Any,
) -> Result:
    """Rate how difficult each instruction is, as the stage `rate` does, a call for each measure.

    Rows get the columns `level`, from "very easy" to "very hard", and `difficulty`, 0 to 100; null if not
    asked for, or if it cannot be read: then the reply is in `unread`. A row of which nothing can be read is a
    reject. judge: the chat model. settings: other keys of the section `rate` of params.yaml.

    Raises UserError where the model or a setting cannot be used. Source: Hui et al. 2024, arXiv:2412.11231,
    section 3.

    >>> rated = rate_difficulty(["Name a river."], "simulated:large")
    >>> 0 <= rated.rows["difficulty"][0] <= 100
    True
    """
    fixed = {"measures": measures, "temperature": temperature, "max_tokens": max_tokens}
    params, given = section("rate", Rate, fixed | settings), given_rows(rows)
    with surroundings(cache) as engines, opened_model("judge", judge, engines) as model:
        sampling = params.sampling(seed)
        found = list(rate_rows(given.rows, model, sampling, params.measures, params.score_prompt))
    measure = measure_of("rate")
    ratings = [each for each in found if not isinstance(each, Reject)]
    columns = tables.frame(measure.schema, (each[:-1] for each in ratings))
    unread = reject_table(each.unread for each in ratings if each.unread)
    lost = (each for each in found if isinstance(each, Reject))
    return given.measured(columns.rename(measure.renamed), lost)._replace(unread=unread)
