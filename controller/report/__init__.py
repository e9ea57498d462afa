"""What users see, as pure functions: the status and the events of a database.

A reason has the same name in log, event and condition. May import `plan` and whatever `plan` may.
"""
