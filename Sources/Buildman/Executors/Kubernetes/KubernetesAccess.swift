import Foundation
import RegistryCore
import WebRequests

/// Where a cluster's API is, whom to believe there, and how to prove who we are.
struct KubernetesAccess: Sendable, Hashable {
    enum Credentials: Sendable, Hashable {
        /// A client certificate, or nothing.
        case none
        case token(String)
        /// Read again at each call: the cluster renews it.
        case tokenFile(path: String)
    }

    /// `https://host:port`, without a slash at the end.
    let url: String
    let trust: TLSTrust
    let credentials: Credentials
    /// How long an answer may take (K8S_API_TIMEOUT).
    let timeout: Duration

    /// What stands in the Authorization header now; nil for none. Errors: ``ExecutorFailure`` that names the file.
    func bearerToken() throws(ExecutorFailure) -> String? {
        switch credentials {
        case .none: return nil
        case .token(let token): return token.trimmingCharacters(in: .whitespacesAndNewlines)
        case .tokenFile(let path):
            let text: String
            do { text = try String(contentsOfFile: path, encoding: .utf8) } catch {
                throw ExecutorFailure(
                    "The service account's token can't be read from \(path): \(error.localizedDescription)")
            }
            let token = text.trimmingCharacters(in: .whitespacesAndNewlines)
            guard !token.isEmpty else { throw ExecutorFailure("The service account's token file \(path) is empty.") }
            return token
        }
    }
}

extension KubernetesAccess {
    /// The folder that a cluster mounts into pods with a service account.
    static let serviceAccountFolder = "/var/run/secrets/kubernetes.io/serviceaccount"

    /// What the settings name; where they name nothing and this program runs in a pod, the cluster around it.
    ///
    /// - Parameters:
    ///   - extraAuthorities: files to believe besides the system's where the settings name no authority of their own.
    ///   - mounted: where a pod's service account is.
    init(
        _ settings: KubernetesSettings, extraAuthorities: [String] = [],
        environment: [String: String] = ProcessInfo.processInfo.environment,
        mounted: String = Self.serviceAccountFolder
    ) {
        timeout = settings.apiTimeout
        let namesNothing =
            settings.apiServer == nil && settings.token == nil && settings.tokenFile == nil
            && settings.certificateFile == nil
        if namesNothing, let host = environment["KUBERNETES_SERVICE_HOST"], !host.isEmpty {
            let port = environment["KUBERNETES_SERVICE_PORT"].flatMap { $0.isEmpty ? nil : $0 } ?? "443"
            url = "https://\(host.contains(":") ? "[\(host)]" : host):\(port)"
            trust = TLSTrust(
                authorities: .only([.file(path: settings.authorityFile ?? "\(mounted)/ca.crt")]), plainText: .refused)
            credentials = .tokenFile(path: "\(mounted)/token")
            return
        }
        credentials =
            settings.tokenFile.map { .tokenFile(path: $0) } ?? settings.token.map { .token($0) } ?? .none
        let usesTLS = credentials != .none || settings.certificateFile != nil
        url = "\(usesTLS ? "https" : "http")://\(settings.apiServer ?? "localhost:8080")"
        var identity: TLSTrust.Identity?
        if let certificate = settings.certificateFile, let key = settings.keyFile {
            identity = TLSTrust.Identity(certificate: .file(path: certificate), key: .file(path: key))
        }
        let more = extraAuthorities.map { TLSTrust.PEM.file(path: $0) }
        let named = settings.authorityFile.map { TLSTrust.Authorities.only([.file(path: $0)]) }
        trust = TLSTrust(
            authorities: named ?? (more.isEmpty ? .system : .systemAnd(more)), identity: identity,
            plainText: usesTLS ? .refused : .allowed)
    }
}
