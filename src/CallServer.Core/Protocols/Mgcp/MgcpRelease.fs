namespace CallServer.Protocols.Mgcp

open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange

/// Ends one connection with DLCX (RFC 3435 §2.3.7), the only command it sends:
///
///   event                       what follows
///   2xx                         over: Ended, with the final counters from P:
///   515, 500                    over: not released, the gateway does not have it
///   any other final response    over: not released, with the response in words
///   spent                       over: unknown whether it was released
///   Stopped                     over: unknown whether it was released
///
/// The command is repeated under one transaction id. If the response was lost, the gateway sends it again instead of 515.
module MgcpRelease =
    /// The connection to release, as the record holds it.
    type State = MgcpDialogue<Connection, unit, Release>

    let strays (state: State) : int = MgcpDialogue.strays state

    let private ended
        (now: Instant)
        (response: MgcpResponse)
        (pending: MgcpPending<unit>)
        (c: Connection)
        : Release =
        let within = Interval.create pending.First now

        Release.Ended
            { Observation =
                { Id = c.Id
                  Stamp = c.Stamp
                  Heard = within
                  Setup = ValueNone
                  Start = ValueNone
                  MinimumAge = System.TimeSpan.Zero
                  Facts = c.Facts }
              End = Timing.reported within
              Cause = ValueSome(MgcpReply.words response)
              Counters =
                MgcpParameter.tryFind "P" response.Parameters |> ValueOption.map ConnectionParameters.decode
              IsRenamed = false
              Row = ValueNone }

    let private refused (response: MgcpResponse) (c: Connection) : Release =
        let what =
            if MgcpReply.isGone response then
                "the gateway does not have it"
            else
                "the gateway would not"

        Release.NotReleased(
            Refused(RefusalCause.Code response.Code, $"DLCX {c.Id}: {what}: {MgcpReply.words response}")
        )

    let private answered (now: Instant) response pending (state: State) : State =
        let outcome =
            if MgcpReply.succeeded response then
                ended now response pending state.About
            else
                refused response state.About

        MgcpDialogue.finish outcome state

    let private unanswered (now: Instant) (state: State) : Release =
        let window = state.Tx.Window

        let words =
            $"no final answer to {window.Requests} datagrams in {Silence.seconds window.Began now} s: "
            + "nobody knows whether it ended"

        Release.NotReleased(if window.LastReply.IsNone then Silent words else CutShort words)

    /// Takes in one event. Carry out all returned commands before the next event.
    let advance (event: Event) (state: State) : State * Command<Release> list =
        MgcpDialogue.advance answered unanswered event state

    /// Begins to release one connection. The id must name an MGCP connection on record; anything else is a programming error and
    /// throws.
    let start (target: MgcpGateway) (id: ConnectionId) (given: AuditStart) : State * Command<Release> list =
        let connection =
            match given.Known |> Array.tryFind (fun known -> known.Id = id) with
            | Some known -> known
            | None -> invalidArg (nameof id) $"the record does not hold {id}"

        match MgcpName.tryPlace id with
        | ValueNone -> invalidArg (nameof id) $"not ENDPOINT/CONNECTIONID: {id}"
        | ValueSome(struct (endpoint, connectionId)) ->
            let command =
                Mgcp.command
                    MgcpVerb.DeleteConnection
                    1
                    endpoint
                    [ match connection.Facts.Call with
                      | ValueSome call -> MgcpParameter.create "C" (string call)
                      | ValueNone -> ()
                      MgcpParameter.create "I" connectionId ]

            MgcpDialogue.create target given connection
            |> MgcpDialogue.send given.At.Steady () command
            |> MgcpDialogue.commit
