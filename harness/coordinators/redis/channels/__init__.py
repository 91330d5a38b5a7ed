"""Channels: publish and subscribe."""
