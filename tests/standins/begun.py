"""Python programs that have begun: forked from a process that has read the project once.

``python -m tests.standins.begun SOCKET`` is that process, until its input ends. What it forks reads
its settings, from the environment it is given. ``python -IS begun.py SOCKET WORDS…`` has ``docker``
or ``manage.py`` run so, with our environment and files; other words are Python's own.
"""

import json
import os
import socket
import sys

PATIENCE = 120  # seconds
SETTINGS = "DJANGO_SETTINGS_MODULE", "backend.settings"


def ask(address, words, environment, where, files, *, is_kept=False):
    """Have ``words`` run with three ``files``. Returns the status; of what is kept, its number."""
    with socket.socket(socket.AF_UNIX) as asked:
        asked.settimeout(PATIENCE)
        asked.connect(address)
        message = json.dumps([words, environment, str(where), is_kept]).encode()
        socket.send_fds(asked, [len(message).to_bytes(4, "big")], files)
        asked.sendall(message)
        return int(asked.recv(16) or 1)


def serve(address):
    import gc
    import importlib
    import select
    import signal

    import django

    os.environ.setdefault(*SETTINGS)
    django.setup()
    # What takes long to read; but not gunicorn, which reads PORT at once.
    for name in (
        "backend.urls",
        "celery.bin.worker",
        "celery.apps.worker",
        "tests.standins.compose",
    ):
        importlib.import_module(name)

    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # whoever asks hears how it ended
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{address}.new")
        listener.listen(16)
        os.rename(f"{address}.new", address)  # from now on it hears
        while sys.stdin not in select.select([sys.stdin, listener], [], [])[0]:
            asking, _ = listener.accept()
            if not os.fork():
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                listener.close()
                answer(asking)
            asking.close()


def answer(asking):
    """Become what is asked for, in a process of its own, and let who asks know how that ended."""
    size, files, _, _ = socket.recv_fds(asking, 4, 3)
    size = int.from_bytes(size, "big")
    words, environment, where, is_kept = json.loads(asking.recv(size, socket.MSG_WAITALL))
    if child := os.fork():
        if not is_kept:
            child = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        asking.sendall(str(child).encode())
        os._exit(0)
    asking.close()
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    if is_kept:
        os.setsid()
    os.chdir(where)
    os.environ.clear()
    os.environ.update(environment)
    os.environ.setdefault(*SETTINGS)
    become(*words)


def become(program, *words):
    import runpy
    from pathlib import Path

    if program == "docker":
        from tests.standins import compose

        sys.exit(compose.main([*words]))
    read_settings()
    sys.argv = [*words]
    if program != "python":
        sys.argv.insert(0, str(Path(sys.executable).with_name(program)))
    runpy.run_path(sys.argv[0], run_name="__main__")
    sys.exit()


def read_settings():
    """Read the settings anew, and let go of what was made of those of before."""
    import django.test.signals  # noqa: F401  # which lets go
    from django.conf import Settings, empty, settings
    from django.core.signals import setting_changed
    from django.db import connections

    del sys.modules[settings.SETTINGS_MODULE]
    settings._wrapped = empty
    vars(connections).clear()
    connections.__init__()
    for name in {*dir(settings)} - {"DATABASES", "INSTALLED_APPS"}:
        if name.isupper():
            value = getattr(settings, name)
            setting_changed.send(sender=Settings, setting=name, value=value, enter=True)


if __name__ == "__main__":
    address, *words = sys.argv[1:]
    if not words:
        serve(address)
    elif words[:2] == ["python", "manage.py"] or words[0] == "docker":
        sys.exit(ask(address, words, dict(os.environ), os.getcwd(), [0, 1, 2]))
    else:
        os.execv(sys.executable, words)  # noqa: S606
