"""Models in Ray's workers: every request answered once, whoever dies; on a Ray that is made up."""

from __future__ import annotations

import os
import sys
import threading
from collections import Counter

import fake_ray
import patience
import pytest
import yaml
from fakes import FakeEngine

from evobuild.core import machine
from evobuild.core.chat import Message, Request, Sampling
from evobuild.core.errors import MissingExtra, UserError
from evobuild.core.machine import Machine, Vllm
from evobuild.core.uri import ChatModel
from evobuild.models import placement, ray_cluster, ray_engine, registry
from evobuild.models.client import Model, interactive
from evobuild.models.ray_cluster import Connection, request_resources, spread

SMALL = ChatModel("simulated", "small")
QWEN = ChatModel("vllm", "someone/qwen", "abc")


def requests(number):
    return [
        Request(f"q{each}", "respond", (Message("user", f"{each}?"),), Sampling()) for each in range(number)
    ]


@pytest.fixture
def begin(store, monkeypatch, tmp_path):
    """Begin a made-up Ray, with these settings of machine.yaml, behind every engine."""
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setattr(ray_engine, "TOGETHER_SECONDS", 0.0)

    def ray(dies=lambda handle: False, places=1000, resources=None, **settings):
        found = fake_ray.FakeRay(dies, places, resources)
        monkeypatch.setitem(sys.modules, "ray", found)
        monkeypatch.setattr(ray_engine, "CONNECTION", Connection())
        given = {"replicas": 2, "engines": ["simulated"]} | settings
        (tmp_path / "machine.yaml").write_text(yaml.safe_dump({"ray": given}))
        return found

    return ray


@pytest.fixture
def answers(monkeypatch):
    """What a worker's engine answers, and the requests that all of them were given."""
    asked = []

    def start(model, settings):
        def answer(request):
            asked.append(request)
            return f"{request.key} answered"

        return FakeEngine(answer, capacity=8)

    monkeypatch.setattr(registry, "start_here", start)
    monkeypatch.setattr(registry, "engine_identity", str)
    return asked


def asked(number, **options):
    with Model(SMALL, **options) as model:
        found = list(model.generate(requests(number)))
    return {reply.key: reply for reply in found}, model.usage


def test_every_request_is_answered_once_by_the_worker_with_the_fewest(begin, answers):
    ray = begin()
    found, _ = asked(100)
    assert {key: reply.error for key, reply in found.items()} == dict.fromkeys(f"q{n}" for n in range(100))
    assert len(answers) == 100
    assert [len(handle.asked) for handle in ray.handles] == [50, 50]
    assert not ray.is_up
    assert all(handle.dead for handle in ray.handles)


def test_a_lost_worker_costs_what_it_had_in_flight_and_is_replaced(begin, answers):
    moments = Counter()

    def dies(handle):
        moments["replies"] += 1
        return moments["replies"] in (3, 9, 12)

    ray = begin(dies)
    found, usage = asked(100)
    assert {reply.error for reply in found.values()} == {None}
    assert len(found) == 100
    assert len(ray.handles) == 2 + 3
    # A worker has 8 in flight at the most.
    again = sum(len(handle.asked) for handle in ray.handles) - 100
    assert 0 < again <= 3 * 8
    assert usage.total("calls") == 100 + again


def test_a_request_that_breaks_each_worker_is_lost_alone(begin, answers):
    def dies(handle):
        return any(request.messages[0].content == "7?" for request in handle.asked)

    ray = begin(dies)
    with interactive():
        found, _ = asked(40)
    lost = {key: reply.error for key, reply in found.items() if reply.error}
    assert lost == {"q7": "its Ray worker was lost 4 times: ActorDiedError: The actor died unexpectedly."}
    assert len(ray.handles) == 2 + 4


def test_workers_that_die_one_after_the_other_stop_the_stage(begin, answers):
    ray = begin(lambda handle: True)
    with pytest.raises(UserError, match="6 Ray workers in a row were lost without a reply: ActorDiedError"):
        asked(40)
    assert len(ray.handles) == 2 + 5
    assert not ray.is_up


def test_what_the_engine_says_at_its_start_is_said(begin, monkeypatch):
    def start(model, settings):
        raise UserError("there is no such model")

    monkeypatch.setattr(registry, "start_here", start)
    begin()
    with pytest.raises(UserError, match="no such model"):
        asked(1)


def test_a_node_with_other_weights_is_refused(begin, answers, monkeypatch):
    names = iter(["the cache's", "the stage's", "a node's"])
    monkeypatch.setattr(registry, "engine_identity", lambda model: next(names))
    begin()
    with pytest.raises(UserError, match=r"a Ray worker has a node's .* this stage the stage's"):
        asked(1)


def test_no_place_for_a_worker_is_said_with_what_is_free(begin, answers, monkeypatch):
    monkeypatch.setattr(ray_engine, "PLACE_SECONDS", 0.0)
    begin(places=0)
    with pytest.raises(UserError, match=r"gave no worker of .* free are 0 GPU and 4 CPU"):
        asked(1)


def test_the_budget_counts_what_is_asked_again(begin, answers):
    moments = Counter()

    def dies(handle):
        moments["replies"] += 1
        return moments["replies"] == 2

    begin(dies)
    path = machine.repository_root() / "machine.yaml"
    path.write_text(path.read_text() + "budget: {calls: 30}\n")
    with pytest.raises(UserError, match="budget"):
        asked(30)
    assert len(answers) <= 30


def test_other_roles_stay_in_the_process(begin, answers):
    begin(engines=["vllm"])
    assert isinstance(placement.start_engine(SMALL), FakeEngine)


def test_without_the_package_it_is_told_how_to_install_it(begin, monkeypatch):
    begin()
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtra, match=r"pip install 'evobuild\[ray\]'"):
        placement.start_engine(SMALL)


def test_a_cluster_that_is_not_there_is_said_in_a_line(begin):
    begin(address="127.0.0.1:1")
    with pytest.raises(UserError, match=r"the Ray cluster at '127\.0\.0\.1:1' .* does not answer") as error:
        placement.start_engine(SMALL)
    assert "\n" not in str(error.value)


def test_one_that_does_not_take_the_connection_is_given_up(begin, monkeypatch):
    ray, over = begin(address="auto"), threading.Event()
    monkeypatch.setattr(ray, "init", lambda **_: over.wait(patience.scaled(10)))
    monkeypatch.setattr(ray_cluster, "JOIN_SECONDS", 0.05)
    with pytest.raises(UserError, match=r"does not answer within 0\.05 s"):
        placement.start_engine(SMALL)
    over.set()


def test_a_ray_of_its_own_is_told_to_be_quiet_and_private(begin, answers, monkeypatch):
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_MODE", "RAY_USAGE_STATS_ENABLED"):
        monkeypatch.delenv(name, raising=False)
    ray = begin()
    asked(1)
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"
    assert os.environ["RAY_AUTH_MODE"] == "token" and len(os.environ["RAY_AUTH_TOKEN"]) == 64
    (given,) = ray.inits
    assert (given["address"], given["include_dashboard"], given["log_to_driver"]) == ("local", False, False)


def test_a_ray_that_was_loaded_without_its_settings_is_not_started(begin, answers, monkeypatch):
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    monkeypatch.setitem(sys.modules, "ray._raylet", object())
    ray = begin()
    with pytest.raises(UserError, match=r"had loaded it before .* set RAY_AUTH_MODE=token"):
        placement.start_engine(SMALL)
    assert ray.inits == []


@pytest.mark.parametrize(
    ("ray", "vllm", "resources", "wanted"),
    [
        ({}, {}, {"CPU": 64.0, "GPU": 8.0}, (8, 1, 0, 1.0)),
        ({}, {"tensor_parallel_size": 4}, {"CPU": 64.0, "GPU": 8.0}, (2, 4, 0, 1.0)),
        ({"replicas": 2, "gpus_per_replica": 2}, {}, {"CPU": 64.0, "GPU": 8.0}, (2, 2, 0, 0.5)),
        (
            {"replicas": 8},
            {"models": {str(QWEN): {"gpu_memory_utilization": 0.3}}},
            {"CPU": 64.0, "GPU": 8.0},
            (8, 0.3, 0, 0.3),
        ),
        ({}, {}, {"CPU": 4.0}, (4, 0, 1, 1.0)),
    ],
)
def test_what_replicas_take_of_a_cluster(ray, vllm, resources, wanted):
    settings = Machine(ray=machine.Ray(**ray), vllm=Vllm.model_validate(vllm))
    assert request_resources(fake_ray.FakeRay(resources=resources), QWEN, settings) == pytest.approx(wanted)


def test_more_than_this_machine_has_is_refused():
    settings = Machine(ray=machine.Ray(replicas=9))
    with pytest.raises(UserError, match="9 replicas of 1 CPU each; this machine has 4"):
        request_resources(fake_ray.FakeRay(), QWEN, settings)


def test_a_replicas_gpus_are_those_its_model_is_spread_over():
    options = Vllm(pipeline_parallel_size=2)
    assert spread(options, 8).tensor_parallel_size == 4
    assert spread(options, 0.3).pipeline_parallel_size == 1
    with pytest.raises(UserError, match=r"gpus_per_replica is 3.*expected a multiple"):
        spread(options, 3)
