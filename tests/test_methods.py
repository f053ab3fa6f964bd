"""The slot of a method, and how replies to methods and optimizers are read."""

from __future__ import annotations

import pytest

from evobuild import methods

LABELLED = "Rewrite it.\n\n#Instruction#:\n{instruction}"


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        (LABELLED, LABELLED),
        ("Rewrite {instruction} now", "Rewrite {instruction} now"),
        ("Rewrite it.", LABELLED),
        ("Rewrite it.\n\n#Instruction#:\n", LABELLED),
        ("Rewrite it.\n\n#Instruction#", LABELLED),
        ("Rewrite it: {{ Instruction }}", "Rewrite it: {instruction}"),
        ("Rewrite it: {{instruction}}", "Rewrite it: {instruction}"),
        ("Rewrite it: {the instruction}", "Rewrite it: {instruction}"),
        ("Rewrite it: <Instruction>", "Rewrite it: {instruction}"),
        ("Take {instruction}.\n{instruction}", "Take the instruction.\n{instruction}"),
        (
            "Take {instruction}. Reply in <instruction> tags.",
            "Take {instruction}. Reply in the instruction tags.",
        ),
    ],
)
def test_a_method_has_exactly_one_slot(method, expected):
    assert methods.with_slot(method) == expected
    assert methods.with_slot(expected) == expected


@pytest.mark.parametrize("name", ["e0", "weak"])
def test_the_initial_methods_end_with_their_slot(name):
    method = methods.initial(name)
    assert method.count(methods.SLOT) == 1
    assert method.endswith("#Instruction#:\n{instruction}")
    assert methods.read_evolved(method) is not None


@pytest.mark.parametrize("text", ["Explain {instruction}.", "{{ 7*7 }}", "{input} {0} %s \\1 ${x}"])
def test_an_instruction_is_filled_in_as_it_is(row, text):
    assert methods.fill(LABELLED, row(text)) == f"Rewrite it.\n\n#Instruction#:\n{text}"
    assert methods.fill(LABELLED, row("Say it.", input=text)).endswith(f"Say it.\n\n#Input#:\n{text}")


@pytest.mark.parametrize(
    ("method", "filled"),
    [
        (LABELLED, "Rewrite it.\n\n#Conversation#:\nuser: hi\n\n#Instruction#:\nGo on."),
        (
            "Mind #Instruction#: first.\nText: {instruction}",
            "Mind #Instruction#: first.\n#Conversation#:\nuser: hi\n\nText: Go on.",
        ),
        ("Rewrite {instruction} now", "#Conversation#:\nuser: hi\n\nRewrite Go on. now"),
    ],
)
def test_the_conversation_stands_before_the_instruction(row, method, filled):
    assert methods.fill(method, row("Go on.", history=(("user", "hi"),))) == filled


LABEL = "#Finally Rewritten Instruction#"


@pytest.mark.parametrize(
    "reply",
    [
        f"{LABEL}:\nName it.",
        f"{LABEL}: Name it.",
        f"{LABEL} Name it.",
        f"{LABEL}\nName it.\n",
        "#Final Rewritten Instruction#:\nName it.",
        "#finally rewritten instruction#: Name it.",
        "#FINALLY REWRITTEN PROMPT#: Name it.",
        f"**{LABEL}:** Name it.",
        f"**{LABEL}**: Name it.",
        f"**{LABEL}**\n\nName it.",
        f"**{LABEL}:**\n**Name it.**",
        f"### {LABEL}\nName it.",
        "## Finally Rewritten Instruction\nName it.",
        "**Final Rewritten Instruction:** Name it.",
        f"Step 4 {LABEL}:\nName it.",
        f"Step 7: {LABEL}: Name it.",
        f"**Step 4: {LABEL}:**\nName it.",
        "Step 5 - Finally Rewritten Instruction:\nName it.",
        f"Step 1 #Plan#:\na\nStep 2 #Rewritten Instruction#:\nb\nStep 3 {LABEL}:\nName it.",
        f"{LABEL}:\n```\nName it.\n```",
        f"{LABEL}:```text\nName it.\n```",
        f'{LABEL}: "Name it."',
        f"{LABEL}: “Name it.”",
        f"{LABEL}:\n**Name it.**",
        f'{LABEL}:\n**"Name it."**',
        f"{LABEL}:\r\nName it.\r\n",
        f"Step 4 {LABEL}:\nName it.\n\nStep 5 #Review#:\nIt is fine.",
        f"Step 4 {LABEL}:\nName it.\n\n**Step 5**: done",
        f"{LABEL}: draft\n\n{LABEL}: Name it.",
        f"Step 4 {LABEL}:\nName it.\n\nStep 5 improved\n#Final Rewritten Instruction#: Name it.",
        f"The new text, {LABEL}: Name it.",
    ],
)
def test_the_evolved_instruction_stands_after_the_last_final_label(reply):
    assert methods.read_evolved(reply) == "Name it."


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "Name it.",
        "#Rewritten Instruction#: Name it.",
        "Here is the finally rewritten instruction that you want.",
    ],
)
def test_a_reply_without_a_final_label_holds_no_instruction(reply):
    assert methods.read_evolved(reply) is None


def test_a_label_named_in_a_remark_afterwards_is_no_label():
    reply = f"{LABEL}:\nName it."
    remark = f"\n\nIn short, the {LABEL} is harder."
    assert methods.read_evolved(reply + remark) == f"Name it.{remark}"


@pytest.mark.parametrize(
    "text",
    [
        "Write a guide:\nStep 1: dig.\nStep 2: plant.",
        "Fix both:\n```py\na\n```\nand\n```py\nb\n```",
        '"Yes" and "no": explain both of "them"',
        "**Task**: explain **this**",
        "Line one.\n\nLine two.",
    ],
)
def test_what_belongs_to_the_instruction_stays(text):
    assert methods.read_evolved(f"Step 4 {LABEL}:\n{text}") == text


METHOD = "Rewrite it.\n{instruction}"


@pytest.mark.parametrize(
    "reply",
    [
        f"```Optimized Method\n{METHOD}\n```",
        f"Here it is:\n\n```Optimized Method\n{METHOD}\n```\nI hope it helps.",
        f"```optimized method\n{METHOD}\n```",
        f"```Optimized_Method\n{METHOD}\n```",
        f"``` Optimized Method \n{METHOD}\n```",
        f"```Optimised Method:\n{METHOD}\n```",
        f"```\nOptimized Method\n{METHOD}\n```",
        f"```markdown\n**Optimized Method**:\n{METHOD}\n```",
        f"```Optimized Method\r\n{METHOD}\r\n```",
        f"```Optimized Method\n{METHOD}",
        f"```Optimized Method\ndraft\n```\nBetter:\n```Optimized Method\n{METHOD}\n```",
    ],
)
def test_a_method_stands_in_the_last_fence_with_its_label(reply):
    assert methods.read_method(reply) == METHOD


def test_a_method_may_hold_fences():
    method = "Reply in a fence:\n```\n(text)\n```\n{instruction}"
    assert methods.read_method(f"```Optimized Method\n{method}\n```") == method


@pytest.mark.parametrize("reply", ["", METHOD, f"```\n{METHOD}\n```", "```Optimized Method\n \n```"])
def test_a_reply_without_a_labelled_fence_holds_no_method(reply):
    assert methods.read_method(reply) is None


def test_equal_methods_have_equal_names():
    assert methods.digest(METHOD) == methods.digest(f"{METHOD}")
    assert len(methods.digest(METHOD)) == 12
    assert methods.digest(METHOD) != methods.digest(f"{METHOD} ")
