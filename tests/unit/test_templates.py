"""Which pod template is written: a release of keddah waits for its turn, and what a user changes does not."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from controller.desired.instances.patroni import FILE
from controller.desired.instances.pod import IMAGE, pod_template
from controller.kube.objects import Key, Manifest
from controller.memory import Fleet
from controller.observe.instances import editions
from controller.observe.instances.editions import Edition
from controller.observe.state import ObservedState
from controller.plan.acceptance import NOTE, acceptance
from controller.plan.actions import Apply
from controller.plan.fleet import CANARY_SERVES, Move, Others, Proven
from controller.plan.instances import fallback, templates
from controller.plan.outcome import Done
from controller.plan.planner import plan
from controller.plan.situation import Intent
from controller.plan.upgrade import NEW_TEMPLATE, Choice, choose
from controller.plan.validation import validate
from controller.report.status import status
from schemas.api.types import PostgreSQLDatabase
from schemas.policy.maintenance import MinorUpgrades, Window
from tests.factory import complete_database, policy
from tests.states import carry_out, members, observed

MONDAY, SATURDAY = datetime(2026, 11, 23, 12, tzinfo=UTC), datetime(2026, 11, 28, 2, tzinfo=UTC)
SATURDAYS = MinorUpgrades(when="window", window=Window(start="02:00", duration="4h", days=("Sat",)))
IMAGE_17_6, IMAGE_17_5 = "keddah.dev/keddah-postgres:17.6", "keddah.dev/keddah-postgres:17.5"
WAITS = f"{NEW_TEMPLATE}: the policy's maintenance window opens at"


@dataclass
class Shop:
    """One database, which a controller looks at again and again, and what is there of it."""

    around: ObservedState
    upgrades: MinorUpgrades = SATURDAYS
    now: datetime = MONDAY

    def look(self, others: dict[str, Move] | None = None, **spec: Any) -> Choice:  # noqa: ANN401
        """Run one pass: carry out what is written, and no restart."""
        manifest = complete_database(**{"replicas": 2, **spec})
        decision = validate(manifest, acceptance(manifest, self.around), policy(), self.now)
        assert decision.db
        known = Others(others or {}, Proven(template=True))
        choice = choose(decision, self.around, self.upgrades, self.now, known)
        assert choice
        intent = Intent(
            db=decision.db,
            image=choice.image,
            secrets=(),
            operator_namespace="keddah-system",
            accepted=decision.accepted,
            template=choice.template,
            version=choice.version,
        )
        for action in plan(intent, self.around).actions:
            if isinstance(action, Apply):
                self.around = carry_out(self.around, action)
        return choice

    @property
    def template(self) -> Manifest:
        """The StatefulSet's."""
        assert self.around.statefulset
        template: Manifest = self.around.statefulset["spec"]["template"]
        return template

    @property
    def file(self) -> str:
        """Patroni's file."""
        return str(self.around.children["ConfigMap"]["orders-config"]["data"][FILE])

    def make_pods(self) -> None:
        """Make the pods of the template, with an image that a webhook has rewritten to that of a mirror."""
        pods = {i.name: rewritten(self.template) for i in self.around.instances}
        self.around = replace(self.around, children={**self.around.children, "Pod": pods})

    def up_to_date(self, choice: Choice, **spec: Any) -> tuple[str, str]:  # noqa: ANN401
        """Return status and reason of the condition."""
        manifest = complete_database(**{"replicas": 2, **spec})
        decision = validate(manifest, acceptance(manifest, self.around), policy(), self.now)
        assert decision.db
        told = status(decision.db, self.around, Done(), choice, validated=True, now="2026-11-23T12:00:00Z")
        [found] = [each for each in told["conditions"] if each["type"] == "UpToDate"]
        return found["status"], found["reason"]


def rewritten(template: Manifest) -> Manifest:
    """Return a pod of the template, as a registry's mirror changes it."""
    container = template["spec"]["containers"][0]
    mirrored = {**container, "image": f"mirror.example.com/{container['image']}"}
    return {**template, "spec": {**template["spec"], "containers": [mirrored]}}


@pytest.fixture
def shop() -> Shop:
    """Give a database at rest, made by the release before."""
    made = Shop(observed(members(2), server_version="17.6"))
    made.look()
    made.make_pods()
    assert made.look().held is None
    return made


@pytest.fixture
def release(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Be the next release of keddah, in whose pod template something is different."""
    assert shop.around.statefulset

    def renewed(db: PostgreSQLDatabase, image: str) -> Manifest:
        made = pod_template(db, image)
        return {**made, "spec": {**made["spec"], "terminationGracePeriodSeconds": 301}}

    monkeypatch.setattr(templates, "pod_template", renewed)
    monkeypatch.setattr(fallback, "pod_template", renewed)


def seconds(template: Manifest) -> int:
    return int(template["spec"]["terminationGracePeriodSeconds"])


@pytest.mark.usefixtures("release")
def test_a_release_waits_for_the_window_with_its_template_and_then_writes_it(shop: Shop) -> None:
    before = shop.template
    choice = shop.look()
    assert choice.held
    assert choice.held.reason == "UpgradePending"
    assert choice.held.message == f"{WAITS} 2026-11-28T02:00:00Z"
    assert (choice.image, choice.version) == (IMAGE_17_6, "17.6")
    assert shop.template == before
    assert shop.up_to_date(choice) == ("False", "UpgradePending")
    shop.now = SATURDAY
    choice = shop.look()
    assert choice.held is None
    assert seconds(shop.template) == 301
    assert editions.behind(shop.around, choice.edition) == ["orders-0", "orders-1"]
    assert shop.up_to_date(choice) == ("False", "Upgrading")
    shop.now = MONDAY
    assert shop.look().held is None, "what was begun is finished"
    shop.make_pods()
    assert shop.up_to_date(shop.look()) == ("True", "AsAllowed")


@pytest.mark.usefixtures("release")
def test_what_is_scaled_or_tuned_meanwhile_leaves_the_template_alone(shop: Shop) -> None:
    before = shop.template
    spec: dict[str, Any] = {"replicas": 3, "parameters": {"work_mem": "8MB"}}
    choice = shop.look(**spec)
    choice = shop.look(**spec)
    assert choice.held
    assert shop.template == before
    assert shop.around.statefulset
    assert shop.around.statefulset["spec"]["replicas"] == 3
    assert len(shop.around.instances) == 3


@pytest.mark.usefixtures("release")
def test_what_a_user_changes_is_written_at_once_with_the_release_and_without_a_new_image(shop: Shop) -> None:
    spec: dict[str, Any] = {"template": {"labels": {"team": "shop"}}}
    choice = shop.look(**spec)
    assert choice.held is None
    assert shop.template["metadata"]["labels"]["team"] == "shop"
    assert seconds(shop.template) == 301
    written = shop.template
    assert shop.look(**spec).held is None
    assert shop.template == written


def test_an_image_waits_though_a_user_changes_the_template() -> None:
    old = Shop(observed(members(2), server_version="17.5"))
    old.look(version="17.5")
    old.make_pods()
    spec: dict[str, Any] = {"version": "17", "template": {"labels": {"team": "shop"}}}
    # The version's own change is its user's word; here only the catalogue has moved on.
    note = json.loads(old.around.children["ConfigMap"]["orders-config"]["data"][NOTE])
    note["spec"]["version"] = "17"
    old.around.statefulset["metadata"]["annotations"]["keddah.dev/accepted"] = json.dumps(note["spec"])  # type: ignore[index]
    choice = old.look(**spec)
    assert choice.held
    assert choice.held.message.startswith("17.5 -> 17.6: ")
    assert choice.image == IMAGE_17_5
    assert old.template["metadata"]["labels"]["team"] == "shop"
    assert old.template["spec"]["containers"][0]["image"] == IMAGE_17_5


@pytest.mark.usefixtures("release")
def test_a_refused_change_is_no_users_word(shop: Shop) -> None:
    before = shop.template
    choice = shop.look(template={"labels": {"team": "shop"}}, replicas=1000)
    assert choice.held
    assert shop.template == before


@pytest.mark.usefixtures("release")
def test_as_many_databases_get_the_template_at_once_as_the_policy_says_whatever_their_image(
    shop: Shop,
) -> None:
    shop.upgrades = MinorUpgrades(at_once=2)
    one = {"shop/a": Move(Edition("another"), renewed=True, mark=((), 0), since=MONDAY)}
    two = one | {"shop/b": Move(Edition(IMAGE_17_6), renewed=True, mark=((), 0), since=MONDAY)}
    images = {name: replace(each, renewed=False) for name, each in two.items()}
    before = shop.template
    choice = shop.look(two)
    assert choice.queued
    assert choice.held
    assert choice.held.message == (
        "the pod template of keddah 0.1.0: the policy allows 2 at a time; other databases go first"
    )
    assert shop.template == before
    assert not shop.look(images).queued
    assert seconds(shop.template) == 301


@pytest.mark.usefixtures("release")
def test_a_template_that_does_not_come_up_goes_no_further(shop: Shop) -> None:
    shop.upgrades = MinorUpgrades(at_once=5)
    stuck = {"shop/a": Move(Edition("another"), True, ((), 0), datetime(2026, 11, 23, 11, tzinfo=UTC))}
    choice = shop.look(stuck)
    assert choice.held
    assert choice.held.reason == "UpgradeHalted"
    assert "pod template of keddah 0.1.0 has not come up in shop/a" in choice.held.message


@pytest.mark.usefixtures("release")
def test_a_database_on_its_way_to_the_template_is_seen_by_others(shop: Shop) -> None:
    shop.now = SATURDAY
    key, other = Key("shop", "orders"), Key("shop", "other")
    fleet = Fleet(lambda: (), lambda _: None)
    fleet.look(key, shop.around, shop.now)
    fleet.decided(key, shop.around, shop.look().edition, shop.now, queued=False)
    [begun] = fleet.look(other, observed(), shop.now).moves.values()
    assert begun.renewed
    fleet.look(key, shop.around, shop.now)
    [going] = fleet.look(other, observed(), shop.now).moves.values()
    assert (going.renewed, going.mark) == (True, (("orders-0", "orders-1"), 2))
    shop.make_pods()
    fleet.look(key, shop.around, shop.now)
    assert fleet.look(other, observed(), shop.now + CANARY_SERVES) == Others(
        proven=Proven(frozenset({IMAGE_17_6}), template=True)
    )


def test_a_rewritten_image_makes_no_pod_outdated_and_no_window_void(shop: Shop) -> None:
    pods = shop.around.children["Pod"]
    assert pods["orders-0"]["spec"]["containers"][0]["image"].startswith("mirror.example.com/")
    choice = shop.look()
    assert shop.up_to_date(choice) == ("True", "AsAllowed")
    assert editions.behind(shop.around, Edition(IMAGE_17_5, choice.edition.template)) == list(pods)


def test_pods_of_a_release_that_marked_none_are_known_by_their_revision() -> None:
    template = {"spec": {"containers": [{"name": "postgres", "image": IMAGE_17_6}]}}
    statefulset = {
        "metadata": {"generation": 3},
        "spec": {"template": template},
        "status": {"observedGeneration": 3, "updateRevision": "orders-1"},
    }
    pods = {
        f"orders-{n}": {"metadata": {"labels": {"controller-revision-hash": revision}}, **rewritten(template)}
        for n, revision in enumerate(("orders-1", "orders-0"))
    }
    around = ObservedState(children={"StatefulSet": {"orders": statefulset}, "Pod": pods})
    assert editions.behind(around, Edition(IMAGE_17_6)) == ["orders-1"]


def test_what_somebody_changed_in_the_statefulset_is_no_release_of_ours(shop: Shop) -> None:
    before = json.dumps(shop.template, sort_keys=True)
    shop.template["spec"]["terminationGracePeriodSeconds"] = 1
    shop.template["metadata"]["annotations"][IMAGE] = "evil"
    assert shop.look().held is None
    assert json.dumps(shop.template, sort_keys=True) == before


@pytest.mark.usefixtures("release")
def test_without_a_note_the_live_template_is_what_was_written(shop: Shop) -> None:
    del shop.around.children["ConfigMap"]["orders-config"]["data"][NOTE]
    before = shop.template
    assert shop.look().held
    assert shop.template == before


def test_a_lost_note_is_written_again_and_changes_no_template(shop: Shop) -> None:
    data = shop.around.children["ConfigMap"]["orders-config"]["data"]
    note, before = data.pop(NOTE), shop.template
    shop.template["spec"]["dnsPolicy"] = "ClusterFirst"  # as the API server fills it in
    assert shop.look().held is None
    assert {**shop.template["spec"], "dnsPolicy": "ClusterFirst"} == before["spec"]
    assert shop.around.children["ConfigMap"]["orders-config"]["data"][NOTE] == note


def test_pods_keep_the_file_that_they_start_with_until_the_template_changes(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = shop.file
    monkeypatch.setattr("controller.desired.instances.patroni.static", lambda _: "scope: new\n")
    choice = shop.look()
    assert choice.held
    assert shop.file == before
    shop.now = SATURDAY
    shop.look()
    assert shop.file == "scope: new\n"


def test_a_lost_statefulset_comes_back_as_it_was_though_its_version_left_the_catalogue() -> None:
    old = Shop(observed(members(2), server_version="17.6"))
    old.look()
    before, image = old.template, "registry/gone:15.1"
    config = old.around.children["ConfigMap"]["orders-config"]
    note = json.loads(config["data"][NOTE])
    note["spec"]["version"] = "15.1"
    note["template"]["metadata"]["annotations"][IMAGE] = image
    note["template"]["spec"]["containers"][0]["image"] = image
    config["data"][NOTE] = json.dumps(note)
    old.around = replace(old.around, children={"ConfigMap": {"orders-config": config}}, instances=())
    choice = old.look(version="15.1")
    assert (choice.image, choice.held and choice.held.reason) == (image, "NotInCatalogue")
    assert old.template["spec"]["containers"][0]["image"] == image
    assert {**old.template["spec"], "containers": []} == {**before["spec"], "containers": []}
