"""Chat models in this process with transformers: requests of like length in one batch.

A batch ends when half of its rows have; the others wait, with the tokens that they have, for the
next batch of their length, so that no straggler holds a place open. Rows are padded on the
left and draw from their own seeds: a reply does not depend on which requests share its batch, beyond
floating point, which decides where two tokens are all but equally probable. Of the model's own generation
config only the end tokens count.

What is scored instead of written is read in passes of one size, as losses are elsewhere
(`weights.likelihood`): a likelihood has the same bits whatever is read beside it. Texts that are equal but
for their last tokens, such as a question with each of its choices, are read once.

transformers' continuous batching is not used: on a CPU it was slower than batches in every setting
tried (benchmarks/engine_transformers.py), and its draws depend on what else is running.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from typing import Any

from evobuild.core import machine
from evobuild.core.chat import Choice, Reply, Request
from evobuild.core.errors import UserError, require
from evobuild.core.uri import ChatModel, Weights
from evobuild.models.chat_template import ChatTemplate, RefusedPrompt, placed
from evobuild.models.sampling import Draw, uniforms
from evobuild.models.scored_requests import ScoredRequest
from evobuild.models.stopping import BatchStop, RunningRow, StopConditions
from evobuild.weights import checkpoints, identities, threads
from evobuild.weights.continuations import Scored
from evobuild.weights.likelihood import Reader, Targets

AHEAD = 16
"""Batches that requests are held for, to find those of like length."""

SHORT = 128
"""Tokens; up to here rows are alike: the steps take the time, not the padding."""


def _check(model: ChatModel) -> None:
    if model.quantization:
        raise UserError(
            f"the model '{model}' asks for a quantization, which the transformers engine has not; "
            "name a checkpoint that is quantized already, or use vllm:"
        )


def _weights(model: ChatModel) -> Weights:
    return Weights(model.name, model.revision)


def _context(model: ChatModel) -> int:
    most = checkpoints.read_context_length(_weights(model))
    if model.max_length > most:
        raise UserError(f"the model '{model}' takes {most} tokens; lower its max_length")
    return model.max_length or most


@dataclass(frozen=True, slots=True)
class _Row:
    """One sequence: choice `number` of a request, its prompt's token ids, and what it has made so far.

    logprobs: of each token made, where asked for. told: the tokens that they are of.
    """

    request: Request
    number: int
    prompt: list[int]
    made: list[int] = field(default_factory=list)
    logprobs: list[list[float]] = field(default_factory=list)
    told: list[list[int]] = field(default_factory=list)

    @property
    def ids(self) -> list[int]:
        return self.prompt + self.made

    @property
    def size(self) -> int:
        """Its length class: rows of one class differ by less than a factor of two, or are short."""
        return (max(SHORT, len(self.prompt) + len(self.made)) - 1).bit_length()


def _targets(scored: Scored) -> Iterator[tuple[int, int]]:
    """List the position before each scored token, and the token."""
    return enumerate(scored.continuation, len(scored.prompt) - 1)


class TransformersEngine:
    """A loaded model that answers in batches. end_tokens: those that end a reply.

    Raises UserError if the model cannot be loaded, or an option is not supported.
    """

    @staticmethod
    def identity(model: ChatModel) -> str:
        """Name the model by its resolved revision or content, and the options that change replies.

        Raises UserError if it cannot be found, or an option is not supported.
        """
        _check(model)
        options = {
            "dtype": model.dtype,
            "max_length": model.max_length,
            "adapter": identities.adapter_identity(model.adapter) if model.adapter else "",
            "reasoning": model.reasoning,
        }
        given = ",".join(f"{name}={value}" for name, value in options.items() if value)
        return f"transformers:{identities.weights_identity(_weights(model))}" + (
            f"[{given}]" if given else ""
        )

    def __init__(self, model: ChatModel, settings: machine.Machine | None = None) -> None:
        _check(model)
        self._torch = require("torch", "train")
        self._tokenizer = checkpoints.load_adapted_tokenizer(_weights(model), model.adapter)
        self._template = ChatTemplate(self._tokenizer, model)
        self._adapter = model.adapter
        self._context = _context(model)
        self._model: Any = checkpoints.load_causal_lm(_weights(model), model.dtype, model.adapter)
        self.end_tokens = self._ends()
        self._conditions = StopConditions(self._tokenizer, self.end_tokens, self._template.hidden_ids)
        pad = self._tokenizer.pad_token_id
        # Masked, so any token will do.
        self._pad = 0 if pad is None else pad
        # What it does not name is filled in from the model's own: a penalty or a top_k nobody asked for.
        self._model.generation_config = self._config(1)
        batch = (settings or machine.load_machine()).transformers.batch
        self.capacity = AHEAD * batch
        self._batch: defaultdict[int, int] = defaultdict(lambda: batch)
        self._rows: list[_Row] = []
        self._scored: list[ScoredRequest] = []
        self._done: list[Reply] = []
        self._choices: dict[str, dict[int, Choice]] = {}

    def submit(self, request: Request) -> None:
        """Take one request; one whose prompt has no place in the model is refused.

        Raises UserError if it is a chat, and the model has no chat template.
        """
        try:
            if request.continuation is not None:
                # Nothing comes after the last token, so that the model need not read it.
                self._scored.append(ScoredRequest(request, self._template.scored(request, self._context, 1)))
                return
            prompt = placed(request, self._template.prompt(request), self._context)
        except RefusedPrompt as error:
            self._done.append(Reply(request.key, (), error.tokens, str(error)))
            return
        self._rows += [_Row(request, number, prompt) for number in range(request.sampling.n)]
        self._choices[request.key] = {}

    def collect(self) -> list[Reply]:
        """Run batches until a request is answered: of the length class that fills one, the longest first.

        What is scored comes first, all at once.
        """
        self._score()
        while not self._done:
            batch = self._next()
            try:
                after = self._generate(batch)
            except RuntimeError as error:
                if not self._is_memory(error):
                    raise
                after = None
            # Outside the handler, where nothing of the failed batch is held any longer.
            if after is None:
                self._shrink(batch)
            else:
                self._keep(after)
        done, self._done = self._done, []
        return done

    def close(self) -> None:
        """Let the model go."""
        self.__dict__.pop("_reader", None)
        del self._model
        self._torch.cuda.empty_cache()

    def _score(self) -> None:
        """Read what is to be scored: texts that are equal but for their last tokens once."""
        together: defaultdict[tuple[int, ...], list[tuple[ScoredRequest, int, Scored]]] = defaultdict(list)
        for asked in self._scored:
            for number, scored in enumerate(asked.parts):
                together[(*scored.prompt, *scored.continuation[:-1])].append((asked, number, scored))
        self._scored.clear()
        alike = list(together.values())
        if not alike:
            return
        wanted = [tuple(each for *_, scored in some for each in _targets(scored)) for some in alike]
        documents = [Targets(ids, own) for ids, own in zip(together, wanted, strict=True)]
        for place, found in self._reader.read_targets(documents):
            likely = iter(found)
            for asked, number, scored in alike[place]:
                asked.add(number, tuple(islice(likely, len(scored.continuation))))
                self._done += asked.replies()

    @cached_property
    def _reader(self) -> Reader:
        return Reader(self._model)

    def _next(self) -> list[_Row]:
        sizes: dict[int, list[_Row]] = {}
        for row in self._rows:
            sizes.setdefault(row.size, []).append(row)
        size = max(sizes, key=lambda size: (min(len(sizes[size]), self._batch[size]), size))
        longest = sorted(sizes.pop(size), key=lambda row: -len(row.ids))
        batch, rest = longest[: self._batch[size]], longest[self._batch[size] :]
        self._rows = [*rest, *(row for rows in sizes.values() for row in rows)]
        return batch

    def _generate(self, batch: list[_Row]) -> list[_Row]:
        """Give each row with the tokens it made, maybe some after its end."""
        torch, device = self._torch, self._model.device
        ids = [row.ids for row in batch]
        width = max(map(len, ids))
        rooms = [self._room(row) - len(row.made) for row in batch]
        # No row may pass the context, finished or not: a model may have learned no further positions.
        steps = min(max(rooms), self._context - width)
        going = [
            RunningRow(row.made, room, row.request.sampling.stop)
            for row, room in zip(batch, rooms, strict=True)
        ]
        numbers = [uniforms(row.request, row.number, len(row.made), steps) for row in batch]
        draw = Draw(torch, [row.request.sampling for row in batch], numbers, device)
        with torch.inference_mode(), threads.threads_of(self._model):
            out_B_T = self._model.generate(
                torch.tensor([[self._pad] * (width - len(each)) + each for each in ids], device=device),
                attention_mask=torch.tensor(
                    [[0] * (width - len(each)) + [1] * len(each) for each in ids], device=device
                ),
                generation_config=self._config(steps),
                logits_processor=[] if draw.idle else [draw],
                stopping_criteria=[BatchStop(torch, self._conditions, going, width, device)],
            )
        return [
            replace(row, made=row.made + made, logprobs=row.logprobs + logprobs, told=row.told + told)
            for row, made, logprobs, told in zip(
                batch, out_B_T[:, width:].tolist(), draw.logprobs(), draw.tokens(), strict=True
            )
        ]

    def _config(self, steps: int) -> Any:
        return checkpoints.import_transformers().GenerationConfig(
            do_sample=False, use_cache=True, max_new_tokens=steps, pad_token_id=self._pad
        )

    def _keep(self, batch: list[_Row]) -> None:
        for row in batch:
            sampling, room = row.request.sampling, self._room(row)
            choice = self._conditions.choice(row.made, row.logprobs, sampling, room, row.told)
            if choice is None:
                self._rows.append(row)
                continue
            choices = self._choices[row.request.key]
            choices[row.number] = replace(choice, text=self._template.opening(row.request) + choice.text)
            if len(choices) == row.request.sampling.n:
                del self._choices[row.request.key]
                ordered = tuple(choices[number] for number in sorted(choices))
                self._done.append(Reply(row.request.key, ordered, len(row.prompt)))

    def _shrink(self, batch: list[_Row]) -> None:
        """Halve the batch of this length after it took too much memory; a row alone is given up."""
        self._torch.cuda.empty_cache()
        if len(batch) > 1:
            self._batch[batch[0].size] = len(batch) // 2
            self._rows += batch
            return
        (row,) = batch
        self._rows = [other for other in self._rows if other.request.key != row.request.key]
        del self._choices[row.request.key]
        reason = f"out of memory with {len(row.ids)} tokens in a batch of 1"
        self._done.append(Reply(row.request.key, (), len(row.prompt), reason))

    def _is_memory(self, error: RuntimeError) -> bool:
        return isinstance(error, self._torch.OutOfMemoryError) or "can't allocate memory" in str(error)

    def _room(self, row: _Row) -> int:
        """Tokens that a row's reply may have, whatever else is in its batch."""
        return min(row.request.sampling.max_tokens, self._context - len(row.prompt))

    def _ends(self) -> frozenset[int]:
        own = self._model.generation_config.eos_token_id
        found = {*(own if isinstance(own, list) else [own]), self._tokenizer.eos_token_id}
        found |= set(checkpoints.adapter_stop_token_ids(self._adapter))
        return frozenset(token for token in found if token is not None)
