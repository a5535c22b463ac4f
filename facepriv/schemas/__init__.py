"""What is stored and handed out as JSON: specs, results and reports, as pydantic models."""
