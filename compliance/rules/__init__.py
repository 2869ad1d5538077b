"""The rules themselves: pure functions over frozen facts. Knows no Django and reads nothing: same
facts, same verdict."""
