"""OpenAI's older protocol, text in and text out: raw prompts, and texts that are scored.

A raw prompt goes to /completions as it is. What is scored behind one is echoed there, with the
log-probabilities of its tokens. Behind a chat, vLLM's server scores it: the last turn is the text, and
`prompt_logprobs` tells of every token. No server tells which tokens are the text's, so they are found by
what they say, from the end; blanks do not count, for some servers leave them out of what a token says. Most
servers score nothing: that is the error "no likelihoods", with what is missing. What takes token ids is an
error of that kind, too: a whole text, whose first token no server scores, and a continuation behind what a
chat template ends with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from evobuild.core.chat import Choice, Request
from evobuild.models.openai_failures import Failure, NoLikelihoods, Retry, Unable

SCORED = {"temperature": 0.0, "max_tokens": 1}
"""Sampling of a request that scores: some servers will have one token written."""
NO_TOKEN_IDS = "no likelihoods: this needs the model's own tokens; evaluate by transformers: or vllm:"
"""Why a request is lost that `needs_token_ids`."""
CERTAIN = 0.01
"""The highest log-probability: of a probability of 1, rounded."""


class Token(NamedTuple):
    """What a token says, its log-probability and the greatest at its place."""

    text: str
    logprob: float
    best: float


def scored_text(request: Request) -> str:
    """Get the scored text of a request, with blanks at a raw prompt's end as in `weights.continuations`."""
    prompt, continuation = request.raw or "", request.continuation or ""
    return prompt[len(prompt.rstrip()) :] + continuation


def prompt_fields(request: Request) -> dict[str, Any]:
    """Build the fields for /completions: a raw prompt, or one that is echoed with the scored text."""
    if request.continuation is None:
        return {"prompt": request.raw}
    return {"prompt": f"{request.raw}{request.continuation}", "echo": True, "logprobs": 1} | SCORED


def chat_fields(request: Request) -> dict[str, Any]:
    """Build the fields for vLLM's /chat/completions: a conversation whose last turn is open and scored."""
    turns = [{"role": message.role, "content": message.content} for message in request.messages]
    return {
        "messages": [*turns, {"role": "assistant", "content": request.continuation}],
        "add_generation_prompt": False,
        "continue_final_message": True,
        "prompt_logprobs": 1,
    } | SCORED


def needs_token_ids(request: Request) -> bool:
    """Whether a request is scored by tokens that no server can be sent as text."""
    return request.scored_as == "windows" or (request.scored_as == "text" and request.raw is None)


def as_chat(choice: Any, wanted: int) -> Any:
    """Convert a choice of /completions to a chat's form. wanted: log-probabilities of each position."""
    if not isinstance(choice, dict):
        return choice
    made = {**choice, "message": {"content": choice.get("text")}, "logprobs": None}
    told = choice.get("logprobs")
    if wanted and isinstance(told, dict):
        made["logprobs"] = {"content": [_position(token, top) for token, top in _positions(told)]}
    return made


def _position(token: Token, top: Mapping[str, float]) -> dict[str, Any]:
    tops = [{"token": text, "logprob": logprob} for text, logprob in top.items()]
    return {"token": token.text, "logprob": token.logprob, "top_logprobs": tops}


def scored_choice(request: Request, choices: Any, prompt_logprobs: Any, tokens: int | None) -> Choice:
    """Build the choice of a scored continuation from the server's tokens.

    tokens: of prompt and continuation, if the server tells. Raises NoLikelihoods where it says nothing of
    them, Unable where they do not make up the text.
    """
    first = choices[0] if isinstance(choices, list) and choices else None
    if request.raw is None:
        told = prompt_logprobs or (first.get("prompt_logprobs") if isinstance(first, dict) else None)
        found = _of_vllm(told)
    else:
        found = _echoed(request, first, tokens)
    logprobs = tuple((token.logprob, token.best) for token in _last(found, scored_text(request)))
    return Choice(request.continuation or "", "stop", 0, logprobs)


def _echoed(request: Request, choice: Any, tokens: int | None) -> list[Token]:
    text, told = (choice.get(name) if isinstance(choice, dict) else None for name in ("text", "logprobs"))
    echoed = isinstance(text, str) and text.startswith(f"{request.raw}{request.continuation}")
    if not (echoed and isinstance(told, dict) and isinstance(told.get("tokens"), list)):
        raise NoLikelihoods("no likelihoods: the server does not tell those of a given text")
    read = [token for token, _ in _positions(told)]
    # What was written behind it: one token.
    return read[: tokens if tokens and tokens <= len(read) else -1]


def _positions(told: Mapping[str, Any]) -> list[tuple[Token, Mapping[str, float]]]:
    """Tokens as /completions tells of them, each with the most probable at its place."""
    texts, logprobs = told.get("tokens"), told.get("token_logprobs")
    tops = told.get("top_logprobs")
    if not (isinstance(texts, list) and isinstance(logprobs, list) and len(texts) == len(logprobs)):
        raise Retry("malformed reply: logprobs")
    if not isinstance(tops, list) or len(tops) != len(texts):
        tops = [None] * len(texts)
    found: list[tuple[Token, Mapping[str, float]]] = []
    for text, logprob, top in zip(texts, logprobs, tops, strict=True):
        # Of the first token nothing is known.
        own = 0.0 if logprob is None else _number(logprob)
        others = {str(name): _number(each) for name, each in top.items()} if isinstance(top, dict) else {}
        found.append((Token(str(text), own, max([own, *others.values()])), others))
    return found


def _of_vllm(told: Any) -> list[Token]:
    """Tokens as vLLM's `prompt_logprobs` has them: of each place the prompt's own first."""
    if not isinstance(told, list):
        raise NoLikelihoods("no likelihoods: the server does not tell those of a given answer")
    found = []
    for place in told:
        if not isinstance(place, dict) or not place:
            found.append(Token("", 0.0, 0.0))
            continue
        entries = list(place.values())
        if not all(isinstance(entry, dict) for entry in entries):
            raise Retry("malformed reply: prompt_logprobs")
        numbers = [_number(entry.get("logprob")) for entry in entries]
        found.append(Token(str(entries[0].get("decoded_token") or ""), numbers[0], max(numbers)))
    return found


def _number(value: Any) -> float:
    if type(value) not in (int, float) or not value <= CERTAIN:
        raise Retry("malformed reply: a log-probability")
    return float(value)


def _last(tokens: Sequence[Token], text: str) -> Sequence[Token]:
    """Find the last tokens that spell a text, blanks aside. Raises Unable if none do."""
    wanted = "".join(text.split())
    said, first = "", len(tokens)
    while first and len(said) < len(wanted):
        first -= 1
        said = "".join(tokens[first].text.split()) + said
    begun = said == wanted and first < len(tokens)
    # Blanks before it that its first token does not hold: tokens of their own, or left out by the server.
    lead = _blanks(text).removesuffix(_blanks(tokens[first].text)) if begun else ""
    while lead and first and (blank := tokens[first - 1].text) and lead.endswith(blank):
        first, lead = first - 1, lead.removesuffix(blank)
    if not begun or not first or (lead and tokens[first - 1].text.endswith(lead)):
        raise Unable("no likelihoods: the server's tokens do not end where the text begins")
    return tokens[first:]


def _blanks(text: str) -> str:
    """Get the blanks that a text begins with."""
    return text[: len(text) - len(text.lstrip())]


def no_completions(error: Exception, status: int) -> Exception:
    """Explain a server's error on a raw prompt: a server that only chats has no such address."""
    if status in (404, 405, 501):
        return Unable(f"no raw prompts: /completions of the server answered {status}")
    return error


def unscored(error: Exception, status: int) -> Exception:
    """Explain a server's error on a text to score: most servers cannot score."""
    if status in (404, 405, 501):
        return NoLikelihoods(f"no likelihoods: the server answered {status}")
    if isinstance(error, Failure) and str(error).startswith("bad request"):
        return Unable(f"no likelihoods: {error}")
    return error
