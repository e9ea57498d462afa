from __future__ import annotations

import re
from pathlib import Path

import pytest

from deploy.documentation.images import page
from deploy.generate.policy import CATALOGUES
from deploy.images.inputs import DATABASES, OPERATOR, POSTGRES, TARGETS, Target, key, snapshot
from deploy.locks import releases

CHECKOUT = Path(__file__).parents[2]
CODE = Target("operator", ("code",))


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "checkout"
    for name, text in (
        ("Dockerfile", "FROM scratch"),
        ("deploy/images/dpkg.cfg", ""),
        ("code/a.py", "a = 1"),
        ("code/__pycache__/a.pyc", "never the same"),
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def content(checkout: Path, folder: Path, base: str = "debian 2026-11") -> str:
    folder.mkdir()
    snapshot(CODE, checkout, folder)
    return key(folder, base)


def test_the_same_content_has_the_same_key_wherever_it_lies(checkout: Path, tmp_path: Path) -> None:
    first = content(checkout, tmp_path / "one")
    (checkout / "code/__pycache__/a.pyc").write_text("as I said")
    assert content(checkout, tmp_path / "two") == first


def test_a_changed_line_changes_the_key(checkout: Path, tmp_path: Path) -> None:
    first = content(checkout, tmp_path / "one")
    (checkout / "code/a.py").write_text("a = 2")
    assert content(checkout, tmp_path / "two") != first


def test_a_renamed_file_changes_the_key(checkout: Path, tmp_path: Path) -> None:
    first = content(checkout, tmp_path / "one")
    (checkout / "code/a.py").rename(checkout / "code/b.py")
    assert content(checkout, tmp_path / "two") != first


def test_a_file_made_executable_changes_the_key(checkout: Path, tmp_path: Path) -> None:
    first = content(checkout, tmp_path / "one")
    (checkout / "code/a.py").chmod(0o755)
    assert content(checkout, tmp_path / "two") != first


def test_another_base_changes_the_key(checkout: Path, tmp_path: Path) -> None:
    assert content(checkout, tmp_path / "one") != content(checkout, tmp_path / "two", "debian 2026-12")


def test_what_the_dockerfile_copies_is_in_one_of_the_snapshots(tmp_path: Path) -> None:
    copied = re.findall(r"^COPY (?!--from)(\S+)", (CHECKOUT / "Dockerfile").read_text(), re.MULTILINE)
    for target in TARGETS.values():
        snapshot(target, CHECKOUT, tmp_path / target.name)
    missing = [name for name in copied if not any((tmp_path / target / name).exists() for target in TARGETS)]
    assert copied
    assert missing == []


def test_images_are_named_after_their_targets() -> None:
    assert (OPERATOR.image, POSTGRES.image) == ("keddah-operator", "keddah-postgres")
    assert tuple(target.image for target in DATABASES.values()) == tuple(CATALOGUES)


def test_every_package_in_the_images_is_locked_by_hash() -> None:
    for name in ("operator", "patroni"):
        text = (CHECKOUT / f"requirements/{name}.txt").read_text()
        requirements = [entry for entry in re.split(r"\n(?=\w)", text) if "==" in entry]
        assert requirements
        assert [entry.split()[0] for entry in requirements if "--hash=sha256:" not in entry] == []


def test_the_table_of_versions_has_every_package_of_the_locks_and_what_matters_of_debian() -> None:
    table = page()
    for name, column in (("operator", 2), ("patroni", 3)):
        text = (CHECKOUT / f"requirements/{name}.txt").read_text()
        for each in releases([text]):
            (row,) = (line for line in table.splitlines() if line.startswith(f"| Python: {each.name} |"))
            assert row.split("|")[column].strip() == each.version
    for package in ("postgresql-17", "postgresql-18", "pgbackrest", "python3", "tini"):
        assert f"| Debian: {package} |" in table
    for extension in ("vector", "postgis", "pg_cron"):
        assert f"| {extension} |" in table
