"""What should exist for one database: pure functions from the database to its children's manifests.

Nothing here reads the cluster, a clock or randomness, so equal input gives equal manifests, and a write
is due exactly when they differ from what was applied last. Each component of a database has a package of its
own; names, labels and Secrets are what they share.
"""
