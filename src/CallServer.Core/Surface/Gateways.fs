namespace CallServer.Surface

open System
open System.Collections.Generic
open System.Runtime.InteropServices
open CallServer.Prelude
open CallServer.Model
open CallServer.Ledger
open CallServer.Protocols.Snmp
open CallServer.Protocols

/// Finds what somebody probably meant when a word is not known.
[<AbstractClass; Sealed>]
type Nearest private () =
    /// The candidate closest to the word; null if none is close enough for a misspelling.
    static member To(word: string, candidates: IEnumerable<string>) : string =
        CallServer.Prelude.Nearest.tryFind word candidates |> Option.toObj

    /// ` (did you mean X?)`, or an empty text.
    static member Hint(word: string, candidates: IEnumerable<string>) : string =
        CallServer.Prelude.Nearest.hint word candidates

/// What is wrong with a secret given for a gateway, or that it is missing: community, auth or priv.
[<NoComparison>]
type SecretMistake = { Secret: string; Mistake: string }

/// The secrets that a gateway wants before it answers; null for each that is not given. A class, so that
/// nothing prints its members.
[<Sealed>]
type GatewaySecrets(community: byte[], auth: byte[], priv: byte[]) =
    static let none = GatewaySecrets(null, null, null)

    /// No secrets at all.
    static member None = none
    /// SNMPv2c's community.
    member _.Community = community
    /// SNMPv3's passphrase for authentication, or SIP's digest password.
    member _.Auth = auth
    /// SNMPv3's passphrase for encryption.
    member _.Priv = priv

    member internal _.Value: Secrets =
        { Community = ValueOption.ofObj community
          Auth = ValueOption.ofObj auth
          Priv = ValueOption.ofObj priv }

    /// These secrets without those that the gateway does not take.
    member internal _.Only(taken: SecretName list) : GatewaySecrets =
        let keep name secret = if List.contains name taken then secret else null

        GatewaySecrets(
            keep SecretName.Community community,
            keep SecretName.Auth auth,
            keep SecretName.Priv priv
        )

/// A gateway as people name it: the protocol, where it is, and how it is asked. It never holds a secret. Two
/// are equal if their texts are.
[<Sealed; AllowNullLiteral>]
type GatewayUri internal (protocol: Protocol, text: GatewayText, reading: Reading) =
    member internal _.Definition = protocol
    member internal _.Reading = reading

    /// The text as written.
    member _.Text = text.Text
    /// The scheme in lower case, such as snmp or ng+tcp.
    member _.Scheme = text.Scheme
    /// The protocol's name, whatever carries its messages.
    member _.Protocol = protocol.Name
    /// A name or an address, without brackets.
    member _.Host = text.Host
    /// 1 to 65535.
    member _.Port = text.Port

    /// HOST:PORT, which names the gateway if nobody gave it a name.
    member _.Authority =
        if text.Host.Contains ':' then
            $"[{text.Host}]:{text.Port}"
        else
            $"{text.Host}:{text.Port}"

    /// Whether its datagrams may come from any port of the host that is asked.
    member _.RepliesFromAnyPort = (text.Replies = Replies.FromAnyPort)

    /// Another host from which its datagrams may come; null if there is none.
    member _.RepliesFrom: string =
        match text.Replies with
        | Replies.From host -> host
        | Replies.FromNowhereElse
        | Replies.FromAnyPort -> null

    member private _.HttpBodies: HttpBodyForm voption =
        match reading.Carrier with
        | Carrier.Http(HttpForm.Bodies form) -> ValueSome form
        | Carrier.Http HttpForm.Requests
        | Carrier.Http(HttpForm.SecureRequests _)
        | Carrier.Datagrams
        | Carrier.DatagramsThenStream
        | Carrier.Stream -> ValueNone

    member private _.Trust: HttpTrust voption =
        match reading.Carrier with
        | Carrier.Http(HttpForm.SecureRequests trust) -> ValueSome trust
        | Carrier.Http HttpForm.Requests
        | Carrier.Http(HttpForm.Bodies _)
        | Carrier.Datagrams
        | Carrier.DatagramsThenStream
        | Carrier.Stream -> ValueNone

    /// Whether HTTP carries the messages to it: each is the body of a request, or a request of its own
    /// (GatewayRequest).
    member _.OverHttp =
        match reading.Carrier with
        | Carrier.Http _ -> true
        | Carrier.Datagrams
        | Carrier.DatagramsThenStream
        | Carrier.Stream -> false

    /// The path of requests whose bodies are the messages; null if there are none.
    member this.HttpPath: string = this.HttpBodies |> ValueOption.map _.Path |> ValueOption.toObj

    /// Their content type; null if there are none.
    member this.HttpContentType: string =
        this.HttpBodies |> ValueOption.map _.ContentType |> ValueOption.toObj

    /// Whether the body of an answer whose status is no success is a reply too.
    member this.HttpErrorsAnswer = this.HttpBodies |> ValueOption.exists _.ErrorsAnswer

    /// Whether TLS protects what HTTP carries.
    member this.OverTls = this.Trust.IsSome

    /// The SHA-256 of the only certificate that is believed, in upper-case hex; null if there is none.
    member this.TlsPin: string =
        match this.Trust with
        | ValueSome(HttpTrust.Pin sha256) -> sha256
        | ValueSome HttpTrust.OfMachine
        | ValueSome(HttpTrust.Authority _)
        | ValueNone -> null

    /// The file (PEM) with the authorities whose certificates are believed; null for those of this machine.
    member this.TlsAuthority: string =
        match this.Trust with
        | ValueSome(HttpTrust.Authority file) -> file
        | ValueSome HttpTrust.OfMachine
        | ValueSome(HttpTrust.Pin _)
        | ValueNone -> null

    /// Whether messages to it are datagrams, at least at first.
    member _.OverDatagrams =
        (reading.Carrier = Carrier.Datagrams || reading.Carrier = Carrier.DatagramsThenStream)

    /// Whether messages to it may take a stream.
    member _.OverStreams = (reading.Carrier = Carrier.Stream || reading.Carrier = Carrier.DatagramsThenStream)

    /// The profile by which it is read; null if the URI names none.
    member _.Profile: string = ValueOption.toObj reading.Profile

    /// The text with this profile in place of the one that it names; without one for null.
    member _.WithProfile(profile: string) : string =
        let struct (place, query) = Cut.atFirst '?' text.Text

        let options =
            [ for option in
                  (ValueOption.defaultValue "" query).Split('&', StringSplitOptions.RemoveEmptyEntries) do
                  if not (option.StartsWith("profile=", StringComparison.Ordinal)) then
                      option
              if not (isNull profile) then
                  $"profile={profile}" ]

        if options.IsEmpty then place else place + "?" + String.Join("&", options)

    /// Whether it is read by a profile, named or found.
    member _.IsProfiled = reading.IsProfiled

    /// Whether it is asked with a community.
    member _.TakesCommunity = List.contains SecretName.Community reading.Takes
    /// Whether it is told who asks.
    member _.TakesAuth = List.contains SecretName.Auth reading.Takes
    /// Whether what is sent to it is encrypted.
    member _.TakesPriv = List.contains SecretName.Priv reading.Takes
    /// Whether it may keep a history of connections that are over.
    member _.TellsHistory = reading.TellsHistory

    /// The smallest message that shows whether anybody listens at its port.
    member _.Knock: byte[] = Array.copy protocol.Knock
    /// Who answers there, as in `try whether X runs`.
    member _.Speaker = protocol.Speaker
    /// A URI of this machine that is asked in the same way.
    member _.Rehearsal = protocol.Rehearsal reading.Carrier

    /// For a single audit, the time that the gateway may take is divided into this many first waits.
    member _.Waits = reading.Patience.Waits
    /// For a single audit, how often a request is sent.
    member _.Attempts = reading.Patience.Attempts

    /// The secrets that it takes, out of these.
    member _.Pick(secrets: GatewaySecrets) : GatewaySecrets = secrets.Only reading.Takes

    /// What is wrong with these secrets for this gateway; empty if they fit.
    member _.Check(secrets: GatewaySecrets) : IReadOnlyList<SecretMistake> =
        [| for secret, mistake in reading.Judge secrets.Value -> { Secret = string secret; Mistake = mistake } |]

    /// What to try after an audit that learnt nothing: silence, a refusal, or a reply from elsewhere.
    member _.Advice(result: AuditResult) : string =
        let reasons = Completeness.shortfalls result.Snapshot.Completeness

        let refusal =
            reasons
            |> List.tryPick (fun reason ->
                match reason with
                | Refused(cause, _) -> Some cause
                | _ -> None)

        match refusal with
        | Some cause -> reading.IfRefused cause
        | None when reasons |> List.exists _.IsAnsweredElsewhere ->
            "try that replies= in the URI, where the gateway is known to answer from there"
        | None -> reading.IfSilent

    override _.Equals(other: obj) =
        match other with
        | :? GatewayUri as other -> other.Text = text.Text
        | _ -> false

    override _.GetHashCode() = text.Text.GetHashCode(StringComparison.Ordinal)
    override _.ToString() = text.Text

    interface IEquatable<GatewayUri> with
        member this.Equals(other) = this.Equals(box other)

/// The protocols that gateways can be asked in, and the SNMP profiles that they are read by. Immutable.
[<Sealed>]
type GatewayProtocols private (profiles: (string * Lazy<Profile>)[], more: Protocol list) =
    let protocols = Protocols.builtIn profiles @ more

    static let builtIn = lazy GatewayProtocols(Profiles.byName, [])

    /// Those that come with CallServer.
    static member BuiltIn: GatewayProtocols = builtIn.Value

    /// The text of a built-in profile with its comments, to begin one's own profile from. Null if no profile
    /// has that name.
    static member ProfileText(name: string) : string = ProfileTexts.tryText name |> Option.toObj

    /// The names of the profiles, in the order in which they are tried.
    member _.ProfileNames: IReadOnlyList<string> = [| for name, _ in profiles -> name |]

    /// The names of the protocols.
    member _.Names: IReadOnlyList<string> = [| for protocol in protocols -> protocol.Name |]

    /// The names of the protocols that can end single connections.
    member _.Releasing: IReadOnlyList<string> =
        [| for protocol in protocols do
               if protocol.Releases then
                   protocol.Name |]

    /// How their URIs begin, each with its scheme, such as `snmp://` and `sip:`.
    member _.Schemes: IReadOnlyList<string> =
        [| for protocol in protocols do
               for scheme, _ in protocol.Schemes do
                   let isHierarchical = protocol.Forms |> List.exists _.Contains($"{scheme}://")
                   if isHierarchical then $"{scheme}://" else $"{scheme}:" |]

    /// The forms of their URIs, for help.
    member _.Forms: IReadOnlyList<string> =
        [| for protocol in protocols do
               yield! protocol.Forms |]

    /// Lines to type for each protocol, for help.
    member _.Examples: IReadOnlyList<IReadOnlyList<string>> =
        [| for protocol in protocols -> Array.ofList protocol.Examples :> IReadOnlyList<string> |]

    /// These protocols and one more.
    member internal _.And(protocol: Protocol) : GatewayProtocols =
        GatewayProtocols(profiles, more @ [ protocol ])

    /// These protocols with a user's own profiles before the others, from an object that maps names to
    /// profiles. A profile of the same name is replaced. If the object has mistakes, nothing changes.
    member this.WithProfiles
        (own: Document, [<Out>] mistakes: byref<IReadOnlyList<DocumentMistake>>)
        : GatewayProtocols =
        match Json.entries ProfileJson.read own.Node with
        | Ok added ->
            mistakes <- [||]
            let replaced = added |> List.map fst |> Set.ofList

            GatewayProtocols(
                Array.append
                    [| for name, profile in added -> name, Lazy<Profile>(profile) |]
                    (profiles |> Array.filter (fun (name, _) -> not (replaced.Contains name))),
                more
            )
        | Error found ->
            mistakes <- [| for m in found -> DocumentMistake(m.Path, m.Line, m.Message) |]
            this

    /// Reads the URI of a gateway, or says everything that is wrong with the text. A secret in it is not
    /// repeated.
    member _.TryParse
        (text: string, [<Out>] uri: byref<GatewayUri>, [<Out>] mistakes: byref<IReadOnlyList<string>>)
        : bool =
        match Protocols.read protocols (if isNull text then "" else text) with
        | Ok(struct (protocol, text, reading)) ->
            uri <- GatewayUri(protocol, text, reading)
            mistakes <- [||]
            true
        | Error found ->
            uri <- null
            mistakes <- Array.ofList found
            false

    /// The gateways that may be at a host which is named without a protocol: one for each scheme that needs nothing but
    /// HOST or HOST:PORT, and no secret, at the protocol's own port where none is named. Empty where the text names a protocol, or no
    /// host.
    member this.At(host: string) : IReadOnlyList<GatewayUri> =
        let struct (first, rest) = Cut.atFirst ':' host

        if rest.IsSome && Protocols.isScheme protocols first then
            [||]
        else
            [| for protocol in protocols do
                   for scheme, _ in protocol.Schemes do
                       match this.TryParse $"{scheme}://{host}" with
                       | true, uri, _ when (uri.Check GatewaySecrets.None).Count = 0 -> uri
                       | _ -> () |]

    /// How to ask a gateway. Every factsEvery-th audit at least reads all facts; those between may read, of
    /// connections on record that seem unchanged, only what shows that they are there and the same. The secrets
    /// must have passed its Check. Throws ArgumentException for less than one attempt, factsEvery below 1, or a
    /// time-out that is not above zero.
    member _.Target
        (
            gateway: string,
            uri: GatewayUri,
            secrets: GatewaySecrets,
            timeout: TimeSpan,
            attempts: int,
            factsEvery: int
        ) : AuditTarget =
        if attempts < 1 || factsEvery < 1 || timeout <= TimeSpan.Zero then
            invalidArg (nameof attempts) "at least one attempt, and a timeout above zero"

        uri.Reading.Exchanges
            { Gateway = GatewayId.create gateway
              Secrets = secrets.Value
              Timeout = timeout
              Attempts = attempts
              FactsEvery = factsEvery }
        |> GatewayExchanges.create uri.Definition.Source
        |> AuditTarget

    /// The same, where every audit reads all facts.
    member this.Target
        (gateway: string, uri: GatewayUri, secrets: GatewaySecrets, timeout: TimeSpan, attempts: int)
        : AuditTarget =
        this.Target(gateway, uri, secrets, timeout, attempts, 1)

    /// How far the call ids of the protocols reach, each once.
    member internal _.CallIdReaches: CallIdReach list =
        protocols |> List.map _.Source.CallIds |> List.distinct

    /// How a source of this protocol is joined; ValueNone for a protocol that is not registered.
    member internal _.SourceOf(protocol: string) : SourceTraits voption =
        protocols
        |> List.tryFind (fun known -> known.Name = protocol)
        |> Option.map _.Source
        |> ValueOption.ofOption
