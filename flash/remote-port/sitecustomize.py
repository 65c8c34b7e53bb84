# Makes pySerial's rfc2217:// ports quick. Python loads it at its start from a folder in PYTHONPATH; touches no file.
# pySerial sends and awaits all settings of the port again, with a sleep of 50 ms for each answer, whenever a time-out
# is changed, which esptool does twice a command: half a minute a board. Here they are sent when they have changed.
# https://github.com/pyserial/pyserial/blob/v3.5/serial/rfc2217.py, Serial._reconfigure_port
try:
    from serial import rfc2217
except ImportError:
    pass
else:
    _send_settings = rfc2217.Serial._reconfigure_port

    def _send_changed_settings(self):
        # The socket too: a port that was opened anew knows nothing. And what pySerial refuses it must go on refusing.
        names = ("_socket", "_baudrate", "_bytesize", "_parity", "_stopbits", "_rtscts", "_xonxoff", "_write_timeout")
        wanted = [getattr(self, name, None) for name in names]
        if getattr(self, "_settings_sent", None) != wanted:
            _send_settings(self)
            self._settings_sent = wanted

    rfc2217.Serial._reconfigure_port = _send_changed_settings
