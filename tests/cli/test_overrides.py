"""What `-S` cannot take is said with what to write instead, and a wrong value with the project's own file."""

from __future__ import annotations

from pathlib import Path

import pytest
from workspace import SHIPPED_PARAMS

from evobuild.cli.check.all_params import load_all_params
from evobuild.cli.overrides import overridden_params
from evobuild.core.errors import BadParams


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "params.yaml").write_bytes(SHIPPED_PARAMS.read_bytes())
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("selct.share=1", "unknown key 'selct.share'; did you mean 'select.share'"),
        ("share=0.3", "unknown key 'share'; did you mean 'select.share',"),
        ("zzz=1", "unknown key 'zzz'; choose from: random_seed, tables,"),
        ("autoif.on=true", "the key 'autoif.on' is now gone: remove it; the branch is on if branches"),
        ("autoif.seeds.on=true", "unknown key 'autoif.seeds.on'; did you mean 'autoif.seeds'"),
        ("select.by.x.y=1", "unknown key 'select.by.x.y'; "),
        ("~selct", "unknown key 'selct'; did you mean 'select'"),
        ("select.share", "expected KEY=VALUE, such as select.share=0.1"),
        ("models.judge=openai:<x>", """write: -S 'models.judge="openai:<x>"'"""),
        ("models.judge=openai:a,b", """write: -S 'models.judge="openai:a,b"'"""),
        ("rounds.r4.parent=r3", "write: -S +rounds.r4.parent=r3"),
        ("evaluate.models.own=openai:<x>", """write: -S '+evaluate.models.own="openai:<x>"'"""),
        ("seed.columns={output: a}", "a mapping needs a '+', which adds its keys; write: -S '+seed.columns="),
        ("select.share=0,5", "the value cannot be parsed; expected a number, a word,"),
    ],
)
def test_a_change_that_cannot_be_is_said_with_its_remedy(change: str, said: str) -> None:
    with pytest.raises(BadParams) as caught, overridden_params(["random_seed=1", change]):
        pass
    assert str(caught.value).startswith(f"-S {change}: ") and said in str(caught.value)
    assert "append" not in str(caught.value) and "+selct" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("models.optimizer=null", "models.optimizer is null; expected a chat model, such as simulated:large"),
        ("models.optimizer=null", "called only if evolve.method is optimized, so any role's model will do"),
        ("models.judge=opnai:x", "models.judge: unknown engine 'opnai'; did you mean 'openai'?"),
        ("select.share='0.5'", "select.share is '0.5'; expected a number, without quotes"),
        ("seed.source=3", "seed.source is 3; expected text, in quotes"),
        ("select=1", "select is 1; expected a mapping"),
    ],
)
def test_a_wrong_value_is_said_of_the_projects_own_file(change: str, said: str) -> None:
    with pytest.raises(BadParams) as caught, overridden_params([change]) as changed:
        load_all_params(changed)
    assert str(caught.value).startswith("params.yaml: ") and said in str(caught.value)
