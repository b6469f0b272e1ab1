/// Why a client program ended badly, as far as its messages tell. The server may speak another language than English; then
/// it is ``other``.
///
/// - Source: https://www.postgresql.org/docs/15/errcodes-appendix.html; the texts as the clients of 15.18 print them
package enum PostgreSQLFailure: Sendable, Equatable {
    case unreachable
    case noSuchDatabase
    case noSuchRole
    case notAuthenticated
    case notPermitted
    case busy
    case databaseExists
    case badLocale
    case other

    package init(diagnostics: String) {
        let known: [([String], PostgreSQLFailure)] = [
            (["FATAL:  database \"", "does not exist"], .noSuchDatabase),
            (["FATAL:  role \"", "does not exist"], .noSuchRole), (["ERROR:  role \"", "does not exist"], .noSuchRole),
            (["authentication failed"], .notAuthenticated), (["no password supplied"], .notAuthenticated),
            (["no pg_hba.conf entry"], .notAuthenticated), (["permission denied"], .notPermitted),
            (["must be superuser"], .notPermitted), (["must be owner"], .notPermitted),
            (["lock timeout"], .busy), (["remaining connection slots"], .busy), (["too many clients"], .busy),
            (["too many connections"], .busy), (["database \"", "already exists"], .databaseExists),
            (["invalid locale name"], .badLocale), (["invalid LC_"], .badLocale),
            (["conflicting or redundant"], .badLocale), (["ICU is not supported"], .badLocale),
            (["could not open collator"], .badLocale), (["ICU locale \""], .badLocale),
            (["not supported with ICU"], .badLocale),
            (["invalid locale provider"], .badLocale), (["unrecognized locale provider"], .badLocale),
            (["builtin provider"], .badLocale),
            (["could not connect"], .unreachable), (["could not translate host name"], .unreachable),
            (["Connection refused"], .unreachable), (["No such file or directory"], .unreachable),
            (["timeout expired"], .unreachable), (["starting up"], .unreachable), (["shutting down"], .unreachable),
            (["server closed the connection"], .unreachable), (["connection to server", "failed"], .unreachable),
        ]
        self = known.first { entry in entry.0.allSatisfy { diagnostics.contains($0) } }?.1 ?? .other
    }
}
