"""What the controller may do, each rule with its reason; deploy renders the roles from this.

Secrets are neither listed nor watched. Whatever the database's own Role grants to its pods is held here too,
so that the controller needs neither `escalate` nor `bind` (RBAC, "Privilege escalation prevention").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from controller.kube.kinds import CONFIGURATION, KINDS, LEASE, CertificateMode
from schemas.api.types import GROUP, PLURAL

_WATCH = ("list", "watch")
# Server-side apply asks for `create` too when there is nothing yet; `get` finds children that lost our label,
# and objects that a watch failed to tell about.
_APPLY = ("get", "create", "patch")


Scope: TypeAlias = Literal["databases", "cluster", "operator"]
"""Where a rule holds: in every namespace with databases; in the cluster as a whole, which a controller of
some namespaces does without; or in the operator's own namespace."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of RBAC. `names` bounds it to objects of these names."""

    group: str
    resources: tuple[str, ...]
    verbs: tuple[str, ...]
    reason: str
    scope: Scope = "databases"
    names: tuple[str, ...] = ()
    only: CertificateMode | None = None
    """In which of the modes it is needed, if not in both."""

    def manifest(self) -> dict[str, Any]:
        """Return the rule as it stands in a Role."""
        rule: dict[str, Any] = {
            "apiGroups": [self.group],
            "resources": list(self.resources),
            "verbs": list(self.verbs),
        }
        return {**rule, "resourceNames": list(self.names)} if self.names else rule


RULES = (
    Rule(GROUP, (PLURAL,), ("get", *_WATCH), "what is declared; deletion is decided by a live read"),
    Rule(GROUP, (PLURAL,), ("patch",), "the finalizer of databases whose deletionPolicy is Delete"),
    Rule(GROUP, (f"{PLURAL}/status",), ("patch",), "what is"),
    Rule(
        GROUP,
        (f"{PLURAL}/finalizers",),
        ("update",),
        "blockOwnerDeletion, where OwnerReferencesPermissionEnforcement is on (as in OpenShift)",
    ),
    Rule("apps", ("statefulsets",), (*_WATCH, *_APPLY), "the instances"),
    Rule("apps", ("statefulsets",), ("delete",), "deletionPolicy Delete: instances end before their data"),
    Rule(
        "apps",
        ("controllerrevisions",),
        ("list",),
        "the former pod template, to go back to where pods of the newest are refused",
    ),
    Rule(
        "batch",
        ("cronjobs", "jobs"),
        (*_WATCH, *_APPLY, "delete"),
        "backups; deleted when none are declared any more, when no instance runs, and with the database",
    ),
    Rule("", ("services",), (*_WATCH, *_APPLY), "how applications and members reach the instances"),
    Rule(
        "",
        ("services",),
        ("delete",),
        "how a new database reaches the backups of a deleted one, removed when it is restored",
    ),
    Rule("", ("serviceaccounts",), (*_WATCH, *_APPLY), "whom the instances act as"),
    Rule(
        KINDS["Role"].group,
        ("roles", "rolebindings"),
        (*_WATCH, *_APPLY),
        "what the instances may do: Patroni's own ConfigMaps and pods",
    ),
    Rule(
        "",
        ("configmaps",),
        (*_WATCH, *_APPLY, "delete"),
        "Patroni's configuration and state: granted to the instances, and deleted with deletionPolicy Delete",
    ),
    Rule("policy", ("poddisruptionbudgets",), (*_WATCH, *_APPLY), "drains take one instance at a time"),
    Rule("networking.k8s.io", ("networkpolicies",), (*_WATCH, *_APPLY), "who reaches which port"),
    Rule("networking.k8s.io", ("networkpolicies",), ("delete",), "the way to a source, once it is restored"),
    Rule("", ("pods",), ("get", *_WATCH, "patch"), "state of the instances; granted to the instances"),
    Rule(
        "",
        ("pods/log",),
        ("get",),
        "whether a standby that does not follow wants WAL that the primary has removed: nothing else tells",
    ),
    Rule("", ("pods",), ("delete",), "rolling restarts, one instance at a time"),
    # Kubernetes has no right to dry runs only. This one gives no power that `create` on StatefulSets does not
    # ("Workload creation", RBAC good practices), and costs less than a standby.
    Rule("", ("pods",), ("create",), "only by dry run: whether a pod to be restarted could be created anew"),
    Rule("", ("persistentvolumeclaims",), ("get", *_WATCH), "the volumes"),
    Rule(
        "",
        ("persistentvolumeclaims",),
        ("patch", "delete"),
        "growth; removal with deletionPolicy Delete, and of what is given up",
    ),
    Rule(
        "",
        ("secrets",),
        (*_APPLY, "delete"),
        "credentials and certificates, by name; never listed or watched",
    ),
    Rule(
        KINDS["Certificate"].group,
        ("certificates",),
        (*_APPLY, "delete"),
        "the certificates that databases show, where tls.issuerRef names who issues them",
        only=CertificateMode.CERT_MANAGER,
    ),
    Rule("", ("namespaces",), ("get",), "what owns the copy of a database's keys, and takes it along"),
    Rule(
        "storage.k8s.io",
        ("storageclasses",),
        ("get", *_WATCH),
        "a class that is missing, or may grow volumes",
        "cluster",
    ),
    Rule(
        "",
        ("nodes",),
        ("get", *_WATCH),
        "whether a dead instance is surely dead; which nodes are emptied",
        "cluster",
    ),
    Rule("events.k8s.io", ("events",), ("create", "patch"), "what happened, for people"),
    Rule("events.k8s.io", ("events",), ("list",), "why the StatefulSet controller creates no pod"),
    Rule(
        KINDS["MutatingWebhookConfiguration"].group,
        ("mutatingwebhookconfigurations", "validatingwebhookconfigurations"),
        ("get", *_WATCH, "patch"),
        "the caBundle of the two webhook configurations",
        "cluster",
        names=(CONFIGURATION,),
        only=CertificateMode.KEDDAH,
    ),
    Rule("coordination.k8s.io", ("leases",), ("create",), "the election (creation has no name)", "operator"),
    Rule("coordination.k8s.io", ("leases",), ("get", "update"), "the election", "operator", (LEASE,)),
    Rule(
        "",
        ("secrets",),
        (*_APPLY, "delete"),
        "the webhooks' certificates, and the copies of databases' keys",
        "operator",
    ),
)


def rules(*scopes: Scope, certificates: CertificateMode = CertificateMode.KEDDAH) -> list[dict[str, Any]]:
    """Return the rules that hold there, as they stand in a Role."""
    return [rule.manifest() for rule in RULES if rule.scope in scopes and rule.only in (None, certificates)]
