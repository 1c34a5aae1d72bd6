"""What is wrong around Headgate: one file a kind of trouble, each finding with what mends it.

machine, cluster, gateway, cascades -> checks -> [Finding]
"""
