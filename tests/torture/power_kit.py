"""Disks that lose power, for power_run.py: a file system on a loop device on a file of power_disk, which records what the
kernel wrote and flushed; and images of it as a power cut may have left them."""
import mmap
import os
import shutil
import struct
import subprocess
import sys
import time

SHARED = struct.Struct("<5QII")  # power_shared.h
RANGES, RANGE = 200, struct.Struct("<QQ")
EVENT = struct.Struct("<IIQQQ")
WRITE, FLUSH = 1, 2
FRAME_MAGIC = b"LTF1"
FAIL_WRITES, FAIL_FLUSHES = 1, 2

SYSTEMS = {
    "ext4": {"mib": 64, "mkfs": ["mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0"], "mount": "loop"},
    "xfs": {"mib": 300, "mkfs": ["mkfs.xfs", "-q", "-f", "-K"], "mount": "loop"},
    "btrfs": {"mib": 128, "mkfs": ["mkfs.btrfs", "-q", "-f", "-K"], "mount": "loop,nodiscard"},
}


def in_a_world_of_its_own():
    """Begins the program anew in its own mount and process namespaces: whatever ends it, even kill -9, takes what it started
    and mounted with it, and so its loop devices (they detach when nobody has them open). Root alone may."""
    if os.environ.get("LEAT_POWER_WORLD") == "1":
        return
    if os.geteuid() != 0:
        raise SystemExit("power: mounting file systems on loop devices needs root")
    os.environ["LEAT_POWER_WORLD"] = "1"
    os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc",
                          sys.executable, *sys.argv])


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"power: `{' '.join(command)}` ended with {done.returncode}: {done.stderr.strip()}")


def missing_systems(names):
    """Those that this machine cannot have, each with the reason."""
    lacks = {}
    for name in names:
        with open("/proc/filesystems") as file:
            is_known = name in [line.split()[-1] for line in file]
        if not is_known and subprocess.run(["modprobe", name], capture_output=True, check=False).returncode != 0:
            lacks[name] = "the kernel does not know it (/proc/filesystems), and there is no module of that name"
        elif not shutil.which(SYSTEMS[name]["mkfs"][0]):
            lacks[name] = f"there is no {SYSTEMS[name]['mkfs'][0]}"
    return lacks


def complain_of_missing(names):
    lacks = missing_systems(names)
    for name, why in lacks.items():
        print(f"power: NO {name.upper()} HERE, so nothing is proven for it: {why}", file=sys.stderr)
    return lacks


def make_world(directory):
    """Images live in memory, in a file system of our own: their syncs cost nothing."""
    place = os.path.join(directory, "world")
    os.makedirs(place)
    run("mount", "-t", "tmpfs", "-o", "size=6g", "tmpfs", place)
    return place


def copy_sparse(source, to):
    run("cp", "--sparse=always", source, to)


class Shared:
    """The file that test, disk and writer map."""

    def __init__(self, path):
        size = SHARED.size + RANGES * RANGE.size
        with open(path, "wb") as file:
            file.truncate(size)
        self.path = path
        with open(path, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), size)

    def counts(self):
        return dict(zip(("begun", "acked", "writes", "flushes", "failed"), SHARED.unpack_from(self.map)))

    def set_counts(self, begun, acked):
        struct.pack_into("<QQ", self.map, 0, begun, acked)

    def fail(self, what, ranges=((0, 1 << 62),)):
        for number, (start, end) in enumerate(ranges[:RANGES]):
            RANGE.pack_into(self.map, SHARED.size + number * RANGE.size, start, end)
        struct.pack_into("<I", self.map, 44, min(len(ranges), RANGES))
        struct.pack_into("<I", self.map, 40, what)

    def heal(self):
        struct.pack_into("<I", self.map, 40, 0)


class Disk:
    """with Disk(...) as disk: the file system is mounted at disk.mnt, on a device that records onto a tape."""

    def __init__(self, program, system, image, shared, tape, directory):
        self.program, self.system, self.image, self.shared, self.tape = program, system, image, shared, tape
        self.fuse, self.mnt = os.path.join(directory, "fuse"), os.path.join(directory, "mnt")
        self.process = None

    def __enter__(self):
        for path in (self.fuse, self.mnt):
            os.makedirs(path, exist_ok=True)
        self.process = subprocess.Popen([self.program, self.fuse, self.image, self.shared.path, self.tape])
        device = os.path.join(self.fuse, "disk")
        deadline = time.monotonic() + 20
        while not os.path.exists(device):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("power: power_disk did not mount its file")
            time.sleep(0.005)
        self.mount()
        return self

    def mount(self):
        run("mount", "-t", self.system, "-o", SYSTEMS[self.system]["mount"], os.path.join(self.fuse, "disk"), self.mnt)

    def unmount(self):
        run("umount", self.mnt)

    def __exit__(self, *what):
        if os.path.ismount(self.mnt):
            subprocess.run(["umount", self.mnt], check=False)
        subprocess.run(["umount", self.fuse], check=False)
        self.process.wait(timeout=30)


def make_system(system, image):
    with open(image, "wb") as file:
        file.truncate(SYSTEMS[system]["mib"] << 20)
    run(*SYSTEMS[system]["mkfs"], image)


class Tape:
    """What reached the disk, in order: events (kind, at, length, begun, acked, where its bytes are)."""

    def __init__(self, path, base):
        self.file, self.base = open(path, "rb"), base
        self.events = []
        size, place = os.path.getsize(path), 0
        while place + EVENT.size <= size:
            kind, length, at, begun, acked = EVENT.unpack(os.pread(self.file.fileno(), EVENT.size, place))
            self.events.append((kind, at, length, begun, acked, place + EVENT.size))
            place += EVENT.size + length
        self.flushes = [number for number, event in enumerate(self.events) if event[0] == FLUSH]

    def put(self, image, event, draw=None):
        """The event's bytes into the image: all, or some by chance. What holds frames of a log may be torn at each sector.
        What the file system wrote for itself only between pages: none of the three stands half a page of metadata."""
        _, at, length, _, _, place = event
        data = os.pread(self.file.fileno(), length, place)
        size = length if draw is None else 512 if FRAME_MAGIC in data else 4096
        for offset in range(0, length, size):
            if draw is None or draw.random() < 0.5:
                os.pwrite(image, data[offset:offset + size], at + offset)

    def cut(self, image, at, draw, flush=None):
        """`image` becomes what a power cut before event `at` may leave: all up to the last flush before it (or up to
        event `flush`), and of the writes since then any."""
        if flush is None:
            flush = max((number for number in self.flushes if number < at), default=-1)
        copy_sparse(self.base, image)
        chance = draw.choice((0, 0.1, 0.5, 0.9, 1))
        tears = draw.choice((0, 0, 0.3))
        with open(image, "r+b") as file:
            for number in range(at):
                event = self.events[number]
                if event[0] != WRITE:
                    continue
                if number < flush:
                    self.put(file.fileno(), event)
                elif draw.random() < tears:
                    self.put(file.fileno(), event, draw)
                elif draw.random() < chance:
                    self.put(file.fileno(), event)
        return at - 1 - flush
