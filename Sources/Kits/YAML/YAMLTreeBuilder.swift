/// Builds the tree of nodes from the events of one document, within limits.
struct YAMLTreeBuilder {
    private struct Anchored {
        let node: YAMLNode
        let size: Int
    }

    private static let coreTag = "tag:yaml.org,2002:"
    private let events: YAMLEventReader
    private let limits: YAMLLimits
    private var anchors: [String: Anchored] = [:]
    private var openAnchors: Set<String> = []
    private var nodes = 0

    init(events: YAMLEventReader, limits: YAMLLimits) {
        self.events = events
        self.limits = limits
    }

    mutating func document() throws(YAMLError) -> YAMLNode {
        _ = try events.next()
        let start = try events.next()
        guard case .documentStart = start.kind else { return .null }
        let root = try node(events.next(), depth: 0)
        _ = try events.next()
        let end = try events.next()
        guard case .streamEnd = end.kind else {
            throw YAMLError(problem: "a second document starts here; only one is allowed", mark: end.mark)
        }
        return root
    }

    private mutating func node(_ event: YAMLEvent, depth: Int) throws(YAMLError) -> YAMLNode {
        let sizeBefore = nodes
        try count(1, at: event.mark)
        let node: YAMLNode
        let anchor: String?
        switch event.kind {
        case .alias(let name):
            return try resolve(name, at: event.mark)
        case .scalar(let text, let isPlain, let name, let tag):
            anchor = name
            node = YAMLNode(
                .scalar(try Self.scalar(text, isPlain: isPlain, tag: tag, mark: event.mark)), mark: event.mark)
        case .sequenceStart(let name, let tag):
            anchor = name
            try check(tag, is: "seq", depth: depth, at: event.mark)
            if let name { openAnchors.insert(name) }
            node = YAMLNode(.sequence(try items(depth: depth + 1)), mark: event.mark)
        case .mappingStart(let name, let tag):
            anchor = name
            try check(tag, is: "map", depth: depth, at: event.mark)
            if let name { openAnchors.insert(name) }
            node = YAMLNode(.mapping(try mapping(depth: depth + 1)), mark: event.mark)
        case .streamStart, .streamEnd, .documentStart, .documentEnd, .sequenceEnd, .mappingEnd:
            throw YAMLError(problem: "a value is missing", mark: event.mark)
        }
        if let anchor {
            openAnchors.remove(anchor)
            anchors[anchor] = Anchored(node: node, size: nodes - sizeBefore)
        }
        return node
    }

    private mutating func items(depth: Int) throws(YAMLError) -> [YAMLNode] {
        var items: [YAMLNode] = []
        while true {
            let event = try events.next()
            if case .sequenceEnd = event.kind { return items }
            items.append(try node(event, depth: depth))
        }
    }

    private mutating func mapping(depth: Int) throws(YAMLError) -> YAMLMapping {
        var mapping = YAMLMapping()
        var merged: [YAMLMapping] = []
        while true {
            let event = try events.next()
            if case .mappingEnd = event.kind { break }
            let isMerge = if case .scalar("<<", isPlain: true, _, tag: nil) = event.kind { true } else { false }
            let key = try node(event, depth: depth)
            guard let name = key.scalar?.text else {
                throw YAMLError(problem: "a key can't be \(key.kindName)", mark: event.mark)
            }
            let value = try node(events.next(), depth: depth)
            if isMerge {
                merged += try Self.mergeSources(value)
            } else if !mapping.add(.init(key: name, keyMark: event.mark, value: value)) {
                let first = mapping.entry(name).map { ", first on line \($0.keyMark.line)" } ?? ""
                throw YAMLError(problem: "the key \"\(name.prefix(80))\" stands here twice\(first)", mark: event.mark)
            }
        }
        // Own keys win over merged ones, earlier sources over later ones: what is there already stays.
        for source in merged {
            for entry in source.entries { _ = mapping.add(entry) }
        }
        return mapping
    }

    private static func mergeSources(_ value: YAMLNode) throws(YAMLError) -> [YAMLMapping] {
        if let mapping = value.mapping { return [mapping] }
        let sources = (value.sequence ?? []).compactMap(\.mapping)
        guard let list = value.sequence, sources.count == list.count else {
            throw YAMLError(
                problem: "<< takes a mapping or a list of mappings, not \(value.kindName)", mark: value.mark)
        }
        return sources
    }

    private mutating func resolve(_ name: String, at mark: YAMLMark) throws(YAMLError) -> YAMLNode {
        guard !openAnchors.contains(name) else {
            throw YAMLError(problem: "*\(name) stands within &\(name): a value can't contain itself", mark: mark)
        }
        guard let anchored = anchors[name] else {
            throw YAMLError(problem: "*\(name) refers to an anchor that is not defined above", mark: mark)
        }
        try count(anchored.size - 1, at: mark)
        return YAMLNode(anchored.node.content, mark: mark)
    }

    private mutating func count(_ more: Int, at mark: YAMLMark) throws(YAMLError) {
        nodes += more
        guard nodes <= limits.maximumNodes else {
            throw YAMLError(problem: "more than \(limits.maximumNodes) values, aliases counted at each use", mark: mark)
        }
    }

    private func check(_ tag: String?, is kind: String, depth: Int, at mark: YAMLMark) throws(YAMLError) {
        guard depth < limits.maximumDepth else {
            throw YAMLError(problem: "lists and mappings are nested more than \(limits.maximumDepth) deep", mark: mark)
        }
        guard tag == nil || tag == "!" || tag == Self.coreTag + kind else { throw Self.unknownTag(tag, mark) }
    }

    private static func unknownTag(_ tag: String?, _ mark: YAMLMark) -> YAMLError {
        YAMLError(problem: "the tag \((tag ?? "").prefix(80)) is not allowed here", mark: mark)
    }

    private static func scalar(
        _ text: String, isPlain: Bool, tag: String?, mark: YAMLMark
    ) throws(YAMLError) -> YAMLScalar {
        guard let tag else { return isPlain ? .plain(text) : YAMLScalar(text: text, value: .text(text)) }
        let value: YAMLScalar.Value?
        switch tag {
        case "!", coreTag + "str": value = .text(text)
        case coreTag + "null": value = YAMLScalar.null(text)
        case coreTag + "bool": value = YAMLScalar.bool(text)
        case coreTag + "int": value = YAMLScalar.integer(text)
        case coreTag + "float":
            if case .integer(let whole) = YAMLScalar.integer(text) {
                value = .float(Double(whole))
            } else {
                value = YAMLScalar.float(text)
            }
        default: throw unknownTag(tag, mark)
        }
        guard let value else {
            throw YAMLError(
                problem: "\"\(text.prefix(80))\" is no value of the type \(tag.dropFirst(coreTag.count))", mark: mark)
        }
        return YAMLScalar(text: text, value: value)
    }
}
