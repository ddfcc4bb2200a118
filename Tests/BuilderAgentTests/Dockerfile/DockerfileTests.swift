import OCI
import Testing

@testable import BuilderAgent

@Suite("Dockerfile") struct DockerfileTests {
    @Test("joins continued lines, drops comments and blank lines between and inside instructions")
    func joins() throws {
        let text = """
            # a comment
            FROM alpine:3 AS base

            RUN apk add \\
                # why not here
                git \\

                make
              run echo "a # b" \\\\
            CMD ["x"]
            """
        let file = try Dockerfile(text)
        #expect(file.instructions.map(\.name) == ["FROM", "RUN", "RUN", "CMD"])
        #expect(file.instructions[0].arguments == "alpine:3 AS base")
        #expect(file.instructions[1].arguments.split(separator: " ") == ["apk", "add", "git", "make"])
        #expect(file.instructions[2].arguments == "echo \"a # b\" \\\\")
        #expect(file.instructions.map(\.line) == [2, 4, 9, 10])
    }

    @Test(
        "keeps here documents out of the instructions",
        arguments: [
            "FROM a\nRUN <<EOF\nGIT x\nFROM y\nEOF\nCMD z\n", "FROM a\nCOPY <<-'END' /x\n\tGIT\n\tEND\nCMD z\n",
            "FROM a\nCOPY <<A <<B /x/\nGIT\nA\nGIT\nB\nCMD z\n", "FROM a\nRUN 3<<EOF cat\nGIT\nEOF\nCMD z",
        ])
    func hereDocuments(_ text: String) throws {
        #expect(try Dockerfile(text).instructions.last?.name == "CMD")
        #expect(try Dockerfile(text).instructions.count == 3)
    }

    @Test("honours the escape directive only at the top")
    func escapeDirective() throws {
        let windows = try Dockerfile("# syntax=docker/dockerfile:1\n# escape=`\nFROM a\nRUN x `\n  y\nRUN c:\\\n")
        #expect(windows.instructions.map(\.arguments) == ["a", "x   y", "c:\\"])
        let late = try Dockerfile("# a comment\n# escape=`\nFROM a\nRUN x \\\n y\n")
        #expect(late.instructions.count == 2)
    }

    @Test("reads a byte order mark and Windows line ends")
    func foreign() throws {
        #expect(try Dockerfile("\u{FEFF}FROM a\r\nRUN b \\\r\n c\r\n").instructions.map(\.arguments) == ["a", "b  c"])
    }

    @Test(
        "refuses what isn't one, in words",
        arguments: [
            ("", "Empty Dockerfile"), ("  \n# only this\n", "Empty Dockerfile"),
            ("FROM a\nGIT clone x\n", "unknown instruction: GIT"), ("git x", "unknown instruction: GIT"),
            ("<html>", "unknown instruction: <HTML>"), ("RUN x\nFROM a", "First line in Dockerfile isn't FROM or ARG"),
        ])
    func refuses(_ text: String, _ words: String) {
        #expect(throws: Dockerfile.Malformed(description: words)) { try Dockerfile(text) }
    }
}

@Suite("Base images") struct BaseImagesTests {
    @Test(
        "finds every stage's external base once",
        arguments: [
            ("FROM alpine", ["docker.io/library/alpine"]),
            ("FROM --platform=$BUILDPLATFORM alpine:3 AS a\nFROM a\nFROM ALPINE AS x", nil),
            (
                "FROM alpine:3 AS a\nFROM A AS b\nFROM scratch\nFROM q.io/x/y AS c\nFROM alpine:3",
                ["docker.io/library/alpine:3", "q.io/x/y"]
            ),
            ("FROM scratch", []),
            ("ARG R=reg.example:5000\nFROM ${R}/a/b:1", ["reg.example:5000/a/b:1"]),
            ("ARG V=3\nARG I=alpine:$V\nFROM $I", ["docker.io/library/alpine:3"]),
            ("ARG V\nFROM alpine:${V:-9}", ["docker.io/library/alpine:9"]),
            ("ARG V=1\nFROM alpine${V:+:edge}", ["docker.io/library/alpine:edge"]),
            ("ARG A=\"x y\" B='q.io/z'\nFROM $B/w", ["q.io/z/w"]),
            ("FROM a\nARG B=c\nFROM b", ["docker.io/library/a", "docker.io/library/b"]),
            ("ARG HOST=good.example\nFROM $HOST.evil.example/x", ["good.example.evil.example/x"]),
        ] as [(String, [String]?)])
    func bases(_ text: String, _ expected: [String]?) throws {
        guard let expected else {
            #expect(throws: Dockerfile.Malformed.self) { try BaseImages(Dockerfile(text)) }
            return
        }
        #expect(try BaseImages(Dockerfile(text)).external.map(\.text) == expected)
    }

    @Test("given arguments win over defaults, and name what has none")
    func arguments() throws {
        let file = try Dockerfile("ARG R=a.example\nARG T\nFROM $R/x:$T")
        #expect(
            try BaseImages(file, arguments: ["R": "b.example", "T": "9"]).external.map(\.text) == ["b.example/x:9"])
    }

    @Test(
        "refuses FROM lines that name no image",
        arguments: [
            "ARG A", "FROM", "FROM a b", "FROM a AS", "FROM a IS b", "FROM $NOPE", "FROM a:b:c", "FROM --platform=x",
            "FROM -x", "FROM http://x/y", "FROM a@sha256:12",
        ])
    func refuses(_ text: String) throws {
        #expect(throws: Dockerfile.Malformed.self) { try BaseImages(Dockerfile(text)) }
    }
}
