from pathlib import Path

import pytest

from edgecls import Classifier
from edgecls.server.endpoints.answers import refusal_of
from edgecls.server.models.repository import NotReadyError, Readiness, Repository


@pytest.fixture
def repository(tiny_classifier: Classifier, tiny_model_path: Path) -> Repository:
    return Repository([tiny_model_path], lambda file: tiny_classifier)


def test_it_waits_for_the_models(repository: Repository) -> None:
    readiness = Readiness(repository)
    with pytest.raises(NotReadyError, match="not every model is loaded"):
        readiness.check()
    assert not readiness.here

    repository.load_all()
    readiness.check()
    assert readiness.here


def test_it_waits_for_the_other_processes(repository: Repository) -> None:
    others = [False]
    readiness = Readiness(repository, lambda: others[0])
    repository.load_all()
    with pytest.raises(NotReadyError, match="not every process") as refused:
        readiness.check()
    refusal = refusal_of(refused.value)
    assert (refusal.status, refusal.headers) == (503, {"Retry-After": "1"})
    assert readiness.here

    others[0] = True
    readiness.check()


def test_a_server_that_stops_is_not_ready(repository: Repository) -> None:
    readiness = Readiness(repository)
    repository.load_all()
    readiness.drain()

    with pytest.raises(NotReadyError, match="stopping"):
        readiness.check()
    assert not readiness.here
