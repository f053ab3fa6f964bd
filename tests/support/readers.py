"""Every function that reads text which a model wrote: a name, and a call of it on one text.

What a reader refuses with an exception of its own is a refusal, and so a result. A new module that reads
texts by a regex or a parser has to appear here: tests/text/test_readers.py says which ones do.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache, partial
from typing import Any

from fakes import reply

from evobuild.answering import choice, failures
from evobuild.autoif import augment, backtranslate, booleans, quality, verifiers
from evobuild.cli.explain import quoting
from evobuild.contamination.decontaminate import NgramIndex
from evobuild.contamination.evaluation_sets import Question
from evobuild.contamination.hits import Hit
from evobuild.core import escaping, json_files
from evobuild.core.chat import Choice, Reply
from evobuild.core.instructions import Instruction
from evobuild.core.prompts import render_prompt
from evobuild.evaluation import pairwise, programs
from evobuild.evaluation.benchmarks import gsm8k, human_eval, ifeval
from evobuild.evaluation.benchmarks.alpaca_eval import preference
from evobuild.evaluation.benchmarks.followbench import judging, rules
from evobuild.evaluation.benchmarks.ifeval import checks, instructions
from evobuild.evaluation.benchmarks.mt_bench import rating
from evobuild.evolution import elimination, equality, keywords, methods, optimize, step
from evobuild.evolution.params import Failures
from evobuild.export import formats
from evobuild.models import markers, reasoning, redaction
from evobuild.scoring import rate, reply_values
from evobuild.text import (
    assistant_phrases,
    choices,
    content,
    final_answers,
    json_repairs,
    json_replies,
    language,
    minhash,
    word_differences,
    words,
)

Reader = Callable[[str], object]

PARENT = "Nombra 12 ríos de España y di dónde nacen, con «su longitud» en km.\n\nx = [1, 2]\nprint(x)\n"
RULES = Failures(
    markers=True, unchanged=True, answered=True, max_growth=100, language=True, lost_content=True, equal=True
)


def _row(instruction: str, **fields: Any) -> Instruction:
    empty = Instruction("id", "content", "id", "", "r0", "chat", (), instruction, "", "")
    return empty._replace(**fields)


def _reversed(text: str) -> str:
    return "x" + text[::-1]


def _parts(text: str, count: int) -> list[str]:
    """A text cut into as many, so that a reader of several reads no more than it holds."""
    size = len(text) // count
    return [text[size * number : size * (number + 1)] for number in range(count)]


def _missing(text: str) -> object:
    one, other = _parts(text, 2)
    return content.find_missing_content(one, _reversed(other))


def _no_evolution(text: str) -> object:
    instruction, given, output, evolved = _parts(text, 4)
    row = _row(instruction, input=given, output=output)
    return elimination.find_evolution_failure(row, _reversed(evolved), RULES)


def _changed(text: str) -> object:
    one, other = _parts(text, 2)
    return language.detect_language_change(one, _reversed(other))


def _filled(text: str) -> object:
    method, instruction, given, said = _parts(text, 4)
    row = _row(instruction, input=given, history=(("user", said),))
    return methods.fill_method(methods.normalise_slot(method), row)


def _record(kind: formats.Format, text: str) -> object:
    instruction, output = _parts(text.encode(errors="replace").decode(), 2)
    return json_files.json_line("row", kind.record(_row(instruction, output=output)))


def _preferred(text: str) -> object:
    texts = tuple((word, "m") for word in text.split())
    choice = Choice(text, "stop", len(texts), ((-0.5, -1.5),) * len(texts), token_texts=texts)
    return preference.read_probability(Reply("key", (choice,), 7))


def _searched(text: str) -> object:
    instruction, output = _parts(text, 2)
    hits: list[Hit] = []
    _index().search(lambda: [_row(instruction, output=output)], hits.append)
    return hits


def _step(read: Reader, **fields: Any) -> step.Step:
    return step.Step(_row(PARENT, **fields), "auto", "method", "", read, keeps_input=True)


def _child(given: step.Step, text: str) -> object:
    return step.read_child(given, reply("key", text), "r1", "simulated", RULES)


def _child_with_input(text: str) -> object:
    given, other, _ = _parts(text, 3)
    return _child(_step(methods.extract_instruction, input=given), f"{given} {other}")


def _labelled(text: str) -> str:
    return f"Step 4: #Finally Rewritten Instruction#:\n{text}"


def _refusal(*refusals: type[Exception]) -> Callable[[Reader], Reader]:
    def reader(read: Reader) -> Reader:
        def call(text: str) -> object:
            try:
                return read(text)
            except refusals as error:
                return str(error)

        return call

    return reader


_method = _refusal(methods.Unparsable)
_verifier = _refusal(verifiers.UnreadableVerifier)


@cache
def _index() -> NgramIndex:
    asked = ("Name a river of Spain.", "a " * 400, "aaaa bbbb " * 100)
    questions = [Question(f"q:{number}", (text,), ()) for number, text in enumerate(asked)]
    return NgramIndex({"set": questions}, [8, 13])


def _constraints(text: str) -> object:
    known = augment.KnownConstraints(0.7)
    return list(augment._read_constraints(reply("key", text), known, "simulated", 50))


def _near_constraint(text: str) -> object:
    # Longer ones are refused before.
    known, text = augment.KnownConstraints(0.7), text[: augment.LONGEST]
    known.add(text)
    return known.equal(text + "?"), known.near(text + "?")


def _candidate(text: str) -> object:
    return optimize._candidate(1, 1, reply("key", text), reply("key", f"```Optimized Method\n{text}\n```"))


def _judged(text: str) -> object:
    level, score = reply("key", text), reply("key", text)
    return rate._build_rating("key", {"level": level, "score": score})


_ASKED: dict[str, Any] = {
    "keywords": ["tea", "a"],
    "forbidden_words": ["tea", "a b"],
    "relation": checks.AT_LEAST,
    "let_relation": checks.AT_LEAST,
    "letter": "a",
    "first_word": "a",
    "postscript_marker": "P.S.",
    **dict.fromkeys(("keyword", "section_spliter", "prompt_to_repeat", "end_phrase"), "a"),
}
"""What items of IFEval ask for, by the name of the argument; of all else two."""


def _checked(text: str) -> object:
    """Without the kinds that a library decides: langdetect reads 10,000 characters, NLTK guards its own."""
    apart = instructions.LANGUAGE_KINDS | instructions.PUNKT_KINDS
    asked = [
        instructions.Instruction(
            kind, {name: _ASKED.get(name, 2) for name in instructions.parameters_of(kind)}
        )
        for kind in checks.CHECKS.keys() - apart
    ]
    return ifeval.check_reply(asked, text)


def _ruled(text: str) -> object:
    template = f"{{instruction}}\nBot: {rules.ANSWER}"
    targets = {"example": template, "CONLL2003": "['a']"}
    known = ("example", *rules.MATCHES, *rules.CUMULATIVE, *(f"format/{each}" for each in rules.FORMATS))
    return [rules.satisfies(rule, text, targets.get(rule, "a"), 5) for rule in known]


def _listed(text: str) -> str:
    return f"#Methods List#:\n{text}"


def _of_verifier(code: str) -> str:
    """A reply with this code as JSON writes it."""
    return json.dumps({"func": code, "cases": [{"input": code[:1000], "output": True}]})


_TEXT: dict[str, Reader] = {
    "a letter that is chosen": lambda text: choices.find_stated_choice(text, "ABCD"),
    "assistant_phrases.strip": assistant_phrases.strip_assistant_phrases,
    "assistant_phrases.rewriting": assistant_phrases.find_rewriting_opening,
    "assistant_phrases.answer": assistant_phrases.find_answer_opening,
    "content.split_content": content.split_content,
    "content.extract_prose": content.extract_prose,
    "content.is_code": content.is_code,
    "content.missing of text": lambda text: content.find_missing_content(text, PARENT),
    "content.missing in text": lambda text: content.find_missing_content(PARENT, text),
    "content.missing of text in text": _missing,
    "content.read_numbers": content.read_numbers,
    "control_characters.on_page": escaping.on_page,
    "control_characters.on_terminal": escaping.on_terminal,
    "json_repairs.objects": lambda text: list(json_repairs.find_json_objects(text)),
    "json_repairs.objects, one open": lambda text: list(json_repairs.find_json_objects('{"a": "' + text)),
    "json_repairs.parse_code": json_repairs.parse_code,
    "json_repairs.compiling_code": json_repairs.find_compiling_code,
    "json_repairs.escapes": json_repairs.unescape_once,
    "json_replies.values": lambda text: list(json_replies.find_json_values(text)),
    "json_replies.values, one open": lambda text: list(json_replies.find_json_values('{"a": ["' + text)),
    "language.detect": language.detect_language,
    "language.change to text": lambda text: language.detect_language_change(PARENT, text),
    "language.change of text": lambda text: language.detect_language_change(text, PARENT),
    "language.change of text to text": _changed,
    "minhash.groups": lambda text: minhash.group_near_duplicates([text, text + " x"], 0.7, 0).tolist(),
    "word_differences.with parent": lambda text: word_differences.compare_words(PARENT, text),
    "word_differences.with text": lambda text: word_differences.compare_words(text, _reversed(text)),
    "word_differences.of the longest": lambda text: word_differences.compare_words(
        text[: word_differences.LONGEST], _reversed(text)[1 : word_differences.LONGEST]
    ),
    "words.locate": lambda text: words.locate_normalised_words(words.normalise(text)),
    **{
        f"words.{name}": getattr(words, name)
        for name in (
            "count_words",
            "split_at_blanks",
            "split_words",
            "split_words_and_signs",
            "split_word_runs",
            "split_alphanumerics",
            "split_letter_runs",
            "split_marked_words",
            "split_normalised_words",
            "split_keeping_spaces",
            "normalise",
        )
    },
}
_JUDGES: dict[str, Reader] = {
    "rate.level": rate.read_level,
    "rate.score": rate.read_score,
    "rate.score of 10": lambda text: rate.read_score(text, quality.MOST),
    "rate.rating": _judged,
    "tag.tags": reply_values.read_phrases,
    "choice.number": choice.EXTRACTORS["number"],
    "reply_values.choice": lambda text: reply_values.read_choice(
        text, ("bad", "good", "very good"), ("score",)
    ),
    "reply_values.number": lambda text: reply_values.read_number(text, 1, 5, ("score", "clarity")),
    "pairwise.verdict": lambda text: pairwise.read_verdict(reply("key", text)),
    "mt_bench.rating": lambda text: rating.read_rating(reply("key", text)),
    "alpaca_eval.letter": lambda text: preference.read_letter(reply("key", text)),
    "alpaca_eval.probabilities": _preferred,
    "equality.verdict": equality.read_equality_verdict,
    "keywords.methods": keywords.parse_method_list,
    "keywords.methods below a label": lambda text: keywords.parse_method_list(_listed(text)),
    "keywords.keyword": lambda text: keywords.read_keyword(reply("key", text)),
    "keywords.phrase": keywords.normalise_phrase,
    "keywords.plurals": lambda text: keywords.merge_plural_phrases(
        [keywords.Keyword("id", "row", "r1", "simulated", "m", keywords.normalise_phrase(text), text)]
    ),
}
_EVOLUTION: dict[str, Reader] = {
    "methods.evolved": _method(methods.read_evolved_instruction),
    "methods.evolved below a label": _method(lambda text: methods.read_evolved_instruction(_labelled(text))),
    "methods.bare": _method(methods.extract_instruction),
    "methods.improved": _method(methods.read_improved_method),
    "methods.improved in a fence": _candidate,
    "methods.slot": methods.normalise_slot,
    "methods.fill": _filled,
    "step.child of a method": lambda text: _child(_step(methods.read_evolved_instruction), _labelled(text)),
    "step.child of an operation": partial(_child, _step(methods.extract_instruction)),
    "step.child with an input": _child_with_input,
    "step.new input": lambda text: _child(
        _step(methods.extract_instruction, input="1, 2"), f"Sort.\n#Input#:\n{text}"
    ),
    "elimination.failure": lambda text: elimination.find_evolution_failure(_row(PARENT), text, RULES),
    "elimination.failure of text": _no_evolution,
    "elimination.lost_content": lambda text: elimination.find_lost_content(_row(text), PARENT, ""),
}
_AUTOIF: dict[str, Reader] = {
    "augment.item": augment.clean_list_item,
    "augment.fault": lambda text: augment.find_constraint_fault(f"- {text}", text),
    "augment.constraints": _constraints,
    "augment.near": _near_constraint,
    "verifiers.reply": _verifier(verifiers.read_verifier_reply),
    "verifiers.code": _verifier(lambda text: verifiers.read_verifier_reply(_of_verifier(text))),
    "verifiers.code within": _verifier(
        lambda text: verifiers.read_verifier_reply(
            _of_verifier(f"def evaluate(response):\n    return ({text})")
        )
    ),
    "verifiers.result": lambda text: verifiers._build_result(reply("key-0", text)),
    "backtranslate.text": backtranslate.read_backtranslation,
    "booleans.boolean": booleans.read_boolean,
}
_ANSWERS: dict[str, Reader] = {
    "failures.response": lambda text: failures.find_response_failure(text, ("auto_evol", "wizardlm")),
    "failures.question": lambda text: failures.find_response_failure(f"{text}?", ("auto_evol", "wizardlm")),
    "failures.reply": lambda text: failures.find_reply_failure(reply("key", text)),
    "redaction.hidden": redaction.Redaction(["sk-proj-Abcdefghijklmnop1234567890"]).hidden,
    "reasoning.split": reasoning.split_reasoning,
    "reasoning.split opened": lambda text: reasoning.split_reasoning(f"<think>{text}"),
    "reasoning.split closed": lambda text: reasoning.split_reasoning(f"{text}</think>"),
    "reasoning.split by a server": lambda text: reasoning.split_reasoning(text, is_split=True),
    "reasoning.answer": lambda text: reasoning.with_answer_alone(
        Reply("key", (Choice(text, "stop", 7, reasoning=text),), 7)
    ),
    "markers.opening at end": markers.opening_at_end,
    "contamination.search": _searched,
    "prompts.render_prompt": lambda text: render_prompt("autoif/verifier.jinja", constraint=text),
    "quoting.quote_text": lambda text: list(quoting.quote_text(text, text)),
    **{f"formats.{name}": partial(_record, kind) for name, kind in formats.FORMATS.items()},
}

_PROMPT = 'import math\n\n\ndef twice(x):\n    """Double x."""\n'


def _program(text: str) -> object:
    return programs.extract_program(text, _PROMPT, "twice", human_eval.STOP)


_BENCHMARKS: dict[str, Reader] = {
    "ifeval.checks": _checked,
    "ifeval.JSON": checks.json_format,
    "followbench.rules": _ruled,
    "followbench.numbered": lambda text: rules.satisfies("format/30", f"**1{text}", "", 5),
    "followbench.judgment of one": lambda text: judging.read_judgment(text, 1),
    "followbench.judgment": lambda text: judging.read_judgment(f"['YES', {text}]", 3),
    "final_answers.find_last_boxed": final_answers.find_last_boxed,
    "final_answers.boxed": lambda text: final_answers.read_boxed_number(f"\\boxed{{{text}}}"),
    "gsm8k.numbers": lambda text: gsm8k.check_numbers(text, "#### 18"),
    "gsm8k.numbers, signed": lambda text: gsm8k.check_numbers(f"#### -{text}", "#### 18"),
    "programs.blocks": programs.code_blocks,
    "programs.of a reply": _program,
    "programs.of a block": lambda text: _program(f"```python\ndef twice(x):\n    {text}\n```"),
    "programs.of a reply that names it": lambda text: _program(f"twice {text}"),
    "programs.of a body": lambda text: _program(f"    return {text}"),
    "programs.of a whole": lambda text: programs.extract_program(f"def twice(x): {text}", "", "twice", ()),
}

READERS: dict[str, Reader] = _TEXT | _JUDGES | _EVOLUTION | _AUTOIF | _ANSWERS | _BENCHMARKS
