namespace CallServer.Gateway

open System
open System.Collections.Generic
open System.Runtime.InteropServices
open System.Text
open CallServer.Model
open CallServer.Wire

/// What to simulate, in words that come from a command line. Null and empty are the defaults.
[<Sealed; AllowNullLiteral>]
type GatewaySettings() =
    /// The profile that audits it.
    member val Profile = "cisco-voice" with get, set
    /// Connections at the beginning, and about so many later.
    member val Connections = 0 with get, set
    /// Opened a second, and as many closed.
    member val Churn = 0.0 with get, set
    member val Seed = 1UL with get, set
    /// SNMPv2c; null where it speaks SNMPv3 only.
    member val Community: string = "public" with get, set
    /// The SNMPv3 user; null for none.
    member val User: string = null with get, set
    /// md5, sha1, sha256, sha384 or sha512; null for none.
    member val Auth: string = null with get, set
    member val AuthPassphrase: byte[] = null with get, set
    /// aes128; null for none.
    member val Priv: string = null with get, set
    member val PrivPassphrase: byte[] = null with get, set
    /// Such as `mute-after=200`.
    member val Vices: IReadOnlyList<string> = [||] with get, set

/// A simulated gateway after an event, what truly happened until then, and what it answers.
[<Sealed; AllowNullLiteral>]
type GatewayStep
    internal (next: SimulatedGateway, truth: IReadOnlyList<string>, replies: IReadOnlyList<Reply>) =
    member _.Next = next
    /// Lines for `--truth`, in the order of time.
    member _.Truth = truth
    member _.Replies = replies

/// A simulated gateway at one moment: what C# sees of this assembly. Immutable; the host gives it the time and datagrams.
and [<Sealed; AllowNullLiteral>] SimulatedGateway
    private (state: AgentState, identify: SimConnection -> Identity) =

    let lines (events: TruthEvent list) : IReadOnlyList<string> =
        [| for event in events -> Truth.line identify event |]

    static let auth (word: string) =
        match word with
        | "md5" -> Ok Md5
        | "sha1" -> Ok Sha1
        | "sha256" -> Ok Sha256
        | "sha384" -> Ok Sha384
        | "sha512" -> Ok Sha512
        | other -> Error $"'{other}' is no way to authenticate; known are md5, sha1, sha256, sha384, sha512"

    static let priv (word: string) =
        match word with
        | "aes128" -> Ok Aes128
        | other -> Error $"'{other}' is no way to encrypt; known is aes128"

    /// A protocol with its passphrase, nothing where the word is null.
    static let protect (parse: string -> Result<'T, string>) (word: string) (passphrase: byte[]) =
        if isNull word then
            Ok None
        else
            parse word
            |> Result.bind (fun protocol ->
                // RFC 3414 section 11.2.
                if isNull passphrase || passphrase.Length < 8 then
                    Error $"{word} needs a passphrase of at least 8 octets"
                else
                    Ok(Some(struct (protocol, Secret.ofBytes passphrase))))

    static let user (settings: GatewaySettings) =
        if isNull settings.User then
            Ok []
        else
            protect auth settings.Auth settings.AuthPassphrase
            |> Result.bind (fun auth ->
                protect priv settings.Priv settings.PrivPassphrase
                |> Result.bind (fun priv ->
                    if auth.IsNone && priv.IsSome then
                        Error "SNMPv3 encrypts only what it authenticates"
                    else
                        Ok [ { Name = Encoding.UTF8.GetBytes settings.User; Auth = auth; Priv = priv } ]))

    /// The profiles whose gateways can be simulated.
    static member Profiles: IReadOnlyList<string> = Gateways.profiles

    /// The vices' words, as help lists them.
    static member ViceWords: IReadOnlyList<string> = ViceWords.known

    /// False where the settings are wrong; every mistake is named.
    static member TryCreate
        (
            settings: GatewaySettings,
            now: Instant,
            [<Out>] gateway: byref<SimulatedGateway>,
            [<Out>] mistakes: byref<IReadOnlyList<string>>
        ) : bool =
        let wrong = List<string>()
        let mutable vices = Vices.none

        for word in settings.Vices do
            match ViceWords.add word vices with
            | Ok more -> vices <- more
            | Error mistake -> wrong.Add mistake

        if settings.Connections < 0 then
            wrong.Add "connections cannot be fewer than 0"

        if not (settings.Churn >= 0.0 && settings.Churn <= 1e5) then
            wrong.Add "churn is from 0 to 100000 a second"

        let users =
            match user settings with
            | Ok users -> users
            | Error mistake ->
                wrong.Add mistake
                []

        let mib = Gateways.tryMib settings.Profile

        if mib.IsNone then
            let known = String.concat ", " Gateways.profiles
            wrong.Add $"there is no profile '{settings.Profile}'; known are {known}"

        mistakes <- wrong

        match mib with
        | Some mib when wrong.Count = 0 ->
            let options =
                { AgentOptions.ofMib mib $"gw-{settings.Seed}" with
                    Community = ValueOption.ofObj settings.Community
                    Users = users
                    Vices = vices }

            let table =
                { TableOptions.standard with
                    Connections = settings.Connections
                    Churn = settings.Churn
                    Codecs = mib.Codecs }

            let state = Gateways.create settings.Seed table options now
            gateway <- SimulatedGateway(state, (fun connection -> mib.Identity state.Clock connection))
            true
        | Some _
        | None -> false

    /// Connections now.
    member _.Count = state.Table.Count

    /// Requests that it understood so far.
    member _.Heard = state.Heard

    /// The opens of what it carries now, as lines for `--truth`.
    member _.Present: IReadOnlyList<string> = lines (Truth.present state.Table)

    /// Lets connections come and go until then.
    member _.Advance(now: Instant) : GatewayStep =
        let struct (next, events) = AgentState.advance now state
        GatewayStep(SimulatedGateway(next, identify), lines events, [])

    /// Takes in a datagram.
    member _.Receive(now: Instant, datagram: byte[]) : GatewayStep =
        let struct (next, events) = AgentState.advance now state
        let struct (next, replies) = SnmpAgent.respond now datagram next
        GatewayStep(SimulatedGateway(next, identify), lines events, replies)
