"""SmallDisk: a file system of a few MiB that a test fills up and frees, where this user may mount one (root)."""
import os
import subprocess


class SmallDisk:
    """with SmallDisk(directory, 16) as disk: ...; disk.is_there is False where mounting is not permitted."""

    def __init__(self, path, mib):
        os.makedirs(path, exist_ok=True)
        self.path = path
        self.is_there = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mib}m", "tmpfs", path], check=False,
                                       capture_output=True).returncode == 0

    def __enter__(self):
        if not self.is_there:
            print("(no right to mount: left out)", flush=True)
        return self

    def __exit__(self, *what):
        if self.is_there:
            subprocess.run(["umount", "-l", self.path], check=False)

    def fill(self, but=0):
        """All but so many bytes."""
        with open(os.path.join(self.path, "filler"), "wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(65536))
            except OSError:
                pass
            size = os.fstat(file.fileno()).st_size
            os.truncate(file.fileno(), max(0, size - but))

    def refill(self):
        """What came free since."""
        with open(os.path.join(self.path, "filler"), "ab", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(65536))
            except OSError:
                pass

    def free(self):
        os.unlink(os.path.join(self.path, "filler"))
