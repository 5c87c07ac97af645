"""The outermost layer of ONNX files, compared with what onnx itself reads and writes."""

import contextlib

import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_model import tiny_onnx

from edgecls.onnx_container import DamagedContainerError, network_sha256, read_properties, with_properties

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@settings(deadline=None)
@given(properties=st.dictionaries(TEXTS, TEXTS, max_size=6))
def test_properties_are_read_as_onnx_writes_them(properties: dict[str, str]) -> None:
    proto = onnx.load_from_string(tiny_onnx())
    onnx.helper.set_model_props(proto, properties)

    assert read_properties(proto.SerializeToString()) == properties


@settings(deadline=None)
@given(properties=st.dictionaries(TEXTS, TEXTS, max_size=6))
def test_properties_are_written_as_onnx_reads_them(properties: dict[str, str]) -> None:
    written = with_properties(tiny_onnx(), properties)

    proto = onnx.load_from_string(written)
    assert {entry.key: entry.value for entry in proto.metadata_props} == properties
    del proto.metadata_props[:]
    assert proto == onnx.load_from_string(tiny_onnx())


def test_properties_that_are_not_named_are_kept() -> None:
    once = with_properties(tiny_onnx(), {"author": "somebody", "edgecls": "old"})

    twice = with_properties(once, {"edgecls": "new"})

    assert read_properties(twice) == {"author": "somebody", "edgecls": "new"}


def test_the_digest_is_of_the_network_alone() -> None:
    plain, other = tiny_onnx(), tiny_onnx(matrix=[[1, 0, 0], [0, 1, 0], [0, 0, 2]])

    assert network_sha256(with_properties(plain, {"a": "b" * 1000})) == network_sha256(plain)
    assert network_sha256(other) != network_sha256(plain)


def test_the_digest_covers_the_operator_versions() -> None:
    proto = onnx.load_from_string(tiny_onnx())
    proto.opset_import[0].version = 12

    assert network_sha256(proto.SerializeToString()) != network_sha256(tiny_onnx())


def test_a_file_cut_short_is_damaged_wherever_the_cut_is() -> None:
    whole = tiny_onnx()
    for length in range(len(whole)):
        with pytest.raises(DamagedContainerError):
            read_properties(whole[:length])


@settings(deadline=None)
@given(data=st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(DamagedContainerError):
        assert isinstance(read_properties(data), dict)
        assert len(network_sha256(data)) == 64
