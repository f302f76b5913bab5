namespace CallServer.Wire

open System
open System.Buffers.Binary
open System.Security.Cryptography
open System.Text

/// A passphrase or a key. It is never printed.
[<StructuredFormatDisplay("<secret>")>]
type Secret =
    private
    | Secret of byte[]

    override _.ToString() = "<secret>"

/// Makes secrets.
module Secret =
    /// A secret of a copy of these octets.
    let ofBytes (octets: byte[]) : Secret = Secret(Array.copy octets)

    /// A secret of this text in UTF-8.
    let ofText (text: string) : Secret = Secret(Encoding.UTF8.GetBytes text)

    let internal octets (Secret octets) = octets

/// HMAC of RFC 3414 (MD5, SHA-1) and of RFC 7860 (SHA-2). SHA-224 is missing because .NET does not have it.
type AuthProtocol =
    | Md5
    | Sha1
    | Sha256
    | Sha384
    | Sha512

/// AES-128 of RFC 3826.
type PrivProtocol = | Aes128

/// The pure functions of USM.
module UsmCrypto =
    /// Octets of msgAuthenticationParameters: 12 to 48 (RFC 3414 sections 6.3.1, 7.3.1; RFC 7860 section
    /// 4.1).
    let macLength (protocol: AuthProtocol) : int =
        match protocol with
        | Md5
        | Sha1 -> 12
        | Sha256 -> 24
        | Sha384 -> 32
        | Sha512 -> 48

    let private hashName (protocol: AuthProtocol) : HashAlgorithmName =
        match protocol with
        | Md5 -> HashAlgorithmName.MD5
        | Sha1 -> HashAlgorithmName.SHA1
        | Sha256 -> HashAlgorithmName.SHA256
        | Sha384 -> HashAlgorithmName.SHA384
        | Sha512 -> HashAlgorithmName.SHA512

    /// Ku: hashes 1 MiB of the repeated passphrase (RFC 3414 A.2). That takes milliseconds, so make it once
    /// per user. The passphrase must not be empty.
    let passphraseToKey (protocol: AuthProtocol) (passphrase: byte[]) : byte[] =
        if passphrase.Length = 0 then
            invalidArg (nameof passphrase) "an empty passphrase makes no key"

        let repeated =
            Array.init (passphrase.Length * (1 + 4096 / passphrase.Length)) (fun n ->
                passphrase[n % passphrase.Length])

        use hash = IncrementalHash.CreateHash(hashName protocol)
        let mutable left = 1048576

        while left > 0 do
            let count = min left repeated.Length
            hash.AppendData(repeated, 0, count)
            left <- left - count

        hash.GetHashAndReset()

    /// Kul: the key for one engine, from Ku (RFC 3414 section 2.6).
    let localize (protocol: AuthProtocol) (key: byte[]) (engineId: byte[]) : byte[] =
        CryptographicOperations.HashData(hashName protocol, Array.concat [ key; engineId; key ])

    /// The digest of a message; counts msgAuthenticationParameters, at the offset, as zeros.
    let mac (protocol: AuthProtocol) (key: byte[]) (message: ReadOnlySpan<byte>) (offset: int) : byte[] =
        let length = macLength protocol
        use hash = IncrementalHash.CreateHMAC(hashName protocol, key)
        hash.AppendData(message.Slice(0, offset))
        hash.AppendData(Array.zeroCreate<byte> length)
        hash.AppendData(message.Slice(offset + length))
        hash.GetHashAndReset()[.. length - 1]

    /// Octets of msgPrivacyParameters (RFC 3826 section 3.1.2.1).
    [<Literal>]
    let SaltLength = 8

    let private aesBlock = 16

    let private initialVector (boots: int) (time: int) (salt: byte[]) : byte[] =
        let vector = Array.zeroCreate aesBlock
        BinaryPrimitives.WriteInt32BigEndian(Span<byte>(vector, 0, 4), boots)
        BinaryPrimitives.WriteInt32BigEndian(Span<byte>(vector, 4, 4), time)
        salt.CopyTo(vector, 8)
        vector

    /// .NET's CFB with 128-bit segments takes only whole blocks, but SNMP sends as many octets as the plain
    /// text has (RFC 3826 section 3.1.3): so the last block is filled up and cut off afterwards.
    let private wholeBlocks (octets: byte[]) : byte[] =
        let padded = Array.zeroCreate ((octets.Length + aesBlock - 1) / aesBlock * aesBlock)
        octets.CopyTo(padded, 0)
        padded

    let private aes (key: byte[]) : Aes =
        let aes = Aes.Create()
        aes.Key <- key[.. aesBlock - 1]
        aes

    /// AES-128 in CFB mode (RFC 3826): gives as many octets as the plain text has. The salt has `SaltLength`
    /// octets.
    let encrypt (key: byte[]) (boots: int) (time: int) (salt: byte[]) (plain: byte[]) : byte[] =
        use aes = aes key
        let vector = initialVector boots time salt
        aes.EncryptCfb(wholeBlocks plain, vector, PaddingMode.None, 8 * aesBlock)[.. plain.Length - 1]

    /// Undoes `encrypt` with the same key, boots, time and salt. A wrong key gives other octets, not an
    /// error.
    let decrypt (key: byte[]) (boots: int) (time: int) (salt: byte[]) (encrypted: byte[]) : byte[] =
        use aes = aes key
        let vector = initialVector boots time salt
        aes.DecryptCfb(wholeBlocks encrypted, vector, PaddingMode.None, 8 * aesBlock)[.. encrypted.Length - 1]
