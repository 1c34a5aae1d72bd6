"""Schema matching: tables, their columns as values, and what models read of them.

bytes of a table  ->  Table of Columns  ->  texts and features  ->  pairs of columns
"""
