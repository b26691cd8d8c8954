"""What is remembered of users, on disk."""
