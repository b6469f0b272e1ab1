import BackupModel
import Foundation

/// A sheet as one page of HTML that needs nothing else: to be printed, or to be read on any machine. Everything is escaped; nothing
/// is loaded from anywhere.
enum KitPage {
    /// Before the script that the page carries, in base64.
    static let scriptMark = "data:text/x-shellscript;base64,"

    /// - Parameter script: the same sheet as ``KitScript`` writes it.
    static func html(_ sheet: KitSheet, script: String) -> String {
        var body = ["<h1>\(escaped(sheet.title))</h1>"]
        body += sheet.head.map { "<p class=\"head\">\(escaped($0))</p>" }
        body += ["<h2>Where the copies are</h2>"] + list(sheet.places)
        body += ["<h2>What must be at hand</h2>"] + list(sheet.keys)
        body += ["<h2>Programs, and where they come from</h2>"] + list(sheet.programs)
        body += ["<h2>How</h2>"]
        body += [
            "<p>All of it at once, as a script: <a download=\"restore-\(escaped(sheet.profileName)).sh\" href=\"\(scriptMark)"
                + "\(Data(script.utf8).base64EncodedString())\">save it</a>, then:</p>",
            "<pre>\(sheet.usage.map(escaped).joined(separator: "\n"))</pre>",
            "<p>Or line by line, with <code>TARGET</code>, <code>FROM</code> and the keys set first "
                + "(<code>export TARGET=/an/empty/folder</code>), one chapter of these:</p>",
        ]
        for step in sheet.start { body += written(step, number: nil) }
        for chapter in sheet.chapters {
            body += ["<section><h2>FROM=\(escaped(chapter.name))</h2>"]
            body += chapter.words.map { "<p>\(escaped($0))</p>" }
            for (index, step) in chapter.steps.enumerated() { body += written(step, number: index + 1) }
            body += ["</section>"]
        }
        body += written(sheet.end, number: nil)
        for code in sheet.qr {
            body += ["<figure>\(code.svg)<figcaption>\(escaped(code.title))</figcaption></figure>"]
        }
        if let profile = sheet.profile {
            body += ["<section><h2>The profile, for Holdfast itself on a new machine</h2>"]
            body += ["<pre>\(escaped(profile))</pre></section>"]
        }
        body += [
            "<h2>What this sheet rests on</h2>",
            "<pre class=\"facts\">\(escaped(sheet.facts.joined(separator: "\n")))</pre>",
        ]
        return """
            <!DOCTYPE html>
            <html lang="en"><head><meta charset="utf-8"><title>\(escaped(sheet.title))</title>
            <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
            <style>\(style)</style></head><body>
            \(body.joined(separator: "\n"))
            </body></html>

            """
    }

    /// - Returns: `nil` for a page that is none of ours.
    static func script(in page: String) -> String? {
        guard let start = page.range(of: scriptMark)?.upperBound else { return nil }
        let text = page[start...].prefix { $0 != "\"" }
        return Data(base64Encoded: String(text)).map { String(decoding: $0, as: UTF8.self) }
    }

    private static func written(_ step: KitSheet.Step, number: Int?) -> [String] {
        var words = step.words
        if let server = step.server {
            words.append(
                server == .postgres ? "Needs a PostgreSQL server (PGHOST)." : "Needs a MySQL server (MYSQL_FILE).")
        }
        return ["<div class=\"step\"><h3>\(number.map { "\($0). " } ?? "")\(escaped(step.title))</h3>"]
            + words.map { "<p>\(escaped($0))</p>" } + [
                "<pre>\(KitScript.body(of: step).map(line).joined())</pre></div>"
            ]
    }

    private static func line(_ text: String) -> String { "<code>\(escaped(text))\n</code>" }

    private static func list(_ lines: [String]) -> [String] {
        ["<ul>"] + lines.map { "<li>\(escaped($0))</li>" } + ["</ul>"]
    }

    static func escaped(_ text: String) -> String {
        var result = ""
        for character in Console.harmless(text) {
            switch character {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            default: result.append(character)
            }
        }
        return result
    }

    /// A line that goes on over several shows so: the first begins at the edge.
    private static let style = """
        body{font:11pt/1.45 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem;color:#111;background:#fff}
        h1{font-size:1.4rem}h2{font-size:1.15rem;border-bottom:1px solid #999;margin-top:2rem}h3{font-size:1rem;margin-bottom:.2rem}
        pre{font:9.5pt/1.5 ui-monospace,monospace;border:1px solid #999;padding:.5rem;white-space:pre-wrap;overflow-wrap:anywhere}
        pre code{display:block;padding-left:2em;text-indent:-2em}.head{font-weight:600}.facts{font-size:7.5pt}
        figure{display:inline-block;margin:1rem;width:16rem;break-inside:avoid}svg{width:100%;height:auto}
        @media print{body{margin:0;max-width:none}.step{break-inside:avoid}section{break-before:page}a{color:inherit}}
        """
}
