"""No file may end the processes that read it again when it changes."""

from __future__ import annotations

import pytest

from schemas.policy.policy import PolicyError, parse


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "- a",
        "1: 2",
        "? [a]\n: b\n",
        "? {a: b}\n: c\n",
        "a: !!binary aGk=\n",
        "catalogue: !!set {a}\n",
        "[" * 500,
        "{" * 500,
        "a: &a [*a]\n",
        "catalogue: 2020-01-01\n1: x\n",
        "x: .nan\n",
        "catalogue: []\nreplicas: {minimum: 99999999999999999999999999}\n",
        "a: !!python/object:os.system x",
        "a: !!timestamp 2020-01-01x\n",
        "a: !!int x\n",
        "a: \x00",
        "defaultVersion: !!float x",
        "replicas: {1: 2}\n",
    ],
)
def test_whatever_the_file_holds_the_answer_is_a_policy_error(text: str) -> None:
    with pytest.raises(PolicyError):
        parse(text)
