"""Ends TLS with the cipher suites of an old host, and begins it anew to the host behind, which has the same certificate.

tls_front.py CERTIFICATE KEY CIPHERS PORT: prints its own port once it listens.
"""

from __future__ import annotations

import select
import socket
import ssl
import sys
import threading


def pump(client: ssl.SSLSocket, host: ssl.SSLSocket) -> None:
    """Both ways in one thread: an SSL object does not bear two."""
    others = {client: host, host: client}
    while True:
        for source in [end for end in others if end.pending()] or select.select(list(others), [], [])[0]:
            data = source.recv(65536)
            if not data:
                return
            others[source].sendall(data)


def serve(connection: socket.socket, own: ssl.SSLContext, behind: ssl.SSLContext, port: int) -> None:
    try:
        with own.wrap_socket(connection, server_side=True) as client:
            far = socket.create_connection(("127.0.0.1", port))
            with behind.wrap_socket(far, server_hostname="localhost") as host:
                pump(client, host)
    except OSError:
        connection.close()


def main() -> None:
    certificate, key, ciphers, port = sys.argv[1:]
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.load_cert_chain(certificate, key)
    own.maximum_version = ssl.TLSVersion.TLSv1_2
    own.set_ciphers(ciphers)
    behind = ssl.create_default_context(cafile=certificate)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=serve, args=(connection, own, behind, int(port)), daemon=True).start()


if __name__ == "__main__":
    main()
