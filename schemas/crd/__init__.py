"""The CustomResourceDefinition, made from the structures in `api` and the CEL of `rules.relations`."""
