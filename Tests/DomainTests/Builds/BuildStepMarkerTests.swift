import Domain
import Testing

@Suite("Build step markers") struct BuildStepMarkerTests {
    @Test(
        "recognises docker's, buildah's and podman's",
        arguments: [
            ("Step 2/5 : RUN make", 2, 5), ("Step 1 : FROM scratch", 1, nil), ("STEP 3/4: COPY a b", 3, 4),
            ("STEP 10: RUN x", 10, nil), ("[2/2] STEP 1/3: FROM base AS x", 1, 3), ("  step 1/1:", 1, 1),
        ] as [(String, Int, Int?)])
    func recognises(_ line: String, _ number: Int, _ total: Int?) {
        let marker = BuildStepMarker(line: line)
        #expect(marker?.number == number)
        #expect(marker?.total == total)
    }

    @Test(
        "leaves output alone",
        arguments: [
            "", "Step", "Step :", "Step x/2 : RUN", "Steps 1/2 : x", "do Step 1/2 : x", "Step 1/ : x", "Step 1/2 RUN",
            "[1/2 STEP 1/2: x", "STEP 99999999999999999999/1: x",
        ])
    func leaves(_ line: String) { #expect(BuildStepMarker(line: line) == nil) }
}
