import Digests
import Foundation
import TestSupport
import Testing

struct DigestTests {
    /// From FIPS 180-4.
    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    ])
    func `known digests`(text: String, digest: String) throws {
        #expect(try SHA256.digest(of: Array(text.utf8)).description == digest)
    }

    @Test func `a file of many buffers hashes as its bytes do`() throws {
        let scratch = try ScratchFolder("digest")
        let bytes = Data((0..<100_001).map { UInt8(truncatingIfNeeded: $0) })
        let path = try scratch.write(bytes, to: "file")
        let digest = try FileDigest(bufferSize: 4096)
        let expected = try SHA256.digest(of: bytes)
        #expect(try digest.digest(ofFile: path) == expected)
        #expect(try digest.digest(ofFile: path) == expected, "the second file begins anew")
    }

    @Test(arguments: [0, 1, 4095, 4096, 4097, 8192, 3_000_000])
    func `parts of a file and all of it are hashed in one reading`(size: Int) throws {
        let scratch = try ScratchFolder("parts")
        let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8) }
        let path = try scratch.write(Data(bytes), to: "file")
        let found = try PartDigests(ofFile: path, partSize: 4096)
        var parts: [SHA256Digest] = []
        for start in stride(from: 0, to: max(size, 1), by: 4096) {
            parts.append(try SHA256.digest(of: bytes[start..<min(start + 4096, size)]))
        }
        #expect(found.parts == parts)
        #expect(try found.whole == SHA256.digest(of: bytes))
        guard size > 0 else { return }
        #expect(throws: DigestError.stopped) { try PartDigests(ofFile: path, partSize: 4096) { true } }
    }

    @Test func `stopping in the middle leaves nothing behind`() throws {
        let scratch = try ScratchFolder("digest")
        let path = try scratch.write(Data(count: 10_000), to: "file")
        let digest = try FileDigest(bufferSize: 4096)
        #expect(throws: DigestError.stopped) { try digest.digest(ofFile: path) { _ in false } }
        #expect(try digest.digest(ofFile: path) == SHA256.digest(of: Data(count: 10_000)))
    }

    @Test func `links, folders and missing files are refused`() throws {
        let scratch = try ScratchFolder("digest")
        let file = try scratch.write("x", to: "file")
        try FileManager.default.createSymbolicLink(atPath: scratch["link"], withDestinationPath: file)
        let digest = try FileDigest()
        for path in [scratch["link"], scratch.path, scratch["missing"]] {
            #expect(throws: DigestError.self) { try digest.digest(ofFile: path) }
        }
    }
}
