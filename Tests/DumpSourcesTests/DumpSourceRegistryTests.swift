import BackupModel
import DumpSources
import Foundation
import TestSupport
import Testing

@Suite struct `The kinds of source` {
    @Test func `are listed once each, with summaries and keys that are described`() {
        let kinds = DumpSourceRegistry.kinds.map(\.descriptor)
        #expect(kinds.map(\.kind) == ["files", "volume", "git-untracked", "sqlite", "postgres", "mysql", "command"])
        for kind in kinds {
            #expect(kind.summary.hasSuffix("."))
            #expect(kind.example.hasPrefix("\(kind.kind):"))
            guard case .either(let shapes) = kind.shape, case .object(let keys)? = shapes.last else {
                Issue.record("\(kind.kind) has no keys")
                continue
            }
            #expect(Set(keys.map(\.name)).count == keys.count)
            for key in keys { #expect(key.summary.count > 10, "\(kind.kind).\(key.name)") }
        }
    }

    @Test func `a kind that is not there is an error`() throws {
        let bench = try Bench()
        #expect(throws: SourceError.self) { try bench.source("etcd", settings()) }
    }

    @Test(arguments: [
        ("postgres", settings(("user", "x")), "names no database"),
        ("postgres", settings(("database", "a"), ("databases", ["b"])), "use one of the two"),
        ("postgres", settings(("databases", ["b", "b"])), "twice"),
        ("postgres", settings(("database", String(repeating: "x", count: 64))), "63 bytes"),
        ("mysql", settings(("user", "x")), "names no database"),
        ("mysql", settings(("database", "a"), ("all", true)), "stands beside `database:`"),
        ("mysql", settings(("databases", ["b", "b"])), "twice"),
        ("mysql", settings(("database", String(repeating: "x", count: 65))), "64 characters"),
        ("mysql", settings(("database", "a"), ("socket", "/s"), ("host", "h")), "one or the other"),
        ("mysql", settings(("database", "a"), ("port", 3307)), "without `host:`"),
        ("mysql", settings(("database", "a"), ("tls", "off"), ("tls-ca", "/c")), "no meaning"),
        ("mysql", settings(("database", "a"), ("user", "")), "is empty"),
        ("mysql", settings(("database", "a"), ("through", settings(("container", "c"), ("ssh", "h")))), "use one"),
        ("sqlite", settings(("path", ["/a/x.db", "/b/x.db"])), "are called `x.db`"),
        ("command", settings(("run", ["x"]), ("name", "a/b")), "without a folder"),
        ("command", settings(("run", ["x"]), ("writes", "out")), "must be an absolute path"),
        ("command", settings(("run", ["x"]), ("writes", "/out"), ("exact-bytes", true)), "no meaning"),
        ("command", settings(("run", [String]())), "names no program"),
        ("volume", settings(("name", "/srv/data")), "no volume's name"),
        ("postgres", settings(("database", "a"), ("through", settings(("engine", "podman")))), "names no place"),
        ("postgres", settings(("database", "a"), ("through", settings(("compose", "/c.yml")))), "go together"),
        (
            "postgres", settings(("database", "a"), ("through", settings(("container", "c"), ("ssh", "h")))),
            "use one of the two"
        ),
        ("postgres", settings(("database", "a"), ("through", settings(("ssh", "-oProxyCommand=x")))), "is no name"),
        (
            "postgres", settings(("database", "a"), ("through", settings(("ssh", "h"), ("user", "u")))), "user@host"
        ),
        (
            "postgres", settings(("database", "a"), ("run-as", "u"), ("through", settings(("container", "c")))),
            "say `user:` there"
        ),
        (
            "command", settings(("run", ["x"]), ("directory", "/x"), ("through", settings(("container", "c")))),
            "beside `through:`"
        ),
        (
            "command", settings(("run", ["x", "{scratch}/x"]), ("through", settings(("container", "c")))),
            "only with `writes:`"
        ),
        (
            "command",
            settings(("run", ["x"]), ("environment", settings(("a-b", "x"))), ("through", settings(("ssh", "h")))),
            "no variable"
        ),
        ("files", settings(("paths", [String]())), "names no path"),
    ])
    func `say what no shape can say`(_ kind: String, _ value: ConfigValue, _ message: String) throws {
        let place = value.location
        let entry = ConfigValue(.map([.init(key: kind, keyLocation: place, value: value)]), at: place)
        let descriptor = try #require(DumpSourceRegistry.kinds.first { $0.descriptor.kind == kind }?.descriptor)
        #expect(descriptor.check(entry).contains { $0.message.contains(message) && $0.keyPath.hasPrefix(kind) })
    }
}
