namespace CallServer.Formula

open System
open System.Globalization
open CallServer.Model
open CallServer.Ledger
open CallServer.Exchange
open CallServer.Protocols
open CallServer.Surface

/// Asks a gateway whose truth is a formula. No message leaves the process: the answer is there after the time that a near gateway
/// would take for it.
module internal FormulaAudit =
    /// How long the answer takes.
    let private roundTrip = TimeSpan.FromMilliseconds 20.0

    /// The two clocks of a moment are not read at once. Beyond this they were interrupted in between, and both readings of an audit
    /// hardly ever are.
    let private apart = TimeSpan.FromMilliseconds 5.0

    type State =
        {
            Id: GatewayId
            /// Where its media are: no other gateway has its media there, so that only a Call-ID joins its connections with others.
            Host: string
            Gateway: FormulaGateway
            Asked: Moment
            Over: bool
        }

    let private number (connection: FormulaConnection) = connection.Start.Micros % 10_000_000L

    let private facts (host: string) (line: int) (connection: FormulaConnection) : Facts =
        { Facts.none with
            Call = ValueSome(CallId.create connection.Call)
            Endpoint = ValueSome $"line/{connection.Id}"
            Originator = ValueSome $"+4930{number connection}"
            Remote = ValueSome $"+4989{number connection}"
            Direction = ValueSome Incoming
            Codec = ValueSome { Name = "PCMA"; ClockRate = ValueSome 8000 }
            State = ValueSome "active"
            LocalMedia = ValueSome { Host = host; Port = 16384 + line % 8192 * 2 } }

    let private finish (now: Moment) completeness observations (state: State) =
        let snapshot: Snapshot =
            { Gateway = state.Id
              Protocol = "formula"
              Profile = ""
              Traits = Traits.plain
              Asked = state.Asked.Steady
              Answered = now.Steady
              Boot = Boot.untold now.Steady
              Completeness = completeness
              Observations = observations |> Array.sortBy _.Id
              Ended = [||]
              History = ValueNone
              Denied = [||]
              Total = ValueNone
              Standing = ValueNone
              Remarks = []
              Requests = 1 }

        { state with Over = true }, [ Finished snapshot ]

    /// The gateway's clock is the machine's; the record's is not. Whatever comes between the readings of the two makes the
    /// difference seem smaller than it is.
    let private steadyOf (now: Moment) (state: State) (instant: Instant) : Instant =
        let ahead = max (state.Asked.Steady - state.Asked.Wall) (now.Steady - now.Wall)
        instant + ahead

    let private answer (now: Moment) (state: State) =
        let heard = Interval.create state.Asked.Steady now.Steady
        let steady = steadyOf now state

        let observations =
            FormulaGateway.at now.Wall state.Gateway
            |> Array.mapi (fun line connection ->
                let start = steady connection.Start

                { Id = ConnectionId.create connection.Id
                  Stamp = ValueNone
                  Heard = heard
                  Setup = ValueNone
                  Start = ValueSome(Timing.reported (Interval.create (start - apart) (start + apart)))
                  MinimumAge = TimeSpan.Zero
                  Facts = facts state.Host line connection })

        finish now (Complete [ WholeDocument ]) observations state

    let start (id: GatewayId) (host: string) (gateway: FormulaGateway) (given: AuditStart) =
        { Id = id; Host = host; Gateway = gateway; Asked = given.At; Over = false },
        [ WakeAt(given.At.Steady + roundTrip) ]

    let advance (event: Event) (state: State) =
        match event with
        | _ when state.Over -> state, []
        | Woke now -> answer now state
        | Stopped now -> finish now (Partial [ Cancelled ]) [||] state
        | Received _
        | Connected _
        | Arrived _
        | Broken _ -> state, []

module internal FormulaProtocol =
    [<Literal>]
    let private Scheme = "formula"

    let private workings: Workings<FormulaAudit.State, Snapshot> =
        { Advance = FormulaAudit.advance
          Memory = fun _ -> null
          Strays = fun _ -> 0
          Load = fun _ -> Load.ofDatagrams
          Progress = fun _ -> Progress.none }

    let private readNumber (most: int64) (uri: GatewayText) (options: Map<string, string>) (name: string) =
        match options.TryFind name with
        | Some text ->
            match Int64.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture) with
            | true, value when value > 0L && value <= most -> value
            | _ ->
                uri.Fail $"{name}= takes a number from 1 to {most}, not '{text}'"
                1L
        | None ->
            uri.Fail $"it needs {name}="
            1L

    let private read (asked: string -> unit) (uri: GatewayText) : Reading voption =
        uri.Split()
        |> ValueOption.map (fun (struct (authority, query)) ->
            uri.ReadHost(uri.RefuseUser authority)
            let options = uri.ReadQuery(query, [ "seed"; "lines"; "life" ])

            let most = int64 Int32.MaxValue

            let gateway =
                { Seed = int (readNumber most uri options "seed")
                  Lines = int (readNumber most uri options "lines")
                  MeanLife = readNumber (most * 1_000_000L) uri options "life" }

            { Carrier = Carrier.Datagrams
              Profile = ValueNone
              Takes = []
              Judge = Secrets.refuseAll uri.Scheme
              TellsHistory = false
              Speaks = ValueNone
              IsProfiled = false
              Patience = { Waits = 4.0; Attempts = 1 }
              IfSilent = "it is never silent"
              IfRefused = fun _ -> "it never refuses"
              Refuses = fun _ -> RefusalSubject.Table
              Exchanges =
                fun asking ->
                    Exchanges.ofAudit (fun _ given ->
                        asked (GatewayId.value asking.Gateway)
                        FormulaAudit.start asking.Gateway uri.Host gateway given |> Machine.create workings) })

    let create (asked: string -> unit) : Protocol =
        { Name = Scheme
          Schemes = [ Scheme, 7778 ]
          Forms = [ "formula://HOST?seed=N&lines=N&life=MICROSECONDS" ]
          Examples =
            [ "# a gateway whose truth is a formula"
              "callserver audit 'formula://192.0.2.9?seed=1&lines=10&life=60000000'" ]
          Speaker = "the formula"
          Source = { Kind = ValueSome Media; CallIds = CallIdReach.World }
          Knock = "?"B
          Releases = false
          Rehearsal = fun _ -> "formula://127.0.0.1?seed=1&lines=1&life=60000000"
          Read = read asked }

/// What gateways can be asked in, formulas included.
module Formulas =
    /// The URI of a gateway at this address.
    let uri (address: string) (gateway: FormulaGateway) : string =
        $"formula://{address}?seed={gateway.Seed}&lines={gateway.Lines}&life={gateway.MeanLife}"

    /// `asked` is told the id of each gateway whose formula is asked, before it answers; from any thread.
    let protocols (asked: Action<string>) : GatewayProtocols =
        GatewayProtocols.BuiltIn.And(FormulaProtocol.create asked.Invoke)
