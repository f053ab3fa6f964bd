"""One call of OpenAI's protocol: a request as JSON, and how large its answer may be."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from evobuild.core.chat import Request
from evobuild.models.openai_completions import chat_fields, prompt_fields
from evobuild.models.reasoning import server_options
from evobuild.models.sampling import noise_seed

MOST_LOGPROBS = 20
"""What OpenAI and, by default, vLLM give at a position."""

LEAST_BODY = 1 << 20
CHOICE_BYTES, LOGPROB_BYTES = 64, 160
"""Bytes that a body may have: at all; for the text of each token; for each log-probability of one."""


@dataclass(frozen=True, slots=True)
class Call:
    """What is sent: a request, how many choices it asks for and the number of the first of them.

    length_field: what the server calls the greatest number of new tokens. at_openai: the server is OpenAI's.
    """

    model: str
    request: Request
    n: int
    number: int
    length_field: str = "max_tokens"
    at_openai: bool = False

    @property
    def path(self) -> str:
        """Where it is sent, below the base URL."""
        return "/chat/completions" if self.request.raw is None else "/completions"

    def body(self) -> bytes:
        """Write the body as JSON, with every field that a server may have its own default for."""
        if self.request.continuation is None:
            fields = self._written()
        else:
            is_chat = self.request.raw is None
            fields = (chat_fields if is_chat else prompt_fields)(self.request)
        return json.dumps({"model": self.model} | fields, separators=(",", ":")).encode()

    def _written(self) -> dict[str, Any]:
        """Build the fields of a request for a generated reply."""
        sampling, is_raw = self.request.sampling, self.request.raw is not None
        turns = [{"role": message.role, "content": message.content} for message in self.request.messages]
        fields: dict[str, Any] = (prompt_fields(self.request) if is_raw else {"messages": turns}) | {
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "max_tokens" if is_raw else self.length_field: sampling.max_tokens,
        }
        if not is_raw:
            fields |= server_options(self.request.reasoning, self.at_openai)
        if self.n > 1:
            fields["n"] = self.n
        if sampling.temperature > 0:
            fields["seed"] = noise_seed(self.request) + self.number
        if sampling.stop:
            fields["stop"] = list(sampling.stop)
        if sampling.logprobs:
            # One more: vLLM counts the chosen token in, which may push the last one out.
            most = min(sampling.logprobs + 1, MOST_LOGPROBS)
            fields |= {"logprobs": most} if is_raw else {"logprobs": True, "top_logprobs": most}
        return fields

    @property
    def most_bytes(self) -> int:
        """How large an answer may be: far more than what is asked for takes."""
        sampling = self.request.sampling
        if self.request.continuation is not None:
            # Two log-probabilities come for each token of the prompt, which has at least a byte.
            size = sum(len(message.content) for message in self.request.messages)
            return LEAST_BODY + 4 * (size + len(self.request.continuation)) * 3 * LOGPROB_BYTES
        told = (sampling.logprobs + 2) * LOGPROB_BYTES if sampling.logprobs else 0
        return LEAST_BODY + self.n * sampling.max_tokens * (CHOICE_BYTES + told)
