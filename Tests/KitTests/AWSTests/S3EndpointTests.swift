import Testing

@testable import AWS

@Suite("S3 endpoints") struct S3EndpointTests {
    @Test(
        "where requests go, and which region signs them",
        arguments: [
            (S3Endpoint(bucket: "images"), "https://images.s3.us-east-1.amazonaws.com/", "us-east-1"),
            (
                S3Endpoint(bucket: "images", region: "eu-west-1"), "https://images.s3.eu-west-1.amazonaws.com/",
                "eu-west-1"
            ),
            // No certificate covers a bucket's dots.
            (S3Endpoint(bucket: "my.images"), "https://s3.us-east-1.amazonaws.com/my.images/", "us-east-1"),
            (
                S3Endpoint(bucket: "images", host: "s3.eu-central-1.amazonaws.com"),
                "https://images.s3.eu-central-1.amazonaws.com/", "eu-central-1"
            ),
            (
                S3Endpoint(bucket: "images", host: "s3-ap-south-1.amazonaws.com"),
                "https://images.s3-ap-south-1.amazonaws.com/", "ap-south-1"
            ),
            (S3Endpoint(bucket: "images", host: "s3.amazonaws.com"), "https://images.s3.amazonaws.com/", "us-east-1"),
            (
                S3Endpoint(bucket: "images", host: "rgw.internal", port: 8080, usesTLS: false),
                "http://rgw.internal:8080/images/", "us-east-1"
            ),
            (
                S3Endpoint(bucket: "images", host: "rgw.internal", port: 443, addressing: .virtualHost),
                "https://images.rgw.internal/", "us-east-1"
            ),
        ])
    func addresses(_ endpoint: S3Endpoint, _ address: String, _ region: String) {
        #expect(endpoint.address == address)
        #expect(endpoint.region == region)
    }
}
