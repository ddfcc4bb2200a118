import CYAML

/// One event of libyaml in Swift words.
struct YAMLEvent {
    enum Kind {
        case streamStart, streamEnd, documentStart, documentEnd, sequenceEnd, mappingEnd
        case alias(anchor: String)
        case scalar(text: String, isPlain: Bool, anchor: String?, tag: String?)
        case sequenceStart(anchor: String?, tag: String?)
        case mappingStart(anchor: String?, tag: String?)
    }

    let kind: Kind
    let mark: YAMLMark
}

/// Draws events out of libyaml's parser; lives only as long as the bytes it reads.
final class YAMLEventReader {
    private var parser: yaml_parser_t
    private let bytes: UnsafeBufferPointer<UInt8>

    /// Runs `body` with a reader over `bytes`, which must not be empty (libyaml wants an address).
    static func withEvents<Value>(
        of bytes: [UInt8], _ body: (YAMLEventReader) throws(YAMLError) -> Value
    ) throws(YAMLError) -> Value {
        let result: Result<Value, YAMLError> = bytes.withUnsafeBufferPointer { buffer in
            do throws(YAMLError) { return .success(try body(YAMLEventReader(buffer))) } catch { return .failure(error) }
        }
        return try result.get()
    }

    private init(_ bytes: UnsafeBufferPointer<UInt8>) {
        self.bytes = bytes
        self.parser = yaml_parser_t()
        yaml_parser_initialize(&parser)
        yaml_parser_set_input_string(&parser, bytes.baseAddress, bytes.count)
    }

    deinit { yaml_parser_delete(&parser) }

    func next() throws(YAMLError) -> YAMLEvent {
        var event = yaml_event_t()
        guard yaml_parser_parse(&parser, &event) == 1 else { throw error() }
        defer { yaml_event_delete(&event) }
        return YAMLEvent(kind: try kind(of: event), mark: Self.mark(event.start_mark))
    }

    private func kind(of event: yaml_event_t) throws(YAMLError) -> YAMLEvent.Kind {
        switch event.type {
        case YAML_STREAM_START_EVENT: return .streamStart
        case YAML_STREAM_END_EVENT: return .streamEnd
        case YAML_DOCUMENT_START_EVENT: return .documentStart
        case YAML_DOCUMENT_END_EVENT: return .documentEnd
        case YAML_SEQUENCE_END_EVENT: return .sequenceEnd
        case YAML_MAPPING_END_EVENT: return .mappingEnd
        case YAML_ALIAS_EVENT: return .alias(anchor: Self.text(event.data.alias.anchor) ?? "")
        case YAML_SCALAR_EVENT:
            let scalar = event.data.scalar
            let text = String(decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length), as: UTF8.self)
            return .scalar(
                text: text, isPlain: scalar.style == YAML_PLAIN_SCALAR_STYLE, anchor: Self.text(scalar.anchor),
                tag: Self.text(scalar.tag))
        case YAML_SEQUENCE_START_EVENT:
            let start = event.data.sequence_start
            return .sequenceStart(anchor: Self.text(start.anchor), tag: Self.text(start.tag))
        case YAML_MAPPING_START_EVENT:
            let start = event.data.mapping_start
            return .mappingStart(anchor: Self.text(start.anchor), tag: Self.text(start.tag))
        default:
            throw YAMLError(problem: "the parser stopped without a reason", mark: Self.mark(event.start_mark))
        }
    }

    private func error() -> YAMLError {
        let problem = parser.problem.map { String(cString: $0) } ?? "not YAML"
        guard parser.error == YAML_READER_ERROR else {
            let context = parser.context.map { "\(String(cString: $0)): " } ?? ""
            return YAMLError(problem: context + problem, mark: Self.mark(parser.problem_mark))
        }
        // The byte reader knows an offset only: count the lines before it.
        let before = bytes.prefix(parser.problem_offset)
        let line = before.reduce(1) { $1 == 0x0A ? $0 + 1 : $0 }
        let column = before.reversed().prefix { $0 != 0x0A }.count { $0 & 0xC0 != 0x80 } + 1
        return YAMLError(problem: problem, mark: YAMLMark(line: line, column: column))
    }

    private static func mark(_ mark: yaml_mark_t) -> YAMLMark {
        YAMLMark(line: Int(mark.line) + 1, column: Int(mark.column) + 1)
    }

    private static func text(_ characters: UnsafeMutablePointer<yaml_char_t>?) -> String? {
        characters.map { String(cString: $0) }
    }
}
