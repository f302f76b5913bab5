namespace CallServer.Ledger

open System
open System.Buffers
open System.Net
open CallServer.Model

/// A call id and its reach. Two legs with the same key belong to the same call.
[<Struct>]
type internal IdKey =
    {
        /// Empty for the whole world; otherwise the realm of several gateways, or the id of one gateway.
        Realm: string
        Id: string
    }

/// A media address and its reach: an empty realm for the whole world, otherwise the id of one gateway.
[<Struct>]
type internal AddressKey = { Realm: string; Host: string; Port: int }

/// Decides what may join connections, and how far it reaches.
module internal CallsKeys =
    let private digits = SearchValues.Create "0123456789"
    let private hexDigits = SearchValues.Create "0123456789ABCDEFabcdef"
    let private nothing = SearchValues.Create "0-. "
    let private separators = SearchValues.Create "/| "

    let private consistsOf (characters: SearchValues<char>) (text: string) =
        not (text.AsSpan().ContainsAnyExcept characters)

    /// A GUID is written with or without dashes, in either case.
    let private normal (id: string) =
        let bare = if id.Length >= 36 then id.Trim('{', '}').Replace("-", "") else id

        if bare.Length = 32 && consistsOf hexDigits bare then
            bare.ToLowerInvariant()
        else
            id

    /// Whether the id is too long to be a number that another gateway counts to as well.
    let private isTelling (id: string) = id.Length >= 8 && (id.Length >= 16 || not (consistsOf digits id))

    /// Whether the id has a shape that is unique in the world: a GUID or another long random number in hex,
    /// or a Call-ID with its host. Names of channels with a counter at the end, such as Asterisk's, are long
    /// too, but every other gateway counts alike.
    let private isWorldWide (id: string) =
        (id.Length >= 16 && consistsOf hexDigits id && not (consistsOf digits id))
        || (id.Contains '@' && not (id.AsSpan().ContainsAny separators))

    /// The key by which a call id is compared with others; ValueNone if the id names no call, such as a row
    /// of zeros.
    let ofId (reach: CallIdReach) (gateway: GatewayId) (id: CallId) : IdKey voption =
        let text = normal (CallId.value id)

        if consistsOf nothing text then
            ValueNone
        else
            let realm =
                match reach with
                | CallIdReach.World -> ""
                | CallIdReach.Realm realm -> if isTelling text then "" else realm
                | CallIdReach.ByShape -> if isWorldWide text then "" else GatewayId.value gateway

            ValueSome { Realm = realm; Id = text }

    /// The key of an address. Loopback and link-local addresses reach one machine or link only. Wildcards,
    /// multicast and port 0 mean nothing: ValueNone.
    let ofAddress (gateway: GatewayId) (address: MediaAddress) : AddressKey voption =
        match IPAddress.TryParse address.Host with
        | true, host when address.Port > 0 && address.Port <= 65535 ->
            let octets = host.GetAddressBytes()
            let isFour = octets.Length = 4

            if
                host.Equals IPAddress.Any
                || host.Equals IPAddress.IPv6Any
                || host.IsIPv6Multicast
                || (isFour && octets[0] >= 224uy)
            then
                ValueNone
            else
                let isNear =
                    IPAddress.IsLoopback host
                    || host.IsIPv6LinkLocal
                    || (isFour && octets[0] = 169uy && octets[1] = 254uy)

                ValueSome
                    { Realm = (if isNear then GatewayId.value gateway else "")
                      Host = address.Host
                      Port = address.Port }
        | _ -> ValueNone

    /// RFC 1918, RFC 6598 and RFC 4193: addresses that are usually behind a translator.
    let isPrivate (host: string) =
        match IPAddress.TryParse host with
        | true, host ->
            let octets = host.GetAddressBytes()

            match octets.Length, octets[0], octets[1] with
            | 4, 10uy, _
            | 4, 192uy, 168uy -> true
            | 4, 172uy, second -> second >= 16uy && second <= 31uy
            | 4, 100uy, second -> second >= 64uy && second <= 127uy
            | 16, first, _ -> first &&& 0xFEuy = 0xFCuy
            | _ -> false
        | _ -> false

    /// Whether address translation may explain that one end is reported with two addresses; otherwise it is a
    /// fault.
    let mayBeTranslated (a: MediaAddress) (b: MediaAddress) =
        a.Host <> b.Host && (isPrivate a.Host || isPrivate b.Host)

    /// How telling an id is; the lowest number is the most telling.
    let rank (key: IdKey) = if key.Realm = "" then 0 else 1
