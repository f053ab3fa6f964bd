"""Weights: named by content, and refused in a line that says what to do."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import huggingface_hub
import patience
import pytest
import tiny

from evobuild.core.errors import MissingExtra, UserError
from evobuild.core.uri import MADE, ChatModel, Weights
from evobuild.models import vllm_engine
from evobuild.weights import checkpoints, identities

COMMIT = "12fd25f0" * 5


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the tiny model that a test may spoil."""
    return Path(shutil.copytree(tiny.folder(), tmp_path / "copy"))


def edit_config(folder: Path) -> None:
    (folder / "config.json").write_text((folder / "config.json").read_text() + " ")


def edit_a_weight(folder: Path) -> None:
    content = bytearray((folder / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (folder / "model.safetensors").write_bytes(content)


def rename_a_file(folder: Path) -> None:
    (folder / "tokenizer.json").rename(folder / "tokens.json")


def name(folder: Path) -> str:
    return identities.weights_identity(Weights(str(folder))).rpartition("#")[2]


def test_equal_folders_have_equal_names(copy: Path) -> None:
    assert name(copy) == name(tiny.folder())


@pytest.mark.parametrize("change", [edit_config, edit_a_weight, rename_a_file])
def test_another_content_is_another_name(copy: Path, change) -> None:
    before = name(copy)
    change(copy)
    assert name(copy) != before


def test_a_pinned_hub_model_is_named_without_asking_the_hub() -> None:
    assert identities.weights_identity(Weights("someone/model", "12fd25f")) == "someone/model@12fd25f"


def test_measurements_are_of_the_libraries_too(monkeypatch: pytest.MonkeyPatch) -> None:
    pinned = Weights("someone/model", "12fd25f")
    before = identities.measuring_identity(pinned)
    assert before.startswith("someone/model@12fd25f numpy==") and "torch==" in before
    monkeypatch.setattr(identities.metadata, "version", lambda name: "99")
    identities._read_versions.cache_clear()
    try:
        assert identities.measuring_identity(pinned) != before
    finally:
        identities._read_versions.cache_clear()


@pytest.mark.parametrize("name", ["someone/model", "no/such/folder/here", "./missing"])
def test_an_unpinned_model_that_cannot_be_looked_up_is_refused(name: str) -> None:
    with pytest.raises(UserError, match=r"give a folder, or pin it as <hub id>@<revision>") as error:
        identities.weights_identity(Weights(name))
    assert str(error.value).count("\n") <= 1


@pytest.fixture
def cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The hub's empty cache, on a machine that tries to reach the hub in vain and must not try again."""
    constants = huggingface_hub.constants
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")  # a port that nothing listens on
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda seconds: pytest.fail("tried again"))
    return tmp_path / "cache"


@pytest.mark.parametrize(
    "load", [checkpoints.load_tokenizer, checkpoints.load_causal_lm, checkpoints.read_context_length]
)
@pytest.mark.parametrize("name", ["someone/model", "no/such/folder/here"])
def test_an_unknown_model_is_refused_at_once_naming_it_and_the_hub(cut_off: Path, load, name: str) -> None:
    with pytest.raises(UserError, match=rf"'{name}@12fd25f' .* http://127\.0\.0\.1:9 ") as error:
        load(Weights(name, "12fd25f"))
    assert str(error.value).count("\n") == 1
    assert "give a folder, or fill the cache" in str(error.value)


@pytest.mark.parametrize("revision", [COMMIT, "main", ""])
def test_a_cached_model_is_loaded_where_the_hub_cannot_be_reached(cut_off: Path, revision: str) -> None:
    kept = cut_off / "models--someone--model"
    shutil.copytree(tiny.folder(), kept / "snapshots" / COMMIT)
    (kept / "refs").mkdir()
    (kept / "refs" / "main").write_text(COMMIT)
    assert checkpoints.load_causal_lm(Weights("someone/model", revision)).num_parameters() > 0
    assert checkpoints.load_tokenizer(Weights("someone/model", revision)).chat_template


def test_an_engine_that_is_not_installed_is_said_before_the_hub_is_asked(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "vllm", None)
    monkeypatch.setattr(huggingface_hub, "HfApi", lambda: pytest.fail("the hub was asked"))
    with pytest.raises(MissingExtra, match=r"evobuild\[vllm\]"):
        vllm_engine.VllmEngine(ChatModel("vllm", "someone/model", "12fd25f"))


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"holds no config\.json; give a folder"):
        identities.weights_identity(Weights(str(tmp_path)))


@pytest.mark.parametrize(("folder", "stage"), MADE.items())
def test_a_missing_model_that_a_stage_makes_names_its_stage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, stage: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=f"the stage {stage} makes it"):
        checkpoints.load_causal_lm(Weights(folder))


def test_cut_off_weights_are_refused(copy: Path) -> None:
    content = (copy / "model.safetensors").read_bytes()
    (copy / "model.safetensors").write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match="cannot be loaded"):
        checkpoints.load_causal_lm(Weights(str(copy)))


def test_the_context_is_the_configs_positions() -> None:
    assert checkpoints.read_context_length(Weights(str(tiny.folder()))) == 2048


def test_a_base_without_a_chat_template_gets_one(copy: Path) -> None:
    (copy / "chat_template.jinja").unlink()
    assert checkpoints.load_tokenizer(Weights(str(copy))).chat_template is None
    assert checkpoints.load_chat_tokenizer(Weights(str(copy))).chat_template == checkpoints.CHAT_TEMPLATE


def test_no_second_goes_into_importing_what_loading_does_not_need():
    program = (
        "import sys; from evobuild.core.uri import Weights; from evobuild.weights import checkpoints; "
        f"checkpoints.load_causal_lm(Weights({str(tiny.folder())!r})); "
        "assert 'sklearn' not in sys.modules; import sklearn.cluster"
    )
    patience.run([sys.executable, "-c", program], check=True)
