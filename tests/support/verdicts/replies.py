"""Evolvers' replies, written by hand, with what is to come of each; all differ in kind or wording."""

from __future__ import annotations

from typing import NamedTuple

from evobuild.answering import failures
from evobuild.core.chat import Choice, Reply
from evobuild.core.instructions import Instruction
from evobuild.evolution import elimination, methods
from evobuild.evolution.params import Failures

RULES = Failures(
    markers=True, unchanged=True, answered=True, max_growth=40, language=True, lost_content=False, equal=False
)
LABEL = "#Finally Rewritten Instruction#"
RIVER = "Name a river."
LONG_RIVER = "Name a river of more than 1,000 km."
POEM = "Write a poem about the sea."
ES = "Escribe un poema sobre el mar en invierno."
ZH = "写一首关于大海的诗。"
CODE = "def add(a, b):\n    return a + b"
FENCED = f"Explain this code.\n\n```python\n{CODE}\n```"
SPEECH = "The capital of France is Paris, which lies on the river Seine in the north of the country."


class Case(NamedTuple):
    """A reply to a method, or to a fixed operation, for a parent; the new instruction, or why there is none.

    evolved: what is read out of it. reason, detail: of the failure, the detail in part.
    """

    reply: str
    evolved: str = ""
    reason: str = ""
    detail: str = ""
    parent: str = RIVER
    input: str = ""
    output: str = ""
    by_method: bool = True
    finish: str = "stop"


def verdict(case: Case) -> tuple[str, str, str]:
    """What the library makes of a case: the new instruction, or reason and detail of the failure."""
    parent = Instruction("", "", "", "", "r0", "chat", (), case.parent, case.input, case.output)
    reply = Reply("", (Choice(case.reply, case.finish, 1),), 1)  # type: ignore[arg-type]
    if reason := failures.find_reply_failure(reply):
        return "", reason, ""
    try:
        evolved = (
            methods.read_evolved_instruction(case.reply)
            if case.by_method
            else methods.extract_instruction(case.reply)
        )
    except methods.Unparsable as error:
        return "", "unparsable", str(error)
    reason, detail = elimination.find_evolution_failure(parent, evolved, RULES) or ("", "")
    return ("" if reason else evolved), reason, detail


def holds(case: Case) -> bool:
    """Whether the library finds what is expected of a case."""
    evolved, reason, detail = verdict(case)
    return (evolved, reason) == (case.evolved, case.reason) and case.detail in detail


def _steps(count: int, end: str) -> str:
    return "\n\n".join([*(f"Step {number} #Part {number}#:\nSome work." for number in range(1, count)), end])


def _operation(reply: str, *rest: str, **fields: str) -> Case:
    return Case(reply, *rest, by_method=False, **fields)  # type: ignore[arg-type]


LABELS = [
    Case(f"{LABEL}:\n{LONG_RIVER}", LONG_RIVER),
    Case(f"{LABEL}: {LONG_RIVER}", LONG_RIVER),
    Case(f"{LABEL} {LONG_RIVER}", LONG_RIVER),
    Case(f"{LABEL}\n\n\n{LONG_RIVER}   \n", LONG_RIVER),
    Case(f"{LABEL}：{LONG_RIVER}", LONG_RIVER),
    Case(f"{LABEL}:\r\n{LONG_RIVER}\r\n", LONG_RIVER),
    Case(f"#Final Rewritten Instruction#:\n{LONG_RIVER}", LONG_RIVER),
    Case(f"#Final Rewritten Prompt#: {LONG_RIVER}", LONG_RIVER),
    Case(f"#finally rewritten instruction#: {LONG_RIVER}", LONG_RIVER),
    Case(f"#FINALLY REWRITTEN INSTRUCTION#\n{LONG_RIVER}", LONG_RIVER),
    Case(f"#fInAlLy ReWrItTeN pRoMpT#: {LONG_RIVER}", LONG_RIVER),
    Case(f"# Finally Rewritten Instruction #\n{LONG_RIVER}", LONG_RIVER),
    Case(f"#Finally_Rewritten_Instruction#: {LONG_RIVER}", LONG_RIVER),
    Case(f"**{LABEL}:** {LONG_RIVER}", LONG_RIVER),
    Case(f"**{LABEL}**: {LONG_RIVER}", LONG_RIVER),
    Case(f"### {LABEL}\n{LONG_RIVER}", LONG_RIVER),
    Case(f"> {LABEL}:\n{LONG_RIVER}", LONG_RIVER),
    Case(f"- {LABEL}: {LONG_RIVER}", LONG_RIVER),
    Case(f"`{LABEL}`:\n{LONG_RIVER}", LONG_RIVER),
    Case(f"## Finally Rewritten Instruction\n\n{LONG_RIVER}", LONG_RIVER),
    Case(f"**Final Rewritten Instruction:**\n{LONG_RIVER}", LONG_RIVER),
    Case(f"Therefore the {LABEL} is: {LONG_RIVER}", LONG_RIVER),
    Case(_steps(4, f"Step 4 {LABEL}:\n{LONG_RIVER}"), LONG_RIVER),
    Case(_steps(7, f"Step 7: {LABEL}: {LONG_RIVER}"), LONG_RIVER),
    Case(_steps(12, f"**Step 12: {LABEL}:**\n{LONG_RIVER}"), LONG_RIVER),
    Case(_steps(2, f"STEP 12 - FINALLY REWRITTEN INSTRUCTION:\n{LONG_RIVER}"), LONG_RIVER),
    Case(f"Step 1 #Rewritten Instruction#: {POEM}\nStep 2 {LABEL}: {LONG_RIVER}", LONG_RIVER),
    Case(f"{LABEL}: a draft\n\nBetter still:\n{LABEL}: {LONG_RIVER}", LONG_RIVER),
    Case(f"Step 4 {LABEL}:\n{LONG_RIVER}\n\nStep 5 #Review#:\nIt is fine.", LONG_RIVER),
    Case(f"İstanbul, İzmir.\n{LABEL}: {LONG_RIVER}", LONG_RIVER),
    Case(
        f"Step 4 {LABEL}:\nWrite a guide.\nStep 1: dig.\nStep 2: plant.",
        "Write a guide.\nStep 1: dig.\nStep 2: plant.",
    ),
    Case(f"{LABEL}:\n```\n{LONG_RIVER}\n```", LONG_RIVER),
    Case(f"{LABEL}:\n```text\n“{LONG_RIVER}”\n```", LONG_RIVER),
    Case(f'{LABEL}: "{LONG_RIVER}"', LONG_RIVER),
    Case(f"{LABEL}:\n**{LONG_RIVER}**", LONG_RIVER),
    Case(f"{LABEL}: 「{ZH[:-1]}，并押韵。」", f"{ZH[:-1]}，并押韵。", parent=ZH),
    Case(f'{LABEL}: Translate "yes" and "no".', 'Translate "yes" and "no".'),
    Case(f"{LABEL}:\n{LONG_RIVER}\n\nI hope this helps!", LONG_RIVER),
    Case(f"{LABEL}:\nHere is the final version of the instruction:\n{LONG_RIVER}", LONG_RIVER),
]
UNPARSABLE = [
    Case(LONG_RIVER, "", "unparsable", "no final label; no label at all"),
    Case(
        f"#Plan#: think.\n#Rewritten Instruction#: {LONG_RIVER}", "", "unparsable", "#Plan#, #Rewritten Inst"
    ),
    Case("Here is the finally rewritten instruction that you want.", "", "unparsable", "no label at all"),
    Case(f"#New Instruction#:\n{LONG_RIVER}", "", "unparsable", "labels found: #New Instruction#"),
    Case(f"I have no {LABEL} for you.", "", "unparsable", "no final label; labels found: #Finally Rewritten"),
    Case("I'm sorry, but I cannot rewrite this.", "", "unparsable", "no final label"),
    Case(
        f"{LABEL}:\nI have rewritten the instruction so that it is harder.",
        "",
        "unparsable",
        "talk of the rewr",
    ),
    _operation(
        "I've made the prompt harder, as you asked.\n\nEnjoy it.", "", "unparsable", "I've made the prompt"
    ),
    _operation(
        "Here are three new prompts for you\n1. One.\n2. Two.", "", "unparsable", "Here are three new prompts"
    ),
]
CHATTER = [
    _operation(LONG_RIVER, LONG_RIVER),
    _operation(f"  \n{LONG_RIVER}\n\n", LONG_RIVER),
    _operation(f"Sure! Here is the rewritten prompt:\n{LONG_RIVER}", LONG_RIVER),
    _operation(f"Certainly! Here’s a more challenging version of the instruction: {LONG_RIVER}", LONG_RIVER),
    _operation(f"Of course.\n\n{LONG_RIVER}", LONG_RIVER),
    _operation(f'Here is a revised instruction:\n\n"{LONG_RIVER}"', LONG_RIVER),
    _operation(f"Rewritten Prompt: {LONG_RIVER}", LONG_RIVER),
    _operation(f"**New Instruction:**\n{LONG_RIVER}", LONG_RIVER),
    _operation(
        f"Sure, I have made the instruction harder:\n\n{LONG_RIVER}\n\nLet me know if I should go on.",
        LONG_RIVER,
    ),
    _operation(f"{LONG_RIVER}\n\nWould you like me to make it harder?", LONG_RIVER),
    _operation(
        f"Below is the updated question:\n```\n{LONG_RIVER}\n```\nThis version adds a length.", LONG_RIVER
    ),
    _operation(f"Here is the new task:\n\n{LONG_RIVER}\n\nNote: I added a length.", LONG_RIVER),
    _operation(f"改写后的指令：\n{ZH[:-1]}，并押韵。", f"{ZH[:-1]}，并押韵。", parent=ZH),
    _operation(f"Aquí tienes la instrucción reescrita:\n{ES} Usa rimas.", f"{ES} Usa rimas.", parent=ES),
    _operation(
        "Here is a table; sort it by its second column.", "Here is a table; sort it by its second column."
    ),
    _operation(
        "Here is a revised version of my essay: it rains.\nGrade it.",
        "Here is a revised version of my essay: it rains.\nGrade it.",
    ),
    _operation("Sort a list.\n\nNote: use no library.", "Sort a list.\n\nNote: use no library."),
    _operation("Great rivers: name three.", "Great rivers: name three."),
    _operation(
        "I'm sorry, but I lost my keys. Write a note that says so.",
        "I'm sorry, but I lost my keys. Write a note that says so.",
    ),
    _operation("The answer is 42. What was the question?", "The answer is 42. What was the question?"),
    _operation(
        "As an AI assistant in a play, introduce yourself.",
        "As an AI assistant in a play, introduce yourself.",
    ),
]
FAILED = [
    Case("", "", "empty"),
    _operation(" \n\t", "", "empty"),
    Case(f"{LABEL}:\n", "", "empty", "nothing stands"),
    _operation("Sure! Here is the rewritten prompt:", "", "empty"),
    Case(f"{LABEL}: Name a ri", "", "truncated", finish="length"),
    Case("I", "", "content filter", finish="content_filter"),
    Case(f"{LABEL}: {RIVER}", "", "unchanged"),
    Case(f"{LABEL}: name  A river!", "", "unchanged"),
    Case(f"{LABEL}: **Name**, a “river”?", "", "unchanged"),
    Case(f"{LABEL}: 写 一首关于大海的，诗", "", "unchanged", parent=ZH),
    Case(f"{LABEL}: Sort it. 3, 1, 2", "", "unchanged", parent="Sort it.", input="3 1 2"),
    Case(f"{LABEL}: Write it in C++.", "Write it in C++.", parent="Write it in C."),
    Case(f"{LABEL}: Simplify x - y.", "Simplify x - y.", parent="Simplify x + y."),
    _operation(f"#Rewritten Prompt#: {LONG_RIVER}", "", "markers copied", "#rewrittenprompt#"),
    _operation(f"{LONG_RIVER} #Given Prompt#", "", "markers copied", "#givenprompt#"),
    Case(f"{LABEL}: #Plan# first, then {LONG_RIVER}", "", "markers copied", "#plan#"),
    Case(f"{LABEL}:\n{LONG_RIVER}\n\nIn short, {LABEL} is harder.", "", "markers copied", "#finally"),
    _operation("Post about my #plan for a #trip.", "Post about my #plan for a #trip."),
    _operation("Here is the answer: the Nile.", "", "answered", "Here is the answer"),
    _operation("Sure, here are five long rivers.", "", "answered", "Sure, here"),
    _operation("As an AI language model, I cannot travel.", "", "answered", "As an AI language model"),
    _operation("I’m sorry, but I can’t help with rivers.", "", "answered", "I’m sorry, but I can’t"),
    _operation("Unfortunately, I am unable to rewrite it.", "", "answered", "Unfortunately"),
    _operation("The answer is the Danube, which rises in a forest.", "", "answered", "The answer is"),
    _operation("Great question! The Nile is the longest.", "", "answered", "Great question"),
    _operation("To solve this problem, we add 2 and 2.", "", "answered", parent="What is 2 + 2?"),
    _operation("Lo siento, pero no puedo ayudar.", "", "answered", "Lo siento", parent=ES),
    _operation("抱歉，我无法回答。", "", "answered", "抱歉", parent=ZH),
    _operation(SPEECH, "", "answered", "own output", parent="Which city is France's capital?", output=SPEECH),
    _operation(f"```python\n{CODE}\n```", "", "answered", "code alone", parent="Write a function that adds."),
    _operation(f"{FENCED}\n\nAdd types.", f"{FENCED}\n\nAdd types.", parent=FENCED),
    Case(f"{LABEL}: Write a poem about the sea in winter, in two stanzas.", "", "language changed",
         "parent Spanish, child English", parent=ES),
    Case(f"{LABEL}: 写一首关于冬天大海的短诗，至少两节。", "", "language changed",
         "parent English, child Chinese", parent=POEM),
    Case(f"{LABEL}: {POEM} 请至少使用三个比喻，并解释每个比喻的含义。", "", "language changed",
         "child Chinese", parent=POEM),
    Case(f"{LABEL}: {POEM[:-1]}, and translate it into French.",
         f"{POEM[:-1]}, and translate it into French.", parent=POEM),
    Case(f"{LABEL}: Translate into English: Je ne sais pas pourquoi il est parti.",
         "Translate into English: Je ne sais pas pourquoi il est parti.", parent=POEM),
    Case(f"{LABEL}: {ES[:-1]}, con dos estrofas y una rima que sorprenda.",
         f"{ES[:-1]}, con dos estrofas y una rima que sorprenda.", parent=ES),
    Case(f"{LABEL}: Roma?", "Roma?"),
    Case(f"{LABEL}: {RIVER}{' Say why.' * 30}", "", "grew too long", "60 words more than its parent"),
    Case(f"{LABEL}: {ZH}{'请详细说明理由。' * 20}", "", "grew too long", "70 words more", parent=ZH),
]  # fmt: skip
REPLIES = [*LABELS, *UNPARSABLE, *CHATTER, *FAILED]
