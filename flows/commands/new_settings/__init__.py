"""A new settings file, for `init`: what is asked, and what is written."""
