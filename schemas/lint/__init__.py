"""The offline linter: the admission rules, applied to YAML files, with the line of every mistake."""
