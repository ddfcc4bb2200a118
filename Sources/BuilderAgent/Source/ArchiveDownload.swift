import Archive
import Domain
import Foundation
import Logging
import WebRequests

/// Fetches a build package and finds out what it is.
struct ArchiveDownload: Sendable {
    /// What came.
    enum Package: Sendable, Hashable {
        case archive(URL)
        case dockerfile(URL)
    }

    /// The largest package, in bytes.
    static let maximumBytes = 4 << 30
    /// The largest text that is taken for a Dockerfile, in bytes.
    static let maximumDockerfileBytes = 1 << 20

    let logger: Logger

    /// Downloads to `file`. Throws ``BuildFailure``: for an address that the policy forbids, an answer other than 2xx, a
    /// broken transfer, and content that is neither an archive nor a Dockerfile.
    func fetch(_ package: BuildPackage, to file: URL) async throws -> Package {
        let client = WebClient(
            addresses: try Self.policy(package), trust: AgentTrust.trust(), userAgent: "BuilderAgent")
        var request = WebRequest(.get, package.url)
        request.timeouts = .init(total: .seconds(1_800), connect: .seconds(15), idle: .seconds(60))
        request.maximumBodyBytes = Self.maximumBytes
        let response: WebResponse
        do {
            response = try await client.download(request, to: file.path).requiringSuccess()
        } catch let error as WebError { throw BuildFailure(.buildPackIssue, error.description) }
        let size = try FileManager.default.attributesOfItem(atPath: file.path)[.size] as? Int ?? 0
        logger.info("fetched the build package", metadata: ["bytes": "\(size)"])
        let type = response.headers["Content-Type"]
        switch PackageKind(start: try Self.start(of: file), byteCount: size, contentType: type) {
        case .archive: return .archive(file)
        case .dockerfile: return .dockerfile(file)
        case .unsupported(let name):
            throw BuildFailure(.dockerfileIssue, "Unsupported kind of build package: \(name)")
        }
    }

    /// An upload comes from where the manager says; what a user named must be public.
    static func policy(_ package: BuildPackage) throws -> AddressPolicy {
        if package.isTrusted { return .any }
        do {
            return .publicOnly(
                except: try package.allowedPrivateNetworks.map { text throws(CIDR.Malformed) in try CIDR(text) })
        } catch { throw BuildFailure(.missingOrInvalidArgument, "\(error)") }
    }

    private static func start(of file: URL) throws -> [UInt8] {
        let handle = try FileHandle(forReadingFrom: file)
        defer { try? handle.close() }
        return Array(try handle.read(upToCount: maximumDockerfileBytes) ?? Data())
    }
}

/// What a build package is: by its content first, by its type only for telling text from text.
enum PackageKind: Sendable, Hashable {
    case archive
    case dockerfile
    /// The name is for the message.
    case unsupported(String)

    /// - Parameter start: the package's first bytes, as many as a Dockerfile may have.
    init(start: [UInt8], byteCount: Int, contentType: String?) {
        let type = contentType?.split(separator: ";").first?.trimmingCharacters(in: .whitespaces).lowercased() ?? ""
        if ArchiveKind.sniff(start) != nil {
            self = .archive
        } else if Self.dockerfileTypes.contains(type), byteCount <= ArchiveDownload.maximumDockerfileBytes,
            !start.contains(0), String(validating: start, as: UTF8.self) != nil
        {
            self = .dockerfile
        } else {
            self = .unsupported(type.isEmpty ? "unknown" : String(type.prefix(100)))
        }
    }

    private static let dockerfileTypes: Set<String> = [
        "", "text/plain", "application/octet-stream", "binary/octet-stream", "text/x-dockerfile",
        "application/x-dockerfile", "application/vnd.docker.dockerfile",
    ]
}
