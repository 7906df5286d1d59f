"""Estimate and bill side by side: each day's lines, their signed difference, and why they differ.

`lines` reads the bill's wording, `estimates` splits a priced group by the bill's lines, `causes` decides,
`implied` divides the bill by its quantities, and `read` is the shell that asks the database.
"""
