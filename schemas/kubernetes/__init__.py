"""Kubernetes' notations, read as Kubernetes reads them: quantities, durations, time zones, schedules.

It knows nothing of this API's fields.
"""
