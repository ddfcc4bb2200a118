import TestSupport
import Testing

/// A web server of the test's own in another process, on every loopback address, plain or with TLS.
///
/// It prints a line for each request and for each connection that a client closed early.
final class TestWebServer: Sendable {
    let port: Int
    let process: ChildProcess
    private let scheme: String

    init(certificates: TestCertificates? = nil, asksForClientCertificate: Bool = false) async throws {
        var arguments: [String] = []
        if let certificates {
            arguments = [certificates.serverCertificate, certificates.serverKey]
            if asksForClientCertificate { arguments.append(certificates.authority) }
        }
        scheme = certificates == nil ? "http" : "https"
        process = try ChildProcess("python3", ["-u", "-c", Self.script] + arguments)
        let line = try await process.line(containing: "listening on ")
        port = try #require(Int(line.split(separator: " ").last ?? ""))
    }

    /// The address of `path` at `host`.
    func url(_ path: String, host: String = "127.0.0.1") -> String { "\(scheme)://\(host):\(port)\(path)" }

    private static let script = #"""
        import hashlib, json, ssl, sys, threading, urllib.parse
        from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

        release = threading.Event()
        sent = [0]

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format, *args): pass

            def answer(self, status, body=b"", headers=()):
                self.send_response(status)
                for name, value in headers: self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD": self.wfile.write(body)

            def body(self):
                if self.headers.get("Transfer-Encoding") == "chunked":
                    while True:
                        size = int(self.rfile.readline(), 16)
                        if size: yield self.rfile.read(size)
                        self.rfile.readline()
                        if not size: return
                left = int(self.headers.get("Content-Length", 0))
                while left:
                    data = self.rfile.read(min(left, 65536))
                    left -= len(data)
                    yield data

            def await_close(self):
                try: self.connection.recv(1)
                except ConnectionResetError: pass  # the client left bytes unread
                print("closed", self.path)
                self.close_connection = True

            def handle_any(self):
                url = urllib.parse.urlsplit(self.path)
                query = dict(urllib.parse.parse_qsl(url.query))
                print("request", self.command, self.path, "to", self.headers.get("Host"))
                if url.path == "/status":
                    self.answer(int(query["code"]), b"body of " + query["code"].encode(),
                        [("X-Twice", "one"), ("x-twice", "two"), ("X-Empty", "")])
                elif url.path == "/echo":
                    digest, size = hashlib.sha256(), 0
                    for data in self.body(): digest.update(data); size += len(data)
                    self.answer(200, json.dumps({"method": self.command, "size": size, "sha256": digest.hexdigest(),
                        "headers": {name.lower(): value for name, value in self.headers.items()}}).encode())
                elif url.path == "/redirect":
                    for data in self.body(): pass
                    self.answer(int(query.get("code", 302)), b"elsewhere", [("Location", query["to"])])
                elif url.path == "/bytes":
                    left = int(query["count"])
                    self.send_response(200)
                    self.send_header("Transfer-Encoding", "chunked")
                    self.end_headers()
                    sent[0] = 0
                    while left:
                        data = b"x" * min(left, 65536)
                        self.wfile.write(b"%x\r\n" % len(data) + data + b"\r\n")
                        left -= len(data); sent[0] += len(data)
                    self.wfile.write(b"0\r\n\r\n")
                elif url.path == "/sent": self.answer(200, str(sent[0]).encode())
                elif url.path == "/drip":
                    self.send_response(200)
                    self.send_header("Content-Length", "1000")
                    self.end_headers()
                    self.wfile.write(b"x"); self.wfile.flush()
                    self.await_close()
                elif url.path == "/silent":
                    self.await_close()
                elif url.path == "/short":
                    self.send_response(200)
                    self.send_header("Content-Length", "1000")
                    self.end_headers()
                    self.wfile.write(b"x")
                    self.close_connection = True
                elif url.path == "/garbage":
                    self.wfile.write(b"SSH-2.0-OpenSSH\r\n\r\n")
                    self.close_connection = True
                elif url.path == "/long-head":
                    self.wfile.write(b"HTTP/1.1 200 OK\r\n" + b"X-A: " + b"y" * 4000 + b"\r\n")
                    for number in range(100): self.wfile.write(b"X-A: " + b"y" * 4000 + b"\r\n")
                    self.wfile.write(b"Content-Length: 0\r\n\r\n")
                elif url.path == "/interim":
                    self.wfile.write(b"HTTP/1.1 103 Early Hints\r\nX-Early: yes\r\n\r\n")
                    self.answer(200, b"final")
                elif url.path == "/hold":
                    release.wait()
                    size = sum(len(data) for data in self.body())
                    self.answer(200, str(size).encode())
                elif url.path == "/release": release.set(); self.answer(204)
                else: self.answer(404)

            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64
            def handle_error(self, request, address): print("error", sys.exc_info()[1])

        server = Server(("0.0.0.0", 0), Handler)
        if len(sys.argv) > 1:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(sys.argv[1], sys.argv[2])
            if len(sys.argv) > 3:
                context.load_verify_locations(sys.argv[3])
                context.verify_mode = ssl.CERT_REQUIRED
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        print("listening on", server.server_address[1])
        server.serve_forever()
        """#
}
