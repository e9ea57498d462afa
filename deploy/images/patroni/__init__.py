"""Patroni with patches that shorten its waits wherever an application would have to wait too.

It notices at once when the server has died, and kills one that answers nobody; checks more often whether a
server that it stops has stopped; keeps the label of the old primary until the new one has it; follows a new
primary as soon as there is one; and keeps a stopped pod's network up for a moment. Patroni's own election is
unchanged. This folder is the package `keddah_patroni` of the image, and imports nothing of keddah's.
"""
