"""Following objects through the slices of a volume, or the frames of a video."""
