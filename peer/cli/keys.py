"""``difpeer keys``: who the peers and operators of a network are."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from peer.cli.groups import HintingGroup
from peer.cli.keys_shown import tell
from peer.cli.options import DEFAULT_NETWORK, JsonOption, NetworkFileOption
from peer.cli.output import say
from peer.identity.certificates import Certificate, read_certificates
from peer.identity.issuing import LIFETIME, find_issued, issue_all, issue_one, pin, write_certificates
from peer.identity.keys import fingerprint, read_key
from peer.identity.ring import certificate_file, is_here, key_file, read_ring
from peer.identity.rotation import finish, prepare
from topology.entries import is_peer_name
from topology.errors import InputError, name_hint
from topology.network import Network, read_network, write_network

__all__ = ["app"]

app = typer.Typer(
    cls=HintingGroup,
    help="Keys, certificates and pins of a network's peers and operators.",
    epilog="Example: difpeer keys init --network lab.yaml",
    no_args_is_help=True,
    add_completion=False,
)

DaysOption = Annotated[int, typer.Option(help="How long certificates are valid.", min=1, max=3650)]
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="A peer of the network, or an operator.")]

DAYS = LIFETIME.days


@app.command(epilog="Example: difpeer keys init --network lab.yaml --operator alice")
def init(
    network: NetworkFileOption = DEFAULT_NETWORK,
    operator: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Who may submit runs; may be repeated.")
    ] = None,
    days: DaysOption = DAYS,
    as_json: JsonOption = False,
) -> None:
    """Make keys and certificates of all peers and of an operator on this machine, and pin them in the network file.

    What is here already and valid is kept; only what is missing is made.

    For networks that one person sets up: each private key then goes to its peer's machine, and nowhere else. Where
    each site makes its own key, see `difpeer keys issue` and `difpeer keys pin`.
    """
    read = read_network(network)
    operators = operator or list(read.operators) or ["operator"]
    for name in operators:
        _check_operator(read, name)
    _refuse_foreign(network, read, [*read.names, *operators])
    names = [*read.names, *operators]
    kept = [name for name in names if find_issued(network, name)]
    pinned = issue_all(network, read, operators, timedelta(days=days))
    if pinned != read:
        _write(pinned, network)
    tell(network, pinned, names, as_json)
    if as_json:
        return
    if kept:
        say(f"kept what was here of {', '.join(kept)}")
    if len(kept) < len(names):
        keys = network.parent / "keys"
        say(
            f"{network} has their pins; private keys are in {keys}: take each to its machine, and keep the folder shut"
        )


@app.command(epilog="Example: difpeer keys issue p0 --network lab.yaml")
def issue(
    name: NameArgument,
    network: NetworkFileOption = DEFAULT_NETWORK,
    operator: Annotated[
        bool, typer.Option("--operator", help="NAME is an operator, who may submit runs, and no peer.")
    ] = False,
    days: DaysOption = DAYS,
    as_json: JsonOption = False,
) -> None:
    """Make the key and certificate of one peer or operator on its own machine; or a new certificate of its key.

    A running peer takes a new certificate over by itself.
    """
    read = read_network(network)
    operator = operator or name in read.operators
    if operator:
        _check_operator(read, name)
    else:
        _check_peer(read, name)
    _refuse_foreign(network, read, [name])
    issued = issue_one(network, name, timedelta(days=days))
    pinned = pin(read, name, issued.certificate.fingerprint, operator=operator)
    if pinned != read:
        _write(pinned, network)
    tell(network, pinned, [name], as_json)
    if not as_json and pinned == read:
        say(f"copy {issued.certificate_file} to the neighbours and operators; no pin changes")
    elif not as_json:
        say(
            f"give {issued.certificate_file} to the neighbours and operators: there it is pinned by\n"
            f"  difpeer keys pin {name}.pem --network {network.name}{' --operator' if operator else ''}"
        )


@app.command("pin", epilog="Example: difpeer keys pin p1.pem --network lab.yaml")
def pin_command(
    certificates: Annotated[
        list[Path], typer.Argument(metavar="CERTIFICATE...", help="Certificates from other machines.")
    ],
    network: NetworkFileOption = DEFAULT_NETWORK,
    operator: Annotated[
        bool, typer.Option("--operator", help="They are of operators, who may submit runs.")
    ] = False,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Believe them instead of the keys that are pinned for their names."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Believe the certificates of other machines: put them beside the network file and pin their keys in it.

    Compare the fingerprints with their owners, by telephone or face to face: whose key is pinned here, is believed.
    A file with a key that is pinned already, as while keys are rotated, says which keys are pinned from now on.
    """
    read = pinned = read_network(network)
    found: dict[str, list[Certificate]] = {}
    for path in certificates:
        ones = read_certificates(path, mend="give the certificate's file")
        name = _one_name(path, ones)
        if operator:
            _check_operator(read, name, path)
        else:
            _check_sent_peer(read, name, path)
        if not replace:
            _refuse_another_key(read, name, path, ones)
        found.setdefault(name, []).extend(ones)
    for name, all_ in found.items():
        keys = tuple(dict.fromkeys(one.fingerprint for one in all_))
        pinned = pinned.with_keys({}, {name: keys}) if operator else pinned.with_keys({name: keys}, {})
    for name, all_ in found.items():
        write_certificates(certificate_file(network, name), all_)
    if pinned != read:
        _write(pinned, network)
    tell(network, pinned, list(found), as_json)


@app.command(epilog="Example: difpeer keys rotate p0 --network lab.yaml")
def rotate(
    name: NameArgument,
    network: NetworkFileOption = DEFAULT_NETWORK,
    done: Annotated[
        bool,
        typer.Option("--finish", help="The others have the new files: use the next key, forget the old one."),
    ] = False,
    days: DaysOption = DAYS,
    as_json: JsonOption = False,
) -> None:
    """Replace the key of one peer or operator without stopping a run: first prepare, then, with --finish, change over.

    In between, network file and certificate go to the other machines, which believe both keys until --finish.
    """
    read = read_network(network)
    if name not in read.operators and name not in read.peers:
        raise InputError(
            f"no peer or operator of network {read.name!r} is called {name!r}",
            field="NAME",
            mend=name_hint(name, (*read.names, *read.operators)),
        )
    if done:
        _, pinned = finish(network, read, name, lambda last: _write(last, network))
    else:
        _, pinned = prepare(network, read, name, timedelta(days=days))
        _write(pinned, network)
    tell(network, pinned, [name], as_json)
    if not as_json:
        files = f"{network} and {certificate_file(network, name)}"
        if done:
            say(f"the old key is forgotten here; give {files} to the others, so that they forget it, too")
        else:
            say(
                f"copy {files} to the others, whose running peers take them over by themselves; then\n"
                f"  difpeer keys rotate {name} --finish --network {network}"
            )


@app.command(epilog="Example: difpeer keys show --network lab.yaml")
def show(network: NetworkFileOption = DEFAULT_NETWORK, as_json: JsonOption = False) -> None:
    """Show whose keys are pinned, which certificates are here, until when they are valid, and what is wrong.

    Exit status 1 where something is wrong: with a key that is here, with a file, or with what its peer needs of others.
    """
    read = read_network(network)
    if not tell(network, read, [*read.names, *read.operators], as_json):
        raise typer.Exit(1)


def _check_peer(network: Network, name: str) -> None:
    try:
        network.index(name)
    except InputError as error:
        mend = f"{error.mend}; for an operator add --operator"
        raise InputError(error.problem, field="NAME", mend=mend) from None


def _check_operator(network: Network, name: str, sent: Path | None = None) -> None:
    field = "NAME" if sent is None else None
    if not is_peer_name(name):
        raise InputError(
            f"{name!r} cannot be a name",
            file=sent,
            field=field,
            mend="use 1 to 32 of the characters a-z, 0-9 and -",
        )
    if name in network.peers:
        raise InputError(
            f"{name} is a peer",
            file=sent,
            field=field,
            mend="give the operator a name of their own"
            if sent is None
            else "leave --operator out, if it is meant; an operator has a name of their own",
        )


def _one_name(path: Path, ones: Sequence[Certificate]) -> str:
    """Whose certificates a file has: who sends a peer's could send somebody else's with it."""
    (name, *more) = sorted({one.name for one in ones})
    if more:
        raise InputError(
            f"holds certificates of more than one name: {', '.join((name, *more))}",
            file=path,
            mend="ask each owner for a file of their own",
        )
    return name


def _check_sent_peer(network: Network, name: str, path: Path) -> None:
    """Nobody becomes an operator, or is another one, by a file that was taken for a peer's."""
    if name in network.operators:
        raise InputError(
            f"is of {name}, who is an operator and may submit runs",
            file=path,
            mend="if this certificate is theirs, add --operator",
        )
    try:
        network.index(name)
    except InputError as error:
        mend = f"{error.mend}; if it is of an operator, add --operator"
        raise InputError(error.problem, file=path, mend=mend) from None


def _refuse_another_key(network: Network, name: str, path: Path, ones: Sequence[Certificate]) -> None:
    entry = network.peers.get(name)
    pins = network.operator_keys.get(name, ()) if entry is None else entry.keys
    if not pins or any(one.fingerprint in pins for one in ones):
        return
    raise InputError(
        f"the network file pins {' and '.join(pins)} for {name}, and this is of the key {ones[0].fingerprint}",
        file=path,
        mend=f"ask {name} which one is right; to believe this one instead, add --replace",
    )


def _refuse_foreign(file: Path, network: Network, names: Sequence[str]) -> None:
    """Make no second key where one is pinned that is on another machine, and nothing with the key of somebody else."""
    ring = read_ring(file, network)
    owners = {key: name for name, keys in ring.pins.items() for key in keys}
    for name in names:
        if name in ring.problems:
            raise ring.problems[name].with_traceback(None)
        _refuse_copy(file, name, owners)
        if ring.pins.get(name) and not is_here(key_file(file, name)):
            raise InputError(
                f"the key of {name} is pinned already, and is on another machine",
                file=file,
                field=f"{'operators' if name in network.operators else 'peers'}.{name}",
                mend=f"issue it there; where its key is lost, remove the pin and certs/{name}.pem first",
            )


def _refuse_copy(file: Path, name: str, owners: dict[str, str]) -> None:
    path = key_file(file, name)
    if not is_here(path):
        return
    key = fingerprint(read_key(path, f"{name} --network {file}").public_key())
    owner = owners.setdefault(key, name)
    if owner != name:
        raise InputError(
            f"is {owner}'s key",
            file=path,
            mend=f"remove it, then `difpeer keys issue {name} --network {file}`",
        )


def _write(network: Network, file: Path) -> None:
    """Write the network file; comments do not survive, so the text before stays beside it where it had some."""
    before = file.read_text(encoding="utf-8")
    if "#" in before:
        kept = file.with_name(f"{file.name}.before")
        kept.write_text(before, encoding="utf-8")
        say(f"comments in {file} are not kept; as it was it is {kept}")
    write_network(network, file)
