"""What stands behind `python -m evobuild`: planning, models, the reply store. No stage imports it."""
