"""Patroni as it runs in the database image: quicker where each of its waits is one of the application's.

It notices at once when the server has ended, and kills one that answers nobody; asks more often whether a
server that it stops has stopped; keeps the primary's label until the successor has it; follows a successor
as soon as there is one; and leaves the pod to answer for a moment when it ends. Who leads is Patroni's own
decision, as ever. This folder is the package `keddah_patroni` of the image, and imports nothing of keddah's.
"""
