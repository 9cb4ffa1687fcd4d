"""The pages: what each asks, and what it shows."""
