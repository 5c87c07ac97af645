"""Frames of videos, cameras and streams; nothing here knows of models."""
