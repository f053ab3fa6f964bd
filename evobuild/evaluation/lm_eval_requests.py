"""Convert requests of lm-evaluation-harness to ours, and our replies to its results.

loglikelihood          a context and a continuation: the sum of its log-probabilities, and whether each token
is
                       the most probable
loglikelihood_rolling  a whole text: the sum, in windows of the model's context
generate_until         a context to continue up to the first of some strings: the text
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from evobuild.core.chat import Message, Reply, Sampling
from evobuild.evaluation.benchmark import ModelRequest, raw_prompt


def dump_messages(chat_history: Sequence[Mapping[str, str]], add_generation_prompt: bool = True) -> str:
    """Serialize a conversation; the library calls this as its chat template, `convert_request` parses it."""
    return json.dumps(list(chat_history), ensure_ascii=False)


def convert_request(instance: Any, sampling: Sampling, is_chat: bool) -> ModelRequest:
    """Convert one request of the library. sampling: used where the task sets nothing."""
    if instance.request_type == "loglikelihood_rolling":
        (text,) = instance.args
        return ModelRequest(raw_prompt(""), sampling, text, scored_as="windows")
    context, given = instance.args[:2]
    # Without a context, a choice is scored alone, without chat template.
    messages = _messages(context) if is_chat and context else raw_prompt(context)
    if instance.request_type == "loglikelihood":
        return ModelRequest(messages, sampling, given, scored_as="text")
    return ModelRequest(messages, _sampling(given, sampling))


def _messages(context: str) -> tuple[Message, ...]:
    return tuple(Message(turn["role"], turn["content"]) for turn in json.loads(context))


def _sampling(given: Mapping[str, Any], default: Sampling) -> Sampling:
    """Return the sampling that the task sets: greedy, unless it sets a temperature or do_sample."""
    until = given.get("until") or []
    stop = tuple(each for each in ([until] if isinstance(until, str) else until) if each)
    drawn = given.get("do_sample", bool(given.get("temperature")))
    temperature = float(given.get("temperature", 1.0)) if drawn else default.temperature
    top_p = float(given.get("top_p", 1.0)) if drawn else default.top_p
    most = int(given.get("max_gen_toks", given.get("max_new_tokens", default.max_tokens)))
    return Sampling(temperature, top_p, most, seed=default.seed, stop=stop)


def convert_reply(instance: Any, reply: Reply) -> Any:
    """Convert a reply to the result that the library expects."""
    if instance.request_type == "generate_until":
        return reply.text
    logprobs = reply.choices[0].logprobs or ()
    total = math.fsum(each[0] for each in logprobs)
    if instance.request_type == "loglikelihood_rolling":
        return total
    return total, all(own >= best for own, best in logprobs)


def display_reply(instances: Sequence[Any]) -> str:
    """Return the text to show as reply to a document: the generated text, or the likeliest continuation."""
    first = instances[0]
    if first.request_type == "generate_until":
        return str(first.resps[0])
    if first.request_type == "loglikelihood_rolling":
        return str(first.args[0])
    return str(max(instances, key=lambda each: each.resps[0][0]).args[1])
