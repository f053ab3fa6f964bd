"""Conversations cut to a number of tokens: at the end, or prompt and answer of a turn in proportion.

In proportion is LLaMA-Factory's rule (hiyouga/LlamaFactory, src/llamafactory/data/processor): `infer_seqlen`
of processor_utils.py, and the loops over turns in supervised.py and pairwise.py. Turns get the same lengths,
with two differences. LLaMA-Factory cuts a prompt at its end, where the template opens the answer with the
likes of "<|im_start|>assistant\\n", so that the answer is at a position where none is ever requested; here
the question's own end is cut. And what a template writes behind an answer's end token is the next prompt's
here, not the answer's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Turn(NamedTuple):
    """An answer and the text before it since the last one, as token ids.

    opening: how many at the prompt's end are the template's, before the answer.
    """

    prompt: list[int]
    answer: list[int]
    opening: int = 0

    def cut(self, prompt: int, answer: int) -> Turn:
        """Cut the turn to a number of tokens: keep the answer's first, and the prompt's first before its
        opening.
        """
        gone = len(self.prompt) - prompt
        place = max(0, prompt - self.opening)
        return Turn(
            [*self.prompt[:place], *self.prompt[place + gone :]][:prompt], self.answer[:answer], self.opening
        )


def proportional_lengths(prompt: int, answer: int, room: int) -> tuple[int, int]:
    """Compute how many tokens of a prompt and of its answer fit into a limit.

    If one has less than half of the room, the other alone is cut; else both are, in proportion.
    Instances: 30 and 10 into 24 -> 14 and 10; 30 and 30 into 40 -> 20 and 20.
    """
    if answer * 2 < room:
        most = room
    elif prompt * 2 < room:
        most = room - prompt
    else:
        most = int(room * (answer / (prompt + answer)))
    kept = min(most, answer)
    return min(max(room - kept, 0), prompt), kept


def cut_in_proportion(turns: Sequence[Turn], room: int) -> list[Turn]:
    """Cut turns to a total number of tokens, each in proportion; drop those that do not fit."""
    kept: list[Turn] = []
    for turn in turns:
        if room <= 0:
            break
        prompt, answer = proportional_lengths(len(turn.prompt), len(turn.answer), room)
        prompt = max(prompt, min(turn.opening, room))
        answer = min(answer, room - prompt)
        kept.append(turn.cut(prompt, answer))
        room -= prompt + answer
    return kept
