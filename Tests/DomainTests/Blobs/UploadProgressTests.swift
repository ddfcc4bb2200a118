import Domain
import Testing

@Suite("Progress of uploads") struct UploadProgressTests {
    @Test(
        "a piece names its first and last byte",
        arguments: [
            ("0-0", 0, 0), ("0-99", 0, 99), ("5-5", 5, 5), ("bytes 10-19/100", 10, 19), ("bytes 10-19/*", 10, 19),
            ("0-9223372036854775806", 0, .max - 1),
        ] as [(String, Int64, Int64)])
    func parses(_ text: String, _ first: Int64, _ last: Int64) throws {
        let piece = try UploadProgress.Piece(text)
        #expect(piece.first == first)
        #expect(piece.last == last)
        #expect(piece.count == last - first + 1)
    }

    @Test(
        "refuses what is no piece",
        arguments: [
            "", "-", "1", "1-", "-1", "2-1", "a-b", "0-1-2", " 0-1", "0 - 1", "+0-1", "0--1", "items 0-1/2", "٠-١",
            "0-9223372036854775807", "0-99999999999999999999",
        ])
    func refuses(_ text: String) {
        #expect(throws: UploadProgress.Piece.Malformed.self) { try UploadProgress.Piece(text) }
    }

    @Test("pieces follow each other without gap or overlap, as long as they say")
    func checks() throws {
        let progress = UploadProgress(offset: 100)
        try progress.check(nil, announced: nil)
        try progress.check(nil, announced: 7)
        try progress.check(UploadProgress.Piece("100-149"), announced: 50)
        try progress.check(UploadProgress.Piece("100-149"), announced: nil)
        for wrong in ["99-149", "101-149", "0-99"] {
            #expect(throws: UploadProgress.Mismatch(offset: 100)) {
                try progress.check(UploadProgress.Piece(wrong), announced: nil)
            }
        }
        #expect(throws: UploadProgress.Mismatch(offset: 100)) {
            try progress.check(UploadProgress.Piece("100-149"), announced: 49)
        }
    }

    @Test("advances by what came, if that is what was said")
    func advances() throws {
        var progress = UploadProgress(offset: 0)
        #expect(progress.range == "0-0")
        try progress.advance(by: 10, as: nil)
        #expect(progress.offset == 10)
        #expect(progress.range == "0-9")
        #expect(throws: UploadProgress.Mismatch(offset: 10)) {
            try progress.advance(by: 4, as: UploadProgress.Piece("10-14"))
        }
        #expect(progress.offset == 10)
        try progress.advance(by: 5, as: UploadProgress.Piece("10-14"))
        #expect(progress.offset == 15)
    }
}
