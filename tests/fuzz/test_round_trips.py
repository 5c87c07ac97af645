"""What is written comes back, and what other programs write is read as they read it."""

import base64
import csv
import email
import email.policy
import importlib.util
import io
import json
import string
import unicodedata
from collections.abc import Callable
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_model import TINY_SPEC

from edgecls.dataset.formats.lists import read_csv_file, read_list_file
from edgecls.export.labels_file import read_labels
from edgecls.folder_names import escaped_label
from edgecls.image_spec import Color, Fit, ImageSpec
from edgecls.journal import Journal, read_journal
from edgecls.json_text import parse_json
from edgecls.server.endpoints.bodies import read_uploads
from edgecls.server.http.limits import BodiesBudget, HttpLimits
from edgecls.server.http.messages import Answer, Refusal, Request
from edgecls.server.http.request_parser import RequestParser
from edgecls.server.inference_protocol.inference import read_batch
from edgecls.server.inference_protocol.inference_request import read_request
from edgecls.training.config import Augmentation, ClassWeights, Schedule, TrainConfig
from edgecls.training.config_file import build_config, config_to_toml, read_settings

same_every_time = settings(deadline=None, derandomize=True, max_examples=40)

TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=20)
LABELS = TEXTS.map(str.strip).filter(bool)
TOKENS = st.text(string.ascii_letters + string.digits + "-", min_size=1, max_size=12)
FILE_NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters='"\\'), min_size=1, max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=6,
)


@same_every_time
@given(document=JSON, encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32-be"]), ascii_only=st.booleans())
def test_json_is_read_as_the_standard_library_reads_it(document: Any, encoding: str, ascii_only: bool) -> None:
    text = json.dumps(document, ensure_ascii=ascii_only)
    if "\\ud" not in text.lower():
        try:
            data = text.encode(encoding)
        except UnicodeEncodeError:  # lone surrogates, which only escapes can hold
            return
        assert parse_json(data) == document
    assert parse_json(text) == document


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "1" * 301, '{"a": ' * 5000, b"\xff", b'"\xed\xa0\x80"'])
def test_what_is_no_json_is_an_error_of_value(text: str | bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_json(text)


@same_every_time
@given(records=st.lists(st.dictionaries(st.text(max_size=5), JSON, max_size=4), max_size=5), cut=st.integers(1, 50))
def test_a_journal_keeps_its_records_also_when_the_last_line_is_cut(records: list[dict[str, Any]], cut: int) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "journal"
        try:
            with Journal(path) as journal:
                journal.append(*records)
        except UnicodeEncodeError:  # half of a character, which no file name has
            return
        whole = path.read_bytes()
        path.write_bytes(whole + b'{"unfinished": "x'[:cut])

        assert read_journal(path) == records
        with Journal(path) as journal:
            journal.append({"more": 1})
        assert read_journal(path) == [*records, {"more": 1}]


@same_every_time
@given(listed=st.dictionaries(FILE_NAMES.filter(lambda name: name.strip(". ") and "/" not in name), LABELS, min_size=2))
def test_a_dataset_in_csv_is_read_as_the_standard_library_writes_it(listed: dict[str, str]) -> None:
    with TemporaryDirectory() as text:
        folder = Path(text)
        names = {name: label for name, label in listed.items() if _made(folder / name)}
        labels = {_normal(label) for label in names.values()}
        if len(labels) < 2:
            return
        out = io.StringIO(newline="")
        rows = csv.writer(out)
        rows.writerows([("label", "path", "more"), *((label, name, 'x"\n,') for name, label in names.items())])
        (folder / ".list.csv").write_text(out.getvalue(), encoding="utf-8", newline="")

        dataset = read_csv_file(folder / ".list.csv")

    found = {path.name: dataset.labels[label] for path, label in dataset.train}
    assert found == {name: _normal(label) for name, label in names.items()}


@same_every_time
@given(listed=st.dictionaries(TOKENS, LABELS.filter(lambda label: "\t" not in label), min_size=2, max_size=6))
def test_a_dataset_in_a_list_is_read_as_it_was_written(listed: dict[str, str]) -> None:
    with TemporaryDirectory() as text:
        folder = Path(text)
        names = {name: label for name, label in listed.items() if _made(folder / name)}
        if len({_normal(label) for label in names.values()}) < 2:
            return
        lines = "".join(f"{name}\t{label}\r\n" for name, label in names.items())
        (folder / ".list.txt").write_bytes(lines.encode())

        dataset = read_list_file(folder / ".list.txt")

    found = {path.name: dataset.labels[label] for path, label in dataset.train}
    assert found == {name: _normal(label) for name, label in names.items()}


@same_every_time
@given(labels=st.lists(LABELS, min_size=2, max_size=8, unique=True), ascii_only=st.booleans())
def test_labels_in_json_are_those_that_were_written(labels: list[str], ascii_only: bool) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "labels.json"
        for document in (labels, {label: number for number, label in enumerate(labels)}, {"labels": labels}):
            path.write_text(json.dumps(document, ensure_ascii=ascii_only), encoding="utf-8")
            assert read_labels(path).labels == tuple(labels)


@same_every_time
@given(labels=st.lists(st.text(min_size=1, max_size=15), min_size=2, max_size=6))
def test_folders_of_different_labels_have_different_names(labels: list[str]) -> None:
    names: dict[str, str] = {}
    for label in labels:
        name = escaped_label(label)
        assert names.setdefault(name, _normal(label)) == _normal(label) or "%" in label


@same_every_time
@given(
    config=st.builds(
        TrainConfig,
        image=st.builds(
            ImageSpec, st.integers(32, 64), st.integers(32, 64), st.sampled_from(Color), st.sampled_from(Fit)
        ),
        epochs=st.integers(1, 500),
        learning_rate=st.floats(1e-6, 1.0),
        schedule=st.sampled_from(Schedule),
        class_weights=st.sampled_from(ClassWeights),
        label_smoothing=st.floats(0, 0.9),
        weights=TEXTS,
        augmentation=st.builds(Augmentation, flip=st.booleans(), rotation=st.floats(0, 180), zoom=st.floats(0, 0.9)),
    )
)
def test_settings_are_the_same_after_toml(config: TrainConfig) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "config.toml"
        path.write_text(config_to_toml(config), encoding="utf-8")
        assert build_config(read_settings(path), default_image=lambda arch: (8, Color.GRAY)) == config


@same_every_time
@given(
    files=st.lists(st.tuples(FILE_NAMES, st.binary(max_size=60)), min_size=1, max_size=3),
    note=st.binary(max_size=20),
    boundary=TOKENS.map(lambda text: f"--{text}"),
)
def test_a_form_is_read_as_the_standard_library_reads_it(
    files: list[tuple[str, bytes]], note: bytes, boundary: str
) -> None:
    parts = [(f'form-data; name="file"; filename="{name}"', data) for name, data in files]
    parts.insert(1, ('form-data; name="note"', note))
    if any(f"--{boundary}".encode() in data for _, data in parts):
        return
    body = b"".join(
        f"--{boundary}\r\nContent-Disposition: {fields}\r\nContent-Transfer-Encoding: binary\r\n\r\n".encode()
        + data
        + b"\r\n"
        for fields, data in parts
    )
    body += f"--{boundary}--\r\n".encode()
    content_type = f'multipart/form-data; boundary="{boundary}"'

    found = read_uploads(body, content_type, max_files=3)

    assert [(upload.name, upload.data) for upload in found] == files
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    message = email.message_from_bytes(head + body, policy=email.policy.HTTP)
    others = [part.get_payload(decode=True) for part in message.iter_parts() if part.get_filename() is not None]
    is_plain = all(name.isascii() and ";" not in name and name == name.strip() for name, _ in files)
    if is_plain and all(data.isascii() and not set(data) & set(b"\r\n") for _, data in files):  # it makes text of these
        assert others == [data for _, data in files]


class _Recorder(io.BytesIO):
    """Takes what http.client sends."""

    def sendall(self, data: bytes) -> None:
        self.write(data)


@same_every_time
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "OPTIONS"]),
    path=st.text(string.ascii_letters + "/%~.-_", max_size=20).map(lambda text: "/" + text.replace("%", "%41")),
    fields=st.dictionaries(
        TOKENS.map(lambda name: f"X-{name}"), st.text(string.ascii_letters + " ,;=", max_size=20), max_size=4
    ),
    body=st.binary(max_size=200),
    chunks=st.integers(0, 4),
)
def test_requests_of_the_standard_library_are_read_as_they_were_meant_wherever_they_are_cut(
    method: str, path: str, fields: dict[str, str], body: bytes, chunks: int
) -> None:
    connection, sent = HTTPConnection("test"), _Recorder()
    connection.sock = sent  # type: ignore[assignment]
    if chunks:
        step = max(1, len(body) // chunks)
        pieces = [body[at : at + step] for at in range(0, len(body), step)]
        connection.request(method, path, iter(pieces), fields, encode_chunked=True)
    else:
        connection.request(method, path, body or None, fields)
    data = sent.getvalue()

    for step in (1, 7, len(data)):
        (request,) = _requests([data[at : at + step] for at in range(0, len(data), step)])
        assert (request.method, request.path, request.body) == (method, path, body)
        for name, value in fields.items():
            assert request.header(name.lower()) == value.strip(" ")


def _requests(pieces: list[bytes]) -> list[Request]:
    share = BodiesBudget(1 << 20).share_of("127.0.0.1")
    parser = RequestParser(HttpLimits(), share, lambda request: None, "127.0.0.1")
    for piece in pieces:
        parser.feed(memoryview(piece))
    return list(parser.whole)


class _Sent:
    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, mode: str) -> io.BytesIO:
        return io.BytesIO(self._data)


@same_every_time
@given(
    status=st.sampled_from(["200 OK", "404 Not Found", "204 No Content", "304 Not Modified", "503 Busy"]),
    fields=st.lists(st.tuples(TOKENS.map(lambda name: f"X-{name}"), st.text(max_size=20)), max_size=3),
    body=st.binary(max_size=100),
    method=st.sampled_from(["GET", "HEAD"]),
    close=st.booleans(),
)
def test_answers_are_read_by_the_standard_library_as_they_were_meant_whatever_is_in_a_field(
    status: str, fields: list[tuple[str, str]], body: bytes, method: str, close: bool
) -> None:
    request = Request(method, "/", "", "1.1", [], "127.0.0.1")
    answer = Answer(status, list(fields), body)

    response = HTTPResponse(_Sent(answer.encode(request, close=close, now_s=0)), method=method)  # type: ignore[arg-type]
    response.begin()

    has_body = method == "GET" and status[:3] not in ("204", "304")
    assert (response.status, response.read()) == (int(status[:3]), body if has_body else b"")
    assert {name.lower() for name, _ in response.getheaders()} <= {
        *("content-length", "date", "server", "connection"),
        *(name.lower() for name, _ in fields),
    }


@same_every_time
@given(seed=st.integers(0, 1000), count=st.integers(1, 3), cut=st.integers(0, 100))
def test_pixels_are_the_same_by_json_by_binary_and_by_grpc(seed: int, count: int, cut: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (count, *TINY_SPEC.shape_hwc), dtype=np.uint8)
    tensor = {"name": "image", "datatype": "UINT8", "shape": list(pixels.shape)}
    flat = json.dumps({"inputs": [{**tensor, "data": pixels.ravel().tolist()}]}).encode()
    nested = json.dumps({"inputs": [{**tensor, "data": pixels.tolist()}]}).encode()
    head = json.dumps({"inputs": [{**tensor, "parameters": {"binary_data_size": pixels.size}}]}).encode()

    for body, length in ((flat, None), (nested, None), (head + pixels.tobytes(), str(len(head)))):
        found = read_batch(read_request(body, length).input, TINY_SPEC, _no_decoder)
        np.testing.assert_array_equal(found, pixels)
        with pytest.raises(Refusal):
            read_request(body[: min(cut, len(body) - 1)], length)


@pytest.mark.skipif(importlib.util.find_spec("grpc_health") is None, reason="needs edgecls[grpc]")
@same_every_time
@given(elements=st.lists(st.binary(min_size=1, max_size=30), min_size=1, max_size=4))
def test_encoded_images_are_the_same_by_json_by_binary_and_by_grpc(elements: list[bytes]) -> None:
    from edgecls.server.grpc.messages import message_class
    from edgecls.server.grpc.tensors import read_infer_request

    tensor = {"name": "image", "datatype": "BYTES", "shape": [len(elements)]}
    text = json.dumps({"inputs": [{**tensor, "data": [base64.b64encode(one).decode() for one in elements]}]}).encode()
    raw = b"".join(len(one).to_bytes(4, "little") + one for one in elements)
    head = json.dumps({"inputs": [{**tensor, "parameters": {"binary_data_size": len(raw)}}]}).encode()
    infer: Callable[..., Any] = message_class("ModelInferRequest")
    typed = infer(inputs=[{**tensor, "contents": {"bytes_contents": elements}}])
    requests = [
        *(read_request(text, None), read_request(head + raw, str(len(head)))),
        *(read_infer_request(typed), read_infer_request(infer(inputs=[tensor], raw_input_contents=[raw]))),
    ]

    for request in requests:
        decoded: list[bytes] = []

        def note(data: bytes, name: str, decoded: list[bytes] = decoded) -> np.ndarray[Any, np.dtype[np.uint8]]:
            decoded.append(data)
            return np.zeros(TINY_SPEC.shape_hwc, np.uint8)

        read_batch(request.input, TINY_SPEC, note)
        assert decoded == elements


def _no_decoder(data: bytes, name: str) -> np.ndarray[Any, np.dtype[np.uint8]]:
    raise AssertionError("pixels are not decoded")


def _made(path: Path) -> bool:
    """Return whether a file of this name can be there, as the only one that the system takes for it."""
    try:
        if path.exists():
            return False
        path.touch()
    except OSError:
        return False
    return True


def _normal(label: str) -> str:
    return unicodedata.normalize("NFC", label)
