"""Servers that speak OpenAI's protocol, as an engine."""
