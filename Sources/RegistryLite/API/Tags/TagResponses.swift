import Domain
import Foundation
import OCI
import RegistryCore

/// How tags look in the API. Source: Quay, tag list and repository view.
enum TagResponses {
    /// One row of a list, alive or dead.
    static func line(_ line: TagHistoryService.Line) -> JSONValue {
        let entry = line.entry
        var reply: [String: JSONValue] = [
            "name": .string(entry.name), "reversion": .bool(entry.isReversion),
            "start_ts": seconds(entry.lifetime.start), "manifest_digest": .string(entry.digest.text),
            "is_manifest_list": .bool(isIndex(entry.mediaType)), "size": size(entry),
            "last_modified": .string(RFC2822.text(entry.lifetime.start)),
            "immutable": .bool(line.isImmutable),
        ]
        if let end = entry.lifetime.end {
            reply["end_ts"] = seconds(end)
            reply["expiration"] = .string(RFC2822.text(end))
        }
        return .object(reply)
    }

    /// The tags of a repository's own view, by name.
    static func ofRepository(_ lines: [TagHistoryService.Line]) -> JSONValue {
        .object(
            Dictionary(lines.map { ($0.entry.name, ofRepository($0.entry)) }) { newer, _ in newer })
    }

    static func policy(_ policy: ImmutabilityStore.Policy) -> JSONValue {
        ["uuid": .string(policy.uuid), "tagPattern": .string(policy.pattern.text)]
    }

    static func isIndex(_ mediaType: String) -> Bool {
        mediaType == MediaType.ociIndex.text || mediaType == MediaType.dockerList.text
    }

    private static func ofRepository(_ entry: TagHistoryStore.Entry) -> JSONValue {
        var reply: [String: JSONValue] = [
            "name": .string(entry.name), "size": size(entry),
            "manifest_digest": .string(entry.digest.text),
            "last_modified": .string(RFC2822.text(entry.lifetime.start)),
        ]
        if let end = entry.lifetime.end { reply["expiration"] = .string(RFC2822.text(end)) }
        return .object(reply)
    }

    private static func size(_ entry: TagHistoryStore.Entry) -> JSONValue {
        entry.layersSizeBytes.map(JSONValue.integer) ?? .null
    }

    private static func seconds(_ moment: Date) -> JSONValue {
        .integer(Int64(moment.timeIntervalSince1970.rounded(.down)))
    }
}
