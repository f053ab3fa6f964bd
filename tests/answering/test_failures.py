"""Failures of replies and of responses: F(r), and WizardLM's rules."""

from __future__ import annotations

import pytest
from fakes import reply
from verdicts.responses import RESPONSES

from evobuild.answering import failures


def test_the_table_of_responses_is_as_large_as_it_is_said_to_be():
    assert len({response.text for response in RESPONSES}) == len(RESPONSES) >= 80


@pytest.mark.parametrize("response", RESPONSES, ids=lambda response: repr(response.text[:40]))
def test_a_response_fails_by_the_rules_that_are_asked_for(response):
    assert failures.find_response_failure(response.text) == response.auto_evol
    assert failures.find_response_failure(response.text, ["wizardlm"]) == response.wizardlm
    both = failures.find_response_failure(response.text, ["auto_evol", "wizardlm"])
    assert both == (response.auto_evol or response.wizardlm)
    assert failures.find_response_failure(response.text, []) is None


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (reply("k", "fine"), None),
        (reply("k", " \n"), "empty"),
        (reply("k", "cut", finish="length"), "truncated"),
        (reply("k", "", finish="length"), "truncated"),
        (reply("k", "no", finish="content_filter"), "content filter"),
        (reply("k", "", error="prompt too long"), "model error"),
    ],
)
def test_a_reply_is_unusable_by_its_error_its_finish_or_its_emptiness(given, reason):
    assert failures.find_reply_failure(given) == reason
