"""What every table has to be: expectations that users edit, and what came of them."""
