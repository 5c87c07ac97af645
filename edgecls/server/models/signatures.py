"""Signatures of model files, as the program `model_signing` of OpenSSF makes them with an elliptic curve key.

The signature of FILE stands beside it as FILE.sig. What is verified are the bytes that were read and are then loaded:
a file that is exchanged in between makes no difference.
"""

import hashlib
import threading
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from edgecls.errors import ServerError, SignatureError
from edgecls.extras import import_from_extra
from edgecls.regular_file import open_regular, read_regular

__all__ = ["Signatures", "signature_of"]

MAX_BYTES = 2**20  # a signature of one file has about 2 kB
_PURPOSE = "--require-signature"
_UNUSABLE: tuple[type[Exception], ...] = (ValueError, AttributeError)  # the second for other kinds of keys, as RSA


def signature_of(file: Path) -> Path:
    """Return where the signature of a model file is expected."""
    return file.with_name(f"{file.name}.sig")


class Signatures:
    """The keys of which one must have signed a model file. For several threads.

    Args:
        keys: Files of public keys, in PEM.

    Raises:
        MissingExtraError: The extra "signing" is not installed.
        ServerError: A key cannot be used.
    """

    def __init__(self, keys: Sequence[Path]) -> None:
        import_from_extra("OpenSSL", extra="signing", purpose=_PURPOSE)  # which model_signing does not ask for itself
        self._manifest = import_from_extra("model_signing.manifest", extra="signing", purpose=_PURPOSE)
        self._verifying = import_from_extra("model_signing.verifying", extra="signing", purpose=_PURPOSE)
        exceptions = import_from_extra("cryptography.exceptions", extra="signing", purpose=_PURPOSE)
        self._invalid: tuple[type[Exception], ...] = (exceptions.InvalidSignature, exceptions.UnsupportedAlgorithm)
        self._lock = threading.Lock()
        self._files = tuple(keys)
        self._keys = self._read_keys()

    def reload(self) -> None:
        """Take the keys that are in the files now; models that are served already are not verified again.

        Raises:
            ServerError: One cannot be used; the keys stay as they were.
        """
        keys = self._read_keys()
        with self._lock:
            self._keys = keys

    def check(self, onnx: bytes, file: Path) -> None:
        """Check that one of the keys has signed a model file.

        Args:
            onnx: The whole file, which is what counts.
            file: Where it comes from; its signature is beside it.

        Raises:
            SignatureError: None has, or the signature is of other bytes.
        """
        signature = signature_of(file)
        try:
            with open_regular(signature) as stream:
                too_large = len(stream.read(MAX_BYTES + 1)) > MAX_BYTES
        except FileNotFoundError as error:
            raise SignatureError(
                f"model {str(file)!r} is not signed: there is no {str(signature)!r}; sign it, and put the "
                "signature there"
            ) from error
        except OSError as error:
            raise SignatureError(
                f"model {str(file)!r} is refused: its signature {str(signature)!r} cannot be read ({error}); "
                "make the file readable"
            ) from error
        if too_large:
            raise SignatureError(
                f"model {str(file)!r} is refused: {str(signature)!r} has more than {MAX_BYTES} bytes, which no "
                "signature of one file has; sign the model again"
            )
        reasons = []
        with self._lock:
            for key in self._keys:
                reason = self._refusal(key, onnx, file, signature)
                if reason is None:
                    return
                reasons.append(reason)
        keys = ", ".join(repr(str(key)) for key in self._files)
        raise SignatureError(
            f"model {str(file)!r} is refused: {max(reasons, key=_WEIGHT.index)} (signature {str(signature)!r}, "
            f"{'key' if len(self._files) == 1 else 'keys'} {keys}); get a fresh copy of model and signature, or sign it"
        )

    def _refusal(self, key: Any, onnx: bytes, file: Path, signature: Path) -> str | None:
        """Return why a signature does not count for this key and these bytes, one of `_WEIGHT`; None if it does."""
        key.set_hashing_config(_Bytes(self._manifest, onnx))
        try:
            key.verify(file, signature)
        except self._invalid:
            return _FORGED
        except ValueError as error:
            text = str(error)
            return _CHANGED if text.startswith("Signature mismatch") else _OTHER if "Key mismatch" in text else _DAMAGED
        except (AttributeError, LookupError, OSError, RecursionError, TypeError):  # of a file with other contents
            return _DAMAGED
        return None

    def _read_keys(self) -> list[Any]:
        return [self._read_key(file) for file in self._files]

    def _read_key(self, file: Path) -> Any:
        advice = "give a public key in PEM, of the curve P-256, P-384 or P-521"
        try:
            if b"PRIVATE KEY" in read_regular(file):
                raise ServerError(
                    f"{str(file)!r} is a private key, which does not belong on a server; give the public key made from "
                    "it: openssl pkey -in PRIVATE -pubout"
                )
            return self._verifying.Config().use_elliptic_key_verifier(public_key=file)
        except OSError as error:
            raise ServerError(f"cannot read the key {str(file)!r}: {error.strerror or error}; {advice}") from error
        except (*self._invalid, *_UNUSABLE) as error:
            raise ServerError(f"cannot use the key {str(file)!r}: it is none for signatures here; {advice}") from error


_DAMAGED = "its signature is damaged, or none of model_signing"
_OTHER = "it was signed with another key"
_FORGED = "its signature was not made with this key"
_CHANGED = "it is not what was signed: it was changed since, or the signature is that of another file or of a folder"
_WEIGHT = (_DAMAGED, _OTHER, _FORGED, _CHANGED)
"""Why a signature is refused; of several reasons, the last tells most."""


class _Bytes:
    """Stands in for the settings with which model_signing hashes files: gives it the digest of bytes in memory."""

    def __init__(self, manifest: Any, data: bytes) -> None:
        self._manifest = manifest
        self._data = data

    def add_ignored_paths(self, **_: Any) -> None:
        """A single file has no others that could be ignored."""

    def hash(self, model_path: Path, *, files_to_hash: Any = None) -> Any:
        """Return the manifest that signing this one file gives."""
        digest = self._manifest.hashing.Digest("sha256", hashlib.sha256(self._data).digest())
        kind = self._manifest.SerializationType.from_args(
            {"method": "files", "hash_type": "sha256", "allow_symlinks": False}
        )
        item = self._manifest.FileManifestItem(path=PurePosixPath("."), digest=digest)
        return self._manifest.Manifest(Path(model_path).name, [item], kind)
