"""Packages as pip leaves them: a module, and the metadata in which entry points are found."""

from pathlib import Path

__all__ = ["install_package"]


def install_package(
    folder: Path, package: str, version: str, entry_points: dict[str, str], module: str = ""
) -> None:
    """Put a package with algorithms into a folder of the path; its module is named after it."""
    name = package.replace("-", "_")
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
    lines = [f"{key} = {value}\n" for key, value in entry_points.items()]
    (info / "entry_points.txt").write_text("[difpeer.algorithms]\n" + "".join(lines))
    (folder / f"{name}.py").write_text(module)
