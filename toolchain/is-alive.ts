// Whether a process of this machine runs. Asks the system.

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // it lives, but is somebody else's
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
