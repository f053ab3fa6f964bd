"""Why a row is lost: every reason that a stage may give, what it means, and which stages give it.

Rejects are counted by these names (`rejects.balance` refuses any other), and report, metrics and `explain`
take the meanings from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from evobuild.core.measures import all_metrics


class Reason(NamedTuple):
    """A reason: its name, what it says of a row in plain words, and the stages that give it."""

    name: str
    meaning: str
    stages: tuple[str, ...]


_ASKING = (
    "evolve",
    "keywords",
    "augment",
    "verifiers",
    "backtranslate",
    "sample",
    "quality",
    "respond",
    "rate",
    "tag",
    "measure",
)
"""Stages that reject a row if the model gave no reply."""
_ANSWERING = ("sample", "respond")
_READING = ("score", "experience", "finetune")
"""Stages that read an answer with the model's own tokens."""

NOT_DRAWN = "not drawn"
EXCLUDED = "excluded by hand"
NOT_ANSWERED = "not answered"
BELOW_THE_CUT = "below the cut"
TOO_NEAR = "near a better row"
EQUAL_ANSWERS = "equal answers"

_UP_TO_SELECT = (
    # of evolutions
    Reason("unparsable", "the reply holds no instruction where it was to stand", ("evolve",)),
    Reason("empty", "nothing came back", _ASKING),
    Reason("unchanged", "it is its parent again, but for case, spaces or punctuation", ("evolve",)),
    Reason("truncated", "the reply was cut off at the limit of tokens", _ASKING),
    Reason("markers copied", "labels of the prompt stand in the new instruction", ("evolve",)),
    Reason("answered", "the instruction was answered instead of rewritten", ("evolve",)),
    Reason("language changed", "it is in another language than its parent", ("evolve",)),
    Reason("grew too long", "it has far more words than its parent", ("evolve",)),
    Reason("lost content", "code, tables or figures of its parent are gone", ("evolve",)),
    Reason("equal", "a judge finds it equal to its parent", ("evolve",)),
    # of answers
    Reason(
        "stagnant complexity",
        "the answer only thanks or agrees and asks back: there was nothing definite to do",
        _ANSWERING,
    ),
    Reason(
        "insufficient qualification",
        "the answer is willing but has to ask first: the task was left open",
        _ANSWERING,
    ),
    Reason(
        "loss of key information",
        "the answer asks for something that the instruction names but does not give",
        _ANSWERING,
    ),
    Reason("sorry", "a short answer that only apologises", _ANSWERING),
    Reason("stop words only", "an answer without a word of content", _ANSWERING),
    # of any reply
    Reason("content filter", "the model's filter held the reply back", (*_ASKING, "evaluate")),
    Reason("model error", "the call failed, also when it was tried again", (*_ASKING, "evaluate")),
    # of seed rows
    Reason("empty instruction", "the row of the source has no instruction", ("seed", "compose")),
    Reason("asks for nothing", "the turn only thanks, greets, agrees or says to go on", ("seed",)),
    Reason("other turn", "seed.turns names another turn of its conversation", ("seed",)),
    Reason(
        "exact duplicate",
        "it is equal to another one, which stays",
        ("seed", "evolve", "augment", "compose", "select"),
    ),
    Reason("near duplicate", "it is much like another one, which stays", ("augment", "select")),
    Reason(
        NOT_DRAWN,
        "nothing speaks against it, but only so many were to be kept",
        ("seed", "experience", "crosscheck", "compose"),
    ),
    # of keywords
    Reason("no phrase", "the judge's reply names no method", ("keywords",)),
    Reason("two phrases", "the judge's reply names more than one method", ("keywords",)),
    Reason("long phrase", "the judge's phrase is too long to be a keyword", ("keywords",)),
    # of AutoIF
    Reason("no list item", "the line is no item of the list that was asked for", ("augment",)),
    Reason("heading", "the line is a heading", ("augment",)),
    Reason("chatter", "the line talks about the list", ("augment",)),
    Reason("too short", "it has too few words or characters", ("seed", "augment", "compose")),
    Reason("too long", "it has too many characters or tokens", ("augment", "verifiers", "compose", "reward")),
    Reason("more than asked for", "the reply lists more constraints than were asked for", ("augment",)),
    Reason("unparsed", "the reply is not the JSON that was asked for", ("verifiers",)),
    Reason("syntax", "the function is no Python", ("verifiers",)),
    Reason("no function", "the reply holds no function of the name that was asked for", ("verifiers",)),
    Reason("several functions", "the reply holds the function more than once", ("verifiers",)),
    Reason("no verifier", "no function was written for the constraint", ("crosscheck",)),
    Reason("no case", "no case was written for the constraint", ("crosscheck",)),
    Reason("no function ran", "every function of the constraint failed in the sandbox", ("crosscheck",)),
    Reason("too few functions", "fewer functions ran than autoif.crosscheck.min_functions", ("crosscheck",)),
    Reason("too few cases", "there are fewer cases than autoif.crosscheck.min_cases", ("crosscheck",)),
    Reason("no case left", "too few functions agree with any case", ("crosscheck",)),
    Reason("no function left", "no function judges enough cases right", ("crosscheck",)),
    Reason("not one line", "the back-translation is no single line", ("backtranslate",)),
    Reason("contradiction", "the constraint contradicts what its functions check", ("entailment",)),
    Reason("earlier turns", "the query is not the first turn of its conversation", ("compose",)),
    Reason("other domain", "the query is of none of autoif.compose.domains", ("compose",)),
    Reason("accuracy 0", "no function finds the constraint kept", ("verify",)),
    Reason("accuracy too low", "too few functions find the constraint kept", ("verify",)),
    Reason("no answer", "the row has no answer", ("quality",)),
    Reason("no answer kept the constraint", "no answer of the row keeps its constraint", ("quality",)),
    Reason("no answer of quality", "the judge finds no answer of the row good enough", ("quality",)),
    Reason("no final answer", "no sampled answer has a final answer to compare", ("respond",)),
    Reason("answers disagree", "too few sampled answers agree: respond.agreement", ("respond",)),
    Reason("answers tied", "as many sampled answers agree on one final answer as on another", ("respond",)),
    Reason("no gold answer", "the row has no value in the column respond.gold", ("respond",)),
    Reason("no answer is the gold one", "no sampled answer has the gold final answer", ("respond",)),
    # of measures
    Reason("unparsed level", "the judge's reply names no level", ("rate",)),
    Reason("unparsed score", "the judge's reply holds no score", ("rate", "quality")),
    Reason("empty answer", "there is no answer, or it is blank", _READING),
    Reason(
        "no room for the answer",
        "the question alone is as long as the model may read",
        _READING,
    ),
    Reason("no answer token is scored", "nothing of the answer is left to score", _READING),
    Reason(
        "refused by the template",
        "the model's chat template fails on it or leaves its question out",
        _READING,
    ),
    Reason("broken text", "it holds half of a surrogate pair, which is no character", _READING),
    Reason("loss not finite", "the model gives a loss that is no number", ("score", "experience")),
    Reason("zero loss", "a loss is zero, so that a score cannot be computed", ("score",)),
    Reason("unusable embedding", "the embedding is not finite, or zero", ("diversity",)),
    Reason("no other row", "the pool has no other row to be near to", ("diversity",)),
    Reason("no parent", "the row's parent is not in its table", ("reward",)),
    Reason("no prompt", "what its evolver was asked cannot be rendered again", ("reward",)),
    Reason("reward not finite", "the reward model gives no number", ("reward",)),
    Reason("unparsed tags", "the tagger's reply is not the list that was asked for", ("tag",)),
    Reason("no tags", "the tagger names no tag, or was not asked about it", ("tag", "select")),
    Reason("unread", "no reply of the judge gives a value that can be read", ("measure",)),
    Reason("tied", "as many replies of the judge give one value as another", ("measure",)),
    # of the choice of rows
    Reason(EXCLUDED, "select.exclude names it", ("select",)),
    Reason(NOT_ANSWERED, "an earlier stage lost its answer, and says why", ("evolve", "select")),
    Reason("contaminated", "it shares text with an evaluation set", ("select",)),
    Reason("no embedding", "it has no embedding to compare", ("select",)),
    Reason("IFD too high", "its IFD is select.filters.max_ifd or more", ("select",)),
    Reason("other language", "it is in none of the languages that params name", ("seed", "select")),
    Reason("duplicate by embedding", "its embedding is much like that of a better row", ("select",)),
    Reason(BELOW_THE_CUT, "others are worth more by select.by", ("select",)),
    Reason(TOO_NEAR, "a better row is nearer than select.diversity_filter", ("select",)),
    # Here come those of metrics.
)
_DOWNSTREAM = (
    Reason(
        EQUAL_ANSWERS, "the better answer and the other are the same, maybe where they are cut", ("finetune",)
    ),
    # of benchmarks
    Reason("prompt too long", "the item with its shots is longer than the model may read", ("evaluate",)),
    Reason("no likelihoods", "the model says nothing of how likely a given text is", ("evaluate",)),
    Reason("no chat template", "the model takes raw prompts alone, as a base model does", ("evaluate",)),
    Reason("nothing to ask", "the row has no answer to be measured", ("evaluate",)),
    Reason("turns not in pairs", "its turns are no pairs, which the format wants", ("export",)),
)


def all_reasons() -> tuple[Reason, ...]:
    """Give every reason, those of the metrics of this project among them, in the order of the pipeline."""
    metrics = all_metrics()
    # The tagger itself may give "no tags", which is above.
    unmeasured = [
        Reason(f"no {metric}", f"its {metric} was not measured", ("select",))
        for metric in metrics
        if metric != "tags"
    ]
    beyond = [
        Reason(f"{name} too {end}", f"its {name} is beyond what select.filters allows", ("select",))
        for name in (*metrics, "words")
        for end in ("low", "high")
    ]
    return (*_UP_TO_SELECT, *unmeasured, *beyond, *_DOWNSTREAM)


def reason_meanings() -> dict[str, str]:
    """Give what each reason says of a row."""
    return {reason.name: reason.meaning for reason in all_reasons()}


def reasons_of(stage: str) -> tuple[str, ...]:
    """Give the reasons that a stage may give, in the order of the list."""
    return tuple(reason.name for reason in all_reasons() if stage in reason.stages)


def commonest_reasons(counts: Mapping[str, int], most: int = 3) -> str:
    """Say the commonest reasons: "unchanged (8), answered (5)". counts: the commonest first."""
    return ", ".join(f"{reason} ({count})" for reason, count in list(counts.items())[:most])
