import CCurl
import Glibc

extension WebError {
    /// Names what libcurl reports about the transfer of `handle`.
    init(_ code: CURLcode, host: String, handle: UnsafeMutableRawPointer) {
        let reason = String(cString: curl_easy_strerror(code))
        switch code {
        case CURLE_COULDNT_RESOLVE_HOST:
            self = .unresolved(host: host)
        case CURLE_COULDNT_RESOLVE_PROXY:
            self = .unreachable(host: host, reason: "its proxy has no address")
        case CURLE_COULDNT_CONNECT, CURLE_INTERFACE_FAILED:
            self = .unreachable(host: host, reason: Self.systemReason(handle) ?? reason)
        case CURLE_OPERATION_TIMEDOUT:
            var sendingSince: curl_off_t = 0
            ccurl_get_offset(handle, CURLINFO_PRETRANSFER_TIME_T, &sendingSince)
            self = .timedOut(host: host, during: sendingSince == 0 ? .connecting : .transferring)
        case CURLE_PEER_FAILED_VERIFICATION:
            self = .tls(host: host, reason: "its certificate is not trusted or not made for this name")
        case CURLE_SSL_CONNECT_ERROR, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER, CURLE_SSL_CACERT_BADFILE,
            CURLE_SSL_ISSUER_ERROR, CURLE_SSL_CRL_BADFILE, CURLE_SSL_INVALIDCERTSTATUS, CURLE_USE_SSL_FAILED,
            CURLE_SSL_CLIENTCERT, CURLE_SSL_ENGINE_NOTFOUND, CURLE_SSL_ENGINE_SETFAILED, CURLE_SSL_PINNEDPUBKEYNOTMATCH:
            self = .tls(host: host, reason: reason)
        case CURLE_UNSUPPORTED_PROTOCOL:
            // The address's scheme was checked before: libcurl says this of an answer in HTTP/0.9, which is anything.
            self = .interrupted(host: host, reason: "the answer is not HTTP")
        case CURLE_URL_MALFORMAT:
            self = .invalidRequest("The address can't be requested: \(reason).")
        default:
            self = .interrupted(host: host, reason: reason)
        }
    }

    private static func systemReason(_ handle: UnsafeMutableRawPointer) -> String? {
        var number = 0
        guard ccurl_get_long(handle, CURLINFO_OS_ERRNO, &number) == CURLE_OK, number > 0 else { return nil }
        return String(cString: strerror(Int32(number)))
    }
}
