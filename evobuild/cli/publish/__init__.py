"""`evobuild publish`: the data set, or a tuned model, in a repository of the Hugging Face hub."""
