"""Databases and roles in the server: what is to be done about them."""
