"""N-grams of texts that repeat themselves."""

from __future__ import annotations

import numpy as np
import pytest

from evobuild.contamination.ngrams import RUN, Grams, Texts


@pytest.mark.parametrize(
    ("ones", "expected"),
    [(2, [(0, 0, 4), (1, 0, 4)]), (5, [(0, 0, 4), (1, 0, 4)]), (6, [(0, 0, 2), (0, 1, 3), (1, 0, 4)])],
)
def test_of_an_ngram_its_first_four_places_in_each_text_are_compared(ones, expected) -> None:
    texts = Texts([[*[1] * ones, 2, 3], [1, 1, 2, 3]])
    (runs,) = Grams(texts, 2, 3).runs_in(Texts([[1, 1, 2, 3]]))
    longest = {(text, start): length for _, text, start, length in np.sort(runs, order=["length"]).tolist()}
    assert runs.dtype == RUN
    assert sorted((text, start, length) for (text, start), length in longest.items()) == expected
