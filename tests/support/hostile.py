"""What a hostile, broken or odd server may answer: behaviours by name, for tests and benchmarks.

Each makes of a request's body an answer, and says what has to become of the request: a `reply`, a `reject`,
or `later`, which is that another run may get a reply.
"""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import quote

from faults import KEY, Answer, Body, content, failing

JSON = {"Content-Type": "application/json"}
SHOWN = 7
"""Characters of the key that may be seen together."""


class Behaviour(NamedTuple):
    """An answer by a request's body, and what has to come of it."""

    answer: Callable[[Body], Answer]
    outcome: str


def said(**fields: Any) -> Callable[[Body], Answer]:
    """A good reply but for these fields, of its first choice or of the whole."""

    def answer(body: Body) -> Answer:
        whole = content(body)
        first = whole["choices"][0]
        for name, value in fields.items():
            (first if name in first or name == "text" else whole)[name] = value
        if "text" in first:
            first["message"]["content"] = first.pop("text")
        return Answer(json.dumps(whole).encode())

    return answer


def text(words: str) -> Callable[[Body], Answer]:
    """A good reply that says something else."""
    return said(text=words)


def body(data: bytes, **fields: Any) -> Callable[[Body], Answer]:
    """A reply of these bytes."""
    return lambda asked: Answer(data, **fields)


def raw(data: bytes, endless: bytes = b"", pause: float = 0.0) -> Callable[[Body], Answer]:
    """Bytes in place of HTTP."""
    return lambda asked: Answer(b"", raw=data, endless=endless, pause=pause)


def written(replace: Callable[[str], str]) -> Callable[[Body], Answer]:
    """A good reply whose JSON is changed as text."""
    return lambda asked: Answer(replace(json.dumps(content(asked))).encode("utf-8", "surrogatepass"))


def usage(count: str) -> Callable[[Body], Answer]:
    """A good reply with a count of tokens in JSON."""
    return written(lambda whole: whole.replace('"prompt_tokens": 7', f'"prompt_tokens": {count}'))


def packed(data: bytes, encoding: str) -> Callable[[Body], Answer]:
    """A compressed reply."""
    return body(data, headers=JSON | {"Content-Encoding": encoding})


def escaped(pattern: str) -> str:
    """The key with every character escaped."""
    return "".join(pattern.format(ord(each)) for each in KEY)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
DEEP = 100_000
BOMB = 1 << 26

KEYS = {
    "key": text(f"It is {KEY}."),
    "key in part": text(f"It ends in {KEY[-12:]}"),
    "key in percent escapes": text(quote(KEY) + escaped("%{:02X}")),
    "key in escapes": text(escaped("\\u{:04x}")),
    "key in escapes of escapes": text(escaped("%25{:02x}")),
    "key in HTML escapes": text(escaped("&#{};")),
    "key in base64": text(base64.b64encode(f"Bearer {KEY}".encode()).decode()),
    "key in hexadecimal": text(KEY.encode().hex()),
    "key in parts": said(message={"content": [{"type": "text", "text": KEY[:9]}, {"text": KEY[9:]}]}),
    "key in a thought": said(message={"content": "Hm", "reasoning_content": KEY}),
    "key in a refusal": said(message={"content": None, "refusal": f"not with {KEY}"}),
    "key in the id": said(id=KEY, system_fingerprint=KEY),
    "key in a header": lambda asked: Answer(
        json.dumps(content(asked)).encode(), headers=JSON | {"X-Request-Id": KEY, "Set-Cookie": f"a={KEY}"}
    ),
}
LOST_KEYS = {
    "key in the finish reason": said(finish_reason=KEY),
    "key in the model": said(model=KEY),
    "key in the content type": body(b"{}", headers={"Content-Type": f"text/{KEY}"}),
    "key in an error": lambda asked: failing(500, f"you sent {KEY}"),
    "key in an escaped error": body(
        ('{"error": {"message": "' + escaped("\\u{:04x}") + '"}}').encode(), status=503
    ),
    "key in a page": body(f"<b>{KEY}</b>".encode(), status=502, headers={"Content-Type": "text/html"}),
    "key in a cut error": body(b'{"error": "' + KEY.encode() + b" " * (1 << 17), status=500),
    "key in Retry-After": lambda asked: failing(429, KEY, Retry_After=KEY),
    "key in the status line": raw(f"HTTP/1.1 500 {KEY}\r\nContent-Length: 0\r\n\r\n".encode()),
    "key in bad HTTP": raw(f"HTTP/1.1 200 OK\r\n{KEY}\r\n\r\n".encode()),
}
REFUSED_KEYS = {
    "key in a bad request": lambda asked: failing(400, f"no {KEY} here"),
    "key in a policy": lambda asked: failing(400, f"flagged {quote(KEY)}", "content_filter"),
}
LARGE = {
    "endless body": raw(HEAD + b"\r\n", b"x" * 65536),
    "endless JSON": raw(HEAD + b'\r\n{"choices": [', b"[" * 65536),
    "endless chunks": raw(CHUNKED, b"8000\r\n" + b" " * 0x8000 + b"\r\n"),
    "endless chunk size": raw(CHUNKED, b"0" * 65536),
    "endless chunk extension": raw(CHUNKED + b"1;", b"a" * 65536),
    "endless trailers": raw(CHUNKED + b"0\r\n", b"a: b\r\n" * 9999),
    "endless status line": raw(b"HTTP/1.1 200 ", b"x" * 65536),
    "endless header": raw(HEAD + b"a: ", b"x" * 65536),
    "endless headers": raw(HEAD, b"a: b\r\n" * 9999),
    "endless 1xx": raw(b"HTTP/1.1 102 Busy\r\n\r\n", b"HTTP/1.1 102 Busy\r\n\r\n" * 99, 0.001),
    "endless error": raw(b"HTTP/1.1 500 No\r\nContent-Type: application/json\r\n\r\n", b"x" * 65536),
    "large content length": raw(HEAD + b"Content-Length: 99999999999999\r\n\r\n", b"x" * 65536),
    "slow drip": raw(HEAD + b"\r\n", b" ", 0.01),
    "slow headers": raw(HEAD, b"a: b\r\n", 0.05),
    "gzip bomb": packed(gzip.compress(bytes(BOMB), 9), "gzip"),
    "deflate bomb": packed(zlib.compress(bytes(BOMB), 9), "deflate"),
    "gzip that was not asked for": packed(gzip.compress(b"{}"), "gzip"),
    "br that is none": packed(b"\x1b" * 999, "br"),
    "zstd in gzip": packed(b"{}", "zstd, gzip"),
    "large text": text("x" * (1 << 22)),
}
SHAPES = {
    "deep array": body(b"[" * DEEP + b"]" * DEEP),
    "deep object": body(b'{"a":' * DEEP + b"1" + b"}" * DEEP),
    "deep choice": body(b'{"choices":' + b"[" * DEEP + b"]" * DEEP + b"}"),
    "deep usage": usage("[" * DEEP + "]" * DEEP),
    "deep thought": written(
        lambda whole: whole.replace('"role": "assistant"', '"thinking": ' + "[" * 900 + "]" * 900)
    ),
    "deep error": body(b'{"error":' * DEEP + b"1" + b"}" * DEEP, status=500),
    "deep surrogates": body(b"[" * DEEP + b'"\\ud800"' + b"]" * DEEP),
    "digits": usage("9" * 6000),
    "no JSON": body(b"<html>"),
    "empty body": body(b""),
    "half JSON": body(b'{"choices": [{"mess'),
    "two documents": written(lambda whole: whole * 2),
    "UTF-16": body(json.dumps({"choices": []}).encode("utf-16")),
    "invalid UTF-8": written(lambda whole: whole.replace("Reply", "\udcff")),
    "choices null": said(choices=None),
    "choices object": said(choices={}),
    "choices of nulls": said(choices=[None]),
    "choices of lists": said(choices=[[]]),
    "choices of words": said(choices="many"),
    "choices missing": body(b'{"usage": {"prompt_tokens": 7}}'),
    "no choices": said(choices=[]),
    "message null": said(message=None),
    "message list": said(message=[]),
    "content number": text(7),  # type: ignore[arg-type]
    "content object": text({"text": "a"}),  # type: ignore[arg-type]
    "content true": text(True),  # type: ignore[arg-type]
    "finish reason number": said(finish_reason=7),
    "finish reason unknown": said(finish_reason="weary\x1b[2J"),
    "finish reason surrogate": said(finish_reason="\ud800"),
    "model list": said(model=["tiny"]),
    "model of surrogates": said(model="\ud800\x1b"),
    "another model": said(model="another"),
}
PROTOCOL = {
    "redirect to itself": lambda asked: failing(307, Location="/v1/chat/completions"),
    "redirect elsewhere": lambda asked: failing(302, Location="http://127.0.0.1:9/"),
    "no content": raw(b"HTTP/1.1 204 No\r\n\r\n"),
    "not modified": raw(b"HTTP/1.1 304 No\r\n\r\n"),
    "switching protocols": raw(b"HTTP/1.1 101 Up\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"),
    "gone": lambda asked: failing(404, "no such model"),
    "unauthorized": lambda asked: failing(401),
    "payment": lambda asked: failing(402, "pay"),
    "status 999": raw(b"HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n"),
    "status 000": raw(b"HTTP/1.1 000 Odd\r\nContent-Length: 0\r\n\r\n"),
    "no status": raw(b"HTTP/1.1\r\n\r\n"),
    "no HTTP": raw(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "zeros": raw(bytes(1000)),
    "HTTP/9.9": raw(b"HTTP/9.9 200 OK\r\n\r\n{}"),
    "bad chunk": raw(CHUNKED + b"zz\r\n"),
    "negative chunk": raw(CHUNKED + b"-5\r\nabc"),
    "two lengths": raw(HEAD + b"Content-Length: 3\r\nContent-Length: 5\r\n\r\n{}   "),
    "negative length": raw(HEAD + b"Content-Length: -1\r\n\r\n{}"),
    "length and chunks": raw(HEAD + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    "header of surrogates": raw(
        b"HTTP/1.1 200 OK\r\nContent-Type: \xff\xfe\x80\r\nContent-Length: 2\r\n\r\n{}"
    ),
    "folded header": raw(HEAD + b" folded\r\n\r\n{}"),
    "closed": raw(b"H"),
    "Retry-After of nonsense": lambda asked: failing(429, "wait", Retry_After="99999999999999999999"),
    "Retry-After of a date": lambda asked: failing(429, "wait", Retry_After="Mon, 99 Foo 99999 99:99:99 GMT"),
}
FINE = {
    "tokens beyond all": usage("1" + "0" * 30),
    "tokens negative": usage("-7"),
    "tokens broken": usage("7.5"),
    "tokens not finite": usage("1e999"),
    "tokens a word": usage('"7"'),
    "tokens a list": usage("[7]"),
    "usage a list": said(usage=[]),
    "usage missing": said(usage=None),
    "half a character": text("a \ud83d b"),
    "other half of a character": text("a \ude00 b"),
    "two ends": text("\ude00\ud83d"),
    "null characters": text("a\0b\x1b[31m"),
    "keys twice": written(lambda whole: whole.replace('"object"', '"model": "another", "object"', 1)),
    "many choices": lambda asked: Answer(json.dumps(content(asked, choices=2000)).encode()),
    "index wrong": said(index=-5),
    "index a word": said(index="first"),
    "unknown fields": said(**{f"field {number}": {"a": [None]} for number in range(999)}),
    "tool calls": said(finish_reason="tool_calls", message={"content": None, "tool_calls": [{}]}),
    "tool calls and text": said(finish_reason="tool_calls"),
    "null content": said(message={"content": None}),
    "no message": said(message={}),
    "refusal": said(message={"content": None, "refusal": "I cannot."}),
    "logprobs that were not asked for": written(
        lambda whole: whole.replace('"logprobs": null', '"logprobs": {"content": [{"logprob": -0.5}]}')
    ),
}

BEHAVIOURS: dict[str, Behaviour] = {
    name: Behaviour(answer, outcome)
    for outcome, groups in {
        "reply": (KEYS, FINE),
        "later": (LOST_KEYS, LARGE, SHAPES, PROTOCOL),
        "reject": (REFUSED_KEYS,),
    }.items()
    for group in groups
    for name, answer in group.items()
}
"""Every behaviour by its name."""


def pieces() -> list[str]:
    """Every part of the key that nothing may hold."""
    return [KEY[start : start + SHOWN + 1] for start in range(len(KEY) - SHOWN)]
