"""What ``difpeer watch`` says where there is no terminal."""

from contextlib import asynccontextmanager, nullcontext
from types import SimpleNamespace

from peer.cli import watch
from peer.protocol.records import RunState


async def test_it_says_at_once_what_it_watches(monkeypatch, capsys):
    async def status():
        return SimpleNamespace(runs=[SimpleNamespace(run="r1", state=RunState.RUNNING)], network="")

    @asynccontextmanager
    async def client(*_, **__):
        yield SimpleNamespace(status=status)

    async def follow(client, run, names, update):
        assert capsys.readouterr().err == "watching run r1 through a:1; a line is printed now and then\n"
        update({})

    monkeypatch.setattr(watch, "Client", client)
    monkeypatch.setattr(watch, "follow", follow)
    monkeypatch.setattr(watch, "network_of", lambda _: SimpleNamespace(names=("p0",)))
    monkeypatch.setattr(watch, "followed", lambda *_: nullcontext(lambda _: None))
    assert await watch._watch("a:1", True, None) == {"run_id": "r1", "peers": {}}
