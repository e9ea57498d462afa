"""What server-side apply sends is both JSON and YAML, whatever letters users write."""

from __future__ import annotations

import json

import yaml
from hypothesis import given
from hypothesis import strategies as st

from controller.kube.objects import document


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]))))
def test_every_text_is_read_as_it_was_written(texts: list[str]) -> None:
    written = document({"texts": texts})
    assert json.loads(written) == {"texts": texts}
    assert yaml.safe_load(written) == {"texts": texts}


def test_an_emoji_is_no_pair_of_surrogates_and_a_control_character_is_an_escape() -> None:
    given_text = "\N{ELEPHANT} \x7f \x85 \ufeff \\ud83d"
    assert document({"a": given_text}).decode() == ('{"a": "\N{ELEPHANT} \\u007f \\u0085 \\ufeff \\\\ud83d"}')
