"""The controller: watches -> keyed queue -> observe -> validate -> plan (pure) -> act -> status.

It turns stored PostgreSQLDatabases into running ones and repairs what drifts. It is never in the data
path, and it never imports the admission server. `process` runs one process, `pipeline` connects its parts,
`reconcile` is one reconcile of one database, `memory` what goes from one to the next. The packages; each may
import those below it:

    act            executes plans, sends events
    report         builds the status and the events (pure)
    plan           validates the spec again, and decides what to do (pure)
    observe        reads the state around one database
    desired        builds the child objects of one database (pure)
    patroni        a client of Patroni's REST API (a module)
    certificates   CAs and certificates, of the databases and of the webhooks
    watches        turns watch events into keys on the queue
    kube           the client of the API server

A component of a database, such as its instances, has a slice of `desired`, `observe`, `plan` and `report`.
"""
