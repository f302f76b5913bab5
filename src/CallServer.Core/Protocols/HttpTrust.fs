namespace CallServer.Protocols

open System

/// Which certificate of a gateway is believed. There is no way to believe any.
[<RequireQualifiedAccess>]
type HttpTrust =
    /// One for the gateway's name that this machine trusts.
    | OfMachine
    /// One for the gateway's name that an authority in this file (PEM) has issued.
    | Authority of file: string
    /// The one whose SHA-256 this is, in upper-case hex, whatever its name and its dates.
    | Pin of sha256: string

/// Reads the options by which a URI says which certificate is believed.
module internal HttpTrust =
    let private pin, private ca = "pin", "ca"

    /// The names of the options.
    let options: string list = [ pin; ca ]

    /// Octets in a SHA-256.
    [<Literal>]
    let private Size = 32

    /// `pin=` takes 64 digits in hex, also in pairs with colons between them, as openssl prints them.
    let read (uri: GatewayText) (options: Map<string, string>) : HttpTrust =
        match uri.ReadText(options, pin), uri.ReadText(options, ca) with
        | ValueNone, ValueNone -> HttpTrust.OfMachine
        | ValueNone, ValueSome file -> HttpTrust.Authority file
        | ValueSome _, ValueSome _ ->
            uri.Fail "pin= and ca= exclude each other: one certificate is believed, or those of an authority"
            HttpTrust.OfMachine
        | ValueSome text, ValueNone ->
            let digits = text.Replace(":", "", StringComparison.Ordinal)

            if digits.Length <> 2 * Size || not (Seq.forall Char.IsAsciiHexDigit digits) then
                uri.Fail
                    $"pin={text} is no SHA-256 in hex, such as openssl x509 -fingerprint -sha256 prints for a certificate"

            HttpTrust.Pin(digits.ToUpperInvariant())
