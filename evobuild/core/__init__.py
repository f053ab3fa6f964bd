"""The base of all rooms: errors, params, the stage runner, tables, caches, model URIs, prompts, lists."""
