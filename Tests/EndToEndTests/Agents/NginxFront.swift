import Foundation
import TestSupport

/// nginx before a farm, as a cluster's router would stand there: TLS ends in it, HTTP/2 to Buildman, HTTP to the registry.
///
/// Streams that are silent for two seconds are cut, in either direction.
final class NginxFront: Sendable {
    let server: Server
    let front: FarmFront
    private let folder: TemporaryFolder
    private let certificates: TestCertificates

    init(registry: Int, manager: Int) async throws {
        certificates = try await TestCertificates()
        folder = try TemporaryFolder()
        let (web, grpc) = (try FreePort.find(), try FreePort.find())
        let configuration = try folder.write(
            """
            daemon off;
            pid \(folder.path("nginx.pid"));
            error_log stderr warn;
            worker_processes 1;
            user root;
            events { worker_connections 256; }
            http {
                access_log off;
                client_body_temp_path \(folder.path("body"));
                proxy_temp_path \(folder.path("proxy"));
                fastcgi_temp_path \(folder.path("fastcgi"));
                uwsgi_temp_path \(folder.path("uwsgi"));
                scgi_temp_path \(folder.path("scgi"));
                ssl_certificate \(certificates.serverCertificate);
                ssl_certificate_key \(certificates.serverKey);
                server {
                    listen 127.0.0.1:\(web) ssl;
                    client_max_body_size 0;
                    location / {
                        proxy_pass http://127.0.0.1:\(registry);
                        proxy_http_version 1.1;
                        proxy_request_buffering off;
                        proxy_set_header Host $http_host;
                        proxy_set_header X-Forwarded-Proto https;
                    }
                }
                server {
                    listen 127.0.0.1:\(grpc) ssl http2;
                    # Smaller than the log that comes through: a stream that has carried so much is refused.
                    client_max_body_size 256k;
                    client_body_timeout 2s;
                    grpc_read_timeout 2s;
                    grpc_send_timeout 2s;
                    location / { grpc_pass grpc://127.0.0.1:\(manager); }
                }
            }
            """, to: "nginx.conf")
        server = Server("nginx", ["-p", folder.path, "-c", configuration])
        front = FarmFront(
            registry: "localhost:\(web)", manager: "localhost:\(grpc)", authority: certificates.authority)
        try server.start()
    }
}
