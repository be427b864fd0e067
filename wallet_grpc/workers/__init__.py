"""Workers: what nobody asks for and has to be done all the same. Each may run in any number of processes at once."""
