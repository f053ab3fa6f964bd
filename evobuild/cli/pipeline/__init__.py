"""What is derived from the declarations of stages: dvc.yaml and the roster."""
