"""Each alert's own test, by promtool: it fires on its fault after its time, not without, and goes again."""
