"""The installation in which cert-manager makes the webhooks' certificates, as it is generated."""

from __future__ import annotations

from typing import Any

import yaml

from controller.certificates.webhooks import CA_SECRET, TLS_SECRET, names
from controller.kube.kinds import CertificateMode
from deploy.manifests import CERT_MANAGER, cert_manager_files, differences, objects, overlay_files

Manifest = dict[str, Any]
OBJECTS = objects(CertificateMode.CERT_MANAGER)
ADDED = {"Issuer", "Certificate"}


def found(kind: str, name: str) -> Manifest:
    (one,) = (o for o in OBJECTS if (o["kind"], o["metadata"]["name"]) == (kind, name))
    return one


def hours(duration: str) -> int:
    return int(duration.removesuffix("h"))


def test_what_is_committed_is_what_the_code_says() -> None:
    assert differences(CERT_MANAGER, cert_manager_files()) == []


def test_kustomize_applies_every_file() -> None:
    body = yaml.safe_load((CERT_MANAGER / "kustomization.yaml").read_text(encoding="utf-8"))
    listed = {*body["resources"], *(patch["path"] for patch in body["patches"])}
    assert listed == {"../install", *(path.name for path in CERT_MANAGER.iterdir())} - {"kustomization.yaml"}


def test_only_what_concerns_certificates_differs_from_the_usual_installation() -> None:
    usual = {(o["kind"], o["metadata"]["name"]): o for o in objects()}
    here = {(o["kind"], o["metadata"]["name"]): o for o in OBJECTS}
    assert set(usual) <= set(here)
    assert {key for key in usual if usual[key] != here[key]} == {
        ("ClusterRole", "keddah-controller"),
        ("Deployment", "keddah-controller"),
        ("MutatingWebhookConfiguration", "keddah"),
        ("ValidatingWebhookConfiguration", "keddah"),
    }


def test_the_secrets_are_those_that_the_admission_server_mounts() -> None:
    secrets = {o["spec"]["secretName"] for o in OBJECTS if o["kind"] == "Certificate"}
    assert secrets == {CA_SECRET, TLS_SECRET}
    assert found("Issuer", "keddah-webhooks-ca")["spec"]["ca"]["secretName"] == CA_SECRET
    pod = found("Deployment", "keddah-webhooks")["spec"]["template"]["spec"]
    assert TLS_SECRET in {volume.get("secret", {}).get("secretName") for volume in pod["volumes"]}


def test_the_serving_certificate_is_for_the_names_by_which_the_webhooks_are_called() -> None:
    spec = found("Certificate", "keddah-webhooks")["spec"]
    assert spec["dnsNames"] == list(names("keddah-system", "cluster.local"))
    service = found("Service", "keddah-webhooks")["metadata"]
    assert spec["dnsNames"][0] == f"{service['name']}.{service['namespace']}.svc"
    assert spec["usages"] == ["digital signature", "server auth"]


def test_keys_are_elliptic_curves_and_new_with_every_certificate() -> None:
    for certificate in (o for o in OBJECTS if o["kind"] == "Certificate"):
        key = certificate["spec"]["privateKey"]
        assert key == {"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Always"}


def test_no_serving_certificate_can_outlive_its_authority() -> None:
    # cert-manager does not issue leaves again when their authority is renewed: none may need it.
    authority = found("Certificate", "keddah-webhooks-ca")["spec"]
    leaf = found("Certificate", "keddah-webhooks")["spec"]
    assert hours(authority["renewBefore"]) > hours(leaf["duration"])
    assert hours(leaf["renewBefore"]) > 24


def test_the_chain_of_issuers_begins_with_itself() -> None:
    assert found("Issuer", "keddah-webhooks-selfsigned")["spec"] == {"selfSigned": {}}
    refs = {
        o["metadata"]["name"]: o["spec"]["issuerRef"]["name"] for o in OBJECTS if o["kind"] == "Certificate"
    }
    assert refs == {
        "keddah-webhooks-ca": "keddah-webhooks-selfsigned",
        "keddah-webhooks": "keddah-webhooks-ca",
    }


def test_both_configurations_are_given_the_authority_of_what_is_served() -> None:
    for kind in ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"):
        annotations = found(kind, "keddah")["metadata"]["annotations"]
        assert annotations == {"cert-manager.io/inject-ca-from": "keddah-system/keddah-webhooks"}
    assert all("annotations" not in o["metadata"] for o in objects() if o["kind"].endswith("Configuration"))


def test_the_controller_is_told_and_has_no_right_on_webhook_configurations() -> None:
    (container,) = found("Deployment", "keddah-controller")["spec"]["template"]["spec"]["containers"]
    assert {"name": "KEDDAH_CERTIFICATES", "value": "cert-manager"} in container["env"]
    rules = [rule for o in OBJECTS if o["kind"] in ("Role", "ClusterRole") for rule in o["rules"]]
    assert not any("admissionregistration.k8s.io" in rule["apiGroups"] for rule in rules)


def test_the_controller_may_write_neither_secret() -> None:
    spec = found("ValidatingAdmissionPolicy", "keddah-certificates")["spec"]
    (rule,) = spec["matchConstraints"]["resourceRules"]
    assert rule["resourceNames"] == [CA_SECRET, TLS_SECRET]
    (condition,) = spec["matchConditions"]
    assert "system:serviceaccount:keddah-system:keddah-controller" in condition["expression"]


def test_an_overlay_for_a_registry_is_laid_over_it() -> None:
    folder = CERT_MANAGER.parent / "build"
    files = overlay_files(folder, registry="r.example", tag="7", certificates=CertificateMode.CERT_MANAGER)
    body = yaml.safe_load(files["kustomization.yaml"])
    assert body["resources"] == ["../cert-manager"]
