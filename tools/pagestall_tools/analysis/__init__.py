"""What runs say: what every table and page of them needs."""
