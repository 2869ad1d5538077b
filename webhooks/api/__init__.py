"""Doors of the webhook part of the partner API: read input, call one service, answer."""
