"""Metrics: one vocabulary, and one collector that reads the process's own counters when it is asked."""
