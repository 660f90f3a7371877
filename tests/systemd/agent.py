"""A process of a unit that does as it is told through the socket that its argument names: lines of JSON come in, each
is answered with one.

["connect"], ["send", TEXT], ["line"] are of its connection to the daemon. ["pass", PATH] gives the connection to who
listens there and ends. ["become", PID, UID] starts a process that has that number and is that user's. ["sink", NAME]
moves it to a control group of that name below its own; ["group"] and ["pid"] tell where and which it is.
"""

import ctypes
import json
import os
import signal
import socket
import sys
import time

DAEMON = "/run/gctokend/gctokend.sock"
SYS_CLONE3 = 435
CLONE_ARGS = 11  # words of 64 bits, up to the one behind set_tid_size

connection = None


def connect():
    global connection
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(DAEMON)


def send(text):
    connection.sendall(text.encode() + b"\n")


def line():
    text = b""
    while not text.endswith(b"\n"):
        text += connection.recv(1)
    return text.decode()


def give_away(path):
    with socket.socket(socket.AF_UNIX) as other:
        other.connect(path)
        socket.send_fds(other, [b"x"], [connection.fileno()])
    sys.exit()


def become(pid, uid):
    set_tid = (ctypes.c_int * 1)(pid)
    args = (ctypes.c_uint64 * CLONE_ARGS)()
    args[4] = signal.SIGCHLD
    args[8] = ctypes.addressof(set_tid)
    args[9] = 1
    child = ctypes.CDLL(None, use_errno=True).syscall(SYS_CLONE3, args, ctypes.sizeof(args))
    if child == 0:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
        time.sleep(3600)
        os._exit(0)
    if child < 0:
        raise OSError(ctypes.get_errno(), "clone3")
    while os.stat(f"/proc/{child}").st_uid != uid:
        time.sleep(0.01)
    return child


def group():
    with open("/proc/self/cgroup", encoding="ascii") as file:
        return next(line[3:].strip() for line in file if line.startswith("0::"))


def sink(name):
    below = f"/sys/fs/cgroup{group()}/{name}"
    os.mkdir(below)
    with open(below + "/cgroup.procs", "w", encoding="ascii") as file:
        file.write(str(os.getpid()))


COMMANDS = {"connect": connect, "send": send, "line": line, "pass": give_away, "become": become, "group": group,
            "sink": sink, "pid": os.getpid}

with socket.socket(socket.AF_UNIX) as control:
    control.connect(sys.argv[1])
    for command in control.makefile():
        name, *arguments = json.loads(command)
        control.sendall(json.dumps(COMMANDS[name](*arguments)).encode() + b"\n")
