"""Kafka: the source of events and a place for dead letters."""
