"""The database and the data folder kept in order."""
