"""C-Eval: 13,948 Chinese exam questions of 52 subjects (Huang et al. 2023, arXiv:2305.08322).

Items: the authors' CSV files (a folder or .zip of `dev/`, `val/`, `test/`), or `ceval/ceval-exam` of the
hub, one config per subject, with the columns id, question, A, B, C, D, answer, `config` and `split`. The
answers of test are not published: scores are unknown, and `evobuild ceval-submission` writes the letters in
the format of the authors' site; val has 1,346 answers. A metric is the unweighted mean over subjects, as on
that site; `hard` covers the eight subjects of C-Eval Hard.

By likelihood, header and prompt are those of lm-evaluation-harness's ceval-valid; in generative mode the
header is the authors' own, which calls it an exam. Published metrics use these wordings.
"""

from __future__ import annotations

import polars as pl

from evobuild.evaluation.benchmark import item_means
from evobuild.evaluation.benchmarks.multiple_choice import MultipleChoice, MultipleChoiceSettings, Split

SUBJECTS = {
    "accountant": "注册会计师",
    "advanced_mathematics": "高等数学",
    "art_studies": "艺术学",
    "basic_medicine": "基础医学",
    "business_administration": "工商管理",
    "chinese_language_and_literature": "中国语言文学",
    "civil_servant": "公务员",
    "clinical_medicine": "临床医学",
    "college_chemistry": "大学化学",
    "college_economics": "大学经济学",
    "college_physics": "大学物理",
    "college_programming": "大学编程",
    "computer_architecture": "计算机组成",
    "computer_network": "计算机网络",
    "discrete_mathematics": "离散数学",
    "education_science": "教育学",
    "electrical_engineer": "注册电气工程师",
    "environmental_impact_assessment_engineer": "环境影响评价工程师",
    "fire_engineer": "注册消防工程师",
    "high_school_biology": "高中生物",
    "high_school_chemistry": "高中化学",
    "high_school_chinese": "高中语文",
    "high_school_geography": "高中地理",
    "high_school_history": "高中历史",
    "high_school_mathematics": "高中数学",
    "high_school_physics": "高中物理",
    "high_school_politics": "高中政治",
    "ideological_and_moral_cultivation": "思想道德修养与法律基础",
    "law": "法学",
    "legal_professional": "法律职业资格",
    "logic": "逻辑学",
    "mao_zedong_thought": "毛泽东思想和中国特色社会主义理论体系概论",
    "marxism": "马克思主义基本原理",
    "metrology_engineer": "注册计量师",
    "middle_school_biology": "初中生物",
    "middle_school_chemistry": "初中化学",
    "middle_school_geography": "初中地理",
    "middle_school_history": "初中历史",
    "middle_school_mathematics": "初中数学",
    "middle_school_physics": "初中物理",
    "middle_school_politics": "初中政治",
    "modern_chinese_history": "近代史纲要",
    "operating_system": "操作系统",
    "physician": "医师资格",
    "plant_protection": "植物保护",
    "probability_and_statistics": "概率统计",
    "professional_tour_guide": "导游资格",
    "sports_science": "体育学",
    "tax_accountant": "税务师",
    "teacher_qualification": "教师资格",
    "urban_and_rural_planner": "注册城乡规划师",
    "veterinary_medicine": "兽医学",
}
"""Chinese name of each subject, from hkust-nlp/ceval, subject_mapping.json."""

GROUPS = {
    "stem": (
        "advanced_mathematics",
        "college_chemistry",
        "college_physics",
        "college_programming",
        "computer_architecture",
        "computer_network",
        "discrete_mathematics",
        "electrical_engineer",
        "high_school_biology",
        "high_school_chemistry",
        "high_school_mathematics",
        "high_school_physics",
        "metrology_engineer",
        "middle_school_biology",
        "middle_school_chemistry",
        "middle_school_mathematics",
        "middle_school_physics",
        "operating_system",
        "probability_and_statistics",
        "veterinary_medicine",
    ),
    "social_science": (
        "business_administration",
        "college_economics",
        "education_science",
        "high_school_geography",
        "high_school_politics",
        "mao_zedong_thought",
        "marxism",
        "middle_school_geography",
        "middle_school_politics",
        "teacher_qualification",
    ),
    "humanities": (
        "art_studies",
        "chinese_language_and_literature",
        "high_school_chinese",
        "high_school_history",
        "ideological_and_moral_cultivation",
        "law",
        "legal_professional",
        "logic",
        "middle_school_history",
        "modern_chinese_history",
        "professional_tour_guide",
    ),
    "other": (
        "accountant",
        "basic_medicine",
        "civil_servant",
        "clinical_medicine",
        "environmental_impact_assessment_engineer",
        "fire_engineer",
        "physician",
        "plant_protection",
        "sports_science",
        "tax_accountant",
        "urban_and_rural_planner",
    ),
    "hard": (
        "advanced_mathematics",
        "college_chemistry",
        "college_physics",
        "discrete_mathematics",
        "high_school_chemistry",
        "high_school_mathematics",
        "high_school_physics",
        "probability_and_statistics",
    ),
}
"""Subjects of each group, from subject_mapping.json; C-Eval Hard from the README there."""


class CEvalSettings(MultipleChoiceSettings):
    """header: whether a sentence that names the subject precedes the first question."""

    split: Split = "val"
    header: bool = True


class CEval(MultipleChoice):
    """C-Eval, 5-shot by likelihood unless params say otherwise."""

    settings: CEvalSettings
    settings_type = CEvalSettings
    groups = GROUPS
    answer_label = "答案："

    def header(self, subject: str) -> str:
        """Return the sentence that names the subject in Chinese."""
        if not self.settings.header:
            return ""
        exam = "考试" if self.settings.mode == "generative" else ""
        return f"以下是中国关于{SUBJECTS.get(subject, subject)}{exam}的单项选择题，请选出其中的正确答案。\n\n"

    def accuracy(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Compute the mean over subjects of the share of right items: all subjects have the same weight."""
        found = item_means(rows, pl.col("score"))
        subjects = rows.select(unit="item", subject="group").unique()
        size = pl.len().over("subject")
        weighed = found.join(subjects, on="unit").with_columns(weight=1 / size).sort("unit")
        return weighed.select("unit", total=pl.col("total") * pl.col("weight"), weight="weight")
