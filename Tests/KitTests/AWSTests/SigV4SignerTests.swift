import Foundation
import Testing

@testable import AWS

@Suite("AWS signatures") struct SigV4SignerTests {
    private static let suite = Date(timeIntervalSince1970: 1_440_938_160)
    private static let suiteID = "AKIDEXAMPLE"
    private static let suiteSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
    private static let s3Day = Date(timeIntervalSince1970: 1_369_353_600)
    private static let s3Key = AWSCredentials(
        accessKeyID: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
    private static let s3 = SigV4Signer(region: "us-east-1", service: "s3", style: .s3)

    /// The suite signs paths as they are sent, and has no header for the payload.
    private static let plain = SigV4Signer(
        region: "us-east-1", service: "service",
        style: SigV4Signer.Style(encodesPathTwice: false, sendsPayloadHash: false))

    private static func signature(_ headers: [(name: String, value: String)]) -> String? {
        headers.first { $0.name == "Authorization" }?.value.split(separator: "Signature=").last.map(String.init)
    }

    private func signed(_ vector: SigV4Vector) -> (SigV4Signer.Request, AWSCredentials) {
        let request = SigV4Signer.Request(
            vector.method, host: "example.amazonaws.com", path: vector.path, query: vector.query,
            headers: vector.headers)
        return (
            request,
            AWSCredentials(
                accessKeyID: Self.suiteID, secretAccessKey: Self.suiteSecret, sessionToken: vector.token)
        )
    }

    @Test("AWS's test suite, signed in headers", arguments: SigV4Vector.all)
    func headers(_ vector: SigV4Vector) {
        let (request, credentials) = signed(vector)
        let headers = Self.plain.headers(for: request, with: credentials, at: Self.suite)
        #expect(Self.signature(headers) == vector.inHeaders)
        #expect(headers.first { $0.name == "X-Amz-Security-Token" }?.value == vector.token)
    }

    @Test("AWS's test suite, signed in the address", arguments: SigV4Vector.all)
    func addresses(_ vector: SigV4Vector) {
        let (request, credentials) = signed(vector)
        let query = Self.plain.presignedQuery(
            for: request, with: credentials, at: Self.suite, lifetime: .seconds(3600))
        #expect(query.hasSuffix("&X-Amz-Signature=\(vector.inQuery)"))
    }

    @Test("a form is signed with its bytes: the suite's post-x-www-form-urlencoded") func form() {
        let signer = SigV4Signer(
            region: "us-east-1", service: "service",
            style: SigV4Signer.Style(encodesPathTwice: false, sendsPayloadHash: true))
        let headers = signer.headers(
            for: SigV4Signer.Request(
                "POST", host: "example.amazonaws.com", path: "/",
                headers: [("Content-Type", "application/x-www-form-urlencoded"), ("Content-Length", "13")],
                payload: .bytes(Array("Param1=value1".utf8))),
            with: AWSCredentials(accessKeyID: Self.suiteID, secretAccessKey: Self.suiteSecret), at: Self.suite)
        #expect(Self.signature(headers) == "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b")
        #expect(
            headers.first { $0.name == "X-Amz-Content-Sha256" }?.value
                == "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e")
    }

    struct S3Example: Sendable {
        let request: SigV4Signer.Request
        let signature: String

        init(
            _ method: String, _ path: String, query: [(name: String, value: String)] = [],
            headers: [(name: String, value: String)] = [], body: String = "", _ signature: String
        ) {
            request = SigV4Signer.Request(
                method, host: "examplebucket.s3.amazonaws.com", path: path, query: query, headers: headers,
                payload: .bytes(Array(body.utf8)))
            self.signature = signature
        }
    }

    /// Source: Amazon S3 API Reference, "Signature Calculations for the Authorization Header".
    @Test(
        "S3's own examples: a range, a name with a dollar sign, a query without a value, a list",
        arguments: [
            S3Example(
                "GET", "/test.txt", headers: [("Range", "bytes=0-9")],
                "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"),
            S3Example(
                "PUT", "/test$file.text",
                headers: [("Date", "Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-storage-class", "REDUCED_REDUNDANCY")],
                body: "Welcome to Amazon S3.", "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"),
            S3Example(
                "GET", "/", query: [("lifecycle", "")],
                "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
            S3Example(
                "GET", "/", query: [("prefix", "J"), ("max-keys", "2")],
                "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
        ])
    func s3Examples(_ example: S3Example) {
        let headers = Self.s3.headers(for: example.request, with: Self.s3Key, at: Self.s3Day)
        #expect(Self.signature(headers) == example.signature)
    }

    @Test("S3's example of an address for a day: the payload is left open") func s3Address() {
        let query = Self.s3.presignedQuery(
            for: SigV4Signer.Request("GET", host: "examplebucket.s3.amazonaws.com", path: "/test.txt"),
            with: Self.s3Key, at: Self.s3Day, lifetime: .seconds(86_400))
        #expect(
            query
                == "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3"
                + "%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
                + "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404")
    }

    @Test("only S3's paths are signed as they are sent: elsewhere they are encoded once more") func pathRule() {
        let request = SigV4Signer.Request("GET", host: "h", path: "/a b/ü")
        let general = SigV4Signer(region: "r", service: "ec2", style: .general)
        #expect(general.canonical(request, payloadHash: "").split(separator: "\n")[1] == "/a%2520b/%25C3%25BC")
        #expect(Self.s3.canonical(request, payloadHash: "").split(separator: "\n")[1] == "/a%20b/%C3%BC")
        #expect(SigV4Signer.encoded(path: request.path) == "/a%20b/%C3%BC")
    }

    @Test("parts over TLS are not hashed a second time, and the header says so") func unsignedPayload() {
        let headers = Self.s3.headers(
            for: .init("PUT", host: "h", path: "/k", payload: .unsigned), with: Self.s3Key, at: Self.s3Day)
        #expect(headers.first { $0.name == "X-Amz-Content-Sha256" }?.value == "UNSIGNED-PAYLOAD")
    }

    @Test("SEC-Secrets shown to readers: a key in a message is its name alone") func saysNoSecret() {
        let key = AWSCredentials(accessKeyID: "AKID", secretAccessKey: "secret", sessionToken: "token")
        #expect("\(key) \(String(reflecting: key))" == "AWS key AKID AWS key AKID")
    }
}
