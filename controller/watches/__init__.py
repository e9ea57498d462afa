"""From the API server's watches to keys on the queue: what was told is kept, and what is news wakes a key.

An event is never the input of a reconcile, only its occasion. kopf is known here and nowhere else. Of the
other rooms it may import `kube`.
"""
