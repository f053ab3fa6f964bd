"""A model for NLTK's Punkt that knows a few abbreviations, for tests without the English one."""

from __future__ import annotations

FILES = {
    "abbrev_types.txt": "dr\nmr\n",
    "collocations.tab": "",
    "ortho_context.tab": "",
    "sent_starters.txt": "the\n",
}


def write_punkt(folder, monkeypatch):
    """Write the model below a folder and let NLTK find it there, and nowhere else."""
    model = folder / "tokenizers/punkt_tab/english"
    model.mkdir(parents=True)
    for name, text in FILES.items():
        (model / name).write_text(text)
    only_nltk_data(folder, monkeypatch)


def only_nltk_data(folder, monkeypatch):
    """Let NLTK look for its data in a folder, and nowhere else."""
    import nltk.data

    from evobuild.evaluation.benchmarks.ifeval import language

    monkeypatch.setattr(nltk.data, "path", [str(folder)])
    language._punkt.cache_clear()
    language._capital_words_of.cache_clear()
