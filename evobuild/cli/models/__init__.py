"""`evobuild models`: whether the model of each role can be used."""
