"""Patroni as it runs in the database image: with an eye on the server between two rounds.

Patroni looks after its server every `loop_wait` seconds, and a server that crashed keeps the lock until
then. Here one thread waits for the server's end and has Patroni look at once; what then happens is Patroni's
own decision. This folder is the package `keddah_patroni` of the image's Patroni, and imports nothing of
keddah's.
"""
