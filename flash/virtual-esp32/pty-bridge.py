# A pseudo terminal for a virtual board. Node cannot open one without a compiled module; Python can, and is
# there wherever esptool is. stdin: bytes for the client. stdout: records of a letter, a length (4 bytes, big
# end first) and content: P the terminal's path, O a client has opened it, D its bytes, C it has closed it.
# Ends when stdin ends, so it never outlives the board.
import os
import select
import signal
import struct
import sys
import termios

CHECK_MILLISECONDS = 20  # how soon a client that opens the terminal is noticed
PIECE = 65536


def make_raw(fd):
    """No echo, no line editing, eight bits: set on the master side, it holds for each new client."""
    settings = termios.tcgetattr(fd)
    settings[0] &= ~(termios.BRKINT | termios.ICRNL | termios.INPCK | termios.ISTRIP | termios.IXON)
    settings[1] &= ~termios.OPOST
    settings[2] = (settings[2] & ~termios.PARENB) | termios.CS8
    settings[3] &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN | termios.ISIG)
    termios.tcsetattr(fd, termios.TCSANOW, settings)


def write_all(fd, data):
    while data:
        data = data[os.write(fd, data):]


def record(letter, content=b""):
    write_all(1, letter + struct.pack(">I", len(content)) + content)


def state_of(fd):
    """Whether a client has the terminal open, and whether bytes of it are waiting."""
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    event = poll.poll(0)[0][1] if poll.poll(0) else 0
    return not event & select.POLLHUP, bool(event & select.POLLIN)


def read_client(master):
    try:
        data = os.read(master, PIECE)
    except OSError:
        return  # it has closed the terminal meanwhile
    record(b"D", data)


def write_client(master, data):
    """What does not fit is lost, as on a UART that nobody reads."""
    try:
        os.write(master, data)
    except (BlockingIOError, OSError):
        pass


def main():
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the board's to handle
    master, slave = os.openpty()
    os.set_blocking(master, False)
    make_raw(master)
    path = os.ttyname(slave)
    os.close(slave)
    record(b"P", path.encode())
    present = False
    while True:
        there, readable = state_of(master)
        if there and not present:
            make_raw(master)
            present = True
            record(b"O")
        elif present and not there and not readable:
            present = False
            record(b"C")
        poll = select.poll()
        poll.register(0, select.POLLIN)
        if present:
            poll.register(master, select.POLLIN)
        for fd, event in poll.poll(None if present else CHECK_MILLISECONDS):
            if fd == 0:
                data = os.read(0, PIECE)
                if not data:
                    return
                if present:
                    write_client(master, data)
            elif event & select.POLLIN:
                read_client(master)


try:
    main()
except BrokenPipeError:
    sys.exit(0)
