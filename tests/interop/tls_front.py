"""Ends TLS with the cipher suites of an old host, and begins it anew to the host behind, which has the same certificate.

tls_front.py CERTIFICATE KEY CIPHERS PORT: prints its own port once it listens.
"""

from __future__ import annotations

import socket
import ssl
import sys
import threading


def pump(source: ssl.SSLSocket, sink: ssl.SSLSocket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    for end in (source, sink):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def serve(connection: socket.socket, own: ssl.SSLContext, behind: ssl.SSLContext, port: int) -> None:
    try:
        client = own.wrap_socket(connection, server_side=True)
    except (ssl.SSLError, OSError):
        connection.close()
        return
    host = behind.wrap_socket(socket.create_connection(("127.0.0.1", port)), server_hostname="localhost")
    threading.Thread(target=pump, args=(client, host), daemon=True).start()
    pump(host, client)


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
