from __future__ import annotations

import logging
from datetime import timedelta
from pathlib import Path

import pytest

from controller import settings
from controller.certificates.rotation import Lifetimes
from controller.kube.kinds import CertificateMode
from schemas.processes import Address, Log, SettingsError

POD = {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}


def test_a_pod_needs_nothing() -> None:
    chosen = settings.read(POD, hostname="keddah-controller-abc")
    assert chosen.identity == "keddah-controller-abc"
    assert chosen.namespace == "keddah-system"
    assert chosen.kubeconfig is None
    assert chosen.metrics_listen == ("", 8080)
    assert chosen.certificates is CertificateMode.KEDDAH


def test_everything_can_be_told() -> None:
    chosen = settings.read(
        {
            "KUBECONFIG": "/k",
            "KEDDAH_CONTEXT": "kind",
            "KEDDAH_POLICY_FILE": "/p.yaml",
            "KEDDAH_METRICS_LISTEN": "[::1]:9",
            "KEDDAH_NAMESPACE": "elsewhere",
            "KEDDAH_IDENTITY": "me",
            "KEDDAH_CLUSTER_DOMAIN": "example.com",
            "KEDDAH_CERTIFICATES": "cert-manager",
            "KEDDAH_AUTHORITY_LIFETIME": "43800h",
            "KEDDAH_CERTIFICATE_LIFETIME": "30m",
            "KEDDAH_AUTHORITY_OVERLAP": "1m30s",
            "KEDDAH_WORKERS": "3",
            "KEDDAH_LOG_LEVEL": "DEBUG",
            "KEDDAH_LOG_FORMAT": "Text",
            "KEDDAH_WATCH_NAMESPACES": "b-2, a,,a",
        },
        hostname="h",
    )
    assert chosen == settings.Settings(
        policy_file=Path("/p.yaml"),
        metrics_listen=Address("::1", 9),
        namespace="elsewhere",
        namespaces=("a", "b-2"),
        identity="me",
        cluster_domain="example.com",
        kubeconfig=Path("/k"),
        context="kind",
        certificates=CertificateMode.CERT_MANAGER,
        lifetimes=Lifetimes(timedelta(hours=43800), timedelta(minutes=30), timedelta(seconds=90)),
        workers=3,
        log=Log(logging.DEBUG, "Text"),
    )


def test_every_mistake_is_named_at_once() -> None:
    with pytest.raises(SettingsError) as error:
        settings.read(
            {
                "KEDDAH_METRICS_LISTEN": "8080",
                "KEDDAH_NAMESPACE": "No",
                "KEDDAH_CLUSTER_DOMAIN": "a b",
                "KEDDAH_CERTIFICATES": "vault",
                "KEDDAH_AUTHORITY_LIFETIME": "10y",
                "KEDDAH_CERTIFICATE_LIFETIME": "0s",
                "KEDDAH_AUTHORITY_OVERLAP": "",
                "KEDDAH_WORKERS": "none",
                "KEDDAH_LOG_LEVEL": "loud",
                "KEDDAH_LOG_FORMAT": "XML",
                "KEDDAH_WATCH_NAMESPACES": "a,b c",
            },
            hostname="h",
        )
    assert [mistake.partition(":")[0] for mistake in error.value.mistakes] == [
        "KEDDAH_METRICS_LISTEN",
        "KEDDAH_NAMESPACE",
        "KEDDAH_WATCH_NAMESPACES",
        "KEDDAH_CLUSTER_DOMAIN",
        "KEDDAH_CERTIFICATES",
        "KEDDAH_AUTHORITY_LIFETIME",
        "KEDDAH_CERTIFICATE_LIFETIME",
        "KEDDAH_AUTHORITY_OVERLAP",
        "KEDDAH_WORKERS",
        "KEDDAH_LOG_LEVEL",
        "KEDDAH_LOG_FORMAT",
        "KUBECONFIG",
    ]


def test_a_controller_of_some_namespaces_cannot_make_the_webhooks_certificates() -> None:
    with pytest.raises(SettingsError, match="KEDDAH_CERTIFICATES: got keddah; cert-manager"):
        settings.read({**POD, "KEDDAH_WATCH_NAMESPACES": "a"}, hostname="h")


@pytest.mark.parametrize("workers", ["0", "-1", "257", "1.5", "", "²"])
def test_workers_are_bounded(workers: str) -> None:
    with pytest.raises(SettingsError, match="KEDDAH_WORKERS"):
        settings.read({**POD, "KEDDAH_WORKERS": workers}, hostname="h")
