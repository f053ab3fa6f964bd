"""Groups that stay on one side of the split, against groups found one by one."""

from __future__ import annotations

import random

import numpy as np
import pytest

from evobuild.seeds import held_out


def joined_one_by_one(groups: list[int], conversations: list[int]) -> list[int]:
    """The first row of each one's group, once none that share a group or a conversation differ."""
    found = list(range(len(groups)))
    changed = True
    while changed:
        changed = False
        for names in (groups, conversations):
            for name in set(names):
                rows = [row for row, each in enumerate(names) if each == name]
                first = min(found[row] for row in rows)
                changed |= any(found[row] != first for row in rows)
                for row in rows:
                    found[row] = first
    return found


@pytest.mark.parametrize("seed", range(20))
def test_a_conversation_joins_the_groups_of_all_its_turns(seed: int) -> None:
    draw = random.Random(seed)
    names = [draw.randrange(40) for _ in range(60)]
    groups = [names.index(name) for name in names]
    conversations = [draw.randrange(50) for _ in names]
    found = held_out._join_conversations(np.array(groups), np.array(conversations))
    assert found.tolist() == joined_one_by_one(groups, conversations)


def test_a_long_chain_of_conversations_is_one_group() -> None:
    rows = np.arange(10_001)
    found = held_out._join_conversations(rows // 2 * 2, (rows + 1) // 2)
    assert not found.any()
