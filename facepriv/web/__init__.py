"""The HTTP side of the dashboard: Starlette only, no pages."""
