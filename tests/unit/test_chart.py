from __future__ import annotations

import json

import yaml

from deploy.manifests import CHART, TEMPLATES, chart_files, differences, template_files


def test_what_is_committed_is_what_the_code_says() -> None:
    assert differences(CHART, chart_files()) == []
    assert differences(TEMPLATES, template_files()) == []


def test_every_value_has_its_place_in_the_schema_and_in_a_template() -> None:
    files = chart_files()
    values = yaml.safe_load(files["values.yaml"])
    schema = json.loads(files["values.schema.json"])
    assert set(values) | {"global"} == set(schema["properties"])
    text = "".join(template_files().values())
    assert all(f".Values.{name}" in text for name in values)


def test_no_mark_is_left_where_a_value_belongs() -> None:
    for name, text in template_files().items():
        assert "MARK-" not in text, name
        begun = sum(text.count(f"{{{{- {word} ") for word in ("define", "if", "range", "with"))
        assert begun == text.count("{{- end"), name


def test_nothing_but_the_definition_names_the_namespace_or_registry() -> None:
    for name, text in template_files().items():
        if name != "crd.yaml":
            assert "keddah-system" not in text.partition("\n")[2], name
            assert "keddah.dev/keddah-" not in text, name
