"""Face matchers, one adapter a file."""
