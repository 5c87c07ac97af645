"""Which model files count as signed, and that what was verified is what is loaded."""

import json
import os
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from signed_files import make_keys, sign, write_keys
from tiny_model import tiny_model_bytes

from edgecls.errors import MissingExtraError, ServerError, SignatureError
from edgecls.server.models.signatures import Signatures, signature_of
from edgecls.server.server import open_model_file
from edgecls.server.settings import ServeSettings

Keys = tuple[Path, Path]


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return make_keys(tmp_path)


@pytest.fixture
def model(tmp_path: Path, keys: Keys) -> Path:
    """A model file that is signed."""
    path = tmp_path / "模型.onnx"
    path.write_bytes(tiny_model_bytes())
    sign(path, keys[0])
    return path


def test_a_signed_file_passes_under_any_name(model: Path, keys: Keys) -> None:
    data = model.read_bytes()
    renamed = model.rename(model.with_name("renamed.onnx"))
    signature_of(model).rename(signature_of(renamed))

    Signatures([keys[1]]).check(data, renamed)


def test_one_byte_changed_anywhere_is_refused(model: Path, keys: Keys) -> None:
    data, signatures = model.read_bytes(), Signatures([keys[1]])

    for place in (0, len(data) // 2, len(data) - 1):
        changed = bytearray(data)
        changed[place] ^= 1
        with pytest.raises(SignatureError, match=r"is refused: it is not what was signed: .*key\.pub\.pem"):
            signatures.check(bytes(changed), model)
    with pytest.raises(SignatureError, match="it is not what was signed"):
        signatures.check(data + b"\0", model)


def test_a_file_without_a_signature_is_refused(model: Path, keys: Keys) -> None:
    signature_of(model).unlink()

    with pytest.raises(SignatureError, match=r"is not signed: there is no '.*\.onnx\.sig'; sign it"):
        Signatures([keys[1]]).check(model.read_bytes(), model)


def test_one_of_several_keys_is_enough_and_none_is_not(model: Path, keys: Keys, tmp_path: Path) -> None:
    _, other = make_keys(tmp_path, "other")
    _, third = make_keys(tmp_path, "third")

    Signatures([other, keys[1]]).check(model.read_bytes(), model)
    with pytest.raises(SignatureError, match=r"it was signed with another key .*keys '.*other.*', '.*third"):
        Signatures([other, third]).check(model.read_bytes(), model)


def test_a_signature_that_only_claims_to_be_of_the_key_is_refused(model: Path, keys: Keys, tmp_path: Path) -> None:
    signature = signature_of(model)
    hint = json.loads(signature.read_text())["verificationMaterial"]["publicKey"]["hint"]
    sign(model, make_keys(tmp_path, "other")[0])
    forged = json.loads(signature.read_text())
    forged["verificationMaterial"]["publicKey"]["hint"] = hint
    signature.write_text(json.dumps(forged))

    with pytest.raises(SignatureError, match="its signature was not made with this key"):
        Signatures([keys[1]]).check(model.read_bytes(), model)


def test_every_single_byte_of_a_signature_counts_or_changes_nothing(model: Path, keys: Keys) -> None:
    """Whatever a byte is changed to, the file is refused, or the signature says the same as before."""
    signature, signatures, data = signature_of(model), Signatures([keys[1]]), model.read_bytes()
    whole = signature.read_bytes()

    for place in range(0, len(whole), 41):
        for value in (0, 0x20, 0x7B, 0xFF):
            signature.write_bytes(whole[:place] + bytes([value]) + whole[place + 1 :])
            try:
                signatures.check(data, model)
            except SignatureError:
                continue
            with pytest.raises(SignatureError):  # it still does not say anything about other bytes
                signatures.check(data[:-1], model)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"garbage",
        b"\xff\xfe\x00",
        b"{}",
        b"[]",
        b"null",
        b"[" * 100_000,
        b'{"verificationMaterial": {}}',
        b'{"verificationMaterial": {"publicKey": null}, "mediaType": 1}',
        b'{"verificationMaterial": {"publicKey": {}}, "dsseEnvelope": {"payload": "e30=", "signatures": []}, '
        b'"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json"}',
        b'{"verificationMaterial": {"publicKey": {"hint": "x"}}, "dsseEnvelope": {"payload": "", "payloadType": "x", '
        b'"signatures": [{"sig": "AAAA", "keyid": ""}]}, "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json"}',
    ],
)
def test_a_damaged_signature_is_refused(model: Path, keys: Keys, content: bytes) -> None:
    signature_of(model).write_bytes(content)

    with pytest.raises(SignatureError, match=r"is refused: .*sign(ed|ature)"):
        Signatures([keys[1]]).check(model.read_bytes(), model)


def test_a_signature_that_is_too_large_or_no_file_is_refused(model: Path, keys: Keys) -> None:
    signature, signatures = signature_of(model), Signatures([keys[1]])

    signature.write_bytes(b" " * (2**20 + 1))
    with pytest.raises(SignatureError, match="has more than 1048576 bytes"):
        signatures.check(model.read_bytes(), model)
    signature.unlink()
    signature.mkdir()
    with pytest.raises(SignatureError, match="cannot be read"):
        signatures.check(model.read_bytes(), model)
    signature.rmdir()
    if hasattr(os, "mkfifo"):
        os.mkfifo(signature)
        with pytest.raises(SignatureError, match="it is a named pipe"):
            signatures.check(model.read_bytes(), model)


def test_the_signature_of_a_folder_is_not_that_of_a_file_in_it(model: Path, keys: Keys, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / model.name).write_bytes(model.read_bytes())
    sign(folder, keys[0], signature_of(model))

    with pytest.raises(SignatureError, match="or of a folder"):
        Signatures([keys[1]]).check(model.read_bytes(), model)


def test_what_was_verified_is_loaded_though_the_file_is_exchanged_meanwhile(
    model: Path, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    signatures = Signatures([keys[1]])
    check = signatures.check

    def exchanging(onnx: bytes, file: Path) -> None:
        check(onnx, file)
        model.write_bytes(tiny_model_bytes(name="smuggled in"))

    monkeypatch.setattr(signatures, "check", exchanging)
    classifier = open_model_file(model, ServeSettings((model,), provider="cpu"), threads=1, signatures=signatures)

    assert classifier.card.name == "colors"
    assert classifier.file_sha256 is not None


def test_nothing_in_a_file_is_looked_at_before_it_is_verified(model: Path, keys: Keys) -> None:
    model.write_bytes(b"no model at all")

    with pytest.raises(SignatureError, match="it is not what was signed"):
        open_model_file(model, ServeSettings((model,)), threads=1, signatures=Signatures([keys[1]]))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"cannot read the key .*No such file"),
        (b"", "cannot use the key"),
        (b"garbage", "cannot use the key"),
        (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "cannot use the key"),
    ],
)
def test_a_key_that_is_none_is_named(tmp_path: Path, content: bytes | None, message: str) -> None:
    key = tmp_path / "key.pem"
    if content is not None:
        key.write_bytes(content)

    with pytest.raises(ServerError, match=f"{message}.*give a public key in PEM, of the curve P-256, P-384 or P-521"):
        Signatures([key])


def test_keys_of_other_kinds_and_private_ones_are_refused(tmp_path: Path, keys: Keys) -> None:
    others = [
        write_keys(tmp_path, "rsa", rsa.generate_private_key(65537, 2048))[1],
        write_keys(tmp_path, "k1", ec.generate_private_key(ec.SECP256K1()))[1],
    ]
    for key in others:
        with pytest.raises(ServerError, match="cannot use the key"):
            Signatures([key])
    with pytest.raises(ServerError, match="is a private key, which does not belong on a server"):
        Signatures([keys[0]])
    with pytest.raises(ServerError, match="cannot read the key"):
        Signatures([tmp_path])


@pytest.mark.parametrize("curve", [ec.SECP384R1(), ec.SECP521R1()], ids=lambda curve: curve.name)
def test_longer_keys_work(model: Path, tmp_path: Path, curve: ec.EllipticCurve) -> None:
    private, public = write_keys(tmp_path, curve.name, ec.generate_private_key(curve))
    sign(model, private)

    Signatures([public]).check(model.read_bytes(), model)


def test_keys_are_read_again_and_a_bad_one_leaves_them_as_they_were(model: Path, keys: Keys, tmp_path: Path) -> None:
    signatures, data = Signatures([keys[1]]), model.read_bytes()
    old = keys[1].read_bytes()

    keys[1].write_bytes(b"garbage")
    with pytest.raises(ServerError, match="cannot use the key"):
        signatures.reload()
    signatures.check(data, model)

    keys[1].write_bytes(make_keys(tmp_path, "newer")[1].read_bytes())
    signatures.reload()
    with pytest.raises(SignatureError, match="it was signed with another key"):
        signatures.check(data, model)
    keys[1].write_bytes(old)
    signatures.reload()
    signatures.check(data, model)


@pytest.mark.parametrize("package", ["model_signing", "OpenSSL"])
def test_without_the_extra_the_command_for_it_is_named(
    keys: Keys, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in [name for name in sys.modules if name.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setattr(sys, "meta_path", [_Hidden(package), *sys.meta_path])

    with pytest.raises(MissingExtraError, match=rf"needs the package '{package}'.*edgecls\[signing\]"):
        Signatures([keys[1]])


class _Hidden:
    """Finds no module of a package."""

    def __init__(self, package: str) -> None:
        self._package = package

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name.partition(".")[0] == self._package:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
