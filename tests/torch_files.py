"""Files as torch.save writes them, made without PyTorch: whole ones and hostile ones."""

import pickle
import sys
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgecls.models.pretrained.torch_file import MAGIC, PROTOCOL

STORAGES = {"f4": "FloatStorage", "i8": "LongStorage"}


def save_as_torch(
    path: Path, content: object, *, is_legacy: bool = False, compression: int = zipfile.ZIP_STORED
) -> Path:
    """Write dicts of arrays and other values, in either form; return the path.

    Arrays are stored as they lie in memory, with their strides: a storage for each.
    """
    with pytest.MonkeyPatch.context() as patch:
        stream, storages = BytesIO(), dict[str, npt.NDArray[Any]]()
        _Pickler(stream, _fake_torch(patch), storages).dump(content)
    if is_legacy:
        head = [pickle.dumps(one, 2) for one in (MAGIC, PROTOCOL, {"little_endian": True})]
        data = [len(one).to_bytes(8, "little") + one.tobytes() for one in storages.values()]
        path.write_bytes(b"".join([*head, stream.getvalue(), pickle.dumps(list(storages), 2), *data]))
    else:
        save_zip(path, stream.getvalue(), {key: one.tobytes() for key, one in storages.items()}, compression)
    return path


def save_zip(path: Path, pickled: bytes, storages: Mapping[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    """Write a file of the zip form with a pickle and storages of one's own."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("weights/data.pkl", pickled)
        for key, data in storages.items():
            archive.writestr(f"weights/data/{key}", data)
    return path


def _fake_torch(patch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Put modules of PyTorch's names where pickle looks for them, with what a state dict refers to."""
    torch, utils = ModuleType("torch"), ModuleType("torch._utils")

    def _rebuild_tensor_v2() -> None: ...

    found: dict[str, Any] = {"rebuild": _rebuild_tensor_v2}
    _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2  # type: ignore[attr-defined]
    for name in STORAGES.values():
        found[name] = type(name, (), {"__module__": "torch"})
        setattr(torch, name, found[name])
    for module in (torch, utils):
        patch.setitem(sys.modules, module.__name__, module)
    return found


class _Storage:
    def __init__(self, key: str, name: str, count: int) -> None:
        self.key, self.name, self.count = key, name, count


class _Pickler(pickle.Pickler):
    def __init__(self, stream: BytesIO, names: Mapping[str, Any], storages: dict[str, npt.NDArray[Any]]) -> None:
        super().__init__(stream, 2)
        self._names, self._storages = names, storages

    def persistent_id(self, one: object) -> object:
        if isinstance(one, _Storage):
            return "storage", self._names[one.name], one.key, "cpu", one.count
        return None

    def reducer_override(self, one: object) -> tuple[Callable[..., object], tuple[object, ...]]:
        if not isinstance(one, np.ndarray):
            return NotImplemented
        flat = one.ravel(order="K")  # as it lies in memory
        key = str(len(self._storages))
        self._storages[key] = flat
        storage = _Storage(key, STORAGES[flat.dtype.str[1:]], flat.size)
        strides = tuple(step // one.itemsize for step in one.strides)
        return self._names["rebuild"], (storage, 0, one.shape, strides, False, OrderedDict())
