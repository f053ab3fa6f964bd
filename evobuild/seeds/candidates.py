"""Find columns that may hold an instruction, an answer, a domain or a system prompt, by name and content.

Names are matched word by word in the languages of WORDS. Contents are those of the first records: an answer
has the longest texts, a domain few short values, a system prompt few long ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from evobuild.seeds.fields import Record
from evobuild.text.words import count_words

MOST_READ = 200
"""Records whose contents are looked at."""
_LEAST_READ = 6
"""Records from which on the number of different values tells something."""
_SHORT, _LONG = 5, 6
"""Words: of a domain at most, and of a system prompt at least."""

Candidate = Literal["instruction", "output", "domain", "system"]

WORDS: Mapping[Candidate, tuple[str, ...]] = {
    "instruction": (
        *("instruction", "question", "prompt", "query", "task", "problem", "request", "user", "human"),
        *("input", "frage", "aufgabe", "anweisung", "anfrage", "pregunta", "instrucción", "pergunta"),
        *("instrução", "consigne", "domanda", "istruzione", "vraag", "opdracht", "pytanie", "вопрос"),
        *("задание", "问题", "問題", "指令", "提问", "質問", "질문"),
    ),
    "output": (
        *("output", "response", "reply", "answer", "completion", "solution", "target", "assistant", "bot"),
        *("antwort", "lösung", "respuesta", "resposta", "réponse", "reponse", "risposta", "antwoord"),
        *("odpowiedź", "ответ", "回答", "答案", "回复", "解答", "応答", "답변"),
    ),
    "domain": (
        *("domain", "category", "topic", "subject", "ressort", "kategorie", "thema", "rubrik", "fach"),
        *("bereich", "categoría", "categoria", "tema", "catégorie", "categorie", "thème", "rubrique"),
        *("argomento", "onderwerp", "kategoria", "категория", "тема", "类别", "分类", "领域", "主题"),
        *("カテゴリ", "分野", "주제"),
    ),
    "system": ("system", "persona", "systemprompt", "系统"),
}
"""Words in the names of columns, the likelier the earlier; of English, German, Spanish, Portuguese, French,
Italian, Dutch, Polish, Russian, Chinese, Japanese and Korean."""


_REFERRING = {"id", "ids", "key", "number", "nr", "date", "datum", "fecha", "url", "link", "time"}
"""Words of columns that hold no text, whatever else their names say: user_id."""


class Column(NamedTuple):
    """What some records hold in a column of text. words: of a value, the mean; questions: share of values."""

    values: int
    different: int
    words: float
    questions: float

    @property
    def repeats(self) -> bool:
        """Whether few values come again and again."""
        return self.values >= _LEAST_READ and 1 < self.different <= max(2, self.values // 3)


def find_by_name(fields: Iterable[str], role: Candidate) -> str | None:
    """Find the field whose name has the first of a role's words, as a word or, failing that, within it."""
    other = _REFERRING if role == "system" else _REFERRING | {*WORDS["system"]}
    names = [field for field in fields if other.isdisjoint(_parts(field))]
    for word in WORDS[role]:
        for field in names:
            if word in _parts(field):
                return field
    return next(
        (
            field
            for word in WORDS[role]
            for field in names
            if (len(word) > 4 or not _has_spaces(word)) and word in field.casefold()
        ),
        None,
    )


def find_by_content(records: Sequence[Record], fields: Iterable[str], role: Candidate) -> str | None:
    """Find the field that holds what a role usually does; of several the likeliest."""
    columns = {field: _column(records, field) for field in fields}
    found = {field: each for field, each in columns.items() if each is not None}
    if role == "domain":
        short = {field: each for field, each in found.items() if each.repeats and each.words <= _SHORT}
        return min(short, key=lambda field: short[field].different, default=None)
    if role == "system":
        long = {field: each for field, each in found.items() if each.words >= _LONG}
        return next((field for field, each in long.items() if each.repeats), None)
    texts = {field: each for field, each in found.items() if each.words >= 2 and not each.repeats}
    if role == "instruction":
        return max(texts, key=lambda field: texts[field].questions > 0.5, default=None)
    return max(texts, key=lambda field: texts[field].words, default=None)


def text_fields(records: Sequence[Record]) -> list[str]:
    """The fields that hold text in some record, in the order in which they come."""
    return list(dict.fromkeys(field for each in records for field, value in each.items() if _is_text(value)))


def _column(records: Sequence[Record], field: str) -> Column | None:
    values = [str(each[field]) for each in records if _is_text(each.get(field))]
    if not values or all(re.fullmatch(r"[\d\s.,:/%+-]*|https?://\S+", value) for value in values):
        return None
    questions = sum(value.rstrip().endswith(("?", "？")) for value in values)
    words = sum(map(count_words, values)) / len(values)
    return Column(len(values), len(set(values)), words, questions / len(values))


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _has_spaces(word: str) -> bool:
    """Whether the script of a word sets words apart, as Chinese, Japanese and Korean headers do not."""
    return all(ord(each) < 0x1100 for each in word)


def _parts(field: str) -> list[str]:
    """The words of a name such as questionText or "Antwort (Redaktion)"."""
    spaced = re.sub(r"(?<=[a-zß-ÿ])(?=[A-Z])", " ", field)
    return [part.casefold() for part in re.findall(r"[^\W\d_]+", spaced)]
