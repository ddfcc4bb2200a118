import Foundation
import Glibc

/// Tells file systems of a network from those of this machine.
enum FileSystemKind {
    /// Types as /proc/self/mountinfo names them; what stands behind `fuse.` counts by its own name.
    private static let networkTypes: Set<String> = [
        "nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "lustre", "gpfs", "beegfs",
        "sshfs", "glusterfs", "s3fs", "goofys", "gcsfuse", "rclone", "ceph-fuse", "davfs", "juicefs", "curlftpfs",
        "smbnetfs", "mount-s3", "blobfuse2",
    ]

    /// The network file system that an open file lies on, or nil when it is local.
    static func networkName(of descriptor: Int32) -> String? {
        var file = stat()
        guard fstat(descriptor, &file) == 0 else { return nil }
        let mounts = FileManager.default.contents(atPath: "/proc/self/mountinfo") ?? Data()
        return networkName(device: deviceName(file.st_dev), mounts: String(decoding: mounts, as: UTF8.self))
    }

    /// `major:minor` of a device number, split as glibc's `gnu_dev_major` and `gnu_dev_minor` do (macros, which Swift
    /// can't call).
    static func deviceName(_ device: dev_t) -> String {
        let device = UInt64(device)
        let major = (device >> 8 & 0xFFF) | (device >> 32 & 0xFFFF_F000)
        let minor = (device & 0xFF) | (device >> 12 & 0xFFFF_FF00)
        return "\(major):\(minor)"
    }

    /// - Parameters:
    ///   - device: `major:minor`.
    ///   - mounts: the text of /proc/self/mountinfo; see proc(5).
    static func networkName(device: String, mounts: String) -> String? {
        for line in mounts.split(separator: "\n") {
            let halves = line.split(separator: " - ", maxSplits: 1)
            let fields = line.split(separator: " ")
            guard halves.count == 2, fields.count > 2, fields[2] == device else { continue }
            let type = halves[1].split(separator: " ").first.map(String.init) ?? ""
            let name = type.hasPrefix("fuse.") ? String(type.dropFirst(5)) : type
            return networkTypes.contains(name) ? type : nil
        }
        return nil
    }
}
