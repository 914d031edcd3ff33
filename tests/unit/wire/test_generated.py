"""The committed protobuf code is what ``proto/`` says, every field is explained, and only wire knows it."""

import ast
import importlib.util
import shutil
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2
from grpc_tools import protoc

ROOT = Path(__file__).resolve().parents[3]


def load_tool():
    """``tools/generate_proto.py``, which is a script and not part of a package."""
    spec = importlib.util.spec_from_file_location("generate_proto", ROOT / "tools" / "generate_proto.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    return tool


tool = load_tool()


@pytest.fixture(scope="module")
def fresh():
    return tool.generate()


def test_committed_code_is_up_to_date(fresh):
    assert tool.differences(fresh) == []
    assert tool.main(["--check"]) == 0


def test_generation_is_deterministic(fresh):
    assert tool.generate() == fresh


def test_code_and_stubs_are_generated_with_imports_of_our_own(fresh):
    assert sorted(fresh) == [
        f"{of}_pb2.{ending}" for of in ("control", "peer", "reach") for ending in ("py", "pyi")
    ]
    assert all("difpeer.v1 import" not in text for text in fresh.values())
    assert "from peer.wire.pb import peer_pb2" in fresh["control_pb2.py"]


def test_a_changed_proto_file_is_noticed(tmp_path):
    proto = tmp_path / "proto"
    shutil.copytree(tool.PROTO, proto)
    path = proto / "difpeer" / "v1" / "peer.proto"
    path.write_text(path.read_text().replace("uint64 durable = 5;", "uint64 durable_round = 5;"))
    changed = tool.generate(proto)
    lines = tool.differences(changed)
    assert any(line.startswith("+") and "durable_round" in line for line in lines)

    target = tmp_path / "pb"
    target.mkdir()
    (target / "gone_pb2.py").write_text("")
    tool.write(changed, target)
    assert tool.differences(changed, target) == []
    assert not (target / "gone_pb2.py").exists()


def test_check_fails_and_tells_the_mend(monkeypatch, capsys, fresh):
    monkeypatch.setattr(tool, "generate", lambda: fresh | {"more_pb2.py": "x = 1\n"})
    assert tool.main(["--check"]) == 1
    assert "run python tools/generate_proto.py" in capsys.readouterr().err


def test_a_proto_file_with_an_error_is_refused(tmp_path, capfd):
    folder = tmp_path / "difpeer" / "v1"
    folder.mkdir(parents=True)
    (folder / "bad.proto").write_text("syntax = ")
    with pytest.raises(RuntimeError, match=r"protoc refused difpeer/v1/bad\.proto"):
        tool.generate(tmp_path)
    assert "bad.proto" in capfd.readouterr().err


def test_every_field_and_method_is_explained(tmp_path):
    target = tmp_path / "all.pb"
    sources = sorted(str(path) for path in tool.PROTO.rglob("*.proto"))
    arguments = [
        "protoc",
        f"-I{tool.PROTO}",
        "--include_source_info",
        f"--descriptor_set_out={target}",
        *sources,
    ]
    assert protoc.main(arguments) == 0
    files = descriptor_pb2.FileDescriptorSet.FromString(target.read_bytes()).file
    for file in files:
        explained = {tuple(place.path): place.leading_comments for place in file.source_code_info.location}
        for index, message in enumerate(file.message_type):
            if message.name == "Envelope":  # its fields are the messages, explained there
                continue
            for number, field in enumerate(message.field):
                assert explained[(4, index, 2, number)].strip(), f"{message.name}.{field.name}"
        for index, service in enumerate(file.service):
            for number, method in enumerate(service.method):
                assert explained[(6, index, 2, number)].strip(), f"{service.name}.{method.name}"


def imported_by(path):
    """Names of the modules that a file imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_only_wire_imports_protobuf_and_generated_code():
    wire = ROOT / "peer" / "wire"
    for package in ("peer", "topology"):
        for path in (ROOT / package).rglob("*.py"):
            if wire in path.parents:
                continue
            for module in imported_by(path):
                assert not module.startswith(("google.", "peer.wire.pb")), f"{path} imports {module}"
