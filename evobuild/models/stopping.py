"""Where a reply ends: at an end token, before a stop string, or where its room is used up.

`StopConditions.choice` decides, on tokens alone; `BatchStop` tells a running batch when to stop, and may be
late: whatever a row made beyond its end is cut off.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any, NamedTuple

from evobuild.core.chat import Choice, Finish, Sampling

FEW = 2
"""A batch stops when at most 1 row in this many is unfinished; those go on in another one.

With replies of 8 to 247 tokens 4 took a quarter more steps; 4/3 takes a tenth fewer and twice the batches.
"""


class StopConditions:
    """What ends the replies of one model: its end tokens, and its tokenizer to find stop strings.

    hidden: special tokens that no text shows; None: all that the tokenizer has.
    """

    def __init__(self, tokenizer: Any, tokens: frozenset[int], hidden: frozenset[int] | None = None) -> None:
        self._tokenizer = tokenizer
        self.tokens = tokens
        self._hidden = hidden

    def choice(
        self,
        ids: list[int],
        logprobs: Sequence[Sequence[float]],
        sampling: Sampling,
        room: int,
        told: Sequence[Sequence[int]] = (),
    ) -> Choice | None:
        """Give the choice that these tokens make, or None if they are not yet all of it.

        ids: the tokens made so far, maybe with more after the end. logprobs: of each of them, if asked for.
        room: tokens that the choice may have. told: the tokens that logprobs are of.
        """
        kept = self._before_end_token(ids[:room])
        has_end_token = len(kept) < len(ids[:room])
        cut = self.cut(kept, sampling.stop)
        has_ended = has_end_token or cut is not None
        if not has_ended and len(ids) < room:
            return None
        text = self.text(kept[:cut], sampling.stop)
        tokens = len(kept) + has_end_token if cut is None else cut
        # A batch keeps as many as its neediest row asks for.
        kept_logprobs = tuple(tuple(each[: 1 + sampling.logprobs]) for each in logprobs[:tokens])
        texts = tuple(tuple(map(self._token, each[: 1 + sampling.logprobs])) for each in told[:tokens])
        finish: Finish = "stop" if has_ended else "length"
        return Choice(
            text,
            finish,
            tokens,
            kept_logprobs if sampling.logprobs else None,
            token_texts=texts if sampling.token_texts else None,
        )

    def text(self, ids: Sequence[int], stops: tuple[str, ...]) -> str:
        """Give the text of tokens, up to the first stop string in it."""
        return _before_stop(self._text(ids), stops)

    def _before_end_token(self, ids: list[int]) -> list[int]:
        end = next((place for place, token in enumerate(ids) if token in self.tokens), len(ids))
        return ids[:end]

    def cut(self, ids: list[int], stops: tuple[str, ...]) -> int | None:
        """Count the tokens until the text has a stop string; None if it never does."""
        if not self.hold(ids, stops):
            return None
        return bisect_left(range(len(ids)), True, key=lambda length: self.hold(ids[:length], stops))

    def hold(self, ids: list[int], stops: tuple[str, ...]) -> bool:
        """Whether the tokens' text holds a stop string."""
        return bool(stops) and any(stop in self._text(ids) for stop in stops)

    def _token(self, token: int) -> str:
        text: str = self._tokenizer.decode([token])
        return text

    def _text(self, ids: Sequence[int]) -> str:
        shown = [token for token in ids if token not in self._hidden] if self._hidden else ids
        text: str = self._tokenizer.decode(shown, skip_special_tokens=self._hidden is None)
        return text


def _before_stop(text: str, stops: tuple[str, ...]) -> str:
    """Cut a text at its first stop string, if it has one."""
    return text[: min((place for stop in stops if (place := text.find(stop)) >= 0), default=len(text))]


class RunningRow(NamedTuple):
    """A row of a running batch: the tokens made before it, how many it may still make, its stop strings."""

    made: list[int]
    room: int
    stops: tuple[str, ...]


class BatchStop:
    """A stopping criterion: the rows that have ended, and every row once few are left.

    width: tokens of the prompts, padding included.
    """

    def __init__(
        self, torch: Any, conditions: StopConditions, rows: Sequence[RunningRow], width: int, device: Any
    ) -> None:
        self._torch = torch
        self._conditions = conditions
        self._rows = rows
        self._width = width
        self._ends_E = torch.tensor(sorted(conditions.tokens), dtype=torch.long, device=device)
        self._rooms_B = torch.tensor([row.room for row in rows], device=device)
        self._done_B = torch.zeros(len(rows), dtype=torch.bool, device=device)
        # A token has a byte at least; one more may begin before the stop string, and a character be cut.
        self._tails = {
            place: 8 + max(len(stop.encode("utf-8", "surrogatepass")) for stop in row.stops)
            for place, row in enumerate(rows)
            if row.stops
        }

    def __call__(self, ids_B_T: Any, scores: Any, **options: Any) -> Any:
        """Tell for each row whether it is to make no more tokens."""
        made_B_T = ids_B_T[:, self._width :]
        self._done_B |= self._torch.isin(made_B_T[:, -1], self._ends_E) | (self._rooms_B <= made_B_T.shape[1])
        for place in [place for place in self._tails if self._stopped(place, made_B_T[place])]:
            self._done_B[place] = True
            del self._tails[place]
        few = (~self._done_B).sum() <= len(self._rows) // FEW
        return self._done_B | few

    def _stopped(self, place: int, made_T: Any) -> bool:
        row, tail = self._rows[place], self._tails[place]
        last: list[int] = made_T[-tail:].tolist()
        if len(last) < tail and row.made:
            last = row.made[len(last) - tail :] + last
        # The tail alone says so quickly; only the whole text knows what its first characters are.
        return self._conditions.hold(last, row.stops) and self._conditions.hold(
            row.made + made_T.tolist(), row.stops
        )
