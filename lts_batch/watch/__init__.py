"""The watched folder: jobs found, claimed, rendered, delivered, and closed."""
