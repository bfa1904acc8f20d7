# ways: usual loops loops-exits
"""Processes made inside of a loop that runs compiled, while another thread runs one too."""

import os
import threading

stop = False
rounds = 0


def spin():
    global rounds
    while not stop:
        rounds += 1


thread = threading.Thread(target=spin)
thread.start()
total = 0
codes = []
for i in range(200_000):
    total += 1
    if i % 50_000 == 1:
        pid = os.fork()
        if pid == 0:
            mine = 0
            for k in range(50_000):
                mine += k
            other = threading.Thread(target=lambda: None)
            other.start()
            other.join()
            os._exit((mine + total) % 251)
        codes.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
stop = True
thread.join()
print(total, codes, rounds > 0)
