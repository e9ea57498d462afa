"""Backups of one database: archive its WAL, back it up, restore it, prove that it can be restored.

The only place that knows pgBackRest: its configuration, its output and its errors (2.60). What goes in and
comes out has keddah's own nouns and is declared in controller/protocol. This folder is the package
`keddah_backup` of the image, runs with the standard library alone and imports none of keddah but that module
and the settings of sessions.
"""
