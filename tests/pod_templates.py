"""Templates and resources that pods can or cannot have, and a generator of nearly right ones.

The unit tier says where the mistakes are; the API server tier asks a real API server.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

Spec = dict[str, Any]

REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


def tolerating(**toleration: Any) -> Spec:  # noqa: ANN401
    return {"template": {"tolerations": [toleration]}}


def on_nodes(*requirements: Spec, part: str = "matchExpressions") -> Spec:
    terms = {"nodeSelectorTerms": [{part: list(requirements)}]}
    return {"template": {"affinity": {"nodeAffinity": {REQUIRED: terms}}}}


def preferring_nodes(weight: int, *requirements: Spec) -> Spec:
    preferred = [{"weight": weight, "preference": {"matchExpressions": list(requirements)}}]
    return {"template": {"affinity": {"nodeAffinity": {PREFERRED: preferred}}}}


def apart(**term: Any) -> Spec:  # noqa: ANN401
    return {"template": {"affinity": {"podAntiAffinity": {REQUIRED: [term]}}}}


def rather_together(weight: int, **term: Any) -> Spec:  # noqa: ANN401
    weighted = [{"weight": weight, "podAffinityTerm": term}]
    return {"template": {"affinity": {"podAffinity": {PREFERRED: weighted}}}}


def spread(*constraints: Spec) -> Spec:
    return {"template": {"topologySpreadConstraints": list(constraints)}}


def even(**more: Any) -> Spec:  # noqa: ANN401
    return {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", **more}


def labelled(spec: Spec, **labels: str) -> Spec:
    return {"template": {**spec["template"], "labels": labels}}


def selecting(**labels: str) -> Spec:
    return {"matchLabels": labels}


NODES = f"spec.template.affinity.nodeAffinity.{REQUIRED}.nodeSelectorTerms"
EXPRESSION = f"{NODES}[0].matchExpressions[0]"
FIELD = f"{NODES}[0].matchFields[0]"
APART = f"spec.template.affinity.podAntiAffinity.{REQUIRED}[0]"
TOGETHER = f"spec.template.affinity.podAffinity.{PREFERRED}[0]"
SPREAD = "spec.template.topologySpreadConstraints[0]"
TOLERATION = "spec.template.tolerations[0]"
APPARMOR = "container.apparmor.security.beta.kubernetes.io"

VALID: tuple[Spec, ...] = (
    tolerating(operator="Exists"),
    tolerating(operator="Exists", key="dedicated", effect="NoSchedule"),
    tolerating(key="dedicated", operator="Equal", value="databases"),
    tolerating(key="dedicated"),
    tolerating(key="example.com/dedicated", operator="", effect="", value=""),
    tolerating(key="a", operator="Exists", effect="NoExecute", tolerationSeconds=300),
    tolerating(key="a", operator="Exists", effect="NoExecute", tolerationSeconds=-1),
    on_nodes({"key": "disk", "operator": "In", "values": ["ssd", "nvme", ""]}),
    on_nodes({"key": "example.com/disk", "operator": "DoesNotExist"}),
    on_nodes({"key": "cores", "operator": "Gt", "values": ["8"]}),
    on_nodes({"key": "metadata.name", "operator": "In", "values": ["node-1"]}, part="matchFields"),
    preferring_nodes(100, {"key": "disk", "operator": "In", "values": ["a value with spaces"]}),
    apart(topologyKey="kubernetes.io/hostname", labelSelector=selecting(app="orders")),
    apart(topologyKey="zone", labelSelector={}, namespaceSelector={}, namespaces=["shop"]),
    apart(topologyKey="zone"),
    apart(topologyKey="zone", labelSelector=selecting(app="x"), matchLabelKeys=["team"]),
    rather_together(
        1, topologyKey="zone", labelSelector={"matchExpressions": [{"key": "a", "operator": "Exists"}]}
    ),
    spread(even(), even(whenUnsatisfiable="ScheduleAnyway"), even(topologyKey="rack")),
    spread(even(minDomains=3, nodeAffinityPolicy="Ignore", nodeTaintsPolicy="Honor")),
    spread(even(labelSelector=selecting(app="x"), matchLabelKeys=["controller-revision-hash"])),
    {"template": {"priorityClassName": "system-cluster-critical"}},
    {"template": {"imagePullSecrets": [{"name": "registry"}, {"name": "mirror.example.com"}]}},
    {"template": {"nodeSelector": {"kubernetes.io/os": "linux", "empty": ""}}},
    {"template": {"labels": {"team": "shop", "example.com/a_b": "C.d"}}},
    {"template": {"annotations": {"Example.com/note": "Anything: at all, ä", "note": ""}}},
    {"template": {"annotations": {f"{APPARMOR}/postgres": "runtime/default"}}},
    {"template": {"annotations": {"controller.kubernetes.io/pod-deletion-cost": "-5"}}},
    {"resources": {"requests": {"example.com/gpu": 1}, "limits": {"example.com/gpu": "1"}}},
    {"resources": {"limits": {"example.com/gpu": "2"}}},
    {"resources": {"requests": {"ephemeral-storage": "1Gi", "cpu": "0.5"}}},
    {"resources": {"limits": {"hugepages-2Mi": "4Mi", "memory": "1Gi"}}},
)

INVALID: tuple[tuple[Spec, str], ...] = (
    (tolerating(key="dedicated", operator="Exists", value="databases"), f"{TOLERATION}.value"),
    (tolerating(operator="Equal", value="databases"), f"{TOLERATION}.key"),
    (tolerating(), f"{TOLERATION}.key"),
    (tolerating(key="a b", operator="Exists"), f"{TOLERATION}.key"),
    (tolerating(key="a", value="b c"), f"{TOLERATION}.value"),
    (tolerating(key="a", operator="Is"), f"{TOLERATION}.operator"),
    (tolerating(key="a", operator="Gt", value="5"), f"{TOLERATION}.operator"),
    (tolerating(key="a", effect="Never"), f"{TOLERATION}.effect"),
    (tolerating(key="a", effect="NoSchedule", tolerationSeconds=5), f"{TOLERATION}.tolerationSeconds"),
    (tolerating(key="a", tolerationSeconds="5", effect="NoExecute"), f"{TOLERATION}.tolerationSeconds"),
    ({"template": {"affinity": {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": []}}}}}, NODES),
    ({"template": {"affinity": {"nodeAffinity": {REQUIRED: {}}}}}, NODES),
    (on_nodes({"key": "disk", "operator": "In"}), f"{EXPRESSION}.values"),
    (on_nodes({"key": "disk", "operator": "NotIn", "values": []}), f"{EXPRESSION}.values"),
    (on_nodes({"key": "disk", "operator": "In", "values": "ssd"}), f"{EXPRESSION}.values"),
    (on_nodes({"key": "disk", "operator": "Exists", "values": ["ssd"]}), f"{EXPRESSION}.values"),
    (on_nodes({"key": "cores", "operator": "Gt", "values": ["1", "2"]}), f"{EXPRESSION}.values"),
    (on_nodes({"key": "disk", "operator": "Equals", "values": ["ssd"]}), f"{EXPRESSION}.operator"),
    (on_nodes({"key": "disk", "values": ["ssd"]}), f"{EXPRESSION}.operator"),
    (on_nodes({"key": "-", "operator": "Exists"}), f"{EXPRESSION}.key"),
    (on_nodes({"key": "disk", "operator": "In", "values": ["s d"]}), f"{EXPRESSION}.values[0]"),
    (on_nodes({"key": "name", "operator": "In", "values": ["a"]}, part="matchFields"), f"{FIELD}.key"),
    (
        on_nodes({"key": "metadata.name", "operator": "Exists"}, part="matchFields"),
        f"{FIELD}.operator",
    ),
    (
        on_nodes({"key": "metadata.name", "operator": "In", "values": ["a", "b"]}, part="matchFields"),
        f"{FIELD}.values",
    ),
    (
        on_nodes({"key": "metadata.name", "operator": "In", "values": ["A"]}, part="matchFields"),
        f"{FIELD}.values[0]",
    ),
    (preferring_nodes(0), f"spec.template.affinity.nodeAffinity.{PREFERRED}[0].weight"),
    (preferring_nodes(101), f"spec.template.affinity.nodeAffinity.{PREFERRED}[0].weight"),
    (apart(labelSelector=selecting(app="x")), f"{APART}.topologyKey"),
    (apart(topologyKey=""), f"{APART}.topologyKey"),
    (apart(topologyKey="a b"), f"{APART}.topologyKey"),
    (apart(topologyKey="zone", labelSelector=selecting(app="x y")), f"{APART}.labelSelector.matchLabels.app"),
    (
        apart(topologyKey="zone", labelSelector={"matchExpressions": [{"key": "a", "operator": "Gt"}]}),
        f"{APART}.labelSelector.matchExpressions[0].operator",
    ),
    (
        apart(topologyKey="zone", namespaceSelector={"matchExpressions": [{"key": "a", "operator": "In"}]}),
        f"{APART}.namespaceSelector.matchExpressions[0].values",
    ),
    (apart(topologyKey="zone", namespaces=["Shop"]), f"{APART}.namespaces[0]"),
    (apart(topologyKey="zone", matchLabelKeys=["team"]), f"{APART}.matchLabelKeys"),
    (
        labelled(
            apart(topologyKey="zone", labelSelector=selecting(team="x"), matchLabelKeys=["team"]), team="x"
        ),
        f"{APART}.matchLabelKeys[0]",
    ),
    (
        apart(
            topologyKey="zone",
            labelSelector=selecting(app="x"),
            matchLabelKeys=["team"],
            mismatchLabelKeys=["team"],
        ),
        f"{APART}.mismatchLabelKeys[0]",
    ),
    (rather_together(0, topologyKey="zone"), f"{TOGETHER}.weight"),
    (rather_together(5), f"{TOGETHER}.podAffinityTerm.topologyKey"),
    (spread(even(maxSkew=0)), f"{SPREAD}.maxSkew"),
    (spread(even(topologyKey="")), f"{SPREAD}.topologyKey"),
    (spread(even(whenUnsatisfiable="Never")), f"{SPREAD}.whenUnsatisfiable"),
    (spread(even(minDomains=0)), f"{SPREAD}.minDomains"),
    (spread(even(minDomains=2, whenUnsatisfiable="ScheduleAnyway")), f"{SPREAD}.minDomains"),
    (spread(even(nodeTaintsPolicy="honor")), f"{SPREAD}.nodeTaintsPolicy"),
    (spread(even(labelSelector=selecting(app="x y"))), f"{SPREAD}.labelSelector.matchLabels.app"),
    (spread(even(matchLabelKeys=["team"])), f"{SPREAD}.matchLabelKeys"),
    (
        labelled(spread(even(labelSelector=selecting(team="x"), matchLabelKeys=["team"])), team="x"),
        f"{SPREAD}.matchLabelKeys[0]",
    ),
    (
        labelled(spread(even(labelSelector=selecting(app="x"), matchLabelKeys=["team", "team"])), team="x"),
        f"{SPREAD}.matchLabelKeys[1]",
    ),
    (spread(even(), even(maxSkew=2)), "spec.template.topologySpreadConstraints[1].topologyKey"),
    ({"template": {"priorityClassName": "High"}}, "spec.template.priorityClassName"),
    ({"template": {"nodeSelector": {"a": "b c"}}}, "spec.template.nodeSelector.a"),
    ({"template": {"labels": {"a b": ""}}}, 'spec.template.labels["a b"]'),
    ({"template": {"annotations": {"a b": ""}}}, 'spec.template.annotations["a b"]'),
    (
        {"template": {"annotations": {"kubernetes.io/config.mirror": "x"}}},
        'spec.template.annotations["kubernetes.io/config.mirror"]',
    ),
    (
        {"template": {"annotations": {"scheduler.alpha.kubernetes.io/tolerations": "x"}}},
        'spec.template.annotations["scheduler.alpha.kubernetes.io/tolerations"]',
    ),
    (
        {"template": {"annotations": {"seccomp.security.alpha.kubernetes.io/pod": "x"}}},
        'spec.template.annotations["seccomp.security.alpha.kubernetes.io/pod"]',
    ),
    (
        {"template": {"annotations": {f"{APPARMOR}/database": "runtime/default"}}},
        f'spec.template.annotations["{APPARMOR}/database"]',
    ),
    (
        {"template": {"annotations": {f"{APPARMOR}/postgres": "strict"}}},
        f'spec.template.annotations["{APPARMOR}/postgres"]',
    ),
    (
        {"template": {"annotations": {"controller.kubernetes.io/pod-deletion-cost": "1.5"}}},
        'spec.template.annotations["controller.kubernetes.io/pod-deletion-cost"]',
    ),
    ({"resources": {"requests": {"example.com/gpu": 1}}}, 'spec.resources.requests["example.com/gpu"]'),
    (
        {"resources": {"requests": {"example.com/gpu": 1}, "limits": {"example.com/gpu": 2}}},
        'spec.resources.requests["example.com/gpu"]',
    ),
    ({"resources": {"limits": {"example.com/gpu": "500m"}}}, 'spec.resources.limits["example.com/gpu"]'),
    (
        {"resources": {"limits": {"requests.example.com/gpu": 1}}},
        'spec.resources.limits["requests.example.com/gpu"]',
    ),
    ({"resources": {"limits": {"gpu": 1}}}, "spec.resources.limits.gpu"),
    ({"resources": {"requests": {"hugepages-2Mi": "4Mi"}}}, "spec.resources.requests.hugepages-2Mi"),
)
"""What Kubernetes refuses, and where it is."""

IN_VAIN: tuple[tuple[Spec, str], ...] = (
    (on_nodes({"key": "cores", "operator": "Gt", "values": ["many"]}), f"{EXPRESSION}.values[0]"),
    (spread(even(topologyKey="a b")), f"{SPREAD}.topologyKey"),
    (
        # Until the pod has the label.
        spread(even(labelSelector=selecting(team="x"), matchLabelKeys=["team"])),
        f"{SPREAD}.matchLabelKeys[0]",
    ),
    ({"resources": {"requests": {"memory": 0}}}, "spec.resources.requests.memory"),
    ({"template": {"imagePullSecrets": [{"name": ""}]}}, "spec.template.imagePullSecrets[0].name"),
)
"""What Kubernetes takes, though it cannot work."""

_LABELS = {"a": "b", "zone": "z", "example.com/a": "b"}
"""Of the pods, since Kubernetes adds what it finds of matchLabelKeys to the selectors."""
_KEYS = st.sampled_from(("a", "zone", "example.com/a", "metadata.name", "", "a b", "/", "x" * 64, "Ä"))
_VALUES = st.sampled_from(("", "a", "5", "-5", "a b", "x" * 64, "A.b_c"))
_WORDS = st.lists(_VALUES, max_size=2)
_OPERATORS = st.sampled_from(("In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt", "", "in"))
_NUMBERS = st.sampled_from((-1, 0, 1, 2, 100, 101, 2**31))


def _parts(required: Spec, **optional: st.SearchStrategy[Any]) -> st.SearchStrategy[Spec]:
    return st.fixed_dictionaries(required, optional=optional)


_REQUIREMENT = _parts({"key": _KEYS, "operator": _OPERATORS}, values=_WORDS)
_SELECTOR = _parts(
    {},
    matchLabels=st.dictionaries(_KEYS, _VALUES, max_size=1),
    matchExpressions=st.lists(_REQUIREMENT, max_size=1),
)
_TERM = _parts(
    {},
    topologyKey=_KEYS,
    labelSelector=_SELECTOR,
    namespaceSelector=_SELECTOR,
    namespaces=_WORDS,
    matchLabelKeys=st.lists(_KEYS, max_size=2),
    mismatchLabelKeys=st.lists(_KEYS, max_size=2),
)
_PODS = _parts(
    {},
    **{
        REQUIRED: st.lists(_TERM, max_size=1),
        PREFERRED: st.lists(_parts({"weight": _NUMBERS, "podAffinityTerm": _TERM}), max_size=1),
    },
)
_NODE_TERM = _parts(
    {}, matchExpressions=st.lists(_REQUIREMENT, max_size=1), matchFields=st.lists(_REQUIREMENT, max_size=1)
)
_NODES = _parts(
    {},
    **{
        REQUIRED: _parts({}, nodeSelectorTerms=st.lists(_NODE_TERM, max_size=2)),
        PREFERRED: st.lists(_parts({"weight": _NUMBERS, "preference": _NODE_TERM}), max_size=1),
    },
)
_TOLERATION = _parts(
    {},
    key=_KEYS,
    operator=st.sampled_from(("Equal", "Exists", "", "Gt", "equal")),
    value=_VALUES,
    effect=st.sampled_from(("NoSchedule", "PreferNoSchedule", "NoExecute", "", "noexecute")),
    tolerationSeconds=_NUMBERS,
)
_CONSTRAINT = _parts(
    {
        "maxSkew": _NUMBERS,
        "topologyKey": _KEYS,
        "whenUnsatisfiable": st.sampled_from(("DoNotSchedule", "ScheduleAnyway", "")),
    },
    minDomains=_NUMBERS,
    labelSelector=_SELECTOR,
    matchLabelKeys=st.lists(_KEYS, max_size=2),
    nodeAffinityPolicy=st.sampled_from(("Honor", "Ignore", "")),
    nodeTaintsPolicy=st.sampled_from(("Honor", "Ignore", "")),
)
_AMOUNTS = st.dictionaries(
    st.sampled_from(
        ("cpu", "memory", "example.com/gpu", "example.kubernetes.io/x", "hugepages-2Mi", "gpu", "a/b/c")
    ),
    st.sampled_from((1, "1", "2", "500m", "4Mi", "1Gi")),
    max_size=2,
)


def specs() -> st.SearchStrategy[Spec]:
    """Specs with one part of a pod each, about half of them right."""
    return st.one_of(
        st.lists(_TOLERATION, min_size=1, max_size=2).map(lambda given: {"template": {"tolerations": given}}),
        _NODES.map(lambda given: {"template": {"affinity": {"nodeAffinity": given}}}),
        _PODS.map(lambda given: labelled({"template": {"affinity": {"podAffinity": given}}}, **_LABELS)),
        _PODS.map(lambda given: labelled({"template": {"affinity": {"podAntiAffinity": given}}}, **_LABELS)),
        st.lists(_CONSTRAINT, min_size=1, max_size=2).map(lambda given: labelled(spread(*given), **_LABELS)),
        _parts({}, requests=_AMOUNTS, limits=_AMOUNTS).map(lambda given: {"resources": given}),
    )
