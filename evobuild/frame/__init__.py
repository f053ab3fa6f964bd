"""What every stage stands on: params and their sections, tables, errors, and the frame that runs a script."""
