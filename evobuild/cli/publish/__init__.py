"""`evobuild publish`: upload the dataset or a tuned model to a repository of the Hugging Face hub."""
