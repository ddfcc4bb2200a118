import Domain
import Foundation
import RegistryCore

/// How quotas look in the API.
enum QuotaResponses {
    /// The list that a namespace has: its own quota, or the system's, or nothing.
    static func list(_ report: QuotaService.Report) -> JSONValue {
        .array(report.quota.map { [quota($0, usage: report.usage)] } ?? [])
    }

    /// - Parameter usage: what the namespace holds; nil while it was never counted.
    static func quota(_ quota: Quota, usage: QuotaUsage? = nil) -> JSONValue {
        var view: [String: JSONValue] = [
            "id": quota.id.map { .integer($0) } ?? .null, "limit_bytes": .integer(quota.limitBytes),
            "limit": .string(size(quota.limitBytes)), "limit_tags": quota.limitTags.map { .integer($0) } ?? .null,
            "default_config": .bool(quota.id == nil), "limits": limits(quota),
        ]
        if let usage {
            view["quota_report"] = report(quota, usage)
        }
        return .object(view)
    }

    static func limits(_ quota: Quota) -> JSONValue { .array(quota.limits.map(limit)) }

    static func limit(_ limit: QuotaLimit) -> JSONValue {
        [
            "id": limit.id.map { .integer($0) } ?? .null, "type": .string(limit.kind.rawValue),
            "limit_percent": .integer(Int64(limit.percent)),
        ]
    }

    private static func report(_ quota: Quota, _ usage: QuotaUsage) -> JSONValue {
        [
            "quota_bytes": .integer(usage.bytes), "quota_tags": .integer(usage.tags),
            "configured_quota": .integer(quota.limitBytes),
        ]
    }

    /// A number of bytes in the largest unit that it fills: `10.0 GiB`. Source: Quay, quota view.
    static func size(_ bytes: Int64) -> String {
        var value = Double(bytes)
        var unit = "Byte"
        for larger in ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"] where value >= 1024 {
            value /= 1024
            unit = larger
        }
        return String(format: "%.1f %@", value, unit)
    }
}
