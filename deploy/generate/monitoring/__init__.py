"""What Prometheus and Grafana are told: what to scrape, when to alert, what to draw; and nothing of it twice.

An expression is built from `Series`, which are looked up in what the processes export: one of a metric, or
with a label, that does not exist cannot be written. `alerts/` and `board/` are tables; the other modules say
them in the words of Prometheus, of the Prometheus operator and of Grafana.
"""
