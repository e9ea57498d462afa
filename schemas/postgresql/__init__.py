"""PostgreSQL's notations, read as PostgreSQL reads them: parameters, pg_hba lines, identifiers, versions.

It knows nothing of Kubernetes' objects or of this API's fields.
"""
