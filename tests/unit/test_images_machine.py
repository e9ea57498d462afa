from __future__ import annotations

from pathlib import Path

from deploy.images.machine import apt_configuration, apt_sources, debian_mirrors, pip_settings, secrets


def test_a_machine_without_settings_of_its_own_gives_none(tmp_path: Path) -> None:
    assert pip_settings([tmp_path / "pip.conf"], {}) == {}
    assert apt_configuration('Acquire::Languages "none";\nAPT::Architecture "amd64";\n') == ""


def test_the_environment_wins_over_pips_file(tmp_path: Path) -> None:
    file = tmp_path / "pip.conf"
    file.write_text("[global]\nindex-url = https://file.example/simple\ntimeout = 9\n")
    settings = pip_settings([file], {"PIP_INDEX_URL": "https://environment.example/simple"})
    assert settings == {"index-url": "https://environment.example/simple", "timeout": "9"}


def test_what_has_to_do_with_the_machines_folders_stays_out_of_the_build() -> None:
    assert pip_settings([], {"PIP_FIND_LINKS": "/opt/wheels", "PIP_CACHE_DIR": "/var/cache/pip"}) == {}


def test_pip_trusts_in_the_build_what_it_trusts_on_the_machine(tmp_path: Path) -> None:
    authorities = tmp_path / "ca.pem"
    authorities.write_text("-----BEGIN CERTIFICATE-----\n")
    files = secrets({"PIP_CERT": str(authorities), "HOME": str(tmp_path)}, tmp_path / "secrets")
    assert files["ca"].read_text() == authorities.read_text()
    assert "cert = /run/secrets/ca.pem" in files["pip"].read_text()
    assert (tmp_path / "secrets").stat().st_mode & 0o077 == 0


def test_apt_takes_over_how_packages_are_fetched() -> None:
    dump = (
        'Acquire::Check-Valid-Until "false";\n'
        'Acquire::http::Proxy "http://proxy.example:3128";\n'
        'Dir::Etc "etc/apt";\n'
        'Acquire::Retries "";\n'
    )
    kept = 'Acquire::Check-Valid-Until "false";\nAcquire::http::Proxy "http://proxy.example:3128";\n'
    assert apt_configuration(dump) == kept


def test_mirrors_are_found_in_both_of_apts_formats(tmp_path: Path) -> None:
    (tmp_path / "sources.list").write_text(
        "# deb http://old.example/debian bookworm main\n"
        "deb [arch=amd64 signed-by=/a.gpg] http://one.example/debian bookworm main\n"
    )
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list.d/debian.sources").write_text(
        "Types: deb\nURIs: http://two.example/debian-security/\nSuites: bookworm-security\n"
    )
    found = debian_mirrors(apt_sources(tmp_path))
    assert found == ("http://one.example/debian", "http://two.example/debian-security")


def test_the_sources_of_another_distribution_are_no_mirror_of_debian() -> None:
    assert debian_mirrors("deb http://archive.example/ubuntu noble main\n") == (None, None)
