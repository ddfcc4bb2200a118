import WebRequests

/// Objects that come in parts.
extension S3Client {
    /// The smallest part that may have a next one, in bytes. Source: Amazon S3 quotas.
    package static let minimumPartBytes = 5 << 20
    /// How many parts an object may have. Source: Amazon S3 quotas.
    package static let maximumParts = 10_000

    /// A multipart upload that was neither completed nor aborted.
    package struct PendingUpload: Sendable, Hashable {
        package let key: String
        package let id: String
    }

    /// Begins a multipart upload; answers its id.
    package func createMultipart(_ key: String) async throws -> String {
        let doing = "Beginning \(key)"
        let answer = try await send(Call(.post, key, query: [("uploads", "")], doing: doing))
        guard let id = try document(answer.body, doing).text("UploadId"), !id.isEmpty else {
            throw S3Error(.failed, "\(doing): the storage service gave the upload no id.")
        }
        return id
    }

    /// Stores a part, numbered from 1, in place of one of the same number; answers its entity tag.
    package func uploadPart(_ number: Int, of key: String, id: String, _ bytes: [UInt8]) async throws -> String {
        let doing = "Storing part \(number) of \(key)"
        let answer = try await send(
            Call(.put, key, query: [("partNumber", "\(number)"), ("uploadId", id)], body: bytes, doing: doing))
        guard let etag = answer.headers["ETag"], !etag.isEmpty else {
            throw S3Error(.failed, "\(doing): the storage service gave the part no entity tag.")
        }
        return etag
    }

    /// Makes the object of the parts with these entity tags, the first of which is part 1.
    /// Errors: `.noSuchUpload` also when an earlier try succeeded and its answer was lost.
    package func completeMultipart(_ key: String, id: String, etags: [String]) async throws {
        let parts = etags.enumerated().map { number, etag in
            "<Part><PartNumber>\(number + 1)</PartNumber><ETag>\(Self.escaped(etag))</ETag></Part>"
        }
        let body =
            "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\(parts.joined())"
            + "</CompleteMultipartUpload>"
        _ = try await send(
            Call(.post, key, query: [("uploadId", id)], body: Array(body.utf8), doing: "Completing \(key)"))
    }

    /// Gives up a multipart upload with all its parts; one that is gone is none.
    package func abortMultipart(_ key: String, id: String) async throws {
        do {
            _ = try await send(Call(.delete, key, query: [("uploadId", id)], doing: "Giving up \(key)"))
        } catch let error as S3Error where error.kind == .noSuchUpload || error.kind == .noSuchKey {}
    }

    /// The entity tags of the parts that are stored, by number.
    package func parts(of key: String, id: String) async throws -> [Int: String] {
        let doing = "Listing the parts of \(key)"
        var found: [Int: String] = [:]
        var marker = "0"
        while true {
            let answer = try await send(
                Call(.get, key, query: [("part-number-marker", marker), ("uploadId", id)], doing: doing))
            let list = try document(answer.body, doing)
            for part in list.all("Part") {
                guard let number = part.text("PartNumber").flatMap({ Int($0) }), let etag = part.text("ETag") else {
                    continue
                }
                found[number] = etag
            }
            guard list.text("IsTruncated") == "true", let next = list.text("NextPartNumberMarker"), next != marker
            else { return found }
            marker = next
        }
    }

    /// The multipart uploads under way for exactly this key, as far as the first 1,000 below its name tell.
    package func pendingUploads(of key: String) async throws -> [PendingUpload] {
        let doing = "Listing the uploads of \(key)"
        let answer = try await send(
            Call(.get, "", query: [("prefix", key), ("uploads", "")], doing: doing))
        return try document(answer.body, doing).all("Upload").compactMap { upload in
            guard upload.text("Key") == key, let id = upload.text("UploadId") else { return nil }
            return PendingUpload(key: key, id: id)
        }
    }

    func document(_ body: [UInt8], _ doing: String) throws(S3Error) -> XMLTree {
        do { return try XMLTree(body) } catch {
            throw S3Error(.failed, "\(doing): the storage service's answer is no XML.")
        }
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
            .replacing("\"", with: "&quot;")
    }
}
