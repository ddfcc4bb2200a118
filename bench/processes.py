"""Starts the servers that are measured, and reads what they cost from /proc."""
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time

TICK = os.sysconf("SC_CLK_TCK")
started = []


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port, path, seconds=30):
    """Returns when something on `port` answers `path` without a server's error."""
    deadline = time.time() + seconds
    while time.time() < deadline:
        try:
            link = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
            link.request("GET", path)
            if link.getresponse().status < 500:
                return
        except OSError:
            pass
        time.sleep(0.05)
    sys.exit(f"Nothing answers on port {port} within {seconds} s.")


class Process:
    """A server with its children: CPU seconds of all of them, memory of the largest."""

    def __init__(self, command, log, **options):
        self.log = log
        self.child = subprocess.Popen(command, stdout=open(log, "a"), stderr=subprocess.STDOUT, **options)
        started.append(self)

    def ids(self):
        pid = self.child.pid
        children = open(f"/proc/{pid}/task/{pid}/children").read().split()
        return [pid] + [int(child) for child in children]

    def cpu_seconds(self):
        total = 0
        for pid in self.ids():
            fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
        return total / TICK

    def _status(self, field):
        return max(
            int(re.search(rf"{field}:\s+(\d+)", open(f"/proc/{pid}/status").read()).group(1)) for pid in self.ids()) / 1024

    def peak_mebibytes(self):
        return self._status("VmHWM")

    def resident_mebibytes(self):
        return self._status("VmRSS")

    def forget_peak(self):
        """From now on the peak is counted anew."""
        for pid in self.ids():
            with open(f"/proc/{pid}/clear_refs", "w") as file:
                file.write("5")

    def stop(self):
        if self.child.poll() is not None:
            return
        self.child.send_signal(signal.SIGTERM)
        try:
            self.child.wait(timeout=40)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()


def stop_all():
    """Ends what this program started and has not ended."""
    for process in reversed(started):
        process.stop()


def machine():
    """One line about the machine's state, for whoever reads the figures later."""
    model = re.search(r"model name\s*: (.*)", open("/proc/cpuinfo").read())
    kernel = os.uname().release
    return (f"{os.cpu_count()} processors ({model.group(1) if model else 'unknown'}), kernel {kernel}, "
            f"load {', '.join(f'{load:.1f}' for load in os.getloadavg())}")
