"""Pages: HTML that needs nothing else, and the charts, tables and amounts on it.

texts, figures, certificate -> escaped parts -> one document without script, file or network
"""
