"""How people use it: one command a file, each a thin caller of the library."""
