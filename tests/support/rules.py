"""Rules of failed evolutions for tests: what is no evolution fails, and nothing else."""

from evobuild.evolution.params import Failures

RULES = Failures(
    markers=True,
    unchanged=True,
    answered=True,
    max_growth=None,
    language=False,
    lost_content=False,
    equal=False,
)
