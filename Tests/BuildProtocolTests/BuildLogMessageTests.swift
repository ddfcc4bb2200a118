import BuildProtocol
import Domain
import Testing

@Suite("Log messages on the wire") struct BuildLogMessageTests {
    @Test(
        "takes the first of error, status and stream as the text",
        arguments: [
            (#"{"stream":"hi\n","progressDetail":{}}"#, BuildLogMessage.output("hi\n")),
            (#"{"status":"Pushing","id":"a1","progressDetail":{"current":1}}"#, .output("Pushing")),
            (#"{"stream":"b","status":"a"}"#, .output("a")),
            (#"{"error":"boom","stream":"b"}"#, .failure(BuildFailure(.buildError, "boom"))),
            (
                #"{"error":"x","data":{"error_code":"io.quay.builder.pushissue","base_error":"denied"}}"#,
                .failure(BuildFailure(.pushIssue, "denied"))
            ),
            (#"{"error":"x","data":{"error_code":"unheard.of"}}"#, .failure(BuildFailure(.buildError, "x"))),
            (#"{"other":1}"#, .output("")),
            (#"{"stream":7}"#, .output("")),
        ])
    func reads(_ json: String, _ message: BuildLogMessage) { #expect(BuildLogMessage(json: json) == message) }

    @Test("refuses what isn't a JSON object", arguments: ["", "text", "[1]", "\"s\"", "{\"stream\":", "7"])
    func refuses(_ json: String) { #expect(BuildLogMessage(json: json) == nil) }

    @Test(
        "comes back as it went",
        arguments: [
            BuildLogMessage.output(""), .output("\u{1B}[31mred\u{1B}[0m \"quoted\" ü \u{0}"),
            .failure(BuildFailure(.dockerfileIssue, "unknown instruction: GIT")),
            .failure(BuildFailure(.internalError)),
        ])
    func roundTrip(_ message: BuildLogMessage) {
        #expect(BuildLogMessage(json: message.json) == message)
        #expect(!message.json.contains("\n"))
    }

    @Test("says a failure in full to a manager that knows no codes")
    func failureText() {
        let json = BuildLogMessage.failure(BuildFailure(.dockerfileIssue, "unknown instruction: GIT")).json
        #expect(json.contains(#""error":"Could not find or parse Dockerfile: unknown instruction: GIT""#))
    }
}

@Suite("Phases on the wire") struct BuildPhaseWireTests {
    @Test("an agent's phases have the original numbers; the manager's have none")
    func numbers() {
        let agents: [BuildPhase] = [.waiting, .unpacking, .pulling, .building, .pushing, .complete, .error]
        for (number, phase) in agents.enumerated() {
            #expect(BuildmanPb_Phase(phase)?.rawValue == number)
            #expect(BuildmanPb_Phase(rawValue: number).flatMap { BuildPhase(wire: $0) } == phase)
        }
        for phase in [BuildPhase.scheduled, .internalError, .cancelled] { #expect(BuildmanPb_Phase(phase) == nil) }
        #expect(BuildPhase(wire: .UNRECOGNIZED(99)) == nil)
    }
}
