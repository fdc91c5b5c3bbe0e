"""A third real WebDAV server: Debian's Apache with mod_dav, which compresses what it can, by Basic and by Digest."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.servers.dav_nginx import PASSWORD, USER, DavServer
from tests.servers.ports import await_port, free_port

_MODULES = ("mpm_event", "authn_core", "authn_file", "authz_core", "authz_user", "auth_basic", "auth_digest")
_MORE = ("dav", "dav_fs", "deflate", "filter")
_CONF = """
ServerRoot {folder}
ServerName 127.0.0.1
PidFile {folder}/pid
DefaultRuntimeDir {folder}
Listen 127.0.0.1:{port}
ErrorLog {folder}/error.log
LogLevel warn
{modules}
{user}
StartServers 1
DocumentRoot {folder}/root
DavLockDB {folder}/locks
SetOutputFilter DEFLATE
<Directory {folder}/root>
    AuthName school
    Require valid-user
    Dav On
</Directory>
<Location /dav>
    AuthType Basic
    AuthUserFile {folder}/basic
</Location>
<Location /digest>
    AuthType Digest
    AuthUserFile {folder}/digest
    AuthDigestNonceLifetime {nonce_sec}
</Location>
"""


@contextlib.contextmanager
def apache_server(nonce_sec: int = 300) -> Iterator[DavServer]:
    """Runs until the end of the block. `/dav` by Basic, `/digest` by Digest, both for `USER`.

    It never runs as root, and so in a folder that everybody may enter.
    """
    apache = shutil.which("apache2", path="/usr/sbin:/usr/bin:/sbin")
    assert apache is not None, "apache2 is not installed: make servers"
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="apache-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        for way in ("dav", "digest"):
            (folder / "root" / way).mkdir(parents=True)
        _write_passwords(folder)
        modules = "\n".join(
            f"LoadModule {module}_module /usr/lib/apache2/modules/mod_{module}.so" for module in (*_MODULES, *_MORE)
        )
        user = "User www-data\nGroup www-data" if os.geteuid() == 0 else ""
        (folder / "apache.conf").write_text(
            _CONF.format(folder=folder, port=port, modules=modules, user=user, nonce_sec=nonce_sec)
        )
        if user:
            subprocess.run(["chown", "-R", "www-data", folder], check=True)
        log = folder / "apache.log"
        with log.open("wb") as out:
            process = subprocess.Popen([apache, "-f", folder / "apache.conf", "-DFOREGROUND"], stdout=out, stderr=out)
        try:
            await_port(port, process, log)
            yield DavServer(port, folder / "root")
        finally:
            process.terminate()
            process.wait(20)


def _write_passwords(folder: Path) -> None:
    command = ["openssl", "passwd", "-apr1", "-stdin"]
    basic = subprocess.run(command, input=PASSWORD.encode(), capture_output=True, check=True).stdout.decode()
    (folder / "basic").write_text(f"{USER}:{basic}")
    digest = hashlib.md5(f"{USER}:school:{PASSWORD}".encode(), usedforsecurity=False).hexdigest()
    (folder / "digest").write_text(f"{USER}:school:{digest}\n")
