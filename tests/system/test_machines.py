"""``docs/machines.md`` on three machines: every command as it stands there, one of them behind a firewall."""

import csv
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from peer.data.store import read_peer
from peer.measure.summary import result_digest
from peer.registry import read_spec
from peer.simulate.simulation import simulate
from tests.support.documents import Command, expect
from tests.support.machines import Machine, Site, needed
from topology.network import read_network

pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "machines.md"
TABLE = ROOT / "examples" / "tutorial" / "machines.csv"
NAMES = ("harbour", "north", "valley")
ADDRESS = "/etc/difpeer/network.yaml"

# What a router with NAT does to who is behind it: nothing comes in that was not asked for.
FIREWALL = (
    "nft add table inet nat '{ chain in { type filter hook input priority 0; iif eth0 ct state new "
    "meta l4proto tcp drop; }; }'"
)


def test_the_document_is_true(tmp_path):
    needed()
    done = subprocess.run(
        ["unshare", "--net", sys.executable, "-m", "tests.system.test_machines", str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
        timeout=500,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-8000:]


def commands() -> Iterator[tuple[str, Command]]:
    """Machine and command, in order, with what is shown of the output."""
    inside, found = False, None
    for number, line in enumerate(DOCUMENT.read_text(encoding="utf-8").splitlines(), start=1):
        prompt = re.match(r"([a-z]+)# (.*)", line)
        if line.startswith("```"):
            inside = line.startswith("```console")
            if found is not None:
                yield found
            found = None
        elif inside and prompt is not None:
            if found is not None:
                yield found
            found = prompt[1], Command(prompt[2], number)
        elif inside and found is not None:
            found[1].shown.append(line)


def files() -> list[str]:
    """The network file and the specification that it shows."""
    return re.findall(r"```yaml\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), flags=re.DOTALL)


def copy(site: Site, here: str, words: list[str]) -> None:
    """What scp does: the machines have no ssh."""

    def place(word: str) -> Path:
        name, colon, path = word.rpartition(":")
        machine = site.machines[name if colon else here]
        return machine.files / path.removeprefix("/")

    *sources, target = [word for word in words if word != "-r"]
    into = place(target)
    for source in map(place, sources):
        if source.is_dir():
            shutil.copytree(source, into / source.name, dirs_exist_ok=True)
        else:
            shutil.copy(source, into / source.name)


def prepare(site: Site, network: str, spec: str) -> None:
    """What somebody has done before: a file written, a table at each site, a router in front of one."""
    harbour = site.machines["harbour"]
    harbour.sh("mkdir -p /etc/difpeer")
    (harbour.files / ADDRESS[1:]).write_text(network)
    (harbour.files / "root" / "run.yaml").write_text(spec)
    with TABLE.open(newline="") as file:
        header, *rows = csv.reader(file)
    column = header.index("site")
    for name, machine in site.machines.items():
        with (machine.files / "root" / "machines.csv").open("w", newline="") as file:
            csv.writer(file).writerows([header, *(row for row in rows if row[column] == name)])
    site.machines["valley"].sh(FIREWALL)


def follow(site: Site) -> None:
    """Do what the document says."""
    for name, command in commands():
        machine = site.machines[name]
        words = shlex.split(command.text)
        if words[0] == "scp":
            copy(site, name, words[1:])
            continue
        if words[:2] == ["difpeer", "doctor"]:
            ready(site.machines["harbour"])
        done = machine.run("sh", "-c", command.text)
        assert done.status == 0, f"line {command.line}: {name}# {command.text}\n{done.out}{done.err}"
        if command.shown:
            expect(command, (done.err + done.out).splitlines())


def ready(machine: Machine) -> None:
    """All links are up: the document does not hurry."""
    ask = f"difpeer status --via harbour --network {ADDRESS} --json"
    up = "import json,sys; p=json.load(sys.stdin)['peers'].values(); "
    up += "print(all('links' in r and all(l['up'] for l in r['links']) for r in p))"
    machine.eventually(f'{ask} | /opt/difpeer/bin/python -c "{up}"', "True")


def main(folder: Path) -> None:
    network, spec = files()
    with Site(folder, NAMES) as site:
        prepare(site, network, spec)
        follow(site)
        harbour, north, _ = (site.machines[name] for name in NAMES)
        check_results(folder, site, harbour)
        check_confinement(north)
        check_restarts(north)
        check_firewall(harbour)


def check_results(folder: Path, site: Site, harbour: Machine) -> None:
    """The same bits as in one place, from all three."""
    (run,) = (harbour.files / "root" / "runs").iterdir()
    summary = json.loads((run / "summary.json").read_text())
    data = {}
    for name, machine in site.machines.items():
        place = folder / "data" / name
        shutil.copytree(machine.files / "var/lib/difpeer/data" / name, place)
        data[name] = read_peer(place)
    spec = read_spec(harbour.files / "root" / "run.yaml")
    known = read_network(harbour.files / ADDRESS[1:])
    bases = simulate(spec, known, data, {}, exact=False).bases
    assert summary["result_digest"] == {name: result_digest(U) for name, U in bases.items()}
    assert (run / "report.html").stat().st_size > 100_000


def check_confinement(machine: Machine) -> None:
    """The service is nobody special, sees its key, and root's key file is closed to it."""
    pid = machine.show("difpeer-north", "MainPID")
    status = dict(
        line.split(":", 1)
        for line in (machine.files / f"proc/{pid}/status").read_text().splitlines()
        if ":" in line
    )
    assert status["Uid"].split()[0] != "0"
    assert status["NoNewPrivs"].strip() == "1"
    assert {int(status[f"Cap{kind}"], 16) for kind in ("Eff", "Prm", "Bnd", "Amb")} == {0}
    assert machine.sh("stat -c %U:%a /etc/difpeer/keys/north.key").strip() == "root:600"
    refused = machine.run(
        "setpriv", "--reuid=difpeer", "--clear-groups", "cat", "/etc/difpeer/keys/north.key"
    )
    assert refused.status != 0


def check_restarts(machine: Machine) -> None:
    """A crash is followed by a start, and so is a port in use; bad input is not tried again."""
    machine.sh("systemctl kill --signal=KILL difpeer-north")
    machine.eventually("systemctl show --property=NRestarts --value difpeer-north", "1")
    machine.eventually("systemctl is-active difpeer-north", "active")
    machine.sh("systemctl stop difpeer-north")
    assert machine.show("difpeer-north", "Result") == "success"
    listening = "ss --no-header --listening --tcp --numeric 'sport = :7100' | wc -l"
    machine.sh("systemd-run --unit=holder /opt/difpeer/bin/python -m http.server 7100")
    machine.eventually(listening, "1")
    machine.sh("systemctl start difpeer-north")
    machine.eventually("systemctl show --property=ExecMainStatus --value difpeer-north", "75")
    machine.sh("systemctl stop holder")
    machine.eventually(listening, "1")
    machine.sh("systemctl stop difpeer-north")
    (machine.files / "etc/difpeer/network.yaml").write_text("name: pumps\n")
    machine.sh("systemctl start difpeer-north")
    machine.eventually("systemctl is-failed difpeer-north", "failed")
    assert machine.show("difpeer-north", "ExecMainStatus") == "2"
    assert machine.show("difpeer-north", "NRestarts") == "0"


def check_firewall(harbour: Machine) -> None:
    """Nobody could have dialled valley; and who says in the network file that it can be dialled is told so."""
    dialled = "s/valley: {key/valley: {address: 'valley:7100', key/; s/  dial: valley/  dial: north/"
    harbour.sh(f'cp -r /etc/difpeer /var/tmp/try && sed -i "{dialled}" /var/tmp/try/network.yaml')
    done = harbour.run("difpeer", "doctor", "--network", "/var/tmp/try/network.yaml", "--json")
    assert done.status == 1
    findings = {finding["check"]: finding for finding in json.loads(done.out)["findings"]}
    assert findings["harbour"]["grade"] == "good"
    assert findings["valley"]["grade"] == "bad"
    assert findings["valley"]["found"].endswith("nothing within 5 s")
    assert "let valley dial" in findings["valley"]["mend"]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
