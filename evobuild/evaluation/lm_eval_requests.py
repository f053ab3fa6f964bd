"""Requests of lm-evaluation-harness as ours, and our replies as what it expects.

loglikelihood          a context and what is scored behind it: the sum of its log-probabilities, and whether
                       each token is the most probable
loglikelihood_rolling  a whole text: the sum, in windows of the model's context
generate_until         a context to be continued, up to the first of some strings: the text
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from evobuild.core.chat import Message, Reply, Sampling
from evobuild.evaluation.benchmark import Ask, plain_text


def json_messages(chat_history: Sequence[Mapping[str, str]], add_generation_prompt: bool = True) -> str:
    """What the library takes for a chat template: the conversation itself, read again by `ask_of`."""
    return json.dumps(list(chat_history), ensure_ascii=False)


def ask_of(instance: Any, sampling: Sampling, is_chat: bool) -> Ask:
    """One of the library's requests. sampling: what holds where the task says nothing."""
    if instance.request_type == "loglikelihood_rolling":
        (text,) = instance.args
        return Ask(plain_text(""), sampling, text, scored_as="windows")
    context, given = instance.args[:2]
    # Without a context a choice is scored by itself, in no conversation.
    messages = _messages(context) if is_chat and context else plain_text(context)
    if instance.request_type == "loglikelihood":
        return Ask(messages, sampling, given, scored_as="text")
    return Ask(messages, _sampling(given, sampling))


def _messages(context: str) -> tuple[Message, ...]:
    return tuple(Message(turn["role"], turn["content"]) for turn in json.loads(context))


def _sampling(given: Mapping[str, Any], default: Sampling) -> Sampling:
    """How the task has replies drawn: greedily, unless it says otherwise."""
    until = given.get("until") or []
    stop = tuple(each for each in ([until] if isinstance(until, str) else until) if each)
    drawn = given.get("do_sample", bool(given.get("temperature")))
    temperature = float(given.get("temperature", 1.0)) if drawn else default.temperature
    top_p = float(given.get("top_p", 1.0)) if drawn else default.top_p
    most = int(given.get("max_gen_toks", given.get("max_new_tokens", default.max_tokens)))
    return Sampling(temperature, top_p, most, seed=default.seed, stop=stop)


def result_of(instance: Any, reply: Reply) -> Any:
    """What the library is given for a reply."""
    if instance.request_type == "generate_until":
        return reply.text
    logprobs = reply.choices[0].logprobs or ()
    total = math.fsum(each[0] for each in logprobs)
    if instance.request_type == "loglikelihood_rolling":
        return total
    return total, all(own >= best for own, best in logprobs)


def reply_text(instances: Sequence[Any]) -> str:
    """What is shown as the reply to a document: what was written, or the likeliest continuation."""
    first = instances[0]
    if first.request_type == "generate_until":
        return str(first.resps[0])
    if first.request_type == "loglikelihood_rolling":
        return str(first.args[0])
    return str(max(instances, key=lambda each: each.resps[0][0]).args[1])
