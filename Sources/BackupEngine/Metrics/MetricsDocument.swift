/// Figures with their labels, and their text.
package struct MetricsDocument: Sendable, Equatable {
    package struct Sample: Sendable, Equatable {
        package var labels: [Label]
        package var value: Double
    }

    package struct Label: Sendable, Equatable {
        package var name: String
        package var value: String
    }

    private var samples: [MetricFamily: [Sample]] = [:]

    package init() {}

    package subscript(family: MetricFamily) -> [Sample] { samples[family] ?? [] }

    package mutating func add(_ family: MetricFamily, _ value: Double, _ labels: (String, String)...) {
        add(family, value, labels)
    }

    package mutating func add(_ family: MetricFamily, _ value: Double, _ labels: [(String, String)]) {
        guard value.isFinite else { return }
        samples[family, default: []].append(
            Sample(labels: labels.map { Label(name: $0.0, value: $0.1) }, value: value))
    }

    /// Those of several profiles in one text: each family stands there once.
    package mutating func merge(_ other: MetricsDocument) { samples.merge(other.samples) { $0 + $1 } }

    /// The text format of Prometheus, which is OpenMetrics as well. No sample has a timestamp: a textfile collector takes none.
    /// - Source: https://prometheus.io/docs/instrumenting/exposition_formats/ (0.0.4), where `# UNIT` and `# EOF` are comments;
    ///   OpenMetrics 1.0.0, where they are not; https://github.com/prometheus/node_exporter#textfile-collector.
    package var text: String {
        var text = ""
        for family in MetricFamily.allCases {
            guard let samples = samples[family], !samples.isEmpty else { continue }
            text += "# HELP \(family.name) \(MetricsDocument.escaped(family.help))\n# TYPE \(family.name) gauge\n"
            if let unit = family.unit { text += "# UNIT \(family.name) \(unit)\n" }
            for sample in samples {
                let labels = sample.labels.filter { !$0.value.isEmpty }
                    .map { "\($0.name)=\"\(MetricsDocument.escaped($0.value, quotes: true))\"" }
                text += family.name + (labels.isEmpty ? "" : "{\(labels.joined(separator: ","))}")
                text += " \(MetricsDocument.figure(sample.value))\n"
            }
        }
        return text + "# EOF\n"
    }

    /// Families that have samples, with them.
    package var families: [(family: MetricFamily, samples: [Sample])] {
        MetricFamily.allCases.compactMap { family in samples[family].map { (family, $0) } }
    }

    /// To the thousandth, and whole numbers as such.
    package static func figure(_ value: Double) -> String {
        guard abs(value) < 1e15 else { return String(value) }
        if value == value.rounded() { return String(Int64(value)) }
        let rounded = (value * 1000).rounded() / 1000
        return rounded == rounded.rounded() ? String(Int64(rounded)) : String(rounded)
    }

    static func escaped(_ text: String, quotes: Bool = false) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\"" where quotes: result += "\\\""
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
