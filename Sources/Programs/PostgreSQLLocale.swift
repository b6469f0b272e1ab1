/// By which rules a database sorts and compares texts.
package struct PostgreSQLLocale: Sendable, Equatable, CustomStringConvertible {
    private var collate: String?
    private var ctype: String?
    /// As `datlocprovider` has it: `c`, `i` or `b`. `nil` before 15, and in notes of backups that are older than this.
    private var provider: String?
    private var locale: String?
    private var rules: String?

    package init(_ server: PostgreSQLQueries.Server) {
        (collate, ctype) = (server.collate, server.ctype)
        (provider, locale, rules) = (server.provider, server.locale, server.rules)
    }

    /// - Parameter notes: a part's.
    package init(_ notes: [String: String]) {
        (collate, ctype) = (notes["collate"], notes["ctype"])
        (provider, locale, rules) = (notes["provider"], notes["locale"], notes["icu-rules"])
        // Those before 15 know one provider; a newer server may take another one by itself.
        if provider == nil, let server = notes["server"].flatMap(PostgreSQLVersion.init), server.major < 15 {
            provider = "c"
        }
    }

    package func note(in notes: inout [String: String]) {
        notes["collate"] = collate
        notes["ctype"] = ctype
        notes["provider"] = provider
        notes["locale"] = locale
        notes["icu-rules"] = rules
    }

    package var description: String {
        switch provider {
        case "i"?: "\(locale ?? "of the dump") of ICU"
        case "b"?: "\(locale ?? "of the dump") that is built in"
        default: collate ?? "of the dump"
        }
    }

    /// Whether the server's version decides what can be said.
    package var needsVersion: Bool { provider != nil }

    /// What `CREATE DATABASE` is given.
    /// - Source: https://www.postgresql.org/docs/17/sql-createdatabase.html; providers since 15, rules since 16, the built-in one since 17.
    func options(on major: Int?) -> String {
        let literal = PostgreSQLQueries.literal
        var options = ""
        if let collate { options += " LC_COLLATE \(literal(collate))" }
        if let ctype { options += " LC_CTYPE \(literal(ctype))" }
        guard let major, major >= 15 else { return options }
        switch provider {
        case "c"?: options += " LOCALE_PROVIDER libc"
        case "i"?:
            options += " LOCALE_PROVIDER icu"
            if let locale { options += " ICU_LOCALE \(literal(locale))" }
            if let rules, major >= 16 { options += " ICU_RULES \(literal(rules))" }
        case "b"? where major >= 17:
            options += " LOCALE_PROVIDER builtin"
            if let locale { options += " BUILTIN_LOCALE \(literal(locale))" }
        default: break
        }
        return options
    }

    /// What `createdb` is given, as words for a shell: best first, and then what older clients understand. Its options are of the same
    /// versions as those of SQL.
    package var words: [[String]] {
        func words(_ options: [(String, String?)]) -> [String] {
            options.compactMap { option, value in value.map { "--\(option)=\(ShellWord.quoted($0))" } }
        }
        let own = words([("lc-collate", collate), ("lc-ctype", ctype)])
        switch provider {
        case "c"?: return [own + ["--locale-provider=libc"], own].filter { _ in !own.isEmpty }
        case "i"?:
            return [own + ["--locale-provider=icu"] + words([("icu-locale", locale), ("icu-rules", rules)])]
        case "b"?: return [own + ["--locale-provider=builtin"] + words([("builtin-locale", locale)])]
        default: return own.isEmpty ? [] : [own]
        }
    }
}
