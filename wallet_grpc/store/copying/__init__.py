"""`wallet copy`: fills a new installation of other cells from one that has been outgrown."""
