"""Users of the dashboard, their passwords and sessions."""
