"""measured.py OUTPUT COMMAND...: runs a command, with its standard output in a file; then prints its exit status, seconds from
start to end, seconds of CPU, and kilobytes resident at most, with everything that it started itself."""
import os, sys, time

with open(sys.argv[1], "wb") as output:
    began = time.perf_counter()
    actions = [(os.POSIX_SPAWN_DUP2, output.fileno(), 1)]
    child = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ, file_actions=actions)
    _, status, usage = os.wait4(child, 0)
    ended = time.perf_counter()
print(os.waitstatus_to_exitcode(status), ended - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss)
