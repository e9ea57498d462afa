"""Patroni with patches that shorten the waits during which an application cannot write.

It notices at once when the server has died, and kills one that answers no connection; checks more often
whether a server that it stops has stopped; keeps the label of the old primary until the new one has it;
follows a new primary as soon as there is one; and keeps a stopped pod's network up for a moment. Patroni's
election is unchanged. This folder is the package `keddah_patroni` of the image and imports none of keddah.
"""
