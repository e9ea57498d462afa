"""The administrator's policy: allowed versions, bounds, defaults, and when upgrades may run.

What a default is made of stands here too; which fields are valid, the rules say.
"""
