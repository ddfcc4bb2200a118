import Domain
import Foundation
import OCI

/// The files into which a runtime writes what it made.
enum ResultFile {
    /// The id of the image that was built.
    static func imageID(_ url: URL) throws -> String {
        guard let id = text(url) else { throw BuildFailure(.buildError, "The build ended without an image.") }
        return id
    }

    /// The digest of the manifest that was pushed.
    static func digest(_ url: URL) throws -> Digest {
        guard let text = text(url) else { throw BuildFailure(.pushIssue, "The push ended without a digest.") }
        return try digest(text)
    }

    static func digest(_ text: String) throws -> Digest {
        do { return try Digest(text) } catch { throw BuildFailure(.pushIssue, error.message) }
    }

    /// nil for a file that is missing or empty: the runtime didn't get that far.
    private static func text(_ url: URL) -> String? {
        guard let text = try? String(contentsOf: url, encoding: .utf8) else { return nil }
        let trimmed = text.trimmingCharacters(in: .whitespacesAndNewlines)
        return trimmed.isEmpty ? nil : trimmed
    }
}
