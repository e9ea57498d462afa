"""What keeps the controller's account to objects of its own, whatever RBAC has to grant.

RBAC knows no labels: who restarts the pods of databases may patch any pod. So the API server refuses the
account whatever is not marked as keddah's (ValidatingAdmissionPolicy). Reads are not admitted, and so not
confined: the account can get any Secret whose name it knows, but list none.
"""

from __future__ import annotations

from controller.desired.labels import SCOPE
from controller.kube.client import MANAGER
from controller.kube.kinds import CHILDREN, DATABASE_LABEL, KINDS
from controller.kube.objects import Manifest
from deploy.generate.objects import CONTROLLERS_USER, admission_binding, admission_policy

_NAME = "keddah-confinement"
_MANAGED_BY = "app.kubernetes.io/managed-by"
_CONFINED = (*(KINDS[kind] for kind in CHILDREN), KINDS["Secret"], KINDS["Certificate"])


def controllers_account() -> Manifest:
    """Return the condition of an admission policy by which it concerns the controller alone."""
    return {"name": "the-controller", "expression": f"request.userInfo.username == '{CONTROLLERS_USER}'"}


def confinement() -> tuple[Manifest, ...]:
    """Return the policy with its binding.

    What is there already is keddah's by its labels, or, where somebody took them away, by having been written
    by keddah: its fields are managed by it (metadata.managedFields). Pods are created by dry run only.
    """
    before = f"request.operation == 'CREATE' || {_marked('oldObject')} || {_written('oldObject')}"
    after = f"request.operation == 'DELETE' || {_marked('object')}"
    is_pod = "request.operation == 'CREATE' && request.resource.resource == 'pods'"
    tried = f"!({is_pod}) || request.?dryRun.orValue(false)"
    policy = admission_policy(
        _NAME,
        _rules(),
        f"({before}) && ({after}) && ({tried})",
        "'the account of keddah may not ' + request.operation + ' the ' + request.kind.kind + ' '"
        " + request.?name.orValue('') + ', which is not of keddah'",
    )
    policy["spec"]["failurePolicy"] = "Fail"
    policy["spec"]["matchConditions"] = [controllers_account()]
    return policy, admission_binding(_NAME)


def _marked(which: str) -> str:
    labels = f"{which}.metadata.?labels"
    # The second is Patroni's, which has written what it is on.
    either = (f"{labels}[?'{label}'].hasValue()" for label in (DATABASE_LABEL, SCOPE))
    return f"{' || '.join(either)} || {labels}[?'{_MANAGED_BY}'].orValue('') == 'keddah'"


def _written(which: str) -> str:
    return f"{which}.metadata.?managedFields.orValue([]).exists(each, each.manager == '{MANAGER}')"


def _rules() -> list[Manifest]:
    groups: dict[tuple[str, str], list[str]] = {}
    for kind in _CONFINED:
        groups.setdefault((kind.group, kind.version), []).append(kind.plural)
    return [
        {
            "apiGroups": [group],
            "apiVersions": [version],
            "operations": ["CREATE", "UPDATE", "DELETE"],
            "resources": sorted(plurals),
            "scope": "Namespaced",
        }
        for (group, version), plurals in groups.items()
    ]
