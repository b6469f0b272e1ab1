package import BackupModel
import Programs

/// One kind of repository: its keys, and how one is made from them.
package struct RepositoryKind: Sendable {
    package var descriptor: KindDescriptor
    var make: @Sendable (RepositorySpec, Services, _ cacheFolder: String) throws(RepositoryError) -> any Repository
}

/// Every kind of repository there is. A new kind is one file and one line here.
package enum RepositoryRegistry {
    package static let kinds: [RepositoryKind] = [
        RepositoryKind(descriptor: ResticSettings.descriptor) { spec, services, cacheFolder throws(RepositoryError) in
            try ResticRepository(spec, services, cacheFolder: cacheFolder)
        },
        RepositoryKind(descriptor: ArchiveSettings.descriptor) { spec, services, cacheFolder throws(RepositoryError) in
            try ArchiveRepository(spec, services, cacheFolder: cacheFolder)
        },
        RepositoryKind(descriptor: RsyncSettings.descriptor) { spec, services, cacheFolder throws(RepositoryError) in
            try RsyncRepository(spec, services, cacheFolder: cacheFolder)
        },
    ]

    /// What feeds `spec` from the primary.
    /// - Throws: ``RepositoryError/unsupported(_:)`` for settings that cannot be used.
    package static func follower(
        _ spec: RepositorySpec, of primary: any Repository, _ services: Services, cacheFolder: String,
        ledger: any MirrorLedger
    ) throws(RepositoryError) -> any Follower {
        guard let follow = spec.follow else { throw .unsupported("repository \(spec.name) follows no other") }
        if spec.kind == RsyncSettings.descriptor.kind { _ = try RsyncSettings(spec) }
        if primary is RsyncRepository {
            throw .unsupported(
                "\(spec.name) cannot follow \(primary.spec.name): nothing can be fed from an rsync repository. Give the other "
                    + "repository a profile of its own")
        }
        if spec.kind == ArchiveSettings.descriptor.kind, let primary = primary as? ArchiveRepository {
            return try archive(spec, follow, of: primary, services, cacheFolder: cacheFolder, ledger: ledger)
        }
        guard spec.kind == ResticSettings.descriptor.kind, let primary = primary as? ResticRepository else {
            throw .unsupported("a \(spec.kind) repository cannot follow a \(primary.spec.kind) repository yet")
        }
        switch follow.method {
        case .copy:
            let target = try ResticRepository(spec, services, cacheFolder: cacheFolder, following: primary)
            return CopyFollower(spec, follow, from: primary, to: target)
        case .mirror:
            return try mirror(spec, follow, of: primary, services, cacheFolder: cacheFolder, ledger: ledger)
        case .backup:
            let target = try ResticRepository(spec, services, cacheFolder: cacheFolder)
            return BackupFollower(spec, follow, from: primary, to: target)
        }
    }

    private static func archive(
        _ spec: RepositorySpec, _ follow: FollowSpec, of primary: ArchiveRepository, _ services: Services,
        cacheFolder: String, ledger: any MirrorLedger
    ) throws(RepositoryError) -> any Follower {
        let target = try ArchiveTarget(spec, services, cacheFolder: cacheFolder)
        let copy: (any Repository)?
        if target.location.folder != nil {
            copy = try ArchiveRepository(spec, services, cacheFolder: cacheFolder, leader: primary.spec.entry)
        } else if spec.access == .full {
            copy = try ServerArchives(
                spec, at: target, leader: primary.spec.entry, services, cacheFolder: cacheFolder, ledger: ledger)
        } else {
            // Feeding asks a server nothing that its credential may not answer.
            copy = nil
        }
        return ArchiveFollower(spec, follow, of: primary, to: target, reading: copy, ledger: ledger)
    }

    private static func mirror(
        _ spec: RepositorySpec, _ follow: FollowSpec, of primary: ResticRepository, _ services: Services,
        cacheFolder: String, ledger: any MirrorLedger
    ) throws(RepositoryError) -> any Follower {
        let replica = try ResticRepository(spec, services, cacheFolder: cacheFolder)
        let unfed = { (reason: String) -> any Follower in
            UnfedFollower(spec: spec, follow: follow, location: replica.location, reason: .unsupported(reason))
        }
        guard let source = primary.access.folder else {
            return unfed("a mirror is fed from a folder of this machine, and the primary is none")
        }
        let access = replica.access
        let place = access.settings.location
        let isRemote = access.server.sftp(at: place) != nil || access.server.rclone(at: place) != nil
        guard access.folder != nil || S3Address(replica.location) != nil || isRemote else {
            return unfed("this version can mirror to a folder, to S3, by sftp and by rclone only")
        }
        guard spec.access.mayRead || !isRemote else {
            return unfed(
                "a mirror by sftp or rclone looks at what is there, for they cannot create otherwise; with a credential that can "
                    + "put and nothing else, mirror to S3 by its own address")
        }
        return MirrorFollower(
            spec, follow, of: source, at: place, ledger: ledger, clock: services.clock, replica: replica,
            reading: spec.access.mayRead ? replica : nil
        ) { generation throws(RepositoryError) -> any MirrorTarget in
            let location = place.appending(generation)
            if let folder = location.folder {
                try replica.requirePlace()
                return FolderMirror(path: folder)
            }
            return try await access.server.mirror(at: location)
        }
    }

    /// What finds out what our credential may do in `spec`.
    /// - Throws: ``RepositoryError/unsupported(_:)`` for settings that cannot be used.
    package static func probe(
        _ spec: RepositorySpec, _ services: Services, cacheFolder: String
    ) throws(RepositoryError) -> any AccessProbe {
        if spec.kind == ArchiveSettings.descriptor.kind {
            let mount = RequiredMount(spec.entry["must-be-mounted"])
            let target = try ArchiveTarget(spec, services, cacheFolder: cacheFolder)
            return ArchiveProbe(target: target) { () throws(RepositoryError) in
                let place = target.location.folder ?? ""
                try mount?.require(for: place, location: place, services.host)
            }
        }
        if spec.kind == RsyncSettings.descriptor.kind {
            return try RsyncRepository(spec, services, cacheFolder: cacheFolder).probe
        }
        guard spec.kind == ResticSettings.descriptor.kind else {
            throw .unsupported("\(spec.kind) repositories cannot be probed yet")
        }
        return try ResticRepository(spec, services, cacheFolder: cacheFolder).probe
    }

    /// A follower as something to look at.
    /// - Parameters:
    ///   - leader: what it follows.
    ///   - ledger: what was sent there; nothing is asked of it but of copies on servers.
    /// - Throws: as ``repository(_:_:cacheFolder:)``.
    package static func repository(
        _ spec: RepositorySpec, following leader: RepositorySpec?, _ services: Services, cacheFolder: String,
        ledger: any MirrorLedger
    ) throws(RepositoryError) -> any Repository {
        if spec.kind == ArchiveSettings.descriptor.kind, spec.follow != nil {
            let target = try ArchiveTarget(spec, services, cacheFolder: cacheFolder)
            let entry = leader?.kind == spec.kind ? leader?.entry : nil
            guard target.location.folder == nil else {
                return try ArchiveRepository(spec, services, cacheFolder: cacheFolder, leader: entry)
            }
            return try ServerArchives(
                spec, at: target, leader: entry, services, cacheFolder: cacheFolder, ledger: ledger)
        }
        return try repository(spec, services, cacheFolder: cacheFolder)
    }

    /// - Parameter cacheFolder: a private folder that all repositories may share; each keeps to a folder of its own in it.
    /// - Throws: ``RepositoryError/unsupported(_:)`` for a kind that is not listed, or settings that cannot be used.
    package static func repository(
        _ spec: RepositorySpec, _ services: Services, cacheFolder: String
    ) throws(RepositoryError) -> any Repository {
        guard let kind = kinds.first(where: { $0.descriptor.kind == spec.kind }) else {
            throw .unsupported("`\(spec.kind)` is no kind of repository")
        }
        return try kind.make(spec, services, cacheFolder)
    }
}
