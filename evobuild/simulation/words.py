"""What the simulated model says: its vocabulary in English and Chinese, and in words of the text's own.

{w} stands for a content word of the instruction, {t} for a topic, {k} and {n} for numbers. The failure rules
of arXiv:2406.00770 are English, so that an ask-back in another language escapes them, as with real models.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import NamedTuple

from evobuild.simulation.rng import Rng

Phrases = tuple[str, ...]


class Vocabulary(NamedTuple):
    """Phrases of one language.

    glue: stands between two sentences, stop: at the end of one. additions: requirements by operation.
    tasks: brand-new instructions by domain. failing: what a failed evolution of a kind says, replies: what
    it is answered. points: sentences of an answer.
    """

    glue: str
    stop: str
    additions: Mapping[str, Phrases]
    tasks: Mapping[str, Phrases]
    topics: Phrases
    failing: Mapping[str, Phrases]
    replies: Mapping[str, Phrases]
    points: Phrases


_ADDITIONS = {
    "constraints": (
        "Keep the whole answer under {k}00 words and do not use the same adjective twice.",
        "Give exactly {k} points, each of which opens with a different verb.",
        "Mention at least one aspect of the {w} that people usually pass over.",
    ),
    "deepening": (
        "Go on to discuss what would change if one central condition were turned into its opposite.",
        "Examine the strongest objection to your answer, and say under which conditions it holds.",
        "Point out {k} exceptions in which the usual view fails, and explain why.",
    ),
    "concretizing": (
        "Apply it to a reader who has only {k} minutes a day and no earlier experience.",
        "Work it through for one particular case with {k}0 entries, and show where it differs.",
        "Add an example from daily life in which the {w} plays a part.",
    ),
    "reasoning": (
        "Set out the reasoning in at least {k} numbered steps, each of which uses the one before.",
        "First state the criteria, then weigh them step by step, and only then draw a conclusion.",
        "Decide between two opposing goals, and justify the trade-off with regard to the {w}.",
    ),
}
_TASKS = {
    "chat": ("Explain to {n} beginners how {t} works.", "Draft a letter to {n} clubs that ask about {t}."),
    "code": ("Write a Python function that sorts {n} records on {t} and has at most {k} lines.",),
    "math": ("A course in {t} opens with {n} members and gains {k} a week. How many are there in May?",),
}
_FAILING = {
    "lost": ("Base every step on the figures in the attached table.",),
    "stagnant": (
        "Make the task on the {w} more demanding, and take all relevant aspects into consideration.",
        "Treat the matter of the {w} in a more advanced manner with additional complexity.",
    ),
    "unqualified": ("Can you handle a harder version of the task on the {w} with a few extra conditions?",),
    "answered": ("The answer is as follows. As to the {w}, start small, see what changes, and adjust.",),
}
_REPLIES = {
    "lost": ("To answer this I need the material on the {w}. Could you please provide it?",),
    "stagnant": (
        "Understood. I will look at the {w} more closely. Which part of it would you like first?",
        "What would you like to know about the {w}?",
    ),
    "unqualified": ("Sure, I can work on the {w}. Which conditions do you have in mind?",),
    "refused": ("I'm sorry, but I can't assist with the {w}.",),
    "nothing": ("It is what it is.",),
    "empty": ("",),
}
ENGLISH = Vocabulary(
    *(" ", ".", _ADDITIONS, _TASKS),
    topics=(
        *("restoring old church organs", "keeping native bees", "reading tide tables", "mapping caves"),
        *("building dry-stone walls", "studying owl pellets", "weaving with birch bark", "brewing kvass"),
    ),
    failing=_FAILING,
    replies=_REPLIES,
    points=(
        "The key to the {w} is to keep the purpose in view and to build the answer up from there.",
        "Looking at the {w} first meets this; a small change at the beginning saves much work later.",
        "Here the {w} set the limit, and the costs rise more slowly than the benefit.",
        "An example of the {w} makes it plain, and the exception is rare but worth a sentence.",
        "With the {w} settled, the remaining steps follow in a few lines.",
        "The {w} come first, since whatever follows rests on them.",
        "For the {w} one date, one budget and one measure are enough.",
        "Whether the {w} hold is soon tested, and the test costs little.",
    ),
)

_CHINESE_TEXT = """
请把全文控制在{k}00字以内。 请至少举出{k}个具体例子，并说明理由。 请按重要性从高到低排列各个要点。
另外请分析一个例外情况及其原因。 请先列出判断标准，再逐步推理得出结论。 请说明{k}年之后的变化。
请用表格比较两种不同的方案。 请考虑预算只有{k}00元时应如何调整。 最后请检查结论，并指出最薄弱的一环。
"""
_CHINESE_TASKS = ("请向初学者介绍{t}，并给出{k}条建议。", "请为{t}写一份{n}天的计划，共{k}个步骤。")
_CHINESE_POINTS = (
    "首先要明确目标和条件。 其次应当逐步处理每一个要求。 这样做容易检查，也容易修改。 最后核对结果。"
)
CHINESE = Vocabulary(
    glue="",
    stop="。",
    additions=dict.fromkeys(_ADDITIONS, tuple(_CHINESE_TEXT.split())),
    tasks=dict.fromkeys(_TASKS, _CHINESE_TASKS),
    topics=("古琴修复", "野外观鸟", "手工造纸", "地方方言的记录", "日晷的设计", "洞穴测绘"),
    failing=dict.fromkeys(_FAILING, ("请让任务更复杂一些，并考虑所有相关方面。",))
    | {"lost": ("请以附件中的表格为依据。",), "answered": ("答案是：首先要明确目标和条件，其次逐步处理。",)},
    replies=dict.fromkeys(_REPLIES, ("请问您希望我先处理哪一部分？",)),
    points=tuple(_CHINESE_POINTS.split()),
)

CHATTER = (
    "I rewrote the original instruction so that it asks for one thing more.\n\n{t}\n\nShall I go on?",
    "I'm sorry, but I cannot rewrite this instruction, because it is not clear what you want.",
)
ECHOES = ("#Rewritten Prompt#: {t}", "#Given Prompt#\n{t}", "{t} #Rewritten Instruction#")
WAYS = (
    *("Add a constraint on the form.", "Ask for the causes and the exceptions."),
    *("Add a check of the result.", "Put a concrete case for the general one.", "Compare two approaches."),
    *("Limit the means to be used.", "Require several steps that build on each other."),
    "Ask for the assumptions to be stated.",
)
WAYS_OF_SUBJECT = ("Let the {w} fail once.", "Compare the {w} with its opposite.", "Double the {w}.")
STEPS = (
    "Combine ways 1 and {k}: keep the task on the {w} as it is, and append what they ask for.",
    "All given facts are still there, and the wording on the {w} is clear.",
)

_SIGNS = re.compile(r"[\s#{}<>|`*_~\"“”«»]+")
_PIECES = 6


def fill_template(template: str, **values: object) -> str:
    """Put values into the slots of a template; whatever else stands in it, braces too, stays."""
    for name, value in values.items():
        template = template.replace(f"{{{name}}}", str(value))
    return template


def vocabulary_of(language: str, text: str) -> Vocabulary:
    """Give the vocabulary of 'en' or 'zh'; for other languages, one that is built of the text's own words."""
    return {"en": ENGLISH, "zh": CHINESE}.get(language) or _own(text)


def _own(text: str) -> Vocabulary:
    words = _SIGNS.sub(" ", text).split()
    glue = " " if len(words) > _PIECES else ""
    items = words if glue else "".join(words)
    size = max(-(-len(items) // _PIECES), 1 if glue else 4)
    cut = (glue.join(items[at : at + size]).strip(" .?!。？！") for at in range(0, len(items), size))
    pieces = tuple(filter(None, cut)) or ("…",)
    turned = tuple(f"{later} ({{k}}), {sooner}." for sooner, later in pairwise((*pieces, pieces[0])))
    failing = dict.fromkeys(_FAILING, turned) | {"answered": (f"The answer is: {turned[0]}",)}
    additions, tasks = dict.fromkeys(_ADDITIONS, turned), dict.fromkeys(_TASKS, turned)
    replies = dict.fromkeys(_REPLIES, tuple(f"{piece}?" for piece in pieces))
    return Vocabulary(" ", ".", additions, tasks, pieces, failing, replies, turned)


def new_instruction(vocabulary: Vocabulary, domain: str, rng: Rng) -> str:
    """Make up an instruction of a domain that leans on nothing else."""
    task, topic = rng.pick(vocabulary.tasks[domain]), rng.pick(vocabulary.topics)
    return fill_template(task, t=topic, k=3 + rng.below(7), n=20 + rng.below(400))
