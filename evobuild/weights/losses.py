r"""Losses of a causal language model on question and answer, and what is made of them.

L(Q), L(A|Q) and L(A) are means of token cross-entropy in nats. Two documents give all three: question
and answer, read together, and the answer alone. `tokenized_pairs` makes them. In the row below Q is
the instruction, I its input, A the answer, <s> the start token; a mean is over the tokens in brackets.

| template       | L(Q)         | L(A|Q)        | L(A)     |
|----------------|--------------|---------------|----------|
| plain          | <s>[Q\nI]\n  | <s>Q\nI\n[A]  | <s>\n[A] |
| authors        | <s>[Q\nI]    | <s>Q\nI[\nA]  | <s>[A]   |
| superfiltering | <s>[Q\nI\n]  | <s>Q\nI\n[A]  | <s>[A]   |

chat, with a template of roles, and alpaca, both over several lines:

    L(A|Q)  <s><|system|>\nBe kind.\n<|user|>\nQ\n\nI\n<|assistant|>\n[A]
    L(A)    <s><|system|>\nBe kind.\n<|user|>\n\n<|assistant|>\n[A]
    L(A|Q)  <s>Below is … request.\n\n### Instruction:\nQ\n\n### Input:\nI\n\n### Response:[A]
    L(A)    <s>Below is … request.\n\n### Instruction:\n\n\n### Input:\n\n\n### Response:[A]

A chat template that writes a blank before an answer, as Llama 2's after its prompt, has it in both:

    L(A|Q)  <s>[INST] Q [/INST][ A]
    L(A)    <s>[INST]  [/INST][ A]

L(Q) of chat is over Q\n\nI, of alpaca over Q and I, read in their places. So with plain, chat and alpaca
the lone answer has the template with the question left out: what L(Q) is over is what L(A) goes
without. Earlier turns of a conversation precede the question in all three and are excluded from the
means. A token that holds characters of the question and of the template is the question's. Cherry
LLM's own script (tianyi-lab/Cherry_LLM, cherry_seletion/data_analysis.py) has the same L(A|Q) as alpaca
but scores the lone answer after "### Response:" alone; it counts the tokens before the answer apart.

Sources: IFD, Li et al. 2024, arXiv:2308.12032; IC-IFD, Hui et al. 2024, arXiv:2412.11231.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from evobuild.weights.likelihood import Document, Reader


class Pair(NamedTuple):
    """A question and its answer as token ids.

    both: question and answer in their template; its first token is not scored. question: the stretches of
    both, as (first, end), that are the question's own. answer_start: where the answer begins in both.
    alone: the template without the question, and the answer, from alone_start on.
    """

    id: str
    both: list[int]
    question: tuple[tuple[int, int], ...]
    answer_start: int
    alone: list[int]
    alone_start: int
    truncated: bool


class Losses(NamedTuple):
    """What a model makes of a pair: mean nats per token, and how many tokens."""

    id: str
    question_tokens: int
    answer_tokens: int
    truncated: bool
    loss_q: float
    loss_a_given_q: float
    loss_a: float


def ifd(given: float, alone: float) -> float:
    """Compute how little the question helps with the answer: L(A|Q) / L(A), dimensionless.

    Near 0 the question decides the answer; 1: it does not help; above 1 it misleads.
    """
    return given / alone


def ifd_ppl(given: float, alone: float) -> float:
    """Compute the same as a ratio of perplexities, exp(L(A|Q)) / exp(L(A)); it ranks differently.

    Source: Superfiltering, Li et al. 2024, arXiv:2402.00530.
    """
    return math.exp(given - alone)


def ic_ifd(question: float, given: float, alone: float) -> float:
    """Compute IFD over the question's own loss: L(A|Q) / (L(Q) · L(A)), in 1/nats.

    A hard question no longer lifts the score by being hard. Instance: IFD 0.8 at L(Q) = 2 -> 0.4.
    """
    return given / (question * alone)


def pair_losses(reader: Reader, pairs: Sequence[Pair]) -> Iterator[Losses]:
    """Yield each pair's losses, roughly the longest pair first."""
    documents = [
        document
        for pair in pairs
        for document in (
            Document(pair.both, (*pair.question, (pair.answer_start, len(pair.both)))),
            Document(pair.alone, ((pair.alone_start, len(pair.alone)),)),
        )
    ]
    found: dict[int, tuple[float, ...]] = {}
    for place, means in reader.read(documents):
        number, is_alone = divmod(place, 2)
        if number not in found:
            found[number] = means
            continue
        other, pair = found.pop(number), pairs[number]
        (*asked, given), (alone,) = (other, means) if is_alone else (means, other)
        sizes = [end - first for first, end in pair.question]
        tokens = sum(sizes)
        yield Losses(
            pair.id,
            tokens,
            len(pair.both) - pair.answer_start,
            pair.truncated,
            math.fsum(map(operator.mul, asked, sizes)) / max(1, tokens),
            given,
            alone,
        )
