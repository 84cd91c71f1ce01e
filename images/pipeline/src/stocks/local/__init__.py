"""The embedded instance: PostgreSQL from a wheel, and the runner that calls the steps in one process."""
