namespace CallServer.Toy

open System
open System.Text
open CallServer.Model
open CallServer.Ledger
open CallServer.Exchange
open CallServer.Protocols
open CallServer.Surface

/// The smallest possible protocol: the gateway answers `LIST` with one line `ID CALL` for each connection, and then a
/// dot.
module internal ToyAudit =
    type State = { Gateway: GatewayId; Asked: Instant; Timeout: TimeSpan; Over: bool; Strays: int }

    let private observation (state: State) (now: Instant) (line: string) : Observation voption =
        match line.Split ' ' with
        | [| id; call |] ->
            ValueSome
                { Id = ConnectionId.create id
                  Stamp = ValueNone
                  Heard = Interval.create state.Asked now
                  Setup = ValueNone
                  Start = ValueNone
                  MinimumAge = TimeSpan.Zero
                  Facts = { Facts.none with Call = ValueSome(CallId.create call) } }
        | _ -> ValueNone

    let private finish (now: Instant) completeness observations (state: State) =
        let snapshot: Snapshot =
            { Gateway = state.Gateway
              Protocol = "toy"
              Profile = ""
              Traits = Traits.plain
              Asked = state.Asked
              Answered = now
              Boot = Boot.untold now
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

    let start (gateway: GatewayId) (timeout: TimeSpan) (given: AuditStart) =
        let now = given.At.Steady

        { Gateway = gateway; Asked = now; Timeout = timeout; Over = false; Strays = 0 },
        [ Send "LIST"B; WakeAt(now + timeout) ]

    let advance (event: Event) (state: State) =
        let now = event.At.Steady

        match event with
        | _ when state.Over -> state, []
        | Received(_, "BUSY"B) ->
            finish now (Partial [ Refused(RefusalCause.Code 1, "it says BUSY") ]) [||] state
        | Received(_, reply) when reply.Length > 0 && reply[reply.Length - 1] = '.'B ->
            let lines = Encoding.ASCII.GetString(reply).Split('\n')

            let heard = lines |> Array.choose (fun line -> observation state now line |> ValueOption.toOption)

            finish now (Complete [ WholeDocument ]) heard state
        | Received _ -> { state with Strays = state.Strays + 1 }, []
        | Woke at when at.Steady - state.Asked < state.Timeout -> state, []
        | Woke _ -> finish now (Partial [ Silent "no answer to LIST" ]) [||] state
        | Stopped _ -> finish now (Partial [ Silent "no answer to LIST"; Cancelled ]) [||] state
        | Connected _
        | Arrived _
        | Broken _ -> state, []

module internal ToyProtocol =
    let private workings: Workings<ToyAudit.State, Snapshot> =
        { Advance = ToyAudit.advance
          Memory = fun _ -> null
          Strays = _.Strays
          Load = fun _ -> Load.ofDatagrams
          Progress = fun _ -> Progress.none }

    let private read (uri: GatewayText) : Reading voption =
        uri.Split()
        |> ValueOption.map (fun (struct (authority, query)) ->
            uri.ReadHost(uri.RefuseUser authority)
            uri.ReadQuery(query, [ "colour" ]) |> ignore

            { Carrier = Carrier.Datagrams
              Profile = ValueNone
              Takes = []
              Judge = Secrets.refuseAll uri.Scheme
              TellsHistory = false
              Speaks = ValueNone
              IsProfiled = false
              Patience = { Waits = 4.0; Attempts = 1 }
              IfSilent = "try whether the toy is wound up"
              IfRefused = fun _ -> "try later"
              Refuses = fun _ -> RefusalSubject.Table
              Exchanges =
                fun asking ->
                    Exchanges.ofAudit (fun _ given ->
                        ToyAudit.start asking.Gateway asking.Timeout given |> Machine.create workings) })

    let value: Protocol =
        { Name = "toy"
          Schemes = [ "toy", 7777 ]
          Forms = [ "toy://HOST[:7777]" ]
          Examples = [ "# a toy"; "callserver audit toy://192.0.2.9" ]
          Speaker = "the toy"
          Source = { Kind = ValueSome Media; CallIds = CallIdReach.World }
          Knock = "?"B
          Releases = false
          Rehearsal = fun _ -> "toy://127.0.0.1"
          Read = read }

/// A new protocol costs a file like the one above and one line in the registry; here that line is this value.
module Toy =
    let protocols: GatewayProtocols = GatewayProtocols.BuiltIn.And ToyProtocol.value
