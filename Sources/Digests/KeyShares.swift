/// Shamir's secret sharing over GF(2^256), by the polynomials of `ssss`: any `threshold` of the shares give the key back, fewer tell
/// nothing of it. For a random key only, which needs no diffusion layer: `ssss-combine -t N -x -D` puts it together.
/// - Source: ssss 0.5, `ssss.c`: x^256 + x^10 + x^5 + x^2 + 1, and a leading x^threshold beside the random coefficients.
package enum KeyShares {
    package struct Share: Sendable, Equatable {
        package var number: Int
        package var value: [UInt8]
        /// As `ssss` writes it: `1-5f3c…`
        package var text: String { "\(number)-" + KeyShares.hexadecimal(value) }
    }

    package static let keyBytes = 32

    /// - Parameters:
    ///   - key: 32 random bytes.
    ///   - count: 2 to 99.
    ///   - threshold: 2 to `count`.
    package static func split(
        _ key: [UInt8], into count: Int, threshold: Int, using generator: inout some RandomNumberGenerator
    ) -> [Share] {
        precondition(key.count == keyBytes && (2...99).contains(count) && (2...count).contains(threshold))
        let coefficients =
            [Element(key)]
            + (1..<threshold).map { _ in
                Element((0..<keyBytes).map { _ in UInt8.random(in: .min ... .max, using: &generator) })
            }
        return (1...count).map { number in
            let x = Element(number)
            var y = x
            for coefficient in coefficients.dropFirst().reversed() { y = (y + coefficient) * x }
            return Share(number: number, value: (y + coefficients[0]).bytes)
        }
    }

    /// The key that as many shares as the threshold give.
    package static func combine(_ shares: [Share]) -> [UInt8] {
        var key = Element(0)
        for share in shares {
            let x = Element(share.number)
            var term = Element(share.value)
            var power = Element(1)
            for _ in shares { power = power * x }
            term = term + power
            for other in shares where other.number != share.number {
                let its = Element(other.number)
                term = term * its * (its + x).inverse
            }
            key = key + term
        }
        return key.bytes
    }

    package static func hexadecimal(_ bytes: [UInt8]) -> String {
        bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }

    /// An element of the field, most significant word first.
    struct Element: Equatable {
        private var words: (UInt64, UInt64, UInt64, UInt64)

        init(_ small: Int) { words = (0, 0, 0, UInt64(small)) }

        init(_ bytes: [UInt8]) {
            func word(_ index: Int) -> UInt64 {
                bytes[index * 8..<index * 8 + 8].reduce(0) { $0 << 8 | UInt64($1) }
            }
            words = (word(0), word(1), word(2), word(3))
        }

        private init(_ words: (UInt64, UInt64, UInt64, UInt64)) { self.words = words }

        var bytes: [UInt8] {
            [words.0, words.1, words.2, words.3].flatMap { word in
                stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: word >> UInt64($0)) }
            }
        }

        static func == (left: Element, right: Element) -> Bool { left.words == right.words }

        static func + (left: Element, right: Element) -> Element {
            let (a, b) = (left.words, right.words)
            return Element((a.0 ^ b.0, a.1 ^ b.1, a.2 ^ b.2, a.3 ^ b.3))
        }

        /// Times x, and reduced: without a branch on what the bits are.
        private var doubled: Element {
            let carry = words.0 >> 63
            return Element(
                (
                    words.0 << 1 | words.1 >> 63, words.1 << 1 | words.2 >> 63, words.2 << 1 | words.3 >> 63,
                    (words.3 << 1) ^ (carry &* 0x425)
                ))
        }

        static func * (left: Element, right: Element) -> Element {
            var result = Element(0)
            let factors = [right.words.0, right.words.1, right.words.2, right.words.3]
            for word in factors {
                for bit in stride(from: UInt64(63), through: 0, by: -1) {
                    result = result.doubled
                    let mask = 0 &- (word >> bit & 1)
                    let a = left.words
                    result = result + Element((a.0 & mask, a.1 & mask, a.2 & mask, a.3 & mask))
                }
            }
            return result
        }

        /// By Fermat: to the power of 2^256 - 2.
        var inverse: Element {
            var result = Element(1)
            var square = self * self
            for _ in 1..<256 {
                result = result * square
                square = square * square
            }
            return result
        }
    }
}
