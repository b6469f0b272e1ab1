package import BackupModel

/// Holds whom sources and repositories encrypt for against what is pinned. Whoever can write a file of recipients could
/// otherwise read all backups to come, or make them unreadable, and nobody would notice until a restore.
package struct RecipientPinning: Sendable {
    let engine: Engine

    package init(_ engine: Engine) { self.engine = engine }

    package enum Standing: Sendable, Equatable {
        /// Nothing is encrypted for anybody.
        case none
        case asPinned(Recipients)
        /// Nothing is pinned yet; what the newest manifest says of it is still to be compared.
        case unpinned(Recipients)

        package var recipients: Recipients? {
            switch self {
            case .none: nil
            case .asPinned(let recipients), .unpinned(let recipients): recipients
            }
        }

        var unpinned: Recipients? { if case .unpinned(let recipients) = self { recipients } else { nil } }
    }

    /// - Throws: ``RecipientsChanged``; whatever stands in the way of knowing the recipients.
    package func standing(of source: any DumpSource) async throws -> Standing {
        try compare(try await source.recipients(), .source(source.spec.name))
    }

    package func standing(of repository: any Repository) async throws -> Standing {
        try compare(try await repository.recipients(), .repository(repository.spec.pinName))
    }

    private func compare(_ found: Recipients?, _ subject: RecipientSubject) throws -> Standing {
        let pin = try engine.pins.recipients(profile: engine.profile.name, of: subject)
        guard let pin else { return found.map(Standing.unpinned) ?? .none }
        guard pin.recipients == found else { throw RecipientsChanged(subject, expected: pin.recipients, found: found) }
        return .asPinned(pin.recipients)
    }

    /// Pins what is not pinned yet, unless the newest manifest names others: then the state folder was lost, and this is no
    /// beginning.
    /// - Parameter plain: what is not encrypted, and of which this state folder does not know whether it was.
    /// - Returns: what must not be used, and why.
    func settle(
        _ unpinned: [RecipientSubject: Recipients], plain: [RecipientSubject] = [], _ catalog: RepositoryCatalog,
        notice: (String) -> Void
    ) async throws -> [RecipientSubject: RecipientsChanged] {
        guard !unpinned.isEmpty || !plain.isEmpty else { return [:] }
        let manifests = try await catalog.contents(loadingManifests: true).manifests.values
            .filter { $0.profile == engine.profile.name && $0.host == engine.profile.host }
            .sorted { $0.started > $1.started }
        var changed: [RecipientSubject: RecipientsChanged] = [:]
        for subject in plain {
            let newest = manifests.first { $0.has(subject) }
            guard let known = newest?.known(of: subject) else { continue }
            changed[subject] = RecipientsChanged(subject, expected: known.recipients, found: nil, run: known.run)
        }
        for (subject, found) in unpinned.sorted(by: { $0.key.name < $1.key.name }) {
            if let known = manifests.lazy.compactMap({ $0.known(of: subject) }).first, known.recipients != found {
                changed[subject] = RecipientsChanged(
                    subject, expected: known.recipients, found: found, run: known.run)
                continue
            }
            try pin(found, for: subject)
            notice("pinned the recipients of \(subject): \(found.words)")
        }
        return changed
    }

    package func pin(_ recipients: Recipients?, for subject: RecipientSubject) throws(StoreError) {
        let pin = recipients.map { RecipientPin(recipients: $0, pinnedAt: engine.clock.now) }
        try engine.pins.save(pin, profile: engine.profile.name, of: subject)
    }
}

extension Manifest {
    fileprivate func has(_ subject: RecipientSubject) -> Bool {
        guard case .source(let name) = subject else { return true }
        return parts.contains { $0.source == name }
    }

    /// Whom it names for something; `nil` where it has nothing of it, or not encrypted.
    fileprivate func known(of subject: RecipientSubject) -> (recipients: Recipients, run: RunID)? {
        let recipients =
            switch subject {
            case .source(let name): parts.first { $0.source == name && $0.encryption != nil }?.encryption?.recipients
            case .repository: repositoryRecipients
            }
        return recipients.map { ($0, run) }
    }
}
