"""Constraints on the form of an answer that the simulated models understand, as one table of families.

To each belongs a pattern, and a function that looks for it: there are to be no matches, some, or an amount.
What comes of keeping one reads as from a model that minds the form more than the sense.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import lru_cache, partial
from itertools import cycle, islice
from textwrap import indent
from typing import NamedTuple

from evobuild.simulation.rng import Rng

STOCK = (
    *("It rains at noon.", "The ferry is late.", "Some of them sing well.", "Bread is made of dough."),
    *("Ask for a key at the door.", "Moss likes the shade.", "We met by the lake.", "Nobody found the hat."),
)
_BROKEN = "Understandably It is very LATE, item 2 is near item 3 $w or not so that nobody waits any more."
"""Breaks every constraint that is none on an amount."""
_RELATIONS = {
    "exactly": ("==", 0, 1, r"\bno more and no fewer|\bexactly|, no more\b"),
    "at least": (">=", 0, -1, r"\bat least|\bor more|\bor longer"),
    "at most": ("<=", 0, 1, r"\bat most|\bor fewer|\bno more than"),
    "under": ("<", -1, 0, r"\bunder\b|\bfewer than|\bless than"),
    "more than": (">", 1, 0, r"\bmore than"),
}
"""Sign in code, what keeps and what breaks it if it is added to the number, and sign in a text."""
_BODIES = {
    "none": "return re.search($p, response) is None",
    "some": "return re.search($p, response) is not None",
    "amount": "return len(re.findall($p, response)) $r $n",
    "sorted": "firsts = [line.split()[0].lower() for line in response.splitlines() if line.strip()]\n"
    "return len(firsts) > 1 and firsts == sorted(firsts)",
}
_WORDS = ("river", "today", "answer", "Once more")
_NUMBER = re.compile(r"\b\d{1,4}\b|\bat least one\b", re.ASCII)
_LONGEST = 200  # characters of a constraint; so that long texts cost nothing
_ENDS = re.compile(r"[.!?;:…。！？；：]+|\n+")
_MARKS = re.compile(r"```\w*|[*#>|`~_()\"{}<\[\]]|^\s*(?:-|\d+\.)\s", re.MULTILINE)


class Family(NamedTuple):
    """What all constraints of a family share; $n, $w and $r stand for number, word and relation.

    kind: of a body. sign: by which a text is recognised; its group is the word. change: how an answer keeps
    it. Of none: what is put for each match. Of some: what an answer $a becomes, $j its JSON, $t a table, $o
    its sentences in order. Of an amount: a unit, $i its place, $s a sentence, $v a word and $c a character of
    the answer; with a joint between units, and below the answer without what is erased, else instead of it.
    """

    kind: str
    sign: str
    wording: str
    pattern: str
    change: str | Callable[[re.Match[str]], str]
    joint: str = ""
    erased: str = ""


_none, _some, _amount = partial(Family, "none"), partial(Family, "some"), partial(Family, "amount")
_MENTION = _amount(
    "word '(.+?)'.*times", "Say word '$w' $r $n times.", r"(?i)\b$w\b", " $w", "", r"(?i)\b$w\b"
)
FAMILIES = (
    _none("in lower case", "Stick to text in lower case.", "[A-Z]", lambda found: found[0].lower()),
    _none("capitals alone", "Write in capitals alone.", "[a-z]", lambda found: found[0].upper()),
    _none(r"letter '(\w)'", "Leave out the letter '$w'.", r"(?i)\w*$w\w*", ""),
    _none("(?:out|not use) the word '(.+?)'", "Do not use the word '$w'.", r"(?i)\b$w\b", ""),
    _none("any comma|no comma", "Set no comma.", ",", ""),
    _none("(?:any|no) digit", "Spell out numbers; write no digits.", r"\d", ""),
    _none("sentence.* a question", "Make every sentence a question.", r"[.!](?=\s|\Z)|(?<![?.!])\Z", "?"),
    _none("sentences of", "Use sentences of $n words.", r"((?:[^\s.!?]+\s+){$n})(?=[^\s.!?])", r"\1. "),
    _none("no word of", "Have no word of more than $n letters.", r"[^\W\d_]{$n}[^\W\d_]+", ""),
    _none("'> '", "Put '> ' at the beginning of each line.", r"(?m)^(?!> )(?=.*\S)", "> "),
    _none("symbol '~'", "End each line with the symbol '~'.", r"(?m)(?<=[^\s~])[ \t]*$", " ~"),
    _none("word twice", "Never say a word twice.", r"(?is)\b(\w+)\b(?=.*\b\1\b)", ""),
    _some("begin.* words '(.+?)'", "Let it begin with the words '$w'.", r"\A$w", "$w, $a"),
    _some("sentence be '(.+?)'", "Let the closing sentence be '$w'.", r"$w\.\Z", "$a $w."),
    _some(r"P\.S\.", "Add a P.S. at the end.", r"(?m)^P\.S\..*\Z", "$a\n\nP.S. Tell me how it went."),
    _some("<<", "Put a title as <<title>> on top.", r"\A<<[^<>\n]+>>", "<<An answer>>\n\n$a"),
    _some("quotation mark", "Set it all within double quotation marks.", r'(?s)\A".+"\Z', '"$a"'),
    _some("the same word", "Open and close on the same word.", r"(?is)\A(\w+)\b.+\b\1\W*\Z", "So $a And so."),
    _some("JSON .*key '(.+?)'", "Be JSON with the key '$w'.", r'(?s)\A\{"$w":.*\}\Z', '{"$w": $j}'),
    _some(r"table with", "Add a table with $n columns.", r"(?m)^\|(?:[^|\n]+\|){$n}$", "$t\n\n$a"),
    Family("sorted", "sort .*lines", "Sort three lines by their first words.", "", "$o"),
    _MENTION,
    _amount("bullet|points with '- '", "Give $r $n bullet points.", "(?m)^- ", "- $s.", "\n"),
    _amount("numbered lines", "Write $r $n numbered lines.", r"(?m)^\d+\. ", "$i. $s.", "\n"),
    _amount(
        "paragraphs", "Set *** between $r $n paragraphs.", r"(?s)\S.*?(?=\n\*{3}\n|\Z)", "$s.", "\n***\n"
    ),
    _amount("headings", "Use $r $n Markdown headings.", "(?m)^## ", "## $i\n\n$s.", "\n\n"),
    _amount("hashtags", "Close with $r $n hashtags.", r"(?<!\S)#\w+", " #no$i", "", "#"),
    _amount("exclamation marks", "Use $r $n exclamation marks.", "!", "!", "", "!"),
    _amount("in bold", "Print $r $n things in bold.", r"\*\*[^*\n]+\*\*", " **no $i**", "", r"\*\*"),
    _amount("brackets", "Use $r $n pairs of brackets.", r"\([^()]+\)", " (no $i)", "", "[()]"),
    _amount("fenced", "Have $r $n fenced blocks.", "```[^`]+```", "\n\n```\n$i\n```", "", "```"),
    _amount("sentences", "Get by on $r $n sentences.", r"[^\s.!?][^.!?]*", "$s.", " "),
    _amount("lines", "Fill $r $n lines.", r"(?m)^.*\S", "$s.", "\n"),
    _amount("characters", "Use $r $n characters.", "(?s).", "$c"),
    _amount("words", "Take $r $n words.", r"\S+", "$v", " "),
)


class Constraint(NamedTuple):
    """A family with its number, word and relation; 0 and '' where it has no such slot."""

    family: Family
    number: int
    word: str
    relation: str

    @property
    def wording(self) -> str:
        """How it is said."""
        return _put(self.family.wording, n=str(self.number), w=self.word, r=self.relation)

    def function(self, remark: str = "", first: str = "") -> str:
        """Write the function evaluate(response). remark: a comment, first: a line before all others."""
        pattern, relation = json.dumps(self._pattern, ensure_ascii=False), self.relation or "exactly"
        body = _put(_BODIES[self.family.kind], n=str(self.number), r=_RELATIONS[relation][0], p=pattern)
        code = as_function("\n".join(filter(None, (f"# {remark}" if remark else "", first, body))))
        return code if self.family.kind == "sorted" else f"import re\n\n{code}"

    def keep(self, answer: str) -> str:
        """Change an answer so that it keeps the constraint."""
        change, answer = self.family.change, answer.strip() or "-"
        if self.relation:
            return self._with_units(answer, self.number + _RELATIONS[self.relation][1])
        if self.family.kind == "none" or not isinstance(change, str):
            return re.sub(self._pattern, change, answer).strip() or "-"
        lines = sorted((f"{each}." for each in (*_sentences(answer), "Ask")), key=str.lower)
        table = "\n".join(f"|{cell * self.number}" for cell in (" Point |", "---|", " See below |"))
        return _put(change, w=self.word, a=answer, t=table, o="\n".join(lines), j=json.dumps(answer))

    def broken(self, answer: str) -> str:
        """Change an answer so that it breaks the constraint."""
        if self.relation:
            return self._with_units(answer, self.number + _RELATIONS[self.relation][2])
        return f"{answer} {_put(_BROKEN, w=self.word)}"

    @property
    def _pattern(self) -> str:
        return _put(self.family.pattern, n=str(self.number), w=re.escape(self.word))

    def _with_units(self, answer: str, number: int) -> str:
        unit, joint, erased = str(self.family.change), self.family.joint, self.family.erased
        base = re.sub(_put(erased, w=re.escape(self.word)), "", answer).rstrip() if erased else ""
        pieces = answer.split() if "$v" in unit else answer if "$c" in unit else _sentences(answer)
        made = (
            _put(unit, w=self.word, i=str(place), s=piece, v=piece, c=piece)
            for place, piece in enumerate(islice(cycle(pieces), max(number, 0)), start=1)
        )
        return re.sub(r"\s\Z", ".", f"{base}{joint.join(made)}")


def as_function(body: str) -> str:
    """Put a body under the head that every function has."""
    return f"def evaluate(response):\n{indent(body, '    ')}"


def draw_constraint(rng: Rng) -> Constraint:
    """Make up a constraint, every family equally likely."""
    family, relation = rng.pick(FAMILIES), rng.pick(("exactly", "at least", "at most"))
    number = (3 + rng.below(7)) * (20 if family.sign in ("characters", "words") else 1)
    word = rng.pick("zxvk" if "letter" in family.sign else _WORDS)
    return Constraint(family, number, word, relation if family.kind == "amount" else "")


def guess_constraint(text: str) -> Constraint:
    """Take a constraint that is not known for one that wants the longest word of its text mentioned."""
    words = re.findall(r"[^\W\d_]{1,20}", text) or ["answer"]
    return Constraint(_MENTION, 1, max(words, key=len), "at least")


def split_constraint(instruction: str) -> tuple[str, Constraint | None]:
    """Take off the first paragraph if it is a known constraint and more follows; else all is query."""
    first, _, query = instruction.partition("\n\n")
    constraint = find_constraint(first.strip()) if query.strip() else None
    return query if constraint else instruction, constraint


@lru_cache(maxsize=4096)
def find_constraint(text: str) -> Constraint | None:
    """Recognise the constraint that a text is, None if it is of no family."""
    if len(text) > _LONGEST or "\n" in text:
        return None
    number = _NUMBER.search(text)
    count = int((number[0] if number else "1").replace("at least one", "1"))
    for family in FAMILIES:
        if (number or "$n" not in family.wording) and (found := re.search(family.sign, text, re.IGNORECASE)):
            named = (name for name, each in _RELATIONS.items() if re.search(each[3], text))
            relation = next(named, "exactly")
            word = found[1] if found.re.groups else ""
            return Constraint(family, count, word, relation if family.kind == "amount" else "")
    return None


def find_constraint_of_code(code: str) -> Constraint | None:
    """Recognise what a function checks, None if it is of no family."""
    relations = {each[0]: name for name, each in _RELATIONS.items()}
    for family in FAMILIES:
        pattern = re.escape(_put(_BODIES[family.kind], p=json.dumps(family.pattern), n="$n", r="$r"))
        for slot, values in {"n": r"\d+", "r": "[<>=]+", "w": r'[^"\n<>]+'}.items():
            pattern = pattern.replace(rf"\${slot}", f"(?P<{slot}>{values})")
        if read := re.search(pattern.replace("\\\n", r"\s+"), code):
            found = {"n": "0", "r": "", "w": ""} | read.groupdict()
            word = found["w"].replace("\\", "")
            return Constraint(family, int(found["n"]), word, relations.get(found["r"], ""))
    return None


def _put(template: str, **values: str) -> str:
    return re.sub(r"\$([a-z])", lambda found: values[found[1]], template)


def _sentences(text: str) -> list[str]:
    """Split an answer into sentences without their ends and without any marks of layout."""
    found = (" ".join(part.split()) for part in _ENDS.split(_MARKS.sub(" ", text)))
    return [part for part in found if any(map(str.isalnum, part))] or [STOCK[0].rstrip(".")]
