/// Points inside a step at which one thing is done and the thing that belongs to it is not. Like the steps themselves, every
/// one is a place where a run may be killed, and is tested as such.
package enum RunMoment: String, Sendable, CaseIterable {
    /// The working folder is in the journal, and does not exist yet.
    case scratchJournaled
    /// A new repository is there, and nothing is pinned.
    case repositoryCreated
    /// A part is in the repository, and nobody but the repository knows of it.
    case partStored
    /// The manifest is in the repository, and history does not know it.
    case manifestStored
    /// Retention has dropped snapshots, and not freed their room.
    case forgotten
    /// Everything is restored and proven, and nothing is in its place.
    case staged
    /// What is restored lies beside the place, about to be exchanged with what is in the way there. On a file system that
    /// exchanges no names: what was in the way is aside, and its place is empty.
    case besidePlace
    /// One source is in its place; others may still be in staging.
    case settled
    /// What is restored is in the journal as about to take its places, and has taken none.
    case settlementJournaled
    /// Everything is in its place, and the journal does not know it.
    case allSettled
    /// A resource is in the journal, and its acquire has not begun.
    case resourceJournaled
    /// Its acquire has ended, and the journal does not know that.
    case resourceTaken
    /// The journal knows that it is held.
    case resourceHeld
    /// Its release has ended, and the journal does not know that.
    case resourceReleased
}
