"""The games of 2014 to 2018 that differ in their loss."""
