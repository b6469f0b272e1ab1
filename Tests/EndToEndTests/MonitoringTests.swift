import BackupEngine
import Foundation
import TestSupport
import Testing

/// The alerts and the dashboard in `monitoring/`.
@Suite("Monitoring", .enabled(if: RealTools.hasPromtool, "prometheus is not installed"))
struct MonitoringTests {
    private let program: HoldfastProgram
    private let folder = RealTools.packageRoot + "/monitoring"

    init() throws { program = try HoldfastProgram("monitoring", restic: nil) }

    private func text(_ name: String) throws -> String {
        try String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8)
    }

    /// Names of ours that are no metric.
    private func unknown(in text: String) -> Set<String> {
        let known = Set(MetricFamily.allCases.map(\.name))
        return Set(text.matches(of: /\bholdfast_[a-z_]+/).map { String($0.0) }).subtracting(known)
    }

    @Test(.timeLimit(.minutes(1)))
    func `every alert fires when it should and not otherwise`() async throws {
        let rules = try text("holdfast.rules.yml")
        let check = try await program.runTool("promtool", "check", "rules", "\(folder)/holdfast.rules.yml")
        #expect(check.code == 0, "\(check)")
        let test = try await program.runTool("promtool", "test", "rules", "\(folder)/holdfast.rules.test.yml")
        #expect(test.code == 0, "\(test)")
        #expect(unknown(in: rules) == [])
        let alerts = Set(rules.matches(of: /- alert: ([A-Za-z]+)/).map { String($0.1) })
        let cases = try text("holdfast.rules.test.yml").components(separatedBy: "alertname: ").dropFirst()
        func name(_ text: String) -> String { String(text.prefix { $0.isLetter }) }
        let quiet = Set(cases.filter { $0.prefix(60).contains("exp_alerts: []") }.map(name))
        let firing = Set(cases.filter { !$0.prefix(60).contains("exp_alerts: []") }.map(name))
        #expect(alerts.count > 8 && quiet == alerts && firing == alerts)
    }

    @Test(.timeLimit(.minutes(1)))
    func `every query of the dashboard is one that Prometheus understands, of metrics that there are`() async throws {
        let dashboard = try JSONText.object(text("grafana-dashboard.json"))
        let panels = dashboard.objects("panels")
        let queries = panels.flatMap { $0.objects("targets").map { $0.text("expr") } }
        #expect(queries.count > 10 && Set(panels.map { $0.number("id") }).count == panels.count)
        var rules = "groups:\n  - name: dashboard\n    rules:\n"
        for (index, query) in queries.enumerated() {
            #expect(unknown(in: query) == [] && query.contains("holdfast_"), "\(query)")
            #expect(query.contains("$instance") && query.contains("$profile"), "\(query)")
            let filled = query.replacing("$instance", with: ".*").replacing("$profile", with: ".*")
            rules += "      - { record: 'query\(index)', expr: '\(filled)' }\n"
        }
        let file = try program.folder.write(rules, to: "dashboard.yml")
        let check = try await program.runTool("promtool", "check", "rules", file)
        #expect(check.code == 0, "\(check)")
    }

    @Test func `every metric is in the documentation, and no other`() throws {
        let page = try String(contentsOfFile: RealTools.packageRoot + "/docs/metrics.md", encoding: .utf8)
        #expect(MetricFamily.allCases.map(\.name).filter { !page.contains("`\($0)`") } == [])
        #expect(unknown(in: page) == [])
        let alerts = try text("holdfast.rules.yml").matches(of: /- alert: ([A-Za-z]+)/).map { String($0.1) }
        #expect(alerts.filter { !page.contains("`\($0)`") } == [])
    }
}
