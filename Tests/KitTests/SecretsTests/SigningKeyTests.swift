import Foundation
import Secrets
import Testing

@Suite("Signing keys") struct SigningKeyTests {
    @Test("a key comes back from its PEM under the same name, and signs for its public half")
    func roundTrip() throws {
        let key = try SigningKey.generate()
        let again = try SigningKey(pem: key.privatePEM)
        #expect(again.publicJWK == key.publicJWK && again.keyID == key.keyID && !key.keyID.isEmpty)
        let signature = try key.signature(for: Array("message".utf8))
        #expect(signature.count == 256)
        #expect(again.isValid(signature, for: Array("message".utf8)))
        #expect(!again.isValid(signature, for: Array("massage".utf8)))
        #expect(!again.isValid(signature.dropLast(), for: Array("message".utf8)))
        #expect(try !SigningKey.generate().isValid(signature, for: Array("message".utf8)))
        #expect(key.publicPEM.hasPrefix("-----BEGIN PUBLIC KEY-----"))
    }

    @Test("the public form is what RFC 7517 asks of an RS256 key, and nothing of the private half")
    func publicForm() throws {
        let key = try SigningKey.generate()
        let json = try #require(
            try JSONSerialization.jsonObject(with: JSONEncoder().encode(key.publicJWK)) as? [String: String])
        #expect(Set(json.keys) == ["kty", "kid", "n", "e", "use", "alg"])
        #expect(json["kty"] == "RSA" && json["e"] == "AQAB" && json["alg"] == "RS256" && json["use"] == "sig")
        #expect(try #require(Base64URL.decode(key.publicJWK.n)).count == 256)
        #expect(try #require(Base64URL.decode(key.keyID)).count == 32)
    }

    @Test(
        "refuses what is no RSA private key of enough bits",
        arguments: [
            "", "x", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", Self.shortKey, Self.ellipticKey,
        ])
    func malformed(_ pem: String) {
        #expect(throws: SigningKey.Malformed.self) { try SigningKey(pem: pem) }
    }

    @Test("refuses a public key where a private one is needed")
    func publicOnly() throws {
        let pem = try SigningKey.generate().publicPEM
        #expect(throws: SigningKey.Malformed.self) { try SigningKey(pem: pem) }
    }

    @Test("an SSH key pair is one public line in the form of RFC 4253, and fits its private half")
    func ssh() throws {
        let pair = try SSHKeyPair.generate(comment: "Buildman\nssh-rsa AAAA evil")
        #expect(!pair.publicLine.contains("\n"))
        let parts = pair.publicLine.split(separator: " ", maxSplits: 2)
        #expect(parts[0] == "ssh-rsa" && parts[2] == "Buildmanssh-rsa AAAA evil")
        let blob = [UInt8](try #require(Data(base64Encoded: String(parts[1]))))
        // string "ssh-rsa", mpint 65537, mpint modulus of 257 bytes with its leading zero
        #expect(
            Array(blob.prefix(22)) == [0, 0, 0, 7] + Array("ssh-rsa".utf8) + [0, 0, 0, 3, 1, 0, 1] + [0, 0, 1, 1])
        #expect(blob.count == 22 + 257 && blob[22] == 0 && blob[23] >= 0x80)
        #expect(pair.privatePEM.hasPrefix("-----BEGIN RSA PRIVATE KEY-----"))
        let numbers = try SigningKey(pem: pair.privatePEM).publicJWK
        #expect(Base64URL.decode(numbers.n) == Array(blob.dropFirst(23)))
    }

    /// 1024 bits, made for this test.
    private static let shortKey = """
        -----BEGIN PRIVATE KEY-----
        MIICdgIBADANBgkqhkiG9w0BAQEFAASCAmAwggJcAgEAAoGBAMWC4lzXX9MFEMiB
        vpJ2c0y4XuzeSnmKPmFUmwwPzlpafX1btRoMGtAdvcoFXoLSynVahFpWK9jHgDDF
        Wcakk5WWAzH2CfJyMRvWpEjyUBp6O1rUr9jpioWjMb1tx9VoF2FFtOc6DlPl5HZy
        lSZPIZ5m4L7i8d1jipah6YMwqSZRAgMBAAECgYEAt5c/vjjcc5QD07z2XcIIzsma
        QuclpvAfp+0y6fVPRKFUgE/ceUfDLKxYnA59mXFCi+8Fk8sBmtFmkO8A0ipsmz7p
        p2y9eM/XdNN4nRjRkcTUkjGEy411LKESdNA3F4tizhNrZb3YFN8pBMWyNQ8venIj
        KvDXDQ1Uk2rymlHqvvkCQQDk9zurDX43g7NaNtb916GP1DwmtAQn1JBdj1pLDma8
        WgiXjGYaahAnX8D2oo5Ofgu0ODGdSB9o5GI8Ps3bQe6TAkEA3NTmtXhvKf4qn42k
        LPkN0hyXOFR60yw6r4vayF+v/7fk3K5Ap23syr1F6qi/HMAkbeadx2yDlvqeZlSp
        5qZCCwJATbBpyY9pfTKtv3WOG1F4G1JbGpLIOi+Q0H4cmA0J5Ozzr2BPILVOR93g
        no7nlFCGbh8HDqPzLGcZwfFZbgUACwJAGW7701K3muKHDjFGA1f724Mnd3ljXAbw
        C1/UJte+cXlAhpobIC1s5DzAXLJqsGkAyReSfHFnBnB+5dJCbyoe2QJAKSkM1Nq1
        RR0EkeM27f8/GH2AD6I2WqDbfAoyfaA+i9vo/rSFP56t0ZFZ3CEb1teZRRUhrCeJ
        prLdrxL4geckAQ==
        -----END PRIVATE KEY-----
        """

    private static let ellipticKey = """
        -----BEGIN EC PRIVATE KEY-----
        MHcCAQEEIEax7/4Yk+hP7lEzwBRSzDMOjquVZH6nI0ntPnWgadzRoAoGCCqGSM49
        AwEHoUQDQgAErUiTyfz991xd9CQA/hTdiGS/g+U3SPymsXotAC5SwDLUtuwpEYR7
        JSHqkF9Wc4TwmWGew/T1VAqFbtfKvPgp4A==
        -----END EC PRIVATE KEY-----
        """
}
