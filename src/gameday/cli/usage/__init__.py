"""What each command takes: its arguments, its flags and its examples."""
