/// What kind of trouble an error is. Every error of every layer names its kind, and ``ExitStatus/init(for:)`` is the one
/// place that turns kinds into numbers.
package enum FailureKind: String, Sendable, Codable, CaseIterable {
    case failed
    case usage
    case badProfile
    case noRepository
    case locked
    case wrongPassword
    case damaged
    case toolMissing
    case serverUnreachable
    case destinationFull
    case destinationReadOnly
    case tryLater
    case newerVersion
    case notPermitted
    case notFound
    case unproven
    case interrupted
    case terminated
}

/// The program's exit codes. They are part of its interface.
package enum ExitStatus: Int32, Sendable {
    case success = 0
    case failed = 1
    case partial = 3
    case degraded = 4
    case overdue = 5
    case noRepository = 10
    case locked = 11
    case wrongPassword = 12
    case usage = 64
    case damaged = 65
    case missing = 69
    case destinationFull = 74
    case tryLater = 75
    case newerVersion = 76
    case notPermitted = 77
    case badProfile = 78
    case interrupted = 130
    case terminated = 143

    package init(for kind: FailureKind) {
        self =
            switch kind {
            case .failed, .notFound: .failed
            case .usage: .usage
            case .badProfile: .badProfile
            case .noRepository: .noRepository
            case .locked: .locked
            case .wrongPassword: .wrongPassword
            case .damaged: .damaged
            case .toolMissing, .serverUnreachable: .missing
            case .destinationFull, .destinationReadOnly: .destinationFull
            case .tryLater: .tryLater
            case .newerVersion: .newerVersion
            case .notPermitted: .notPermitted
            case .unproven: .overdue
            case .interrupted: .interrupted
            case .terminated: .terminated
            }
    }
}

/// An error an operator can act on: what happened to which thing, its kind, and what to do next.
package protocol OperatorError: Error, Sendable, CustomStringConvertible {
    /// What happened, to which thing, and the cause. One or more plain sentences without a final newline.
    var description: String { get }
    /// What the operator does next; `nil` only where nothing can be said.
    var hint: String? { get }
    var kind: FailureKind { get }
}

/// The same, as a value that can be recorded and shown later.
package struct Failure: OperatorError, Codable, Equatable {
    package var description: String
    package var hint: String?
    package var kind: FailureKind

    package init(_ description: String, hint: String? = nil, kind: FailureKind = .failed) {
        self.description = description
        self.hint = hint
        self.kind = kind
    }

    package init(_ error: any OperatorError) {
        self.init(error.description, hint: error.hint, kind: error.kind)
    }
}
