"""What a recipe is, and the one way to run it.

A recipe names what varies (its factors) and what it ends in (its views). Each combination of the
factors' levels, on each data set, is one DVC experiment: a `dvc exp run` with some `-S`. What an
experiment has to run follows from what the views read. A recipe's module ends with `run(RECIPE)`.
"""

from __future__ import annotations

from experiments.recipe.cases import Cases
from experiments.recipe.command import run
from experiments.recipe.design import Recipe
from experiments.recipe.plots import Bars, Lines
from experiments.recipe.views import Measure, Table

__all__ = ["Bars", "Cases", "Lines", "Measure", "Recipe", "Table", "run"]
