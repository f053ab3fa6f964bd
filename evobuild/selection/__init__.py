"""Select the rows of the dataset."""
