"""Faults on purpose: processes killed, and what is left of a lesson afterwards."""
