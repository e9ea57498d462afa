"""The API, declared once: structures, kinds of fields, and what is said of a value that fits none.

The CRD is made from here. It knows no rule that needs more than one field, and no policy.
"""
