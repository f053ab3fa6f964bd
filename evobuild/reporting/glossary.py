"""Reasons of failure in plain words, for a reader who does not know the papers."""

from __future__ import annotations

MEANINGS = {
    # of evolutions
    "unparsable": "the reply holds no instruction where it was to stand",
    "empty": "nothing came back",
    "unchanged": "it is its parent again, but for case, spaces or punctuation",
    "truncated": "the reply was cut off at the limit of tokens",
    "markers copied": "labels of the prompt stand in the new instruction",
    "answered": "the instruction was answered instead of rewritten",
    "language changed": "it is in another language than its parent",
    "grew too long": "it has far more words than its parent",
    "lost content": "code, tables or figures of its parent are gone",
    "equal": "a judge finds it equal to its parent",
    # of responses
    "stagnant complexity": "the answer only thanks or agrees and asks back: there was nothing definite to do",
    "insufficient qualification": "the answer is willing but has to ask first: the task was left open",
    "loss of key information": "the answer asks for something that the instruction names but does not give",
    "sorry": "a short answer that only apologises",
    "stop words only": "an answer without a word of content",
    # of either
    "content filter": "the model's filter held the reply back",
    "model error": "the call failed, also when it was tried again",
}
"""What each reason says of a row."""
