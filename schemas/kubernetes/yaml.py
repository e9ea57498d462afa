"""YAML as Kubernetes reads it: dates are text."""

from __future__ import annotations

import yaml


class Loader(yaml.SafeLoader):
    """Safe YAML, less its date type, so that dates reach the checks as written."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
