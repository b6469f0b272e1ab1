import Foundation
import TestSupport
import Testing

/// Key material in a sheet: never in the clear unless that is typed out, and put together again with standard tools alone.
@Suite struct KitSecretTests {
    private static let repository =
        "{ archive: FOLDER/repository, encrypt: openssl, compress: gzip, password: file:FOLDER/password }"

    @Test func `it is refused in the clear, and what age encrypts holds all that a restore needs`() async throws {
        let scene = try await KitScene(Self.repository)
        let (program, folder) = (scene.world.program, scene.folder)
        try await scene.world.backUp()
        for wish in [["--with-secrets"], ["--with-secrets", "--output", folder["sheet"]]] {
            let refused = try await program.run(["kit"] + wish)
            #expect(
                refused.code == 64 && refused.errors.contains("--print-plaintext") && refused.output == "", "\(refused)"
            )
        }
        for wrong in [
            ["--print-plaintext"], ["--shares", "3"], ["--shares", "1", "--threshold", "1", "--output", "x"],
        ] {
            #expect(try await program.run(["kit"] + wrong).code == 64, "\(wrong)")
        }
        let recipient = try String(contentsOfFile: folder["recipients"], encoding: .utf8).trimmingCharacters(
            in: .newlines)
        let made = try await program.run(
            "kit", "--with-secrets", "--encrypt-to", recipient, "--output", folder["sheet.age"], "--json")
        #expect(try made.code == 0 && made.document().texts("written") == [folder["sheet.age"]], "\(made)")
        #expect(!made.said.contains("correct horse"))
        let mode = try FileManager.default.attributesOfItem(atPath: folder["sheet.age"])[.posixPermissions] as? NSNumber
        #expect(mode?.intValue == 0o600)
        let again = try await program.run("kit", "--encrypt-to", recipient, "--output", folder["sheet.age"])
        #expect(again.code == 64 && again.errors.contains("--force"), "\(again)")

        let opened = try await program.runTool("age", "-d", "-i", folder["identity"], folder["sheet.age"])
        #expect(opened.output.contains("correct horse"))
        try folder.write(opened.output, to: "kit.sh")
        // No key is asked for.
        let done = try await scene.carryOut("TARGET=\(folder["back"])")
        #expect(done.code == 0, "\(done)")
        try await scene.expectAll(in: folder["back"])
        let leaks = try await program.runTool(
            "grep", "-r", "-l", "correct horse", program.state, folder["tmp"], folder["home"])
        #expect(leaks.output == "", "\(leaks)")
        #expect(try await program.run("kit", "--check", folder["sheet.age"]).code == 0)
    }

    @Test(
        .enabled(
            if: FileManager.default.isExecutableFile(atPath: "/usr/bin/ssss-combine")
                && FileManager.default.isExecutableFile(atPath: "/usr/bin/zbarimg"),
            "ssss or zbar-tools is not installed"))
    func `two of three shares open it, by themselves or by ssss and openssl, and one tells nothing`() async throws {
        let scene = try await KitScene(Self.repository)
        let (program, folder) = (scene.world.program, scene.folder)
        try await scene.world.backUp()
        let made = try await program.run(
            "kit", "--with-secrets", "--shares", "3", "--threshold", "2", "--output", folder["app"], "--qr")
        #expect(made.code == 0 && made.errors.contains("share-3-of-3"), "\(made)")
        let shares = (1...3).map { folder["app.share-\($0)-of-3"] }
        // All of them or none.
        try folder.write("", to: "b.share-3-of-3/in-the-way")
        let blocked = try await program.run(
            "kit", "--shares", "3", "--threshold", "2", "--output", folder["b"], "--force")
        #expect(blocked.code == 1 && !FileManager.default.fileExists(atPath: folder["b.share-1-of-3"]), "\(blocked)")
        for share in shares {
            #expect(try !String(contentsOfFile: share, encoding: .utf8).contains("correct horse"))
        }
        let alone = try await program.runTool("sh", shares[0])
        #expect(alone.code == 64 && alone.output == "", "\(alone)")
        let twice = try await program.runTool("sh", shares[0], shares[0])
        #expect(twice.code == 64 && twice.output == "", "\(twice)")

        let joined = try await program.runTool("sh", shares[2], shares[0])
        #expect(joined.code == 0 && joined.errors == "", "\(joined)")
        #expect(joined.output.contains("correct horse"))
        // As it says by hand: with ssss, and with what the QR codes say instead of what is printed.
        let codes = try [shares[1], shares[2]].map { share in
            try QRText.bitmaps(in: try String(contentsOfFile: share, encoding: .utf8)).first ?? ""
        }
        var texts = ""
        for (index, code) in codes.enumerated() {
            let read = try await program.runTool("zbarimg", "-q", "--raw", try folder.write(code, to: "\(index).pbm"))
            texts += read.output
        }
        try folder.write(texts, to: "texts")
        let byHand = try await program.runTool(
            "sh", "-ec",
            """
            ssss-combine -t 2 -x -D -q < "$1" 2> "$1.key"
            sed -n 's/^#: //p' "$2" | base64 -d | openssl enc -d -aes-256-cbc -pbkdf2 -pass "file:$1.key"
            """, "sh", folder["texts"], shares[1])
        #expect(byHand.code == 0 && byHand.output == joined.output, "\(byHand.errors)")

        try folder.write(joined.output, to: "kit.sh")
        let done = try await scene.carryOut("TARGET=\(folder["back"])")
        #expect(done.code == 0, "\(done)")
        try await scene.expectAll(in: folder["back"])
        // On paper: what the page draws is the password.
        let page = try await program.run("kit", "--with-secrets", "--qr", "--format", "html", "--print-plaintext")
        #expect(page.code == 0 && page.output.contains("<svg") && !page.output.contains("<script"), "\(page)")
        try folder.write(try QRText.bitmap(ofSVG: page.output), to: "page.pbm")
        let read = try await program.runTool("zbarimg", "-q", "--raw", folder["page.pbm"])
        #expect(read.output == "correct horse\n", "\(read)")
    }
}

/// QR codes of sheets as pictures that a scanner reads.
enum QRText {
    /// Of blocks in comments, one for each code.
    static func bitmaps(in text: String) throws -> [String] {
        var codes: [[[Bool]]] = []
        var current: [[Bool]] = []
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            let isCode = line.hasPrefix("# ") && line.count > 20 && line.dropFirst(2).allSatisfy { " █▀▄".contains($0) }
            if isCode {
                current.append(line.dropFirst(2).map { "█▀".contains($0) })
                current.append(line.dropFirst(2).map { "█▄".contains($0) })
            } else if !current.isEmpty {
                codes.append(current)
                current = []
            }
        }
        return codes.map(bitmap)
    }

    /// Of the first picture of a page, whose modules are squares of one.
    static func bitmap(ofSVG page: String) throws -> String {
        let size = 120
        var rows = Array(repeating: Array(repeating: false, count: size), count: size)
        let picture = page[(page.range(of: "<svg")?.lowerBound ?? page.endIndex)...].prefix(
            upTo: page.range(of: "</svg>")?.lowerBound ?? page.endIndex)
        for match in picture.matches(of: /<rect x="(\d+)" y="(\d+)" width="1" height="1"/) {
            guard let x = Int(match.1), let y = Int(match.2), x < size - 8, y < size - 8 else { continue }
            rows[y + 8][x + 8] = true
        }
        return bitmap(rows)
    }

    private static func bitmap(_ rows: [[Bool]]) -> String {
        let scale = 6
        let width = (rows.map(\.count).max() ?? 0) * scale
        var text = "P1\n\(width) \(rows.count * scale)\n"
        for row in rows {
            let line = row.map { String(repeating: $0 ? "1 " : "0 ", count: scale) }.joined() + "\n"
            text += String(repeating: line, count: scale)
        }
        return text
    }
}
