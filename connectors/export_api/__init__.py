"""Amplitude's Export API: past events by the hour, as zip archives."""
