"""The library that the stages share: one folder a part of the pipeline."""
