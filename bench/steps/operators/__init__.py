"""The operators' view on a ledger of years: its fill by SQL, what is asked of it, pages, and bets beside a console."""
