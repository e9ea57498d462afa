"""The pages of docs/reference: whatever of the documentation follows from the code is generated from it.

`python -m deploy manifests` writes them. This is the only part of deploy that knows the plugin, whose
commands it describes and whose screens it draws.
"""
