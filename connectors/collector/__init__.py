"""The collector: Amplitude's clients send their events here."""
