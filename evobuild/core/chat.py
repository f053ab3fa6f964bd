"""What the chat client is asked and answers: a request in, a reply out, joined by key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

Purpose = Literal[
    "evolve",
    "analyse",
    "improve",
    "respond",
    "rate_level",
    "rate_score",
    "equal",
    "keywords",
    "tag",
    "augment",
    "verifier",
    "backtranslate",
    "quality",
    "measure",
    "evaluate",
    "judge",
]
"""Why a request is made: for usage, and for the simulated engine to know its part."""

Finish = Literal["stop", "length", "content_filter"]

ScoredAs = Literal["turn", "text", "windows"]
"""How a continuation becomes tokens: `turn`, the ids by which an answer is trained, or behind a raw prompt
`text`; `text`, as one text with what the chat template makes of the messages; `windows`, a whole text without
a prompt, in as many windows of the model's context as it takes."""

REFUSALS = ("prompt too long", "content policy", "no likelihoods", "no chat template")
"""How an error begins that is about the prompt: asked again, it would be the same."""


class Message(NamedTuple):
    """One chat turn; or, of the role `text` and alone in its request, a prompt without a template."""

    role: Literal["system", "user", "assistant", "text"]
    content: str


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a reply is drawn. temperature 0 is greedy; seed matters only above 0.

    logprobs: number of most probable tokens at each position whose log-probability is returned;
    token_texts: return their texts, too. No repr shows it: stored replies are found by that of a sampling.
    """

    temperature: float = 0.0
    top_p: float = 1.0
    max_tokens: int = 2048
    n: int = 1
    seed: int = 0
    stop: tuple[str, ...] = ()
    logprobs: int = 0
    token_texts: bool = field(default=False, repr=False)


class Meter(Protocol):
    """What one request takes, counted where it is sent."""

    def send(self) -> bool:
        """Count one more call; False, and none is to be made, where the budget leaves no further one."""

    def discard(self, prompt_tokens: int, completion_tokens: int) -> None:
        """Count the tokens of a reply that comes to nothing."""


@dataclass(frozen=True, slots=True)
class Request:
    """One call of a chat model.

    key: stable name of the request within its stage, unique there; replies are joined by it.
    reasoning: how much the model is to think: off, on or an effort such as low; '' leaves it to the model.
    The chat client says so of every request of a role. continuation: what is scored instead of a reply
    being written: its choice has this text, and of each of its tokens the log-probability, then the
    greatest there; its tokens count as the prompt's, which are read like it; sampling is not heeded. A model
    that cannot do so replies with the error "no likelihoods". scored_as: see above. cut: leave out the
    beginning of a prompt that has no place in the model, which is else refused; a served model cannot do so.
    meter: for an engine whose requests may take several calls; those that never use it are counted as one
    call each. plausible: replies that could be read, which a simulated model chooses from; no other heeds it.
    """

    key: str
    purpose: Purpose
    messages: tuple[Message, ...]
    sampling: Sampling
    reasoning: str = ""
    continuation: str | None = None
    scored_as: ScoredAs = "turn"
    cut: bool = False
    meter: Meter | None = field(default=None, compare=False, repr=False)
    plausible: tuple[str, ...] = field(default=(), compare=False, repr=False)

    @property
    def raw(self) -> str | None:
        """The prompt that gets no chat template; None of a chat."""
        (first, *others) = self.messages
        return first.content if first.role == "text" and not others else None


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the n answers to a request.

    text: the answer alone, as the chat client gives it; engines and the reply cache have what came.
    reasoning: what the model thought before it, '' if nothing. tokens: completion tokens, thoughts included.
    logprobs: per output position, those of thoughts included, the chosen token's natural-log probability
    first, then the most probable ones; None where not asked for. token_texts: the texts of these tokens, in
    the same order; likewise.
    """

    text: str
    finish: Finish
    tokens: int
    logprobs: tuple[tuple[float, ...], ...] | None = None
    reasoning: str = ""
    token_texts: tuple[tuple[str, ...], ...] | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back for one request: choices, or an error and no choices.

    error: reason in a few words, such as "prompt too long"; None if the call succeeded.
    cached: from the reply cache, so that it cost nothing now. passing: the call failed for what may pass, as
    an outage does, so that the next run may get a reply.
    """

    key: str
    choices: tuple[Choice, ...]
    prompt_tokens: int
    error: str | None = None
    cached: bool = False
    passing: bool = False

    @property
    def text(self) -> str:
        """The first choice's text, empty if the call failed."""
        return self.choices[0].text if self.choices else ""

    @property
    def reasoning(self) -> str:
        """What the model thought before the first choice's text, '' if nothing."""
        return self.choices[0].reasoning if self.choices else ""

    @property
    def kept(self) -> str:
        """What is kept of a reply that is of no use: its text, else the thoughts that it ends with."""
        return self.text or self.reasoning

    @property
    def finish(self) -> Finish | None:
        """The first choice's finish reason, None if the call failed."""
        return self.choices[0].finish if self.choices else None

    @property
    def unanswered(self) -> bool:
        """Whether the call failed for a reason other than the prompt, such as an outage."""
        return self.error is not None and not self.error.startswith(REFUSALS)


class ChatBackend(Protocol):
    """What answers requests: the chat client, or replies that were written elsewhere."""

    def generate(self, requests: Iterable[Request], /) -> Iterator[Reply]:
        """Give the reply to each request, by key, in any order."""
