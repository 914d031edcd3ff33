"""Private keys: made, written and read. A peer *is* its key; the key never leaves the machine that it was made on."""

import hashlib
import os
import stat
from contextlib import suppress
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from topology.errors import InputError

__all__ = [
    "PrivateKey",
    "PublicKey",
    "fingerprint",
    "handed_over",
    "key_pem",
    "new_key",
    "read_key",
    "write_key",
    "write_secret",
]

PrivateKey = ec.EllipticCurvePrivateKey
PublicKey = ec.EllipticCurvePublicKey

OTHERS = stat.S_IRWXG | stat.S_IRWXO
KEY_MODE = 0o600
FOLDER_MODE = 0o700

_ARGUMENTS = "NAME --network FILE"


def new_key() -> PrivateKey:
    """Make a key: ECDSA on the curve P-256, which TLS libraries everywhere know."""
    return ec.generate_private_key(ec.SECP256R1())


def fingerprint(key: PublicKey) -> str:
    """Return what the network file pins.

    Parameters
    ----------
    key : EllipticCurvePublicKey
        The public key.

    Returns
    -------
    str
        ``sha256:`` and the 64 hexadecimal digits of SHA-256 over the key's DER form (SubjectPublicKeyInfo,
        RFC 5280 §4.1.2.7).
    """
    data = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def key_pem(key: PrivateKey) -> bytes:
    """Return a private key as PEM (PKCS #8), without a password: the file's mode protects it."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def write_key(path: Path, key: PrivateKey) -> None:
    """Write a private key to a new file that its owner alone can read.

    Parameters
    ----------
    path : Path
        The file; its folder is made where it is missing.
    key : EllipticCurvePrivateKey
        The key.

    Raises
    ------
    InputError
        If the file is there, or cannot be written.
    """
    write_secret(path, key_pem(key))


def write_secret(path: Path, content: bytes) -> None:
    """Write a new file that its owner alone can read, from its first moment on.

    Parameters
    ----------
    path : Path
        The file; its folder is made where it is missing, and is its owner's alone then.
    content : bytes
        What to write.

    Raises
    ------
    InputError
        If the file is there, or cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
        # Never over another key.
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, KEY_MODE)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(handle)
        except BaseException:
            # Half a secret would be in the way of the next attempt.
            with suppress(OSError):
                path.unlink()
            raise
    except FileExistsError:
        raise InputError(
            "exists already",
            file=path,
            mend=f"to replace a key: `difpeer keys rotate {_ARGUMENTS}`, or remove the file",
        ) from None
    except OSError as error:
        raise InputError(
            f"cannot be written ({error.strerror})", file=path, mend="check the folder"
        ) from None


def handed_over(mode: int, owner: int, reader: int) -> bool:
    """Whether root hands a key to a process of another user: read-only, by a group or an access list for it alone.

    So do Kubernetes (mode 0440, the pod's group) and newer versions of systemd (0440 is how the access list shows).

    Parameters
    ----------
    mode : int
        Of the file: its permissions.
    owner, reader : int
        Users.
    """
    return owner == 0 and reader != 0 and not mode & ~0o440


def read_key(path: Path, arguments: str = _ARGUMENTS) -> PrivateKey:
    """Read a private key.

    Parameters
    ----------
    path : Path
        PEM.
    arguments : str, optional
        Of the commands that are mends: whose key it is, and the network file, where they are known.

    Returns
    -------
    EllipticCurvePrivateKey
        The key.

    Raises
    ------
    InputError
        If the file is not there, others may read it, or it holds no key that can be used.
    """
    make = f"make a key with `difpeer keys issue {arguments}`"
    anew = f"remove the file, then {make}"
    try:
        found = path.stat()
        data = path.read_bytes()
        # Before the mode: certificates are for everybody to read.
        _refuse_certificate(path, data)
        mode = stat.S_IMODE(found.st_mode)
        if mode & OTHERS and not handed_over(mode, found.st_uid, os.geteuid()):
            raise InputError(
                f"others may read or write this private key (mode {mode:04o})",
                file=path,
                mend=f"chmod 600 {path}, and if others could read it: make a new key, "
                f"`difpeer keys rotate {arguments}`",
            )
    except FileNotFoundError:
        raise InputError(
            "no such file", file=path, mend=f"give the key's file with --key, or {make}"
        ) from None
    except OSError as error:
        raise InputError(
            f"cannot be read ({error.strerror})", file=path, mend="check the file and its owner"
        ) from None
    try:
        key = load_pem_private_key(data, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise InputError("holds no private key as PEM without a password", file=path, mend=anew) from None
    if not isinstance(key, PrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise InputError("holds a key that is not ECDSA on the curve P-256", file=path, mend=anew)
    return key


def _refuse_certificate(path: Path, data: bytes) -> None:
    if b"-----BEGIN CERTIFICATE-----" not in data or b"PRIVATE KEY-----" in data:
        return
    beside = path.absolute().parent
    key = "keys/NAME.key" if beside.name != "certs" else path.parent.parent / "keys" / f"{path.stem}.key"
    raise InputError("is a certificate", file=path, mend=f"the private key is {key}")
