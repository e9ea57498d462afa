"""What the exporter of an instance tells Prometheus, in one table.

The image ships it for the exporter itself, and alerts, board and the page of metrics are made of the same
one: it may use the standard library only.
"""
