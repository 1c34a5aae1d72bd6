"""The parts of the log benchmarks: labelled sets, lines made from them, and drain3 as a peer."""
