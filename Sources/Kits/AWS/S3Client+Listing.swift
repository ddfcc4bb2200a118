package import Foundation
import WebRequests

/// What is in the bucket.
extension S3Client {
    package struct Listed: Sendable, Hashable {
        package let key: String
        package let sizeBytes: Int64
        package let modifiedAt: Date
    }

    /// One page of the objects whose names begin with `prefix`, in the order of their names' bytes.
    /// - Parameters:
    ///   - key: only names after this one; nil for the first page.
    ///   - limit: 1 to 1,000.
    /// - Returns: the page, and whether there is more after its last name.
    package func list(
        prefix: String, after key: String?, limit: Int
    ) async throws -> (objects: [Listed], hasMore: Bool) {
        let doing = "Listing \(prefix)"
        var query = [
            // Without it a name with a control character would make an answer that is no XML.
            (name: "encoding-type", value: "url"), (name: "list-type", value: "2"),
            (name: "max-keys", value: "\(limit)"), (name: "prefix", value: prefix),
        ]
        if let key { query.append((name: "start-after", value: key)) }
        let list = try document(try await send(Call(.get, "", query: query, doing: doing)).body, doing)
        let objects = list.all("Contents").compactMap { entry -> Listed? in
            guard let name = entry.text("Key")?.replacing("+", with: "%20").removingPercentEncoding,
                let size = entry.text("Size").flatMap({ Int64($0) }),
                let modified = entry.text("LastModified").flatMap(Self.date)
            else { return nil }
            return Listed(key: name, sizeBytes: size, modifiedAt: modified)
        }
        return (objects, list.text("IsTruncated") == "true" && !objects.isEmpty)
    }

    /// `2026-01-31T12:00:00.000Z`, with or without the fraction.
    private static func date(_ text: String) -> Date? {
        (try? Date.ISO8601FormatStyle(includingFractionalSeconds: true).parse(text))
            ?? (try? Date.ISO8601FormatStyle().parse(text))
    }
}
