"""What people are told, pure: the status, and the events of a database's life.

A reason has the same name in log, event and condition. It may import `plan` and what that may.
"""
