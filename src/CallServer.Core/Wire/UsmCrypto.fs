namespace CallServer.Wire

open System
open System.Text

/// A passphrase or a key: never printed.
[<StructuredFormatDisplay("<secret>")>]
type Secret =
    private
    | Secret of byte[]

    override _.ToString() = "<secret>"

module Secret =
    let ofBytes (octets: byte[]) : Secret = Secret(Array.copy octets)

    /// UTF-8.
    let ofText (text: string) : Secret = Secret(Encoding.UTF8.GetBytes text)

    let internal octets (Secret octets) = octets

/// HMAC of RFC 3414 (MD5, SHA-1) and of RFC 7860 (SHA-2). SHA-224 is missing: the platform has none.
type AuthProtocol =
    | Md5
    | Sha1
    | Sha256
    | Sha384
    | Sha512

/// RFC 3826.
type PrivProtocol = | Aes128

/// The pure functions under USM.
module UsmCrypto =
    /// Octets of msgAuthenticationParameters (RFC 3414 sections 6.3.1, 7.3.1; RFC 7860 section 4.1).
    let macLength (protocol: AuthProtocol) : int =
        match protocol with
        | Md5
        | Sha1 -> 12
        | Sha256 -> 24
        | Sha384 -> 32
        | Sha512 -> 48

    /// Ku: hashes 1 MiB of the repeated passphrase (RFC 3414 A.2), some milliseconds: made once a user. The
    /// passphrase is not empty.
    let passphraseToKey (protocol: AuthProtocol) (passphrase: byte[]) : byte[] =
        raise (NotImplementedException $"{protocol}{passphrase}")

    /// Kul: the key of one engine from Ku (RFC 3414 section 2.6).
    let localize (protocol: AuthProtocol) (key: byte[]) (engineId: byte[]) : byte[] =
        raise (NotImplementedException $"{protocol}{key}{engineId}")
