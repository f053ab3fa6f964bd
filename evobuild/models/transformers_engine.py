"""Chat models in this process with transformers: requests of like length in one batch.

Sampling is done row by row from the request's own seed, so that a reply does not depend on which
requests share its batch: temperature and top-p first, then the largest of log-probability plus
Gumbel noise, which is a draw from the same distribution.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from dataclasses import dataclass
from typing import Any

from jinja2 import TemplateError

from evobuild import weights
from evobuild.errors import UserError, require
from evobuild.models.request import Choice, Reply, Request, Sampling
from evobuild.uri import ChatModel, Weights

BATCH = 16
"""Sequences per batch."""


def identity(model: ChatModel) -> str:
    """Name the model by its resolved revision or content, and what of this engine changes replies."""
    return f"transformers:{weights.identity(Weights(model.name, model.revision))}"


@dataclass(frozen=True, slots=True)
class _Row:
    """One sequence to generate: choice `number` of a request, and its prompt's token ids."""

    request: Request
    number: int
    prompt: list[int]


class TransformersEngine:
    """A loaded model that answers in batches of up to BATCH sequences.

    Raises UserError if the model cannot be loaded or has no chat template.
    """

    capacity = 16 * BATCH

    def __init__(self, model: ChatModel) -> None:
        name = Weights(model.name, model.revision)
        self._torch = require("torch", "train")
        self._tokenizer = weights.tokenizer(name)
        if not self._tokenizer.chat_template:
            raise UserError(f"the model '{model}' has no chat template; choose an instruction-tuned one")
        self._model = weights.causal_lm(name)
        self._context = weights.context(name)
        self._rows: list[_Row] = []
        self._refused: list[Reply] = []
        self._choices: dict[str, dict[int, Choice]] = {}

    def submit(self, request: Request) -> None:
        """Take one request; one whose prompt has no place in the model is refused."""
        messages = [message._asdict() for message in request.messages]
        try:
            prompt: list[int] = self._tokenizer.apply_chat_template(
                messages, add_generation_prompt=True, tokenize=True, return_dict=False
            )
        except TemplateError as error:
            self._refused.append(Reply(request.key, (), 0, f"refused by the chat template: {error}"))
            return
        if len(prompt) >= self._context:
            reason = f"prompt too long: {len(prompt)} tokens of a context of {self._context}"
            self._refused.append(Reply(request.key, (), len(prompt), reason))
            return
        self._rows += [_Row(request, number, prompt) for number in range(request.sampling.n)]
        self._choices[request.key] = {}

    def collect(self) -> list[Reply]:
        """Answer a batch: the longest prompts first, those with the same stop strings together."""
        if self._refused:
            refused, self._refused = self._refused, []
            return refused
        done: list[Reply] = []
        while not done:
            self._rows.sort(key=lambda row: (row.request.sampling.stop, len(row.prompt)))
            stop = self._rows[-1].request.sampling.stop
            batch = [row for row in self._rows[-BATCH:] if row.request.sampling.stop == stop]
            del self._rows[-len(batch) :]
            for row, choice in zip(batch, self._generate(batch), strict=True):
                choices = self._choices[row.request.key]
                choices[row.number] = choice
                if len(choices) == row.request.sampling.n:
                    del self._choices[row.request.key]
                    ordered = tuple(choices[number] for number in sorted(choices))
                    done.append(Reply(row.request.key, ordered, len(row.prompt)))
        return done

    def close(self) -> None:
        """Let the model go."""
        del self._model

    def _generate(self, batch: list[_Row]) -> list[Choice]:
        torch = self._torch
        width = max(len(row.prompt) for row in batch)
        pad = self._tokenizer.pad_token_id
        pad = pad if pad is not None else self._tokenizer.eos_token_id or 0
        ids_B_T = torch.tensor([[pad] * (width - len(row.prompt)) + row.prompt for row in batch])
        mask_B_T = torch.tensor([[0] * (width - len(row.prompt)) + [1] * len(row.prompt) for row in batch])
        room = max(self._room(row) for row in batch)
        draw = _Draw(torch, batch)
        options: dict[str, Any] = {"do_sample": False, "max_new_tokens": room, "pad_token_id": pad}
        if stop := batch[0].request.sampling.stop:
            options |= {"stop_strings": list(stop), "tokenizer": self._tokenizer}
        with torch.inference_mode():
            out_B_T = self._model.generate(
                ids_B_T.to(self._model.device),
                attention_mask=mask_B_T.to(self._model.device),
                logits_processor=[draw],
                **options,
            )
        return [
            self._choice(row, out_T.tolist(), draw.logprobs[place])
            for place, (row, out_T) in enumerate(zip(batch, out_B_T[:, width:], strict=True))
        ]

    def _choice(self, row: _Row, ids: list[int], logprobs: list[tuple[float, ...]]) -> Choice:
        sampling = row.request.sampling
        ends, room = self._ends(), self._room(row)
        length = next((place for place, token in enumerate(ids[:room]) if token in ends), None)
        kept = ids[: room if length is None else length]
        text, cut = self._text(kept), self._cut(kept, sampling.stop)
        if cut is not None:
            text = self._text(kept[:cut])
            text = text[: min(place for stop in sampling.stop if (place := text.find(stop)) >= 0)]
        finish = "length" if length is None and cut is None else "stop"
        tokens = cut if cut is not None else len(kept) + (length is not None)
        kept_logprobs = tuple(logprobs[:tokens]) if sampling.logprobs else None
        return Choice(text, finish, tokens, kept_logprobs)  # type: ignore[arg-type]

    def _room(self, row: _Row) -> int:
        """Tokens that a row's reply may have, whatever else is in its batch."""
        return min(row.request.sampling.max_tokens, self._context - len(row.prompt))

    def _cut(self, ids: list[int], stops: tuple[str, ...]) -> int | None:
        """How many tokens it takes until the text holds a stop string; None if it never does."""
        cut = bisect_left(range(len(ids) + 1), True, key=lambda length: self._holds(ids[:length], stops))
        return cut if cut <= len(ids) else None

    def _holds(self, ids: list[int], stops: tuple[str, ...]) -> bool:
        text = self._text(ids)
        return any(stop in text for stop in stops)

    def _text(self, ids: list[int]) -> str:
        text: str = self._tokenizer.decode(ids, skip_special_tokens=True)
        return text

    def _ends(self) -> set[int]:
        ends = self._model.generation_config.eos_token_id
        found = set(ends if isinstance(ends, list) else [ends])
        return {token for token in (*found, self._tokenizer.eos_token_id) if token is not None}


class _Draw:
    """A logits processor: makes each row's own draw the largest score, and keeps log-probabilities."""

    def __init__(self, torch: Any, rows: list[_Row]) -> None:
        self._torch = torch
        self._samplings: list[Sampling] = [row.request.sampling for row in rows]
        self._generators = [torch.Generator().manual_seed(_seed(row)) for row in rows]
        self.logprobs: list[list[tuple[float, ...]]] = [[] for _ in rows]

    def __call__(self, ids_B_T: Any, scores_B_V: Any) -> Any:
        drawn_B_V = self._torch.stack(
            [self._row(scores_V, place) for place, scores_V in enumerate(scores_B_V.float())]
        )
        for place, sampling in enumerate(self._samplings):
            if sampling.logprobs:
                logprobs_V = scores_B_V[place].float().log_softmax(-1)
                best = logprobs_V.topk(sampling.logprobs).values.tolist()
                self.logprobs[place].append((logprobs_V[drawn_B_V[place].argmax()].item(), *best))
        return drawn_B_V

    def _row(self, scores_V: Any, place: int) -> Any:
        sampling = self._samplings[place]
        if sampling.temperature == 0:
            return scores_V
        logprobs_V = (scores_V / sampling.temperature).log_softmax(-1)
        if sampling.top_p < 1:
            ordered_V, order_V = logprobs_V.sort(descending=True)
            before_V = ordered_V.exp().cumsum(-1) - ordered_V.exp()
            logprobs_V[order_V[before_V >= sampling.top_p]] = -float("inf")
        noise_V = self._torch.rand(scores_V.shape, generator=self._generators[place]).to(scores_V.device)
        return logprobs_V - (-noise_V.clamp_min(1e-20).log()).log()


def _seed(row: _Row) -> int:
    """One stream of noise per prompt, seed and choice, the same in any batch."""
    text = repr((row.request.messages, row.request.sampling.seed, row.number)).encode(
        "utf-8", "surrogatepass"
    )
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big") >> 1
