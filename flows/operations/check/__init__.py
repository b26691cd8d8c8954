"""What `check` looks at: one kind of finding a file. Changes nothing, and sends no event."""
