import Domain
import Foundation
import OCI
import RegistryCore

/// How manifests and labels look in the API. Source: Quay, manifest view and label view.
enum ManifestResponses {
    static func manifest(_ details: ManifestDetails) -> JSONValue {
        var reply: [String: JSONValue] = [
            "digest": .string(details.stored.digest.text),
            "is_manifest_list": .bool(details.layers == nil),
            "manifest_data": .string(String(decoding: details.stored.body, as: UTF8.self)),
            "config_media_type": .null, "layers_compressed_size": .null, "layers": .null,
        ]
        if case .image(let image) = details.manifest.content, let layers = details.layers {
            reply["config_media_type"] = .string(image.config.mediaType.text)
            reply["layers_compressed_size"] = .integer(image.layers.reduce(0) { $0 &+ $1.size })
            reply["layers"] = .array(layers.enumerated().map { layer($1, index: $0) })
        }
        return .object(reply)
    }

    static func label(_ label: ManifestLabel) -> JSONValue {
        [
            "id": .string(label.uuid), "key": .string(label.key), "value": .string(label.value),
            "source_type": .string(label.source.rawValue),
            "media_type": .string(label.mediaType.rawValue),
        ]
    }

    private static func layer(_ layer: ManifestDetails.Layer, index: Int) -> JSONValue {
        let descriptor = layer.descriptor
        return [
            "index": .integer(Int64(index)), "compressed_size": .integer(descriptor.size),
            "is_remote": .bool(descriptor.mediaType.isNondistributable),
            "urls": descriptor.urls.isEmpty ? .null : .array(descriptor.urls.map(JSONValue.string)),
            "command": layer.step?.createdBy.map { .array([.string($0)]) } ?? .null,
            "comment": JSONValue(layer.step?.comment), "author": JSONValue(layer.step?.author),
            "blob_digest": .string(descriptor.digest.text),
            "created_datetime": layer.step?.created.flatMap(date).map { .string(RFC2822.text($0)) }
                ?? .null,
        ]
    }

    /// RFC 3339 as image builders write it, with any number of fractional digits; nil for what is no date.
    private static func date(_ text: String) -> Date? {
        // A fraction of nine digits is no news to anybody who reads whole seconds.
        let whole = text.replacing(/\.[0-9]+/, with: "")
        do { return try Date(whole, strategy: .iso8601) } catch { return nil }
    }
}
