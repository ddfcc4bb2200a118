import Foundation

/// Reads the folders in the order of the keys, each when its turn comes.
extension LocalDiskStore {
    func listing(after last: ObjectKey?, limit: Int) throws -> [StoredObject] {
        var page: [StoredObject] = []
        for area in try names(in: root) where last.map({ area >= $0.area }) ?? true {
            for spread in try names(in: "\(root)/\(area)") {
                if let last, "\(area)/\(spread)" < last.folder { continue }
                for identifier in try names(in: "\(root)/\(area)/\(spread)") {
                    let text = "\(area)/\(spread)/\(identifier)"
                    if let last, text <= last.text { continue }
                    guard let key = try? ObjectKey(stored: text), let object = try stored(key) else { continue }
                    page.append(object)
                    if page.count == limit { return page }
                }
            }
        }
        return page
    }

    /// Sorted; none where there is no such folder, or a file in its place.
    private func names(in folder: String) throws -> [String] {
        do { return try FileManager.default.contentsOfDirectory(atPath: folder).sorted() } catch {
            var isFolder: ObjCBool = false
            guard FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder), isFolder.boolValue else {
                return []
            }
            throw ObjectStorageError(.failed, "The storage folder \(folder) can't be read: \(error)")
        }
    }

    /// Nil for what is no regular file, or has just gone.
    private func stored(_ key: ObjectKey) throws -> StoredObject? {
        try LocalFile.status(of: "\(root)/\(key.text)").flatMap { status in
            guard status.isRegular else { return nil }
            return StoredObject(key: key, sizeBytes: status.sizeBytes, storedAt: status.changedAt)
        }
    }
}
