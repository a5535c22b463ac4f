"""The difference of the gender means, laid onto a face."""
