"""The slot of a method, and how replies to methods and optimizers are read."""

from __future__ import annotations

import re
import sys

import pytest

from evobuild.core.errors import BadInput
from evobuild.evolution import methods
from evobuild.evolution.auto import plan_auto
from evobuild.evolution.params import Evolve
from evobuild.evolution.step import RoundSource
from evobuild.evolution.strategies import method_files, reads_optimized

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
    assert methods.normalise_slot(method) == expected
    assert methods.normalise_slot(expected) == expected


@pytest.mark.parametrize("name", ["e0", "weak"])
def test_the_initial_methods_end_with_their_slot(name):
    method = methods.render_initial_method(name)
    assert method.count(methods.SLOT) == 1
    assert method.endswith("#Instruction#:\n{instruction}")
    assert "#Finally Rewritten Instruction#" in method


@pytest.mark.parametrize(
    ("content", "fragment"),
    [
        ("Mach es schöner.".encode("latin-1"), "byte 0xf6, not UTF-8, at offset 11"),
        ("Make it harder.".encode("utf-16"), "is UTF-16"),
        (b"", "is empty"),
        (b" \n\t\n", "is empty"),
        (b"{instruction}\n", "holds only '{instruction}'"),
        (b"#Instruction#:\n{{ instruction }}\n", "holds only"),
    ],
    ids=["Latin-1", "UTF-16", "empty", "blank", "a slot", "a labelled slot"],
)
def test_a_file_that_is_no_method_is_refused(tmp_path, content, fragment):
    path = tmp_path / "own.txt"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=r"own\.txt:") as error:
        methods.read_method_file(path)
    assert fragment in str(error.value)


@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "byte order mark"])
def test_a_method_of_a_file_gets_its_slot(tmp_path, mark):
    path = tmp_path / "own.txt"
    path.write_text(f"{mark}Rewrite it.\n", encoding="utf-8")
    assert methods.read_method_file(path) == LABELLED


@pytest.mark.parametrize("text", ["Explain {instruction}.", "{{ 7*7 }}", "{input} {0} %s \\1 ${x}"])
def test_an_instruction_is_filled_in_as_it_is(row, text):
    assert methods.fill_method(LABELLED, row(text)) == f"Rewrite it.\n\n#Instruction#:\n{text}"
    assert methods.fill_method(LABELLED, row("Say it.", input=text)).endswith(f"Say it.\n\n#Input#:\n{text}")


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
    assert methods.fill_method(method, row("Go on.", history=(("user", "hi"),))) == filled


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
    assert methods.read_evolved_instruction(reply) == "Name it."


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        ("", "no final label; no label at all"),
        ("Name it.", "no final label; no label at all"),
        ("#Plan#: b\n#Rewritten Instruction#: Name it.", "labels found: #Plan#, #Rewritten Instruction#"),
        ("#Plan#: a\n#Plan#: b", "no final label; labels found: #Plan#"),
        ("Here is the finally rewritten instruction that you want.", "no label at all"),
        (f"I have no {LABEL} for you.", f"no final label; labels found: {LABEL}"),
        (f"{LABEL}: I have rewritten the instruction.", "talk of the rewriting where the instruction should"),
    ],
)
def test_a_reply_that_holds_no_instruction_is_unparsable_for_a_reason(reply, why):
    with pytest.raises(methods.Unparsable, match=re.escape(why)):
        methods.read_evolved_instruction(reply)


def test_lower_case_keeps_all_places_but_one_letters():
    longer = [code for code in range(sys.maxunicode) if len(chr(code).lower()) != 1]
    assert longer == [ord("İ")]
    assert methods.read_evolved_instruction(f"{'İ' * 99}\n## Final Rewritten Prompt\nName it.") == "Name it."


def test_a_label_named_in_a_remark_afterwards_is_no_label():
    reply = f"{LABEL}:\nName it."
    remark = f"\n\nIn short, the {LABEL} is harder."
    assert methods.read_evolved_instruction(reply + remark) == f"Name it.{remark}"


@pytest.mark.parametrize(
    "text",
    [
        "Write a guide:\nStep 1: dig.\nStep 2: plant.",
        "Fix both:\n```py\na\n```\nand\n```py\nb\n```",
        "```py\na\n```\nand\n```py\nb\n```",
        '"Yes" and "no": explain both of "them"',
        "**Task**: explain **this**",
        "Line one.\n\nLine two.",
    ],
)
def test_what_belongs_to_the_instruction_stays(text):
    assert methods.read_evolved_instruction(f"Step 4 {LABEL}:\n{text}") == text


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        ("Name it.", "Name it."),
        (" “Name it.”\n", "Name it."),
        ("```\nName it.\n```", "Name it."),
        ("Sure! Here is the rewritten prompt:\nName it.", "Name it."),
        ("Here's a slightly more complex version: Name it.", "Name it."),
        ("Okay!\n\nName it.", "Name it."),
        ("**Revised prompt:** Name it.", "Name it."),
        ("I have revised the question as follows:\n\n**Name it.**", "Name it."),
        ("Here is the new version of the prompt:\n\nName it.\n\nThis version adds a name.", "Name it."),
        ("Here is the new prompt:\n```\nName it.\n```\nI added a name.", "Name it."),
        ("Name it.\n\nI hope this helps! Let me know if you need more.", "Name it."),
        ("Name it.\n\nI hope this helps!\nLet me know if you need more.", "Name it."),
        ("Voici l'instruction réécrite :\nNomme-le.", "Nomme-le."),
        ("Hier ist die überarbeitete Anweisung:\n\nNenne es.", "Nenne es."),
    ],
)
def test_what_a_model_says_around_an_instruction_is_taken_off(reply, text):
    assert methods.extract_instruction(reply) == text


@pytest.mark.parametrize(
    "text",
    [
        "Here is a table; sort it.",
        "Here is a new version of a poem: it rains.\nRate it.",
        "Here are three sentences: one, two, three.",
        "Write a reply.\n\nThis version of the form is old.",
        "Check this.\nLet me know if it is right.",
        "Use a list.\n\nFeel free to use any library.",
        "Great. Expectations by whom?",
        "I added milk to the tea. Why is it white?",
        "New York: name its boroughs.",
    ],
)
def test_what_only_sounds_like_talk_of_the_rewriting_stays(text):
    assert methods.extract_instruction(text) == text


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
    assert methods.read_improved_method(reply) == METHOD


def test_a_method_may_hold_fences():
    method = "Reply in a fence:\n```\n(text)\n```\n{instruction}"
    assert methods.read_improved_method(f"```Optimized Method\n{method}\n```") == method


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        ("", "no fence labelled Optimized Method"),
        (METHOD, "no fence labelled Optimized Method"),
        (f"```\n{METHOD}\n```", "no fence labelled Optimized Method; a fence stands there without the label"),
        ("```Optimized Method\n \n```", "the fence labelled Optimized Method is empty"),
    ],
)
def test_a_reply_without_a_labelled_fence_is_unparsable_for_a_reason(reply, why):
    with pytest.raises(methods.Unparsable, match=f"^{re.escape(why)}$"):
        methods.read_improved_method(reply)


def test_equal_methods_have_equal_names():
    assert methods.method_digest(METHOD) == methods.method_digest(f"{METHOD}")
    assert len(methods.method_digest(METHOD)) == 12
    assert methods.method_digest(METHOD) != methods.method_digest(f"{METHOD} ")


def test_rows_are_evolved_by_the_method_of_their_domain(row, tmp_path):
    (tmp_path / "code.txt").write_text("Break the code.")
    (tmp_path / "best.txt").write_text("This is e*.")
    own = {"code": str(tmp_path / "code.txt"), "math": "weak"}
    source = RoundSource("r1", 7, tmp_path / "best.txt")
    for methods_, rest in ((own, "This is e*."), (own | {"default": "e0"}, "You rewrite instructions into")):
        plan = plan_auto(Evolve(methods=methods_), source)
        found = {domain: plan(row(domain=domain)).prompt for domain in ("code", "math", "chat")}
        assert found["code"].startswith("Break the code.") and found["chat"].startswith(rest)
        assert found["math"].startswith("You rewrite instructions so that")


@pytest.mark.parametrize(
    ("given", "optimized", "files"),
    [
        ({}, True, ()),
        ({"methods": {"code": "a.txt", "math": "file"}}, True, ("own.txt", "a.txt")),
        ({"methods": {"code": "a.txt", "default": "e0"}}, False, ("a.txt",)),
        ({"method": "file"}, False, ("own.txt",)),
        ({"method": "e0", "methods": {"code": "optimized"}}, True, ()),
        ({"strategy": "evol", "methods": {"code": "a.txt"}}, False, ()),
    ],
)
def test_what_is_read_are_the_methods_that_some_domain_uses(given, optimized, files):
    params = Evolve(file="own.txt", **given)
    assert (reads_optimized(params), method_files(params)) == (optimized, files)


def test_the_opening_comment_of_a_template_is_no_part_of_the_method(tmp_path):
    path = tmp_path / "own.jinja"
    path.write_text("{# What it is. #}\nMake it harder: {instruction}\n{# stays #}")
    assert methods.read_method_file(path) == "Make it harder: {instruction}\n{# stays #}"
