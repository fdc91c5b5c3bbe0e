"""API v1: `table` lists the endpoints, `dispatch` serves them, and there is one module a family."""
