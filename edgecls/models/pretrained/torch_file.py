"""Reading the tensors of a file that torch.save wrote, without PyTorch.

Such a file is a pickle, and a pickle can run any program. Here it can name nothing but tensors, and cannot make them
larger than the file. There are two forms: since PyTorch 1.6 a zip archive of the pickle and a member for each storage;
before, five pickles in a row followed by the storages. A tensor is a view of a storage: it has an offset and a stride
for each axis, which need not be those of an array that is written row by row.
"""

import math
import pickle
import pickletools
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import numpy as np
import numpy.typing as npt

from edgecls.damaged_files import ZIP_FAULTS
from edgecls.errors import ModelConfigError
from edgecls.regular_file import open_regular

__all__ = ["Tensors", "read_torch_file"]

Tensors = Mapping[str, npt.NDArray[Any]]
"""Arrays by name, as a state dict has them; views that must not be written."""

MAX_PICKLE_BYTES = 32 << 20  # names, shapes and strides: some 100 bytes for a tensor
MAX_DEPTH = 4  # of dicts within dicts, to the names of the tensors
MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
ZIP_MAGIC = b"PK\x03\x04"

_DTYPES = {
    "DoubleStorage": "f8",
    "FloatStorage": "f4",
    "HalfStorage": "f2",
    "BFloat16Storage": "u2",  # numpy has no such type
    "LongStorage": "i8",
    "IntStorage": "i4",
    "ShortStorage": "i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
}
_REMEDY = 'save only the weights, with: torch.save(model.state_dict(), "weights.pth")'
_NESTED = ("state_dict", "model_state_dict", "model")
"""Where training programs keep the weights in a file that has more in it, as the epoch."""


class _RefusedError(Exception):
    """The reason, and what to do."""


@dataclass(frozen=True)
class _StorageType:
    """Stands for a class such as torch.FloatStorage."""

    name: str


@dataclass(frozen=True)
class _Storage:
    key: str
    type: _StorageType
    count: int


@dataclass(frozen=True)
class _Tensor:
    storage: object
    offset: object
    shape: object
    strides: object


class _Dict(dict[Any, Any]):
    """Stands for collections.OrderedDict; what a state dict keeps beside its entries is dropped."""

    def __setstate__(self, state: object) -> None:
        pass


def _rebuild_tensor(storage: object, offset: object, shape: object, strides: object, *_: object) -> _Tensor:
    return _Tensor(storage, offset, shape, strides)


def _rebuild_parameter(tensor: object, *_: object) -> object:
    return tensor


_ALLOWED: dict[tuple[str, str], object] = {
    ("collections", "OrderedDict"): _Dict,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch._utils", "_rebuild_parameter"): _rebuild_parameter,
    **{("torch", name): _StorageType(name) for name in _DTYPES},
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise _RefusedError(
                f"it holds more than weights: its pickle names {module}.{name}, which is not loaded, as that could run "
                f"any program; {_REMEDY}"
            ) from None

    def persistent_load(self, pid: object) -> _Storage:
        match pid:
            case ("storage", _StorageType() as kind, str(key), str(), int(count)) if count >= 0:
                return _Storage(key, kind, count)
            case ("storage", _StorageType() as kind, str(key), str(), int(count), None) if count >= 0:
                return _Storage(key, kind, count)
        raise _RefusedError("its storages are described in an unknown way; save it again with a newer PyTorch")


def read_torch_file(path: Path) -> Tensors:
    """Read the state dict in a file of torch.save, of either form.

    Args:
        path: The file. The state dict may be the only thing in it, or the entry "state_dict", "model_state_dict" or
            "model" of a dict. "module." before all names, which DataParallel puts there, is taken off.

    Returns:
        An array for each tensor, in the order of the file; bfloat16 as float32.

    Raises:
        ModelConfigError: The file cannot be read, is no such file, is damaged, or has anything but tensors in it.
    """
    try:
        with open_regular(path) as file:
            begins = file.read(len(ZIP_MAGIC))
            file.seek(0)
            found, storages = _read_zip(file) if begins == ZIP_MAGIC else _read_legacy(file)
        return _named(_state_dict(found), storages)
    except _RefusedError as refused:
        raise ModelConfigError(f"cannot take weights from {str(path)!r}: {refused}") from None
    except OSError as error:
        raise ModelConfigError(f"cannot read weights file {str(path)!r}: {error.strerror or error}") from error


# The two forms

_Arrays = Mapping[str, npt.NDArray[Any]]


def _read_zip(file: BinaryIO) -> tuple[object, _Arrays]:
    size = file.seek(0, 2)
    try:
        with zipfile.ZipFile(file) as archive:
            members = {name.partition("/")[2]: archive.getinfo(name) for name in archive.namelist()}
            if "data.pkl" not in members:
                raise _RefusedError(f"it is a zip archive, but not of torch.save; {_REMEDY}")
            if "constants.pkl" in members:
                raise _RefusedError(f"it is a TorchScript program; load it in PyTorch and {_REMEDY}")

            def content(name: str, limit: int) -> bytes:
                info = members.get(name)
                if info is None:
                    _damaged()
                if info.compress_type != zipfile.ZIP_STORED or info.file_size > limit:
                    raise _RefusedError("its members are compressed or too large, which torch.save never does")
                return archive.read(info)

            order = content("byteorder", 16).strip() if "byteorder" in members else b"little"
            found, used = _unpickled(BytesIO(content("data.pkl", MAX_PICKLE_BYTES)))
            _check_total(used, size)
            storages = {
                key: _array(content(f"data/{key}", size), one, "<" if order == b"little" else ">")
                for key, one in used.items()
            }
    except ZIP_FAULTS as error:
        _damaged(error)
    return found, storages


def _read_legacy(file: BinaryIO) -> tuple[object, _Arrays]:
    size = file.seek(0, 2)
    file.seek(0)
    head = BytesIO(file.read(MAX_PICKLE_BYTES))
    try:
        if _unpickled(head)[0] != MAGIC or _unpickled(head)[0] != PROTOCOL:
            _no_torch_file()
    except _RefusedError:
        _no_torch_file()
    machine = _unpickled(head)[0]
    order = "<" if not isinstance(machine, dict) or machine.get("little_endian", True) else ">"
    found, used = _unpickled(head)
    keys = _unpickled(head)[0]
    if not isinstance(keys, list) or not set(used) <= {key for key in keys if isinstance(key, str)}:
        _damaged()
    _check_total(used, size)
    storages = {}
    file.seek(head.tell())
    for key in keys:
        if key not in used:
            _damaged()
        count = int.from_bytes(file.read(8), "little" if order == "<" else "big")
        if count != used[key].count:
            _damaged()
        storages[key] = _array(file.read(count * _itemsize(used[key])), used[key], order)
    return found, storages


def _no_torch_file() -> NoReturn:
    raise _RefusedError("it is no file of torch.save; " + _REMEDY)


def _damaged(error: Exception | None = None) -> NoReturn:
    raise _RefusedError(f"it is damaged{f' ({error})' if error else ''}; copy or download it again")


def _unpickled(stream: BytesIO) -> tuple[object, dict[str, _Storage]]:
    """Load one pickle; return what it holds, and the storages that it uses by their keys."""
    start = stream.tell()
    try:
        for number, (step, argument, _) in enumerate(pickletools.genops(stream)):
            if "PUT" in step.name and (not isinstance(argument, int) or argument > number):
                _damaged()  # the memo would grow to the highest number
        end = stream.tell()
        stream.seek(start)
        unpickler = _Collecting(BytesIO(stream.read(end - start)))
        found = unpickler.load()
    except _RefusedError:
        raise
    except (
        *(pickle.UnpicklingError, EOFError, IndexError, KeyError, TypeError, ValueError, AttributeError),
        *(ImportError, OverflowError, MemoryError, RecursionError),
    ) as error:
        _damaged(error)
    return found, unpickler.used


class _Collecting(_Unpickler):
    """Keeps the storages that are asked for."""

    def __init__(self, stream: BytesIO) -> None:
        super().__init__(stream)
        self.used: dict[str, _Storage] = {}

    def persistent_load(self, pid: object) -> _Storage:
        storage = super().persistent_load(pid)
        if self.used.setdefault(storage.key, storage) != storage:
            _damaged()
        return storage


# Arrays


def _itemsize(storage: _Storage) -> int:
    return np.dtype(_DTYPES[storage.type.name]).itemsize


def _check_total(used: Mapping[str, _Storage], size: int) -> None:
    if sum(one.count * _itemsize(one) for one in used.values()) > size:
        _damaged()


def _array(data: bytes, storage: _Storage, order: str) -> npt.NDArray[Any]:
    if len(data) != storage.count * _itemsize(storage):
        _damaged()
    values = np.frombuffer(data, np.dtype(_DTYPES[storage.type.name]).newbyteorder(order))  # type: ignore[arg-type]
    if storage.type.name == "BFloat16Storage":
        return (values.astype(np.uint32) << 16).view(np.float32)
    return values


def _state_dict(found: object) -> dict[str, _Tensor]:
    """Return the dict of tensors in what was unpickled."""
    for _ in range(MAX_DEPTH):
        if not isinstance(found, dict):
            break
        named = {name: one for name, one in found.items() if isinstance(name, str) and isinstance(one, _Tensor)}
        if named and len(named) == len(found):
            return named
        inner = [found[name] for name in _NESTED if isinstance(found.get(name), dict)]
        if not inner:
            break
        found = inner[0]
    raise _RefusedError(f"it holds no state dict, tensors by their names; {_REMEDY}")


def _named(tensors: Mapping[str, _Tensor], storages: _Arrays) -> Tensors:
    prefix = "module." if all(name.startswith("module.") for name in tensors) else ""
    return {name.removeprefix(prefix): _view(one, storages) for name, one in tensors.items()}


def _view(tensor: _Tensor, storages: _Arrays) -> npt.NDArray[Any]:
    """Return a tensor as a view of its storage."""
    match tensor:
        case _Tensor(_Storage(key), int(offset), tuple(shape), tuple(strides)):
            pass
        case _:
            _damaged()
    values = storages[key]
    if len(shape) != len(strides) or not all(_is_count(one) for one in (offset, *shape, *strides)):
        _damaged()
    last = offset + sum((side - 1) * stride for side, stride in zip(shape, strides, strict=True))
    count = math.prod(shape)
    if (count and last >= len(values)) or count > max(len(values), 1) * 1024 or len(shape) > 32:
        _damaged()
    if not count:
        return np.empty(shape, values.dtype)
    steps = [stride * values.itemsize for stride in strides]
    return np.lib.stride_tricks.as_strided(values[offset:], shape, steps, writeable=False)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and value >= 0
