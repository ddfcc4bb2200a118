import COpenSSL
import Glibc

/// OpenSSL's side of one connection, at least TLS 1.2. Belongs to the thread of its connection.
final class TLSSession {
    enum Handshake {
        case done, wantsRead, wantsWrite
    }

    private let context: OpaquePointer
    private let session: OpaquePointer

    /// Prepares a client session over `descriptor`; no byte is sent yet. The files are read anew each time.
    init(_ settings: RedisSettings.TLS, host: String, descriptor: Int32) throws(RedisError) {
        ERR_clear_error()
        guard let context = SSL_CTX_new(TLS_client_method()) else { throw Self.problem("OpenSSL has no memory") }
        do throws(RedisError) {
            try Self.prepare(context, settings)
            session = try Self.session(context, settings.nameCheck, host, descriptor)
        } catch {
            SSL_CTX_free(context)
            throw error
        }
        self.context = context
    }

    deinit {
        SSL_free(session)
        SSL_CTX_free(context)
    }

    func shakeHands() throws(RedisError) -> Handshake {
        ERR_clear_error()
        let result = SSL_connect(session)
        if result == 1 { return .done }
        switch SSL_get_error(session, result) {
        case SSL_ERROR_WANT_READ: return .wantsRead
        case SSL_ERROR_WANT_WRITE: return .wantsWrite
        default:
            let verdict = SSL_get_verify_result(session)
            if verdict != Int(X509_V_OK) { throw .tls(String(cString: X509_verify_cert_error_string(verdict))) }
            throw Self.problem("the handshake failed")
        }
    }

    func read(into space: UnsafeMutableRawBufferPointer) -> RedisSocket.Outcome {
        ERR_clear_error()
        return outcome(SSL_read(session, space.baseAddress, Int32(space.count)))
    }

    func write(_ bytes: UnsafeRawBufferPointer) -> RedisSocket.Outcome {
        ERR_clear_error()
        return outcome(SSL_write(session, bytes.baseAddress, Int32(min(bytes.count, 1 << 24))))
    }

    private func outcome(_ result: Int32) -> RedisSocket.Outcome {
        if result > 0 { return .bytes(Int(result)) }
        switch SSL_get_error(session, result) {
        case SSL_ERROR_WANT_READ: return .wantsRead
        case SSL_ERROR_WANT_WRITE: return .wantsWrite
        case SSL_ERROR_ZERO_RETURN: return .closed("the server ended it")
        default: return .closed(Self.reason ?? "TLS failed")
        }
    }

    private static func prepare(_ context: OpaquePointer, _ settings: RedisSettings.TLS) throws(RedisError) {
        copenssl_prepare_context(context)
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nil)
        if let file = settings.authorityFile {
            guard SSL_CTX_load_verify_locations(context, file, nil) == 1 else {
                throw .tls("the file of authorities \(file) can't be used")
            }
        } else {
            guard SSL_CTX_set_default_verify_paths(context) == 1 else { throw problem("no trusted authorities") }
        }
        switch (settings.certificateFile, settings.keyFile) {
        case (nil, nil): break
        case (let certificate?, let key?):
            guard SSL_CTX_use_certificate_chain_file(context, certificate) == 1,
                SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) == 1,
                SSL_CTX_check_private_key(context) == 1
            else { throw .tls("the certificate \(certificate) and the key \(key) can't be used together") }
        default: throw .invalid("A client certificate needs a key, and a key a certificate.")
        }
    }

    private static func session(
        _ context: OpaquePointer, _ check: RedisSettings.TLS.NameCheck, _ host: String, _ descriptor: Int32
    ) throws(RedisError) -> OpaquePointer {
        guard let session = SSL_new(context) else { throw problem("OpenSSL has no memory") }
        var isReady = SSL_set_fd(session, descriptor) == 1
        let expected: String?
        switch check {
        case .host: expected = host
        case .name(let name): expected = name
        case .none: expected = nil
        }
        let name = expected ?? host
        let parameters = SSL_get0_param(session)
        // An address is compared with the certificate's addresses, and is no server name.
        if isAddress(name) {
            if expected != nil { isReady = isReady && X509_VERIFY_PARAM_set1_ip_asc(parameters, name) == 1 }
        } else {
            isReady = isReady && copenssl_set_server_name(session, name) == 1
            if expected != nil { isReady = isReady && SSL_set1_host(session, name) == 1 }
        }
        guard isReady else {
            SSL_free(session)
            throw problem("the session can't be prepared")
        }
        return session
    }

    private static func isAddress(_ name: String) -> Bool {
        var space = in6_addr()
        return inet_pton(AF_INET, name, &space) == 1 || inet_pton(AF_INET6, name, &space) == 1
    }

    private static func problem(_ fallback: String) -> RedisError { .tls(reason ?? fallback) }

    /// What OpenSSL noted.
    private static var reason: String? {
        let code = ERR_get_error()
        guard code != 0, let reason = ERR_reason_error_string(code) else { return nil }
        return String(cString: reason)
    }
}
