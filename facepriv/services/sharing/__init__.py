"""Reports, shares with an officer, sign-off."""
