import CCurl
import Foundation

/// Translates a plan into libcurl's options.
struct EasyHandle {
    private let handle: UnsafeMutableRawPointer

    init(_ handle: UnsafeMutableRawPointer) { self.handle = handle }

    /// Sets everything but the callbacks. Answers the header lines, which must live as long as the handle.
    func apply(_ plan: TransferPlan) throws(WebError) -> UnsafeMutablePointer<curl_slist>? {
        try set(CURLOPT_URL, plan.url.text)
        try set(CURLOPT_PROTOCOLS_STR, "http,https")
        try set(CURLOPT_NOSIGNAL, 1)
        try set(CURLOPT_FOLLOWLOCATION, 0)
        try set(CURLOPT_PATH_AS_IS, 1)
        try set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1)
        try set(CURLOPT_USERAGENT, plan.userAgent)
        try set(CURLOPT_BUFFERSIZE, 65_536)
        try set(CURLOPT_CONNECTTIMEOUT_MS, milliseconds(plan.timeouts.connect))
        if let total = plan.timeouts.total { try set(CURLOPT_TIMEOUT_MS, milliseconds(total)) }
        // A proxy from the environment would be what we connect to, and the policy would judge the wrong address.
        if case .publicOnly = plan.addresses { try set(CURLOPT_PROXY, "") }
        try apply(plan.trust)
        try apply(method: plan.method, body: plan.body)
        return try lines(plan)
    }

    private func apply(_ trust: TransferPlan.Trust) throws(WebError) {
        try set(CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
        if var authorities = trust.authorities {
            if trust.usesSystemAuthorities {
                // A blob takes the place of the system's file, but not of its folder.
                if text(of: CURLINFO_CAPATH) == nil, let file = text(of: CURLINFO_CAINFO) {
                    authorities += try TLSTrust.PEM.file(path: file).bytes()
                }
            } else {
                try set(CURLOPT_CAPATH, nil)
            }
            try set(CURLOPT_CAINFO_BLOB, authorities)
        }
        if let certificate = trust.certificate { try set(CURLOPT_SSLCERT_BLOB, certificate) }
        if let key = trust.key { try set(CURLOPT_SSLKEY_BLOB, key) }
    }

    private func apply(method: WebRequest.Method, body: TransferPlan.Body) throws(WebError) {
        let length: Int?
        switch body {
        case .none where method == .head:
            try set(CURLOPT_NOBODY, 1)
            return
        case .none where method == .get || method == .delete:
            try set(CURLOPT_CUSTOMREQUEST, method.rawValue)
            return
        case .none: length = 0
        case .bytes(let bytes): length = bytes.count
        case .file(_, let size): length = size
        case .stream(let announced): length = announced
        }
        try set(CURLOPT_UPLOAD, 1)
        try set(CURLOPT_CUSTOMREQUEST, method.rawValue)
        if let length { try check(ccurl_set_offset(handle, CURLOPT_INFILESIZE_LARGE, curl_off_t(length))) }
    }

    private func lines(_ plan: TransferPlan) throws(WebError) -> UnsafeMutablePointer<curl_slist>? {
        var list: UnsafeMutablePointer<curl_slist>?
        // Without it libcurl waits a second for servers that don't know `100 Continue`.
        list = curl_slist_append(list, "Expect:")
        for field in plan.headers.fields {
            // libcurl's way to say "an empty value" is a semicolon; "Name:" would drop the header.
            let line = field.value.isEmpty ? "\(field.name);" : "\(field.name): \(field.value)"
            guard let longer = curl_slist_append(list, line) else { throw .invalidRequest("out of memory") }
            list = longer
        }
        do throws(WebError) {
            try check(ccurl_set_pointer(handle, CURLOPT_HTTPHEADER, list))
        } catch {
            curl_slist_free_all(list)
            throw error
        }
        return list
    }

    private func set(_ option: CURLoption, _ value: Int) throws(WebError) {
        try check(ccurl_set_long(handle, option, value))
    }
    private func set(_ option: CURLoption, _ value: String?) throws(WebError) {
        try check(ccurl_set_text(handle, option, value))
    }
    private func set(_ option: CURLoption, _ value: [UInt8]) throws(WebError) {
        try check(value.withUnsafeBytes { ccurl_set_blob(handle, option, $0.baseAddress, $0.count) })
    }

    /// An option that doesn't take effect may be the one that protects somebody: nothing is sent then.
    private func check(_ code: CURLcode) throws(WebError) {
        guard code == CURLE_OK else {
            throw .invalidRequest("The request can't be prepared: \(String(cString: curl_easy_strerror(code))).")
        }
    }

    private func text(of info: CURLINFO) -> String? {
        var value: UnsafePointer<CChar>?
        guard ccurl_get_text(handle, info, &value) == CURLE_OK, let value else { return nil }
        return String(cString: value)
    }

    private func milliseconds(_ duration: Duration) -> Int { max(1, Int(duration / .milliseconds(1))) }
}
