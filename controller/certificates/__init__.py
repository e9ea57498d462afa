"""Who trusts whom: certificates and passwords, pure in `pki` and `certificate`, and those of the webhooks.

It may import `watches` and `kube`, and knows nothing of any database.
"""
