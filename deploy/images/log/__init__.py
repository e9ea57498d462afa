"""`keddah-log`: runs a container's program, and writes all that it and PostgreSQL log, as the same lines.

It is the first process of every container of the databases' image, for what is written last, or by a program
that fails at once, has to be read by somebody who is still there. Nothing waits for whoever reads the
container's output: PostgreSQL's collector writes to files of a bounded size, which are read as fast as lines
are taken; of the program's own output what nobody takes is dropped. What was dropped is counted and told.
"""
