"""The offline batch: files of log lines or rows become answers, each exactly once.

patterns -> inputs: InputFile -> Unit -> LineBlock | RowBlock -> job: answers -> outputs: shards
                                     └─ DeadLetter: what cannot be read or answered, never its text
"""
