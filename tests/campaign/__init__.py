"""Does anything get lost? Kills, signals, full disks, two processes at once, damaged files: ``make campaign``.

Each trial runs a command of the toolkit in a process of its own, does something to it, runs it again, and judges what
its user is left with. Two questions: was nothing lost ("survived": the finished folder holds, byte for byte, what an
undisturbed run leaves there), and was what went wrong said in one line ("clear")?
"""
