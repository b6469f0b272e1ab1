/// A digest that tells one effective profile from another in the history. Nothing rests on its being hard to forge: whoever can
/// change a profile can run commands.
enum Digest {
    /// 128-bit FNV-1a, as 32 hexadecimal digits.
    static func of(_ text: String) -> String {
        var hash: UInt128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d
        for byte in text.utf8 { hash = (hash ^ UInt128(byte)) &* 0x0000_0000_0100_0000_0000_0000_0000_013b }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 32 - digits.count) + digits
    }
}
