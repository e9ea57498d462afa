"""Plans carried out: the only room from which the world is changed, and people are told of it.

It decides nothing but in which order, and when to stop because the world moved. It may import every room.
"""
