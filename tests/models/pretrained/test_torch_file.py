"""Reading files of torch.save without PyTorch: what PyTorch itself wrote, and what nobody should write."""

import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from torch_files import save_as_torch, save_zip

from edgecls.errors import ModelConfigError
from edgecls.models.pretrained.torch_file import read_torch_file

WRITTEN = Path(__file__).parent / "written_by_torch"  # by PyTorch 2.14
ROWS = np.arange(60, dtype=np.float32).reshape(2, 3, 2, 5)

TENSOR = (  # a pickle of {"a": a tensor of the storage "0" with 6 floats}; offset, shape and strides are to be put in
    b"\x80\x02}X\x01\x00\x00\x00actorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\n"
    b"X\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x06tQ%b\x89}tRs."
)
STORAGES = {"0": np.arange(6, dtype=np.float32).tobytes()}


def _tensor(offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> bytes:
    inner = b"".join(pickle.dumps(one, 2)[2:-1].replace(b"q\x00", b"") for one in (offset, shape, strides))
    return TENSOR % inner


@pytest.mark.parametrize("form", ["zip", "legacy"])
def test_what_pytorch_wrote_is_read_with_its_strides_offsets_and_number_formats(form: str) -> None:
    tensors = read_torch_file(WRITTEN / f"{form}.pth")

    expected = {
        "rows": ROWS,
        "channels_last": ROWS,
        "transposed": ROWS.transpose(3, 2, 1, 0),
        "slice": ROWS[1:, :, :, 2:4],
        "expanded": np.float32([[1.5] * 3, [-2.5] * 3]),
        "half": np.float16([0.5, 1.5, -2]),
        "bfloat16": np.float32([0.5, 1.5, -2]),
        "count": np.array(7),
        "flags": np.array([True, False]),
        "empty": np.zeros((0, 3), np.float32),
        "parameter": np.float32([[1, 2]]),
    }
    assert list(tensors) == list(expected)
    for name, array in expected.items():
        assert tensors[name].dtype == array.dtype
        np.testing.assert_array_equal(tensors[name], array, err_msg=name)


def test_a_pickled_module_is_refused_with_the_remedy() -> None:
    with pytest.raises(ModelConfigError, match=r"names torch\.nn.*Sequential.*torch\.save\(model\.state_dict\(\)"):
        read_torch_file(WRITTEN / "module.pth")


@pytest.mark.parametrize("is_legacy", [False, True])
@pytest.mark.parametrize("key", ["state_dict", "model_state_dict", "model"])
def test_a_checkpoint_of_a_training_program_has_its_weights_inside(tmp_path: Path, key: str, is_legacy: bool) -> None:
    content = {"epoch": 3, key: {"module.a": ROWS.transpose(1, 0, 3, 2), "module.b": np.array(1)}, "best": 0.5}
    path = save_as_torch(tmp_path / "c.pth", content, is_legacy=is_legacy)

    tensors = read_torch_file(path)

    assert list(tensors) == ["a", "b"]
    np.testing.assert_array_equal(tensors["a"], ROWS.transpose(1, 0, 3, 2))


@pytest.mark.parametrize("content", [{}, {"epoch": 1}, [ROWS], {"a": {"b": {"c": ROWS}}}, {"a": ROWS, "b": 1}])
def test_what_is_no_state_dict_is_refused(tmp_path: Path, content: object) -> None:
    with pytest.raises(ModelConfigError, match=r"holds no state dict.*torch\.save"):
        read_torch_file(save_as_torch(tmp_path / "c.pth", content))


@pytest.mark.parametrize(
    "program",
    [
        b"\x80\x02cos\nsystem\nX\x05\x00\x00\x00falseq\x00\x85q\x01Rq\x02.",
        b"\x80\x02cbuiltins\neval\nX\x01\x00\x00\x001\x85R.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x05false\x85R.",
        b"(S'false'\nios\nsystem\n.",
        b"\x80\x02ctorch\nload\n.",
        b"\x80\x02cnumpy\nload\n.",
    ],
)
@pytest.mark.parametrize("is_legacy", [False, True])
def test_a_program_in_the_pickle_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: bytes, is_legacy: bool
) -> None:
    def ran(*_: object) -> None:
        pytest.fail("a program in a weights file was run")

    monkeypatch.setattr("os.system", ran)
    path = tmp_path / "w.pth"
    if is_legacy:
        whole = save_as_torch(path, {"a": ROWS}, is_legacy=True).read_bytes()
        start = whole.index(pickle.dumps({"little_endian": True}, 2))
        path.write_bytes(whole[:start] + program)
    else:
        save_zip(path, program, {})

    with pytest.raises(ModelConfigError, match="it holds more than weights: its pickle names"):
        read_torch_file(path)


def test_a_program_where_a_number_should_be_makes_it_no_torch_file(tmp_path: Path) -> None:
    (tmp_path / "w.pth").write_bytes(b"\x80\x02cos\nsystem\nX\x05\x00\x00\x00false\x85R.")

    with pytest.raises(ModelConfigError, match=r"w\.pth': it is no file of torch\.save"):
        read_torch_file(tmp_path / "w.pth")


def test_a_tensor_inside_its_storage_is_a_view_of_it(tmp_path: Path) -> None:
    path = save_zip(tmp_path / "w.pth", _tensor(1, (2, 2), (1, 3)), STORAGES)

    np.testing.assert_array_equal(read_torch_file(path)["a"], [[1, 4], [2, 5]])


@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [
        (1, (2, 3), (3, 1)),  # one too far
        (6, (1,), (1,)),
        (-1, (2,), (1,)),
        (5, (2,), (-1,)),
        (0, (2, 3), (3,)),
        (0, (-1,), (1,)),
        (0, (1 << 40,), (0,)),  # huge, of one number
        (0, (1 << 62, 1 << 62), (0, 0)),
        (0, (1,) * 40, (1,) * 40),
    ],
)
def test_a_tensor_that_reaches_past_its_storage_is_refused(
    tmp_path: Path, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]
) -> None:
    path = save_zip(tmp_path / "w.pth", _tensor(offset, shape, strides), STORAGES)

    with pytest.raises(ModelConfigError, match="it is damaged"):
        read_torch_file(path)


@pytest.mark.parametrize(
    "pickled",
    [
        b"",
        b"\x80\x02",
        b"\x80\x02}",
        b"\x80\x02r\xff\xff\xff\x7f.",  # a memo of 2 billion entries
        b"\x80\x02}r\xff\xff\xff\x7f.",
        b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7f.",  # so many bytes
        b"\x80\x05\x96\xff\xff\xff\xff\xff\xff\xff\x7f.",
        b"\x80\x02}}Ns.",  # a dict as key
        b"\x80\x02NN\x86R.",  # a call of nothing
        b"\xff" * 100,
        b"\x80\x02X\x01\x00\x00\x00aP1\n.",
    ],
)
def test_a_damaged_pickle_is_refused(tmp_path: Path, pickled: bytes) -> None:
    with pytest.raises(ModelConfigError, match=r"w\.pth': "):
        read_torch_file(save_zip(tmp_path / "w.pth", pickled, {}))


@pytest.mark.parametrize("is_legacy", [False, True])
def test_a_file_that_ends_early_is_refused_wherever_it_ends(tmp_path: Path, is_legacy: bool) -> None:
    whole = save_as_torch(tmp_path / "w.pth", {"a": ROWS[0]}, is_legacy=is_legacy).read_bytes()

    for end in range(0, len(whole), 7):
        (tmp_path / "cut.pth").write_bytes(whole[:end])
        with pytest.raises(ModelConfigError, match=r"cut\.pth': it is"):
            read_torch_file(tmp_path / "cut.pth")


def test_compressed_members_are_refused_unread(tmp_path: Path) -> None:
    path = save_as_torch(tmp_path / "w.pth", {"a": np.zeros(1 << 20, np.float32)}, compression=zipfile.ZIP_DEFLATED)

    with pytest.raises(ModelConfigError, match="members are compressed or too large"):
        read_torch_file(path)


def test_other_archives_and_files_are_named(tmp_path: Path) -> None:
    for name, member in (("other.pth", "weights/readme.txt"), ("script.pt", "m/constants.pkl")):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr(member, b"")
            if name == "script.pt":
                archive.writestr("m/data.pkl", b"")
    (tmp_path / "text.pth").write_text("weights?")

    for name, reason in (("other.pth", "zip archive, but"), ("script.pt", "TorchScript"), ("text.pth", "no file of")):
        with pytest.raises(ModelConfigError, match=reason):
            read_torch_file(tmp_path / name)
    with pytest.raises(ModelConfigError, match="cannot read weights file"):
        read_torch_file(tmp_path / "gone.pth")
