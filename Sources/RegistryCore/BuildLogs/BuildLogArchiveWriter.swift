import Domain
import Gzip
import NIOCore
import SQL

/// Makes the bytes of a build's archive from its rows, as fast as they are taken: gzip of
/// `{"start":0,"total":n,"logs":[…]}` with one entry on a line. Source: Quay 6.12.
///
/// It holds a page of entries and a part of the object, however long the log is. After each part the compressor is
/// flushed and the place is marked, so that readers can enter there.
actor BuildLogArchiveWriter {
    /// How much text a part has at least, in bytes.
    private static let partBytes = 256 << 10

    private let database: any Database
    private let build: BuildLogName
    private let total: Int
    private let gzip = GzipWriter()
    private var position = 0
    private var isFinished = false
    /// Where each part begins.
    private(set) var marks: [BuildLogArchive.Mark] = []

    /// - Parameter total: how many entries the log has; one that has fewer or more by the end is not archived.
    init(_ database: any Database, build: BuildLogName, total: Int) {
        self.database = database
        self.build = build
        self.total = total
    }

    /// How many bytes were made.
    var sizeBytes: Int64 { gzip.count }
    /// How many entries are in them.
    var entryCount: Int { position }

    /// The object's bytes; for one reader.
    nonisolated var chunks: AsyncThrowingStream<ByteBuffer, any Error> {
        AsyncThrowingStream { try await self.next() }
    }

    private func next() async throws -> ByteBuffer? {
        guard !isFinished else { return nil }
        var output: [UInt8] = []
        if marks.isEmpty {
            // Behind the header of the format.
            output += gzip.flush()
            marks.append(.init(position: 0, offset: gzip.count))
            output += gzip.write(Array(#"{"start":0,"total":\#(total),"logs":["#.utf8))
        } else {
            output += gzip.flush()
            marks.append(.init(position: position, offset: gzip.count))
        }
        output += try await part()
        if isFinished {
            output += gzip.write(Array("\n]}\n".utf8))
            output += gzip.finish()
        }
        return ByteBuffer(bytes: output)
    }

    private func part() async throws -> [UInt8] {
        let (build, start) = (self.build, position)
        let entries = try await database.read {
            try BuildLogEntryStore.entries(
                ofBuild: build.id, from: start, limit: .max, bytes: Self.partBytes, in: $0)
        }
        var output: [UInt8] = []
        var text: [UInt8] = []
        for entry in entries {
            text += position == 0 ? "\n".utf8 : ",\n".utf8
            BuildLogEntryJSON.write(entry, to: &text)
            position += 1
        }
        output += gzip.write(text)
        isFinished = entries.isEmpty || position >= total
        return output
    }
}
