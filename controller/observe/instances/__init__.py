"""What is read of the instances: their pods and volumes, Patroni's state, and how they progress."""
