"""Executes plans and sends events: the only package that changes child objects or Patroni.

It decides only the order of the actions, and when to stop because the state has changed since it was
observed. It may import every other package.
"""
