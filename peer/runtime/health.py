"""Whether the peer on this machine serves, as something beside it asks every few seconds.

In a container that is every 30 s, on machines that may be small: only what is needed is imported.
"""

from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from peer.config import RunFailed
from peer.identity.certificates import read_certificates, tls_name
from peer.identity.keys import fingerprint, key_pem, read_key
from peer.runtime.causes import plain_cause
from topology.address import own_address
from topology.errors import InputError

__all__ = ["check_health", "dialled", "own_credentials"]

ANSWER_S = 5.0


def dialled(listen: str) -> str:
    """Return where a peer on this machine is reached that listens at an address: at all of them is at loopback, too.

    Parameters
    ----------
    listen : str
        ``host:port``, such as ``[::]:7100``: gRPC takes IPv4 there as well.

    Raises
    ------
    InputError
        If it is no address.
    """
    host, port = own_address(listen)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def own_credentials(certificates: Path, key: Path) -> grpc.ChannelCredentials:
    """Return what a peer shows to itself, and takes for itself.

    Parameters
    ----------
    certificates : Path
        Of the peer: while keys are rotated of several keys, and the process may use any of them yet.
    key : Path
        Its private key.

    Raises
    ------
    InputError
        If a file cannot be used, or there is no certificate of that key.
    """
    private = read_key(key)
    known = read_certificates(
        certificates, mend=f"make it with `difpeer keys issue {certificates.stem} --network FILE`"
    )
    print_ = fingerprint(private.public_key())
    own = [one for one in known if one.fingerprint == print_]
    if not own:
        raise InputError(
            f"certificate and key do not belong together: none here is of the key {print_}",
            file=certificates,
            field="--key",
            mend=f"make the certificate anew with `difpeer keys issue {certificates.stem} --network FILE`",
        )
    newest = max(own, key=lambda one: one.not_after)
    return grpc.ssl_channel_credentials(b"".join(one.pem for one in known), key_pem(private), newest.pem)


def check_health(name: str, address: str, credentials: grpc.ChannelCredentials | None) -> None:
    """Ask a peer by gRPC's health service.

    Parameters
    ----------
    name : str
        The peer.
    address : str
        Where it is dialled.
    credentials : ChannelCredentials or None
        None without TLS.

    Raises
    ------
    RunFailed
        If it does not serve; the text says why.
    """
    options = [("grpc.enable_http_proxy", 0), ("grpc.ssl_target_name_override", tls_name(name))]
    if credentials is None:
        channel = grpc.insecure_channel(address, options[:1])
    else:
        channel = grpc.secure_channel(address, credentials, options)
    with channel:
        try:
            reply = health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(), timeout=ANSWER_S
            )
        except grpc.RpcError as error:
            raise RunFailed(f"{name} does not serve at {address}: {_cause(error)}") from None
    if reply.status != health_pb2.HealthCheckResponse.SERVING:
        raise RunFailed(f"{name} at {address} is stopping")


def _cause(error: Any) -> str:  # noqa: ANN401 - gRPC raises the call itself, which has code and details
    if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
        return f"no answer within {ANSWER_S:g} s"
    if error.code() is grpc.StatusCode.PERMISSION_DENIED:
        return "it does not know this key; its log says more"
    return plain_cause(error.details())
