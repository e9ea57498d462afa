"""The controller: watches -> keyed queue -> observe -> admit -> plan (pure) -> act -> status.

It turns stored databases into running ones and keeps them so. It is never in the data path, and it
never imports the admission server.
"""
