"""Building keddah's two images, with or without a container engine, and saying what is in them.

The Dockerfile alone makes the images wherever `docker build` runs. This package adds what a machine without
an engine or a registry needs: the base image from Debian's packages, the machine's own pip and apt
settings for the time of the build, and archives that a node can import. The files that images are made of
lie beside it.
"""
