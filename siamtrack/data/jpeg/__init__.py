"""JPEG files as bytes: what their header says, a rectangle of their pixels, and their rearrangement into tiles."""
