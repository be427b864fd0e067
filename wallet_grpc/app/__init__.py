"""The composition roots: what each process of the wallet is made of. The only files that see everything."""
