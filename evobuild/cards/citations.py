"""Papers behind what params switch on, as BibTeX."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from evobuild.cards.provenance import Provenance
from evobuild.core.measures import all_metrics
from evobuild.evolution.declared_operations import read_operation
from evobuild.selection.params import Select


class Paper(NamedTuple):
    """A paper of arXiv. for_what: what it is cited for."""

    key: str
    title: str
    authors: str
    number: str
    year: int

    @property
    def bibtex(self) -> str:
        return (
            f"@misc{{{self.key},\n  title = {{{self.title}}},\n  author = {{{self.authors}}},\n"
            f"  year = {{{self.year}}},\n  eprint = {{{self.number}}},\n  archivePrefix = {{arXiv}}\n}}"
        )


PAPERS = {
    each.number: each
    for each in (
        Paper(
            "zeng2024automatic", "Automatic Instruction Evolving for Large Language Models",
            "Weihao Zeng and Can Xu and Yingxiu Zhao and Jian-Guang Lou and Weizhu Chen", "2406.00770", 2024,
        ),
        Paper(
            "hui2024smaller", "Smaller Language Models Are Better Instruction Evolvers",
            "Tingfeng Hui and Lulu Zhao and Guanting Dong and Yaqi Zhang and Hua Zhou and Sen Su",
            "2412.11231", 2024,
        ),
        Paper(
            "xu2023wizardlm", "WizardLM: Empowering Large Language Models to Follow Complex Instructions",
            "Can Xu and Qingfeng Sun and Kai Zheng and Xiubo Geng and Pu Zhao and Jiazhan Feng and "
            "Chongyang Tao and Daxin Jiang", "2304.12244", 2023,
        ),
        Paper(
            "luo2023wizardcoder", "WizardCoder: Empowering Code Large Language Models with Evol-Instruct",
            "Ziyang Luo and Can Xu and Pu Zhao and Qingfeng Sun and Xiubo Geng and Wenxiang Hu and "
            "Chongyang Tao and Jing Ma and Qingwei Lin and Daxin Jiang", "2306.08568", 2023,
        ),
        Paper(
            "luo2023wizardmath", "WizardMath: Empowering Mathematical Reasoning for Large Language Models "
            "via Reinforced Evol-Instruct",
            "Haipeng Luo and Qingfeng Sun and Can Xu and Pu Zhao and Jianguang Lou and Chongyang Tao and "
            "Xiubo Geng and Qingwei Lin and Shifeng Chen and Yansong Tang and Dongmei Zhang",
            "2308.09583", 2023,
        ),
        Paper(
            "zhu2025taginstruct", "Tag-Instruct: Controlled Instruction Complexity Enhancement through "
            "Structure-based Augmentation",
            "He Zhu and Zhiwen Ruan and Junyou Su and Xingwei He and Yun Chen and Wenjia Zhang and "
            "Guanhua Chen", "2505.18557", 2025,
        ),
        Paper(
            "yang2024tacie", "TaCIE: Enhancing Instruction Comprehension in Large Language Models through "
            "Task-Centred Instruction Evolution",
            "Jiuding Yang and Shengyao Lu and Weidong Guo and Xiangyang Li and Kaitong Yang and Yu Xu and "
            "Di Niu", "2410.02795", 2024,
        ),
        Paper(
            "dong2024selfplay", "Self-play with Execution Feedback: Improving Instruction-following "
            "Capabilities of Large Language Models",
            "Guanting Dong and Keming Lu and Chengpeng Li and Tingyu Xia and Bowen Yu and Chang Zhou and "
            "Jingren Zhou", "2406.13542", 2024,
        ),
        Paper(
            "li2023quantity", "From Quantity to Quality: Boosting LLM Performance with Self-Guided Data "
            "Selection for Instruction Tuning",
            "Ming Li and Yong Zhang and Zhitao Li and Jiuhai Chen and Lichang Chen and Ning Cheng and "
            "Jianzong Wang and Tianyi Zhou and Jing Xiao", "2308.12032", 2023,
        ),
        Paper(
            "li2024superfiltering", "Superfiltering: Weak-to-Strong Data Filtering for Fast "
            "Instruction-Tuning",
            "Ming Li and Yong Zhang and Shwai He and Zhitao Li and Hongyu Zhao and Jianzong Wang and "
            "Ning Cheng and Tianyi Zhou", "2402.00530", 2024,
        ),
        Paper(
            "liu2023deita", "What Makes Good Data for Alignment? A Comprehensive Study of Automatic Data "
            "Selection in Instruction Tuning",
            "Wei Liu and Weihao Zeng and Keqing He and Yong Jiang and Junxian He", "2312.15685", 2023,
        ),
        Paper(
            "lu2023instag", r"\#InsTag: Instruction Tagging for Analyzing Supervised Fine-tuning of Large "
            "Language Models",
            "Keming Lu and Hongyi Yuan and Zheng Yuan and Runji Lin and Junyang Lin and Chuanqi Tan and "
            "Chang Zhou and Jingren Zhou", "2308.07074", 2023,
        ),
    )
}  # fmt: skip
"""By number."""


def list_used_papers(made: Provenance) -> list[tuple[Paper, str]]:
    """The papers whose methods took part, each with what for."""
    found: dict[str, list[str]] = {}
    for number, what in _list_used_papers(made):
        if what not in found.setdefault(number, []):
            found[number].append(what)
    return [(PAPERS[number], ", ".join(what)) for number, what in found.items()]


def _papers_of_operations(operations: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, str]]:
    """The known papers that the templates of operations name."""
    for name in sorted({name for names in operations.values() for name in names}):
        for number in read_operation(name).papers:
            if number in PAPERS:
                yield number, "evolving by fixed operations"


def _list_used_papers(made: Provenance) -> Iterator[tuple[str, str]]:
    params = made.params
    if params.get("rounds"):
        if params["evolve"]["strategy"] == "auto":
            yield "2406.00770", "evolving by a method"
        else:
            yield from _papers_of_operations(params["evolve"]["operations"])
        if params["evolve"].get("failures", {}).get("markers"):
            yield "2304.12244", "failures of evolution"
    if "autoif" in params["pools"]:
        yield "2406.13542", "instructions that code verifies"
    if params.get("models", {}).get("tagger"):
        yield "2308.07074", "tags"
    selected = Select.model_validate(params["select"])
    for name in selected.by:
        if (
            name in all_metrics()
            and (number := all_metrics()[name].source.partition("arXiv:")[2][:10]) in PAPERS
        ):
            yield number, f"choice of rows by {name}"
    if selected.diversity_filter is not None:
        yield "2312.15685", "the diversity filter"
    if params.get("models", {}).get("scorer") == "models/experienced":
        yield "2308.12032", "the experienced scorer"
