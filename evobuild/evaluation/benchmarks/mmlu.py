"""Evaluate MMLU: 14,042 questions of 57 subjects, four choices each (Hendrycks et al. 2021,
arXiv:2009.03300).

Items: the authors' CSV files (a folder or .zip of `dev/`, `val/`, `test/`), or `cais/mmlu` of the hub,
config `all`, with the columns question, subject, choices, answer, and `split` of a fetch of several. The
metric averages over all items. Groups follow the authors' `categories.py`, where anatomy belongs to other,
as health does (lm-evaluation-harness counts it as STEM).

The header sentence is the benchmark's own, in all published prompts. The authors' script has two blanks
before the subject; here it is one, as in lm-evaluation-harness.
"""

from __future__ import annotations

from evobuild.evaluation.benchmarks.multiple_choice import MultipleChoice

GROUPS = {
    "stem": (
        "abstract_algebra",
        "astronomy",
        "college_biology",
        "college_chemistry",
        "college_computer_science",
        "college_mathematics",
        "college_physics",
        "computer_security",
        "conceptual_physics",
        "electrical_engineering",
        "elementary_mathematics",
        "high_school_biology",
        "high_school_chemistry",
        "high_school_computer_science",
        "high_school_mathematics",
        "high_school_physics",
        "high_school_statistics",
        "machine_learning",
    ),
    "humanities": (
        "formal_logic",
        "high_school_european_history",
        "high_school_us_history",
        "high_school_world_history",
        "international_law",
        "jurisprudence",
        "logical_fallacies",
        "moral_disputes",
        "moral_scenarios",
        "philosophy",
        "prehistory",
        "professional_law",
        "world_religions",
    ),
    "social_sciences": (
        "econometrics",
        "high_school_geography",
        "high_school_government_and_politics",
        "high_school_macroeconomics",
        "high_school_microeconomics",
        "high_school_psychology",
        "human_sexuality",
        "professional_psychology",
        "public_relations",
        "security_studies",
        "sociology",
        "us_foreign_policy",
    ),
    "other": (
        "anatomy",
        "business_ethics",
        "clinical_knowledge",
        "college_medicine",
        "global_facts",
        "human_aging",
        "management",
        "marketing",
        "medical_genetics",
        "miscellaneous",
        "nutrition",
        "professional_accounting",
        "professional_medicine",
        "virology",
    ),
}
"""Subjects of each group, from hendrycks/test, categories.py."""


class MMLU(MultipleChoice):
    """MMLU, 5-shot by likelihood unless params say otherwise."""

    groups = GROUPS
    answer_label = "Answer:"

    def header(self, subject: str) -> str:
        """Return the sentence that names the subject."""
        named = subject.replace("_", " ")
        return f"The following are multiple choice questions (with answers) about {named}.\n\n"
