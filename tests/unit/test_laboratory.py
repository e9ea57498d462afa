from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

import pytest

from tests.laboratory.ledger import Gap, Ledger, balance, parse
from tests.laboratory.rows import ROWS, UNGUIDED
from tests.laboratory.samples import Sample, primary_terms, split_brain
from tests.laboratory.scene import Scene
from tests.laboratory.table import Failure, Finding, Row, line, reached, safe


def nothing(_: Scene) -> AbstractContextManager[None]:
    return nullcontext()


def row(median: float = 2, worst: float = 3) -> Row:
    return Row("fault", "a fault", nothing, median, worst)


def finding(gap: float = 1.0, *, lost: int = 0, doubled: int = 0, split_brain: int = 0) -> Finding:
    return Finding(gap, lost, doubled, split_brain, healed=5.0, load=0.5)


def yes(instance: str, *moments: float) -> list[Sample]:
    return [Sample(instance, moment, moment + 0.01, writable=True) for moment in moments]


def test_notes_are_read_less_a_line_that_is_being_written() -> None:
    ledger = parse("acknowledged 1.5 1\nfailed 1.6 it is going down\nfailed 1.7 \nacknowledged 2.5 3\nackn")
    assert ledger.acknowledged == {1: 1.5, 3: 2.5}
    assert ledger.failures == ((1.6, "it is going down"), (1.7, ""))


def test_the_gap_is_the_longest_that_ends_after_the_fault() -> None:
    ledger = Ledger({1: 0.0, 2: 5.0, 3: 5.1, 4: 6.0, 5: 6.2}, ())
    assert ledger.longest(since=0) == Gap(0.0, 5.0)
    assert ledger.longest(since=5.05) == Gap(5.1, 6.0)
    assert Gap(5.1, 6.0).seconds == pytest.approx(0.9)


def test_a_gap_that_was_open_when_the_fault_struck_counts_whole() -> None:
    assert Ledger({1: 1.0, 2: 4.0}, ()).longest(since=3.9).seconds == 3.0


def test_a_ledger_counts_what_came_after_a_moment() -> None:
    assert Ledger({1: 1.0, 2: 2.0, 3: 3.0}, ()).after(2.0) == 1


def test_reasons_are_those_of_the_gap() -> None:
    ledger = Ledger({}, ((0.5, "before"), (1.5, "refused"), (1.6, "refused"), (2.5, "after")))
    assert ledger.reasons(Gap(1.0, 2.0)) == {"refused": 2}


def test_only_acknowledged_rows_can_be_lost() -> None:
    ledger = Ledger({1: 0.1, 2: 0.2, 3: 0.3}, ((0.4, "cut off"),))
    account = balance(ledger, [1, 3, 3, 4])
    assert account.lost == (2,)
    assert account.doubled == (3,)


def test_a_failover_is_no_split_brain() -> None:
    assert split_brain([*yes("a", 0.0, 0.1, 0.2), *yes("b", 0.5, 0.6)]) == []


def test_two_that_acknowledge_in_turns_are_a_split_brain() -> None:
    ((last, other),) = split_brain([*yes("a", 0.0), *yes("b", 0.05), *yes("a", 0.1)])
    assert (last.instance, other.instance) == ("a", "b")


def test_a_refusal_in_between_ends_the_proof() -> None:
    refused = Sample("a", 0.02, 0.03, writable=False)
    assert split_brain([*yes("a", 0.0), refused, *yes("b", 0.05), *yes("a", 0.1)]) == []


def test_answers_that_overlap_in_time_prove_nothing() -> None:
    slow = Sample("b", 0.005, 0.5, writable=True)
    assert split_brain([*yes("a", 0.0, 0.1), slow]) == []


@pytest.mark.parametrize(
    "samples",
    [
        [*yes("a", 0.0, 0.1), Sample("b", 0.05, 0.06, writable=False)],
        [*yes("a", 0.0), *yes("b", 0.05), Sample("a", 0.1, 0.11, writable=False)],
        [*yes("a", 0.0, 0.1), Sample("b", 0.05, 0.2, writable=True)],
    ],
    ids=["a standby answers", "the old primary refuses", "the answer came too late"],
)
def test_nothing_less_is_a_proof(samples: list[Sample]) -> None:
    assert split_brain(samples) == []


def test_primary_terms_follow_one_another() -> None:
    refused = Sample("a", 0.7, 0.8, writable=False)
    first, second = primary_terms([*yes("a", 0.0, 0.1), *yes("b", 0.5, 0.6), refused])
    assert (first.instance, second.instance) == ("a", "b")
    assert first.begin == 0.0
    assert first.end == pytest.approx(0.11)
    assert second.begin == 0.5


def test_an_answer_that_was_noted_late_is_no_term_of_its_own() -> None:
    late = Sample("a", 0.2, 0.9, writable=True)
    first, second = primary_terms([*yes("a", 0.0, 0.1), late, *yes("b", 0.5, 0.6)])
    assert (first.instance, second.instance) == ("a", "b")
    assert first.end <= second.begin


def test_a_primary_that_comes_back_has_two_terms() -> None:
    terms = primary_terms([*yes("a", 0.0), *yes("b", 0.5), *yes("a", 0.9)])
    assert [term.instance for term in terms] == ["a", "b", "a"]


def test_a_target_is_for_the_median_and_for_the_worst() -> None:
    assert reached(row(), [finding(1), finding(1), finding(2.9)])
    assert not reached(row(), [finding(1), finding(1), finding(3.1)])
    assert not reached(row(), [finding(2.5), finding(2.5), finding(1)])


@pytest.mark.parametrize(
    "broken", [finding(lost=1), finding(doubled=1), finding(split_brain=1), Failure("no end")]
)
def test_one_run_that_was_not_survived_is_one_too_many(broken: Finding | Failure) -> None:
    assert not safe([finding(), broken])
    assert not reached(row(), [finding(), broken])


def test_nothing_measured_is_nothing_reached() -> None:
    assert not reached(row(), [])
    assert "MISSED" in line(row(), [])


def test_a_line_has_the_target_and_what_was_measured() -> None:
    words = line(row(), [finding(1), finding(1.5), finding(2.75)]).split()
    assert words == ["a", "fault", "2", "/", "3", "1.50", "2.75", "3", "0", "never", "5.0", "-", "-", "0.5"]


def test_a_line_has_the_worst_lateness_that_was_seen() -> None:
    seen = [replace(finding(), named_late=0.5, ready_late=1.25), replace(finding(), named_late=0.75)]
    assert line(row(), [*seen, finding()]).split()[-3:] == ["0.75", "1.25", "0.5"]
    assert all(run.prompt for run in seen)
    assert not replace(finding(), ready_late=2.1).prompt


def test_a_line_tells_what_went_wrong() -> None:
    told = line(row(), [finding(4), finding(lost=2, split_brain=1), Failure("nobody writes\nat all")])
    assert " 1 x " in told
    assert told.endswith("MISSED  FAILED: nobody writes")


def test_every_fault_has_one_name_and_a_variant_without_the_controller() -> None:
    names = [fault.name for fault in (*ROWS, *UNGUIDED)]
    assert len(set(names)) == len(names) == 2 * len(ROWS)
    for guided, unguided in zip(ROWS, UNGUIDED, strict=True):
        assert unguided.median == guided.median + 2
        assert unguided.worst == guided.worst + 2


def test_nothing_is_told_soon_where_the_controller_may_go_too() -> None:
    affected = {"node-cut-off", "node-off"}
    busy = {"node-cut-off-loaded", "node-off-loaded", "node-off-slow"}
    assert {fault.name for fault in ROWS if fault.controller_affected} == affected | busy
    assert all(fault.controller_affected for fault in UNGUIDED)


def test_the_cluster_tier_only_shortens() -> None:
    assert all(fault.briefly().lasts <= fault.lasts for fault in ROWS)
    assert {fault.briefly().name for fault in ROWS} == {fault.name for fault in ROWS}
