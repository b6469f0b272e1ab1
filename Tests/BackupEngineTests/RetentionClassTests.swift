import BackupModel
import Foundation
import TestSupport
import Testing

@testable import BackupEngine

@Suite("Retention of classes")
struct RetentionClassTests {
    private func kept(_ name: String, _ policy: RetentionPolicy, of count: Int = 40) -> Int {
        var group = Candidates.group
        group.retentionClass = name
        var policy = policy
        policy.maximumRemoval = 1
        for name in policy.classes.keys { policy.classes[name]?.maximumRemoval = 1 }
        return Retention.plan(
            candidates: Candidates.daily(count, group: group), policy: policy, now: RetentionTests.now
        ).kept.count
    }

    @Test func `what was taken before deploys has rules of its own, unless everything is kept`() {
        #expect(kept("pre-deploy", RetentionPolicy(daily: 3)) == 14, "within 14 days")
        #expect(kept("pre-deploy", RetentionPolicy()) == 40)
        #expect(kept("pre-deploy", RetentionPolicy(minimum: 12)) == 40)
    }

    @Test func `a class that the profile names is kept by its rules, and any other by those of all`() {
        var policy = RetentionPolicy(daily: 5)
        policy.classes = ["pre-deploy": RetentionPolicy(last: 2), "release": RetentionPolicy()]
        #expect(kept("pre-deploy", policy) == 2)
        #expect(kept("release", policy) == 40, "no rule: everything")
        #expect(kept("regular", policy) == 5)
        #expect(kept("before-holidays", policy) == 5)
    }

    @Test func `rules of a class alone remove nothing of the others`() {
        var policy = RetentionPolicy()
        policy.classes = ["pre-deploy": RetentionPolicy(last: 2)]
        #expect(policy.hasRules)
        #expect(kept("pre-deploy", policy) == 2 && kept("regular", policy) == 40)
        #expect(policy.words == "everything; pre-deploy: last 2")
    }
}
