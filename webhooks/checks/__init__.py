"""Checking endpoints: before they receive live events, on demand, and while a secret rotates."""
