"""One peer as a service of systemd, on a machine of its own or beside others.

The unit leaves the process what a peer needs and nothing else: its data to read, its state folder to write, sockets.
Its key stays with root: systemd hands it over, and what else runs under the same user cannot read it.
"""

from peer.deploy.places import CONFIG, NETWORK_FILE, PORT, data_folder, state_folder
from topology.address import parse_address
from topology.errors import InputError
from topology.network import Network

__all__ = ["PROGRAM", "SYSUSERS", "USER", "listen_address", "unit_name", "unit_text"]

PROGRAM = "/opt/difpeer/bin/difpeer"
USER = "difpeer"
SYSUSERS = f'u {USER} - "Peers of difpeer" /var/lib/difpeer\n'
"""For ``/etc/sysusers.d``: a user that stays, because the data are to be readable by it and by nobody else."""

_UNIT = """\
[Unit]
Description=difpeer: peer {name} of the network {network}
# Certificates are looked at with this machine's clock.
After=network-online.target time-sync.target
Wants=network-online.target
StartLimitIntervalSec=600
StartLimitBurst=10

[Service]
Type=exec
ExecStart={command}
User={user}
Group={user}
LoadCredential={name}.key:{config}/keys/{name}.key
StateDirectory=difpeer/state/{name}
StateDirectoryMode=0700
WorkingDirectory={state}
UMask=0077
# A peer that is started again goes on from its state folder. Bad input (status 2) stays bad; a port in use and a
# clock that is not set yet (status 75) may not.
Restart=on-failure
RestartSec=5
RestartPreventExitStatus=2
TimeoutStopSec=15
LimitNOFILE=65536
TasksMax=256
OOMPolicy=stop

NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
ProtectHome=yes
PrivateMounts=yes
PrivateTmp=yes
PrivateDevices=yes
DevicePolicy=closed
PrivateUsers=yes
ProtectHostname=yes
ProtectClock=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectProc=invisible
ProcSubset=pid
# AF_NETLINK: the kernel's counters of sockets are asked there.
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RemoveIPC=yes
KeyringMode=private
LockPersonality=yes
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
"""


def unit_name(name: str) -> str:
    """Return what the unit of a peer is called."""
    return f"difpeer-{name}.service"


def listen_address(network: Network, name: str) -> str:
    """Return where a peer listens where nothing else is said.

    Parameters
    ----------
    network : Network
        Says at which port others reach it.
    name : str
        The peer.

    Returns
    -------
    str
        All of the machine's addresses at that port: the address in the file may be a router's, or a name that
        stands for something else on the machine itself. Its loopback interface where nobody dials the peer.
    """
    address = network.peers[name].address
    return f"127.0.0.1:{PORT}" if address is None else f"[::]:{parse_address(address)[1]}"


def unit_text(network: Network, name: str, *, listen: str, program: str = PROGRAM) -> str:
    """Make the unit of one peer.

    Parameters
    ----------
    network : Network
        The network.
    name : str
        The peer.
    listen : str
        ``host:port``.
    program : str
        Where ``difpeer`` is on that machine.

    Returns
    -------
    str
        The file's content.

    Raises
    ------
    InputError
        If there is no such peer, or the address or the path cannot be used.
    """
    network.index(name)
    try:
        parse_address(listen)
    except InputError as error:
        raise InputError(error.problem, field="--listen", mend=error.mend) from None
    if not program.startswith("/") or not program.isprintable() or set(program) & set(" \"'\\%$;"):
        raise InputError(
            f"{program!r} cannot stand in a unit",
            field="--program",
            mend="give an absolute path without spaces, quotes, %, $ and ;",
        )
    command = (
        f"{program} serve --name {name} --network {NETWORK_FILE} --data {data_folder(name)} "
        f"--state {state_folder(name)} --listen {_literal(listen)} --key %d/{name}.key"
    )
    return _UNIT.format(
        name=name,
        # A backslash at its end would join the next line to it.
        network=_literal(network.name.replace("\\", "/")),
        command=command,
        user=USER,
        config=CONFIG,
        state=state_folder(name),
    )


def _literal(text: str) -> str:
    """Write text so that systemd sees no specifier in it."""
    return text.replace("%", "%%")
