"""The fault lab: proves, over and over, that no crash, loss or repeat loses, creates or doubles money."""
