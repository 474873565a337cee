"""Programs that run in other interpreters, some of them old: Python 3.8, standard library, numpy, one engine.

They are started by path and import nothing of Seatrial but `link`, which lies beside them.
"""
