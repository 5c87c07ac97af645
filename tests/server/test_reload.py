import shutil
from pathlib import Path

import pytest
from issued_certificate import issue
from sent_requests import sent
from tiny_model import tiny_model_bytes

import edgecls
from edgecls.server.http.tls import Certificate
from edgecls.server.middleware.access_log import AccessLog
from edgecls.server.middleware.api_keys import ApiKeys
from edgecls.server.models.repository import Repository
from edgecls.server.reload import Reload
from edgecls.server.server import ServerState, open_model_file
from edgecls.server.settings import ServeSettings


@pytest.fixture
def repository(tiny_model_path: Path, tmp_path: Path) -> Repository:
    files = [tmp_path / "a.onnx", tmp_path / "b.onnx"]
    for file in files:
        shutil.copy(tiny_model_path, file)
    repository = Repository(files, lambda file: edgecls.load(file, "cpu"))
    repository.load_all()
    return repository


def test_everything_is_read_again(repository: Repository, tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("old")
    issued = issue(tmp_path)
    log = AccessLog(str(tmp_path / "log"))
    keys = ApiKeys(tmp_path / "keys")
    told: list[str] = []
    reload = Reload(
        repository,
        told.append,
        keys=keys,
        certificate=Certificate(issued.certificate, issued.key),
        log=log,
    )
    (tmp_path / "a.onnx").write_bytes(tiny_model_bytes(name="newer"))
    (tmp_path / "keys").write_text("new")

    reload.everything()
    log.close()

    assert repository.model("a").classifier.card.name == "newer"
    assert keys.check(sent(x_api_key="new")) is None
    assert told == [
        "the access log was opened again",
        "the API keys were read again",
        "the certificate was read again",
        "model a was loaded again",
        "model b was loaded again",
    ]


def test_what_cannot_be_used_stays_as_it_was_and_the_rest_goes_on(repository: Repository, tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_bytes(b"garbage")
    (tmp_path / "b.onnx").write_bytes(tiny_model_bytes(name="newer"))
    told: list[str] = []

    Reload(repository, told.append).everything()

    assert repository.model("a").classifier.card.name == "colors"
    assert repository.model("b").classifier.card.name == "newer"
    assert told[0].startswith("not reloaded, what was there before stays in use: ")
    assert "a.onnx" in told[0]
    assert told[1] == "model b was loaded again"


def test_models_that_are_not_signed_as_they_must_be_are_not_taken_in(tmp_path: Path, tiny_model_path: Path) -> None:
    signed_files = pytest.importorskip("signed_files")
    private, public = signed_files.make_keys(tmp_path)
    file = Path(shutil.copy(tiny_model_path, tmp_path / "a.onnx"))
    signed_files.sign(file, private)
    settings = ServeSettings((file,), provider="cpu", require_signature=(public,))
    state = ServerState(settings, lambda file: open_model_file(file, settings, threads=1, signatures=state.signatures))
    state.repository.load_all()
    told: list[str] = []
    reload = Reload(state.repository, told.append, signatures=state.signatures)

    file.write_bytes(tiny_model_bytes(name="newer"))
    reload.everything()
    assert "it is not what was signed" in told[1]
    assert state.repository.model("a").classifier.card.name == "colors"
    assert "it is not what was signed" in state.repository.index()[0].reason

    signed_files.sign(file, private)
    reload.everything()
    assert told[2:] == ["the keys for signatures were read again", "model a was loaded again"]
    assert state.repository.model("a").classifier.card.name == "newer"

    public.write_bytes(b"garbage")
    reload.everything()
    assert "cannot use the key" in told[4]
    assert told[5] == "model a was loaded again"
    assert state.metrics.snapshot()["edgecls_model_loads_total"] == {("a", "ok"): [3], ("a", "unsigned"): [1]}
