"""Executes plans and sends events: the only package that changes a database or its child objects.

It decides only the order of the actions, and when to stop because the state has changed since it was
observed. It may import every other package.
"""
