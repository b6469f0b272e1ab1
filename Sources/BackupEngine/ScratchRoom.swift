import BackupModel

/// Whether scratch has the room for what is to be restored there.
enum ScratchRoom {
    /// - Parameters:
    ///   - what: is to be restored there.
    ///   - bytes: that it takes, about.
    ///   - otherwise: what to do where no larger disk is to be had.
    /// - Throws: ``Failure`` where it would fill the disk. A place whose room cannot be told passes.
    static func check(
        for what: String, _ bytes: ByteCount, at place: String, _ host: any HostFacts, otherwise: String
    ) throws(Failure) {
        guard let room = host.room(at: place) else { return }
        // A disk that this fills is full for everybody else on it.
        let rest = ByteCount(max(16 << 20, min(room.total.bytes / 20, 1 << 30)))
        guard bytes + rest > room.free else { return }
        throw Failure(
            "\(place) has \(room.free) free; \(what) takes about \(bytes), and \(rest) stay free",
            hint:
                "free some room, name a folder on a larger disk with --scratch or `scratch:`, or \(otherwise)",
            kind: .destinationFull)
    }
}
