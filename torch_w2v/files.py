"""Paths and URIs, and files that are replaced only when the new one is complete."""

from __future__ import annotations


def is_uri(path: str) -> bool:
    """Whether `path` is for smart_open alone (s3://…, https://…), not for the file system."""
    return "://" in path
