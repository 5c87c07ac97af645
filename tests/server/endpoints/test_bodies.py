"""Bodies of requests: within bounds, whole, and taken apart rightly."""

import contextlib
import gzip
import io
import zlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgecls.server.endpoints.bodies import Upload, read_body, read_uploads
from edgecls.server.http.messages import Refusal

BOUNDARY = "xXx"
FORM = f"multipart/form-data; boundary={BOUNDARY}"


def _form(*files: tuple[str, bytes]) -> bytes:
    parts = [
        b'--%s\r\nContent-Disposition: form-data; name="file"; filename="%s"\r\n\r\n%s\r\n'
        % (BOUNDARY.encode(), name.encode(), data)
        for name, data in files
    ]
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def _environ(body: bytes, **fields: Any) -> dict[str, Any]:
    return {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body)), **fields}


def test_a_body_is_read_whole() -> None:
    assert read_body(_environ(b"image"), max_bytes=7) == b"image"


@pytest.mark.parametrize(
    ("environ", "status", "message"),
    [
        (_environ(b"12345678"), 413, "larger than"),
        (_environ(b""), 400, "the body is empty"),
        (_environ(b"", CONTENT_LENGTH=""), 400, "the body is empty"),
        (_environ(b"123", CONTENT_LENGTH="5"), 400, "ended before its announced length"),
        (_environ(b"123", CONTENT_LENGTH="-1"), 400, "Content-Length must be a number"),
        (_environ(b"123", CONTENT_LENGTH="9" * 5000), 400, "Content-Length must be a number"),
    ],
    ids=[
        "announced-too-large",
        "empty",
        "no-length",
        "cut-short",
        "negative-length",
        "endless-length",
    ],
)
def test_what_is_no_acceptable_body_is_refused(environ: dict[str, Any], status: int, message: str) -> None:
    with pytest.raises(Refusal, match=message) as caught:
        read_body(environ, max_bytes=7)
    assert caught.value.status == status


def test_an_announced_length_above_the_limit_is_refused_unread() -> None:
    class Untouchable:
        def read(self, size: int) -> bytes:
            pytest.fail("nothing may be read")

    with pytest.raises(Refusal) as caught:
        read_body({"CONTENT_LENGTH": "8", "wsgi.input": Untouchable()}, max_bytes=7)
    assert caught.value.status == 413


@settings(deadline=None)
@given(
    files=st.lists(
        st.tuples(st.text("abc .-猫🐱", min_size=1, max_size=10), st.binary(max_size=300)), min_size=1, max_size=5
    )
)
def test_files_come_out_of_a_form_as_they_went_in(files: list[tuple[str, bytes]]) -> None:
    uploads = read_uploads(_form(*files), FORM, max_files=5)

    assert uploads == [Upload(name, data) for name, data in files]


def test_fields_that_are_no_files_are_passed_over() -> None:
    field = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="note"\r\n\r\nhello\r\n'.encode()

    assert read_uploads(field + _form(("a", b"1")), FORM, max_files=1) == [Upload("a", b"1")]


@pytest.mark.parametrize(
    ("body", "content_type", "status", "message"),
    [
        (_form(("a", b"1"), ("b", b"2"), ("c", b"3")), FORM, 413, "at most 2 files"),
        (_form(), FORM, 400, "has no file"),
        (_form(("a", b"1"))[:-20], FORM, 400, "not valid multipart"),
        (b"garbage", FORM, 400, "not valid multipart"),
        (_form(("a", b"1")), "multipart/form-data", 400, "not valid multipart"),
        (b"--xXx\r\n" + b"A: b\r\n" * 50 + b"\r\n1\r\n--xXx--\r\n", FORM, 400, "not valid multipart"),
        (b"--xXx\r\nA: " + b"b" * 10_000 + b"\r\n\r\n1\r\n--xXx--\r\n", FORM, 400, "not valid multipart"),
    ],
    ids=["too-many-files", "no-file", "cut-short", "garbage", "no-boundary", "many-headers", "long-header"],
)
def test_what_is_no_acceptable_form_is_refused(body: bytes, content_type: str, status: int, message: str) -> None:
    with pytest.raises(Refusal, match=message) as caught:
        read_uploads(body, content_type, max_files=2)
    assert caught.value.status == status


@settings(deadline=None, max_examples=200)
@given(middle=st.binary(max_size=200))
def test_any_bytes_in_a_form_are_taken_apart_or_refused(middle: bytes) -> None:
    body = f"--{BOUNDARY}\r\n".encode() + middle + f"\r\n--{BOUNDARY}--\r\n".encode()
    with contextlib.suppress(Refusal):
        assert 1 <= len(read_uploads(body, FORM, max_files=3)) <= 3


def _named(parameters: str, data: bytes = b"1") -> bytes:
    head = f"--{BOUNDARY}\r\nContent-Disposition: form-data{parameters}\r\n\r\n"
    return head.encode() + data + f"\r\n--{BOUNDARY}--\r\n".encode()


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        ("; name=file; filename*=UTF-8''%E7%8E%AB.jpg", "玫.jpg"),
        ("; name=\"file\"; filename*=utf-8'zh-CN'%e7%8e%ab%20%ab.jpg".replace("%20%ab", "%20x"), "玫 x.jpg"),
        ("; filename*=\"UTF-8''%E7%8E%AB.jpg\"; name=file", "玫.jpg"),
        ("; name=file; FileName* = UTF-8''a.jpg", "a.jpg"),
        ("; name=file; filename=\"rose.jpg\"; filename*=UTF-8''%E7%8E%AB.jpg", "玫.jpg"),
        ("; name=file; filename*=UTF-8''%E7%8E%AB.jpg; filename=rose.jpg", "玫.jpg"),
        ("; name=file; filename*=iso-8859-1'en'%A3%20rates", "£ rates"),
        ("; name=file; filename=rose.jpg; filename*=UTF-8''%FF", "rose.jpg"),
        ("; name=file; filename=rose.jpg; filename*=KOI8-R''%C1", "rose.jpg"),
        ("; name=file; filename*=UTF-8''%FF.jpg", "\ufffd.jpg"),
        ("; name=file; filename*=rose.jpg", "rose.jpg"),
        ("; name=file; filename*=", ""),
        ("; name=file; filename=\"a; filename*=UTF-8''b\"", "a; filename*=UTF-8''b"),
    ],
)
def test_a_name_beyond_ascii_comes_back_decoded(parameters: str, name: str) -> None:
    assert read_uploads(_named(parameters), FORM, max_files=1) == [Upload(name, b"1")]


@pytest.mark.parametrize("parameters", ["; name=note", "; name=\"filename*=UTF-8''a\"", "; name*=UTF-8''file"])
def test_a_field_without_a_file_name_is_no_file(parameters: str) -> None:
    with pytest.raises(Refusal, match="has no file"):
        read_uploads(_named(parameters), FORM, max_files=1)


@pytest.mark.parametrize(
    "fields", [[b"1"] * 101, [b""] * 5000, [bytes(65_537)], [bytes(40_000)] * 2], ids=["many", "empty", "large", "sum"]
)
def test_fields_that_are_no_files_are_bounded(fields: list[bytes]) -> None:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="note"\r\n\r\n'.encode()
    form = b"".join(head + field + b"\r\n" for field in fields) + _form(("a", b"1"))

    with pytest.raises(Refusal, match="a form may have 100 fields") as caught:
        read_uploads(form, FORM, max_files=1)
    assert caught.value.status == 413


@pytest.mark.parametrize(
    ("packed", "coding"),
    [(gzip.compress(b"image", mtime=0), "gzip"), (zlib.compress(b"image"), "deflate"), (b"image", "identity")],
)
def test_a_packed_body_is_unpacked(packed: bytes, coding: str) -> None:
    assert read_body(_environ(packed, HTTP_CONTENT_ENCODING=coding), max_bytes=100) == b"image"


@pytest.mark.parametrize(
    ("packed", "coding", "status"),
    [
        (gzip.compress(bytes(101), mtime=0), "gzip", 413),
        (gzip.compress(b"image", mtime=0)[:-1], "gzip", 400),
        (gzip.compress(b"", mtime=0), "gzip", 400),
        (b"image", "gzip", 400),
        (b"image", "br", 415),
        (b"", "gzip", 400),
    ],
    ids=["too-large", "cut-short", "empty", "not-packed", "unknown", "nothing"],
)
def test_a_body_that_cannot_be_unpacked_is_refused(packed: bytes, coding: str, status: int) -> None:
    with pytest.raises(Refusal) as caught:
        read_body(_environ(packed, HTTP_CONTENT_ENCODING=coding), max_bytes=100)
    assert caught.value.status == status
