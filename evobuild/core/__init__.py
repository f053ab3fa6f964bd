"""What everything stands on: errors, params, the stage runner, tables, model URIs, prompts, the registry."""
