"""The controller: watches -> keyed queue -> observe -> admit -> plan (pure) -> act -> status.

It turns stored databases into running ones and keeps them so. It is never in the data path, and it
never imports the admission server. `life` is one process, `pipeline` what a database passes through,
`reconcile` one pass. The rooms, each of which may import those below it:

    act            plans carried out, events told
    report         what people are told (pure)
    plan           the rules once more, and what to do (pure)
    observe        the world around one database
    desired        what one database is made of (pure)
    certificates   who trusts whom
    watches        from watches to keys on the queue
    kube           the API server
"""
