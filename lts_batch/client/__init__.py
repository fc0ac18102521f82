"""What people ask of a watched folder from outside: how things stand, try again, take back, clean up."""
